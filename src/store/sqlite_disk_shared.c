/*
 * What the connections to one database share: SQLite's locks of a file, the memory in which they
 * find each other's pages in the WAL, and the sums of those pages. All in the heap of the one
 * process that uses the database.
 */
#include "store/sqlite_disk_internal.h"

#include "base/memory.h"
#include "store/page_sum.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* Of SQLite's file format, "The Write-Ahead Log". */
#define WAL_HEADER_BYTES     32
#define WAL_PAGE_SIZE_OFFSET 8
#define FRAME_HEADER_BYTES   24

static int database_create(const char *path, struct database **ret_database)
{
    struct database *database = NEW(struct database);
    if (database == NULL)
        return -ENOMEM;
    int rc = lock_init(&database->lock);
    if (rc < 0) {
        memory_free(database);
        return rc;
    }
    memcpy(database->path, path, strlen(path) + 1);
    *ret_database = database;
    return 0;
}

static struct database *find(struct sqlite_disk *owner, const char *path)
{
    LIST_FOR_EACH (&owner->databases, link) {
        struct database *database = CONTAINER_OF(link, struct database, link);
        if (strcmp(database->path, path) == 0)
            return database;
    }
    return NULL;
}

int database_take(struct sqlite_disk *owner, const char *path, struct database **ret_database)
{
    int rc = 0;
    lock_take(&owner->lock);
    struct database *database = find(owner, path);
    if (database == NULL) {
        rc = database_create(path, &database);
        if (rc == 0)
            list_append(&owner->databases, &database->link);
    }
    if (rc == 0) {
        database->users++;
        *ret_database = database;
    }
    lock_release(&owner->lock);
    return rc;
}

bool database_is_failed(struct sqlite_disk *owner, const char *path)
{
    lock_take(&owner->lock);
    const struct database *database = find(owner, path);
    bool is_failed = database != NULL && atomic_load(&database->is_failed);
    lock_release(&owner->lock);
    return is_failed;
}

static void free_regions(struct database *database)
{
    for (int i = 0; i < database->regions_count; i++)
        memory_free(database->regions[i]);
    memory_free(database->regions);
    database->regions = NULL;
    database->regions_count = 0;
}

void database_release(struct sqlite_disk *owner, struct database *database)
{
    if (database == NULL)
        return;
    lock_take(&owner->lock);
    bool is_last = --database->users == 0;
    if (is_last)
        list_remove(&database->link);
    lock_release(&owner->lock);
    if (!is_last)
        return;
    free_regions(database);
    memory_free(database->frames.sums);
    lock_finish(&database->lock);
    memory_free(database);
}

static int lock_shared(struct database *database, struct vfs_file *file)
{
    if (database->pending != NULL)
        return SQLITE_BUSY;
    database->shared_count++;
    file->level = SQLITE_LOCK_SHARED;
    return SQLITE_OK;
}

static int lock_reserved(struct database *database, struct vfs_file *file)
{
    if (database->reserved != NULL || database->pending != NULL)
        return SQLITE_BUSY;
    database->reserved = file;
    file->level = SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

/* No new reader comes while the old ones are waited for. From SHARED too: to roll back. */
static int lock_exclusive(struct database *database, struct vfs_file *file)
{
    bool is_others = (database->reserved != NULL && database->reserved != file) ||
                     (database->pending != NULL && database->pending != file);
    if (is_others)
        return SQLITE_BUSY;
    database->pending = file;
    file->level = SQLITE_LOCK_PENDING;
    if (database->shared_count > 1)
        return SQLITE_BUSY;
    file->level = SQLITE_LOCK_EXCLUSIVE;
    return SQLITE_OK;
}

int database_lock(struct vfs_file *file, int level)
{
    struct database *database = file->database;
    int rc = SQLITE_OK;
    lock_take(&database->lock);
    if (level > file->level) {
        rc = level == SQLITE_LOCK_SHARED     ? lock_shared(database, file)
             : level == SQLITE_LOCK_RESERVED ? lock_reserved(database, file)
                                             : lock_exclusive(database, file);
    }
    lock_release(&database->lock);
    return rc;
}

int database_unlock(struct vfs_file *file, int level)
{
    struct database *database = file->database;
    lock_take(&database->lock);
    if (level < file->level) {
        if (database->reserved == file)
            database->reserved = NULL;
        if (database->pending == file)
            database->pending = NULL;
        if (level == SQLITE_LOCK_NONE)
            database->shared_count--;
        file->level = level;
    }
    lock_release(&database->lock);
    return SQLITE_OK;
}

bool database_is_reserved(struct database *database)
{
    lock_take(&database->lock);
    bool is_reserved = database->reserved != NULL || database->pending != NULL;
    lock_release(&database->lock);
    return is_reserved;
}

/* Regions up to this one; SQLite asks for them in order. */
static int extend(struct database *database, int region, int size)
{
    void **regions = memory_resize(database->regions, ((size_t)region + 1) * sizeof *regions);
    if (regions == NULL)
        return SQLITE_IOERR_NOMEM;
    database->regions = regions;
    while (database->regions_count <= region) {
        void *at = memory_alloc((size_t)size);
        if (at == NULL)
            return SQLITE_IOERR_NOMEM;
        regions[database->regions_count++] = at;
    }
    return SQLITE_OK;
}

int database_map(struct vfs_file *file, int region, int size, bool extends, void volatile **ret_at)
{
    struct database *database = file->database;
    int rc = SQLITE_OK;
    lock_take(&database->lock);
    if (!file->has_regions) {
        file->has_regions = true;
        database->regions_users++;
    }
    if (region >= database->regions_count && extends)
        rc = extend(database, region, size);
    *ret_at = region < database->regions_count ? database->regions[region] : NULL;
    lock_release(&database->lock);
    return rc;
}

static unsigned bits_of(int first, int count)
{
    return ((1U << count) - 1) << first;
}

static void shm_unlock(struct vfs_file *file, int first, int count)
{
    struct database *database = file->database;
    for (int i = first; i < first + count; i++) {
        if ((file->shm_shared & 1U << i) != 0)
            database->shm_shared[i]--;
        if ((file->shm_exclusive & 1U << i) != 0)
            database->shm_exclusive[i] = NULL;
    }
    file->shm_shared &= ~bits_of(first, count);
    file->shm_exclusive &= ~bits_of(first, count);
}

static int shm_lock_shared(struct vfs_file *file, int first)
{
    struct database *database = file->database;
    if ((file->shm_shared & 1U << first) != 0)
        return SQLITE_OK;
    if (database->shm_exclusive[first] != NULL)
        return SQLITE_BUSY;
    database->shm_shared[first]++;
    file->shm_shared |= 1U << first;
    return SQLITE_OK;
}

/* All of them or none. */
static int shm_lock_exclusive(struct vfs_file *file, int first, int count)
{
    struct database *database = file->database;
    for (int i = first; i < first + count; i++) {
        bool is_own = database->shm_exclusive[i] == file;
        if (database->shm_shared[i] > 0 || (database->shm_exclusive[i] != NULL && !is_own))
            return SQLITE_BUSY;
    }
    for (int i = first; i < first + count; i++)
        database->shm_exclusive[i] = file;
    file->shm_exclusive |= bits_of(first, count);
    return SQLITE_OK;
}

int database_shm_lock(struct vfs_file *file, int first, int count, int flags)
{
    int rc = SQLITE_OK;
    lock_take(&file->database->lock);
    if ((flags & SQLITE_SHM_UNLOCK) != 0)
        shm_unlock(file, first, count);
    else if ((flags & SQLITE_SHM_SHARED) != 0)
        rc = shm_lock_shared(file, first);
    else
        rc = shm_lock_exclusive(file, first, count);
    lock_release(&file->database->lock);
    return rc;
}

/* The fence is for the processor; the lock says the same to tools that watch threads. */
void database_barrier(struct database *database)
{
    atomic_thread_fence(memory_order_seq_cst);
    lock_take(&database->lock);
    lock_release(&database->lock);
}

void database_unmap(struct vfs_file *file)
{
    struct database *database = file->database;
    lock_take(&database->lock);
    if (file->has_regions) {
        shm_unlock(file, 0, SQLITE_SHM_NLOCK);
        file->has_regions = false;
        if (--database->regions_users == 0)
            free_regions(database);
    }
    lock_release(&database->lock);
}

/* Where in the WAL something lies. */
enum shape { SHAPE_HEADER, SHAPE_FRAME_HEADER, SHAPE_PAGE, SHAPE_FRAME, SHAPE_OTHER };

struct place {
    enum shape shape;
    uint64_t frame;
};

static struct place place_of(const struct frame_sums *frames, size_t len, uint64_t offset)
{
    if (offset == 0 && len == WAL_HEADER_BYTES)
        return (struct place){.shape = SHAPE_HEADER};
    if (frames->page_bytes == 0 || offset < WAL_HEADER_BYTES)
        return (struct place){.shape = SHAPE_OTHER};
    uint64_t frame_bytes = (uint64_t)frames->page_bytes + FRAME_HEADER_BYTES;
    uint64_t within = (offset - WAL_HEADER_BYTES) % frame_bytes;
    struct place place = {.frame = (offset - WAL_HEADER_BYTES) / frame_bytes};
    if (within == 0 && len == FRAME_HEADER_BYTES)
        place.shape = SHAPE_FRAME_HEADER;
    else if (within == FRAME_HEADER_BYTES && len == frames->page_bytes)
        place.shape = SHAPE_PAGE;
    else if (within == 0 && len == frame_bytes)
        place.shape = SHAPE_FRAME;
    else
        place.shape = SHAPE_OTHER;
    return place;
}

static void forget_all(struct frame_sums *frames)
{
    if (frames->capacity > 0)
        memset(frames->sums, 0, frames->capacity * sizeof *frames->sums);
}

static void take_page_size(struct frame_sums *frames, const void *header)
{
    uint32_t page_bytes;
    memcpy(&page_bytes, (const char *)header + WAL_PAGE_SIZE_OFFSET, sizeof page_bytes);
    page_bytes = be32toh(page_bytes);
    if (page_bytes == frames->page_bytes)
        return;
    forget_all(frames);
    frames->page_bytes = page_bytes;
}

static int make_room(struct frame_sums *frames, uint64_t frame)
{
    if (frame < frames->capacity)
        return 0;
    size_t capacity = frames->capacity < 1024 ? 1024 : frames->capacity;
    while (capacity <= frame)
        capacity *= 2;
    uint64_t *sums = memory_resize(frames->sums, capacity * sizeof *sums);
    if (sums == NULL)
        return -ENOMEM;
    memset(sums + frames->capacity, 0, (capacity - frames->capacity) * sizeof *sums);
    frames->sums = sums;
    frames->capacity = capacity;
    return 0;
}

/* Never 0. */
static uint64_t sum_of(const struct frame_sums *frames, const void *page, uint64_t frame)
{
    return page_sum(page, frames->page_bytes, frame) | 1;
}

int database_frames_begin(struct database *database, const void *bytes, size_t len, uint64_t offset)
{
    int rc = 0;
    lock_take(&database->lock);
    struct frame_sums *frames = &database->frames;
    struct place place = place_of(frames, len, offset);
    if (place.shape == SHAPE_HEADER)
        take_page_size(frames, bytes);
    if (place.shape == SHAPE_OTHER)
        forget_all(frames);
    if (place.shape == SHAPE_PAGE)
        rc = make_room(frames, place.frame);
    if (rc == 0 && place.shape == SHAPE_PAGE)
        frames->sums[place.frame] = 0;
    lock_release(&database->lock);
    return rc;
}

void database_frames_end(struct database *database, const void *bytes, size_t len, uint64_t offset)
{
    lock_take(&database->lock);
    struct frame_sums *frames = &database->frames;
    struct place place = place_of(frames, len, offset);
    if (place.shape == SHAPE_PAGE && place.frame < frames->capacity)
        frames->sums[place.frame] = sum_of(frames, bytes, place.frame);
    lock_release(&database->lock);
}

void database_frames_cut(struct database *database, uint64_t size)
{
    lock_take(&database->lock);
    struct frame_sums *frames = &database->frames;
    uint64_t frame_bytes = (uint64_t)frames->page_bytes + FRAME_HEADER_BYTES;
    uint64_t kept = size < WAL_HEADER_BYTES ? 0 : (size - WAL_HEADER_BYTES) / frame_bytes;
    if (kept < frames->capacity)
        memset(frames->sums + kept, 0, (frames->capacity - kept) * sizeof *frames->sums);
    lock_release(&database->lock);
}

static bool check_page(struct frame_sums *frames, const void *page, struct place place)
{
    uint64_t known = place.frame < frames->capacity ? frames->sums[place.frame] : 0;
    if (known != 0)
        return sum_of(frames, page, place.frame) == known;
    /* Only recovery reads whole frames, and looks at SQLite's own sums then. Without memory for
     * ours the page is not looked at later, which is what others do. */
    if (place.shape == SHAPE_FRAME && make_room(frames, place.frame) == 0)
        frames->sums[place.frame] = sum_of(frames, page, place.frame);
    return true;
}

bool database_frames_check(struct database *database, const void *bytes, size_t len,
                           uint64_t offset)
{
    lock_take(&database->lock);
    struct frame_sums *frames = &database->frames;
    struct place place = place_of(frames, len, offset);
    bool is_good = true;
    if (place.shape == SHAPE_HEADER)
        take_page_size(frames, bytes);
    if (place.shape == SHAPE_PAGE)
        is_good = check_page(frames, bytes, place);
    if (place.shape == SHAPE_FRAME)
        is_good = check_page(frames, (const char *)bytes + FRAME_HEADER_BYTES, place);
    lock_release(&database->lock);
    return is_good;
}
