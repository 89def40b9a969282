/*
 * The calls of the simulated disk: looks up what they are about, lets the faults have their say,
 * and hands on to disk_sim_content.c and disk_sim_names.c.
 */
#include "os/disk_sim.h"

#include "base/memory.h"
#include "os/disk_sim_internal.h"

#include <errno.h>
#include <string.h>

#define SPACE_BYTES ((uint64_t)1 << 40)

static const struct disk_ops sim_disk_ops;

struct sim_file {
    struct disk_file file;
    struct disk_sim_node *node;
    unsigned life; /* the disk's, when it was opened */
    int sync_failure;
    bool is_writable;
    bool has_lock;
};

static struct disk_sim *sim_of(struct disk *disk)
{
    return (struct disk_sim *)disk;
}

static struct sim_file *file_of(struct disk_file *file)
{
    return (struct sim_file *)file;
}

static struct disk_sim *take(struct disk *disk)
{
    struct disk_sim *sim = sim_of(disk);
    lock_take(&sim->lock);
    return sim;
}

static int release(struct disk_sim *sim, int rc)
{
    lock_release(&sim->lock);
    return rc;
}

int disk_sim_create(uint64_t seed, const struct disk_sim_faults *faults, struct disk **ret_disk)
{
    struct disk_sim *sim = NEW(struct disk_sim);
    if (sim == NULL)
        return -ENOMEM;
    int rc = lock_init(&sim->lock);
    if (rc < 0) {
        memory_free(sim);
        return rc;
    }
    sim->disk.ops = &sim_disk_ops;
    prng_init(&sim->chance, seed);
    list_init(&sim->nodes);
    list_init(&sim->namings);
    if (faults != NULL)
        sim->faults = *faults;
    *ret_disk = &sim->disk;
    return 0;
}

static void sim_destroy_disk(struct disk *disk)
{
    struct disk_sim *sim = sim_of(disk);
    disk_sim_names_finish(sim);
    lock_finish(&sim->lock);
    memory_free(sim);
}

/* What is to happen to a call that changes something. */
enum fate {
    FATE_GOES,
    FATE_FAILS,      /* with the error asked for */
    FATE_DIES,       /* the power fails while it goes */
    FATE_DEAD_BEFORE /* it had failed already */
};

static enum fate draw_fate(struct disk_sim *sim)
{
    if (sim->is_dead)
        return FATE_DEAD_BEFORE;
    sim->stats.changes++;
    if (sim->crash_in > 0 && --sim->crash_in == 0) {
        sim->is_dead = true;
        return FATE_DIES;
    }
    if (sim->fail_in > 0 && --sim->fail_in == 0)
        return FATE_FAILS;
    return FATE_GOES;
}

/* For calls that are done whole or not at all: 0 when it is to be done, then *ret_rc is what to
 * return if it succeeds. */
static int begin_whole(struct disk_sim *sim, int *ret_rc)
{
    enum fate fate = draw_fate(sim);
    *ret_rc = fate == FATE_DIES ? -EIO : 0;
    return fate == FATE_FAILS ? sim->fail_error : fate == FATE_DEAD_BEFORE ? -EIO : 0;
}

/* The file was opened in this life of the disk. */
static int check_file(const struct disk_sim *sim, const struct sim_file *file)
{
    return sim->is_dead || file->life != sim->life ? -EIO : 0;
}

static int check_writable(const struct disk_sim *sim, const struct sim_file *file)
{
    if (file->life != sim->life)
        return -EIO;
    return file->is_writable ? 0 : -EBADF;
}

static uint64_t used_by(const struct disk_sim_node *node)
{
    bool is_there = *node->path != '\0' || node->open_files > 0;
    return !is_there ? 0 : node->size > node->reserved ? node->size : node->reserved;
}

static uint64_t used_bytes(struct disk_sim *sim)
{
    uint64_t used = 0;
    LIST_FOR_EACH (&sim->nodes, link)
        used += used_by(CONTAINER_OF(link, struct disk_sim_node, link));
    return used;
}

/* How far this file may reach before the disk is full. */
static uint64_t room_for(struct disk_sim *sim, const struct disk_sim_node *node)
{
    if (sim->faults.full_after_bytes == 0)
        return UINT64_MAX;
    uint64_t others = used_bytes(sim) - used_by(node);
    uint64_t room =
        others < sim->faults.full_after_bytes ? sim->faults.full_after_bytes - others : 0;
    return room > used_by(node) ? room : used_by(node);
}

/* Finds the file, or makes it when the flags say so. */
static int find_or_make(struct disk_sim *sim, const char *path, unsigned flags,
                        struct disk_sim_node **ret_node)
{
    if (sim->is_dead)
        return -EIO;
    struct disk_sim_node *node = disk_sim_names_find(sim, path);
    int rc = node != NULL ? 0 : disk_sim_names_check_parent(sim, path);
    if (rc < 0)
        return rc;
    if (node != NULL && (flags & DISK_NEW) != 0)
        return -EEXIST;
    if (node != NULL && node->is_folder)
        return -EISDIR;
    if (node == NULL && (flags & (DISK_CREATE | DISK_NEW)) == 0)
        return -ENOENT;
    if (node == NULL) {
        int then;
        rc = begin_whole(sim, &then);
        if (rc == 0)
            rc = disk_sim_names_make(sim, path, false, &node);
        if (rc < 0 || then < 0)
            return rc < 0 ? rc : then;
    }
    *ret_node = node;
    return 0;
}

static int open_node(struct disk_sim *sim, const char *path, unsigned flags, bool locks,
                     struct disk_file **ret_file)
{
    struct sim_file *file = NEW(struct sim_file);
    if (file == NULL)
        return -ENOMEM;
    struct disk_sim_node *node;
    int rc = find_or_make(sim, path, flags, &node);
    if (rc == 0 && locks && node->is_locked)
        rc = -EAGAIN;
    if (rc < 0) {
        memory_free(file);
        return rc;
    }
    *file = (struct sim_file){.file.disk = &sim->disk,
                              .node = node,
                              .life = sim->life,
                              .is_writable = (flags & DISK_WRITE) != 0,
                              .has_lock = locks};
    node->is_locked = node->is_locked || locks;
    node->open_files++;
    *ret_file = &file->file;
    return 0;
}

static int sim_open(struct disk *disk, const char *path, unsigned flags,
                    struct disk_file **ret_file)
{
    struct disk_sim *sim = take(disk);
    return release(sim, open_node(sim, path, flags, false, ret_file));
}

static int sim_lock(struct disk *disk, const char *path, struct disk_file **ret_lock)
{
    struct disk_sim *sim = take(disk);
    return release(sim, open_node(sim, path, DISK_WRITE | DISK_CREATE, true, ret_lock));
}

static void sim_close(struct disk_file *disk_file)
{
    struct sim_file *file = file_of(disk_file);
    struct disk_sim *sim = take(disk_file->disk);
    if (file->has_lock && file->life == sim->life)
        file->node->is_locked = false;
    file->node->open_files--;
    disk_sim_node_release(file->node);
    (void)release(sim, 0);
    memory_free(file);
}

static ssize_t read_node(struct disk_sim *sim, const struct sim_file *file, void *bytes, size_t len,
                         uint64_t offset)
{
    int rc = check_file(sim, file);
    if (rc < 0)
        return rc;
    sim->stats.reads++;
    const struct disk_sim_node *node = file->node;
    if (offset >= node->size || len == 0)
        return 0;
    if (len > node->size - offset)
        len = node->size - offset;
    memcpy(bytes, node->bytes + offset, len);
    if (disk_sim_chance(sim, sim->faults.read_flip_ppm)) {
        uint64_t at = prng_below(&sim->chance, len * 8);

        ((unsigned char *)bytes)[at / 8] ^= (unsigned char)(1U << (at % 8));
    }
    return (ssize_t)len;
}

static ssize_t sim_read(struct disk_file *file, void *bytes, size_t len, uint64_t offset)
{
    struct disk_sim *sim = take(file->disk);
    ssize_t got = read_node(sim, file_of(file), bytes, len, offset);
    (void)release(sim, 0);
    return got;
}

static ssize_t sim_try_read(struct disk_file *file, void *bytes, size_t len, uint64_t offset)
{
    struct disk_sim *sim = take(file->disk);
    ssize_t got = disk_sim_chance(sim, sim->faults.again_ppm)
                      ? -EAGAIN
                      : read_node(sim, file_of(file), bytes, len, offset);
    (void)release(sim, 0);
    return got;
}

/* So many first bytes of a write that fails: whole sectors, or none, or all. */
static size_t draw_part(struct disk_sim *sim, size_t len, uint64_t offset)
{
    uint64_t end = offset + prng_below(&sim->chance, len + DISK_SECTOR_BYTES);
    end = end / DISK_SECTOR_BYTES * DISK_SECTOR_BYTES;
    return end <= offset ? 0 : end - offset < len ? end - offset : len;
}

static int write_node(struct disk_sim *sim, const struct sim_file *file, const struct iovec *parts,
                      int count, uint64_t offset)
{
    int failure = check_writable(sim, file);
    if (failure < 0)
        return failure;
    enum fate fate = draw_fate(sim);
    if (fate == FATE_DEAD_BEFORE)
        return -EIO;
    size_t len = 0;
    for (int i = 0; i < count; i++)
        len += parts[i].iov_len;
    uint64_t room = room_for(sim, file->node);
    bool is_broken = fate == FATE_GOES && disk_sim_chance(sim, sim->faults.write_error_ppm);
    if (fate == FATE_DIES || is_broken)
        failure = -EIO;
    if (fate == FATE_FAILS)
        failure = sim->fail_error;
    if (fate == FATE_FAILS || is_broken)
        len = draw_part(sim, len, offset);
    if (len > 0 && offset + len > room) {
        len = offset < room ? room - offset : 0;
        failure = failure < 0 ? failure : -ENOSPC;
    }
    int rc = disk_sim_content_write(file->node, parts, count, len, offset);
    if (rc < 0)
        return rc;
    sim->stats.writes++;
    sim->stats.bytes += len;
    return failure;
}

static int sim_write_parts(struct disk_file *file, const struct iovec *parts, int count,
                           uint64_t offset)
{
    struct disk_sim *sim = take(file->disk);
    return release(sim, write_node(sim, file_of(file), parts, count, offset));
}

static int sync_node(struct disk_sim *sim, struct sim_file *file)
{
    if (file->life != sim->life)
        return -EIO;
    enum fate fate = draw_fate(sim);
    if (fate == FATE_DIES || fate == FATE_DEAD_BEFORE)
        return -EIO;
    sim->stats.syncs++;
    if (file->sync_failure < 0)
        return file->sync_failure;
    if (fate == FATE_FAILS || disk_sim_chance(sim, sim->faults.sync_error_ppm)) {
        file->sync_failure = fate == FATE_FAILS ? sim->fail_error : -EIO;
        disk_sim_content_settle(file->node, &sim->chance);
        return file->sync_failure;
    }
    disk_sim_content_sync(file->node);
    return 0;
}

static int sim_sync(struct disk_file *file)
{
    struct disk_sim *sim = take(file->disk);
    return release(sim, sync_node(sim, file_of(file)));
}

static int truncate_node(struct disk_sim *sim, const struct sim_file *file, uint64_t size)
{
    int then;
    int rc = check_writable(sim, file);
    if (rc == 0)
        rc = begin_whole(sim, &then);
    if (rc == 0)
        rc = disk_sim_content_resize(file->node, size);
    if (rc < 0)
        return rc;
    if (file->node->reserved > size)
        file->node->reserved = size;
    return then;
}

static int sim_truncate(struct disk_file *file, uint64_t size)
{
    struct disk_sim *sim = take(file->disk);
    return release(sim, truncate_node(sim, file_of(file), size));
}

static int reserve_node(struct disk_sim *sim, const struct sim_file *file, uint64_t end)
{
    int then;
    int rc = check_writable(sim, file);
    if (rc == 0)
        rc = begin_whole(sim, &then);
    if (rc == 0 && end > room_for(sim, file->node))
        rc = -ENOSPC;
    if (rc < 0)
        return rc;
    if (file->node->reserved < end)
        file->node->reserved = end;
    return then;
}

static int sim_reserve(struct disk_file *file, uint64_t offset, uint64_t len)
{
    struct disk_sim *sim = take(file->disk);
    return release(sim, reserve_node(sim, file_of(file), offset + len));
}

static int64_t sim_size(struct disk_file *file)
{
    struct disk_sim *sim = take(file->disk);
    int rc = check_file(sim, file_of(file));
    int64_t size = rc < 0 ? rc : (int64_t)file_of(file)->node->size;
    (void)release(sim, 0);
    return size;
}

static int sim_descriptor(struct disk_file *file)
{
    (void)file;
    return -1;
}

static int rename_node(struct disk_sim *sim, const char *from, const char *to)
{
    struct disk_sim_node *node = disk_sim_names_find(sim, from);
    int rc = node != NULL ? 0 : disk_sim_names_check_parent(sim, from);
    if (rc == 0)
        rc = disk_sim_names_check_parent(sim, to);
    if (rc == 0 && node == NULL)
        rc = -ENOENT;
    if (rc < 0)
        return rc;
    const struct disk_sim_node *old = disk_sim_names_find(sim, to);
    if (node->is_folder || (old != NULL && old->is_folder))
        return -EISDIR;
    int then;
    rc = begin_whole(sim, &then);
    if (rc == 0)
        rc = disk_sim_names_rename(sim, node, to);
    return rc < 0 ? rc : then;
}

static int sim_rename(struct disk *disk, const char *from, const char *to)
{
    struct disk_sim *sim = take(disk);
    return release(sim, sim->is_dead ? -EIO : rename_node(sim, from, to));
}

static int remove_node(struct disk_sim *sim, const char *path)
{
    struct disk_sim_node *node = disk_sim_names_find(sim, path);
    int rc = node != NULL ? 0 : disk_sim_names_check_parent(sim, path);
    if (rc < 0 || node == NULL)
        return rc < 0 ? rc : -ENOENT;
    if (node->is_folder && disk_sim_names_next(sim, path, 0) != NULL)
        return -ENOTEMPTY;
    int then;
    rc = begin_whole(sim, &then);
    if (rc == 0)
        rc = disk_sim_names_remove(sim, node);
    return rc < 0 ? rc : then;
}

static int sim_remove(struct disk *disk, const char *path)
{
    struct disk_sim *sim = take(disk);
    return release(sim, sim->is_dead ? -EIO : remove_node(sim, path));
}

static int make_folder(struct disk_sim *sim, const char *path)
{
    struct disk_sim_node *node = disk_sim_names_find(sim, path);
    if (node != NULL)
        return node->is_folder ? 0 : -ENOTDIR;
    int then;
    int rc = disk_sim_names_check_parent(sim, path);
    if (rc == 0)
        rc = begin_whole(sim, &then);
    if (rc == 0)
        rc = disk_sim_names_make(sim, path, true, &node);
    return rc < 0 ? rc : then;
}

static int sim_make_folder(struct disk *disk, const char *path)
{
    struct disk_sim *sim = take(disk);
    return release(sim, sim->is_dead ? -EIO : make_folder(sim, path));
}

static int sync_folder(struct disk_sim *sim, const char *path)
{
    int rc = disk_sim_names_check_folder(sim, path);
    if (rc < 0)
        return rc;
    enum fate fate = draw_fate(sim);
    if (fate == FATE_DIES || fate == FATE_DEAD_BEFORE)
        return -EIO;
    sim->stats.folder_syncs++;
    if (fate == FATE_FAILS)
        return sim->fail_error;
    if (disk_sim_chance(sim, sim->faults.sync_error_ppm))
        return -EIO;
    disk_sim_names_sync(sim, path);
    return 0;
}

static int sim_sync_folder(struct disk *disk, const char *path)
{
    struct disk_sim *sim = take(disk);
    return release(sim, sim->is_dead ? -EIO : sync_folder(sim, path));
}

/* The lock is not held while visit runs: it may call the disk. */
static int sim_each(struct disk *disk, const char *folder,
                    int (*visit)(void *arg, const char *name), void *arg)
{
    struct disk_sim *sim = take(disk);
    int rc = release(sim, sim->is_dead ? -EIO : disk_sim_names_check_folder(sim, folder));
    uint64_t id = 0;
    while (rc == 0) {
        char path[DISK_PATH_MAX + 1];
        (void)take(disk);
        const struct disk_sim_node *node = disk_sim_names_next(sim, folder, id);
        if (node != NULL) {
            id = node->id;
            memcpy(path, node->path, sizeof path);
        }
        (void)release(sim, 0);
        if (node == NULL)
            break;
        rc = visit(arg, disk_sim_names_last(path));
    }
    return rc;
}

static int sim_space(struct disk *disk, uint64_t *ret_free, uint64_t *ret_total)
{
    struct disk_sim *sim = take(disk);
    if (sim->is_dead)
        return release(sim, -EIO);
    uint64_t total = sim->faults.full_after_bytes > 0 ? sim->faults.full_after_bytes : SPACE_BYTES;
    uint64_t used = used_bytes(sim);
    *ret_free = used < total ? total - used : 0;
    *ret_total = total;
    return release(sim, 0);
}

void disk_sim_set_faults(struct disk *disk, const struct disk_sim_faults *faults)
{
    struct disk_sim *sim = take(disk);
    sim->faults = faults != NULL ? *faults : (struct disk_sim_faults){0};
    (void)release(sim, 0);
}

void disk_sim_fail_at(struct disk *disk, uint64_t nth, int error)
{
    struct disk_sim *sim = take(disk);
    sim->fail_in = nth;
    sim->fail_error = error;
    (void)release(sim, 0);
}

void disk_sim_crash_at(struct disk *disk, uint64_t nth)
{
    struct disk_sim *sim = take(disk);
    sim->crash_in = nth;
    (void)release(sim, 0);
}

void disk_sim_stop(struct disk *disk)
{
    struct disk_sim *sim = take(disk);
    sim->is_dead = true;
    (void)release(sim, 0);
}

bool disk_sim_is_dead(struct disk *disk)
{
    struct disk_sim *sim = take(disk);
    return release(sim, sim->is_dead);
}

static void start_anew(struct disk_sim *sim)
{
    sim->life++;
    sim->is_dead = false;
    sim->fail_in = 0;
    sim->crash_in = 0;
    LIST_FOR_EACH (&sim->nodes, link)
        CONTAINER_OF(link, struct disk_sim_node, link)->is_locked = false;
}

void disk_sim_crash(struct disk *disk, uint64_t seed)
{
    struct disk_sim *sim = take(disk);
    struct prng prng;
    prng_init(&prng, seed);
    start_anew(sim);
    LIST_FOR_EACH (&sim->nodes, link) {
        struct disk_sim_node *node = CONTAINER_OF(link, struct disk_sim_node, link);
        disk_sim_content_settle(node, &prng);
        disk_sim_content_revert(node);
    }
    disk_sim_names_crash(sim, &prng);
    (void)release(sim, 0);
}

void disk_sim_kill(struct disk *disk)
{
    struct disk_sim *sim = take(disk);
    start_anew(sim);
    (void)release(sim, 0);
}

int disk_sim_flip(struct disk *disk, const char *path, uint64_t offset, unsigned bit)
{
    struct disk_sim *sim = take(disk);
    struct disk_sim_node *node = disk_sim_names_find(sim, path);
    if (node == NULL || node->is_folder)
        return release(sim, -ENOENT);
    if (offset >= node->size || bit > 7)
        return release(sim, -EINVAL);
    node->bytes[offset] = (char)((unsigned char)node->bytes[offset] ^ 1U << bit);
    node->synced[offset] = (char)((unsigned char)node->synced[offset] ^ 1U << bit);
    return release(sim, 0);
}

void disk_sim_stats_read(struct disk *disk, struct disk_sim_stats *ret_stats)
{
    struct disk_sim *sim = take(disk);
    *ret_stats = sim->stats;
    ret_stats->used_bytes = used_bytes(sim);
    (void)release(sim, 0);
}

static const struct disk_ops sim_disk_ops = {
    .destroy = sim_destroy_disk,
    .open = sim_open,
    .close = sim_close,
    .read = sim_read,
    .try_read = sim_try_read,
    .write_parts = sim_write_parts,
    .sync = sim_sync,
    .truncate = sim_truncate,
    .reserve = sim_reserve,
    .size = sim_size,
    .descriptor = sim_descriptor,
    .rename = sim_rename,
    .remove = sim_remove,
    .make_folder = sim_make_folder,
    .sync_folder = sim_sync_folder,
    .each = sim_each,
    .space = sim_space,
    .lock = sim_lock,
};
