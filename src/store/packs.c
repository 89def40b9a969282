/*
 * Appending, syncing, reading. The appending thread alone changes the end; the table of open files
 * is under a lock that is never held over a call to the disk, but for opening.
 */
#include "store/packs.h"

#include "base/crc32c.h"
#include "base/memory.h"
#include "store/packs_internal.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKS_MAX   ((uint32_t)1 << 20)
#define BATCH_MAX   256
#define HEAD_MAGIC  "WEIRPACK"
#define HEAD_LAYOUT 1

static const char padding[RECORD_ALIGN];

void packs_path(char path[static PACKS_PATH_BYTES], uint32_t pack)
{
    (void)snprintf(path, PACKS_PATH_BYTES, "packs/%08x.pack", pack);
}

/* Room for this number. The lock is held. */
static int make_room(struct packs *packs, uint32_t pack)
{
    if (pack < packs->count)
        return 0;
    if (pack >= PACKS_MAX)
        return -EOVERFLOW;
    uint32_t count = packs->count == 0 ? 64 : packs->count;
    while (count <= pack)
        count *= 2;
    struct pack *at = memory_resize(packs->at, count * sizeof *at);
    if (at == NULL)
        return -ENOMEM;
    memset(at + packs->count, 0, (count - packs->count) * sizeof *at);
    packs->at = at;
    packs->count = count;
    return 0;
}

static int note_pack(void *arg, const char *name)
{
    struct packs *packs = arg;
    char *end;
    unsigned long number = strtoul(name, &end, 16);
    if (end != name + 8 || strcmp(end, ".pack") != 0 || number >= PACKS_MAX)
        return 0;
    int rc = make_room(packs, (uint32_t)number);
    if (rc < 0)
        return rc;
    packs->at[number].is_there = true;
    if (number > packs->end.pack || packs->end.offset == 0)
        packs->end = (struct packs_place){(uint32_t)number, PACK_HEAD_BYTES};
    packs->last = packs->end.pack;
    return 0;
}

int packs_open(struct disk *disk, struct packs **ret_packs, struct error *ret_error)
{
    struct packs *packs = NEW(struct packs);
    if (packs == NULL)
        return error_set(ret_error, -ENOMEM, "out of memory");
    packs->disk = disk;
    int rc = lock_init(&packs->lock);
    if (rc == 0)
        rc = disk_make_folder(disk, "packs");
    if (rc == 0)
        rc = disk_sync_folder(disk, "");
    if (rc == 0)
        rc = disk_each(disk, "packs", note_pack, packs);
    if (rc < 0) {
        packs_close(packs);
        return error_set(ret_error, rc, "the store's packs cannot be listed: %s", strerror(-rc));
    }
    packs->appended = packs->end;
    packs->must_rotate = true;
    *ret_packs = packs;
    return 0;
}

void packs_close(struct packs *packs)
{
    if (packs == NULL)
        return;
    for (uint32_t i = 0; i < packs->count; i++)
        disk_close(packs->at[i].file);
    memory_free(packs->at);
    lock_finish(&packs->lock);
    memory_free(packs);
}

int packs_take(struct packs *packs, uint32_t pack, struct disk_file **ret_file)
{
    int rc = 0;
    lock_take(&packs->lock);
    if (pack >= packs->count || !packs->at[pack].is_there) {
        rc = -ENOENT;
    } else if (packs->at[pack].file == NULL) {
        char path[PACKS_PATH_BYTES];
        packs_path(path, pack);
        rc = disk_open(packs->disk, path, DISK_WRITE, &packs->at[pack].file);
    }
    if (rc == 0) {
        packs->at[pack].readers++;
        *ret_file = packs->at[pack].file;
    }
    lock_release(&packs->lock);
    return rc;
}

void packs_give(struct packs *packs, uint32_t pack)
{
    struct disk_file *gone = NULL;
    lock_take(&packs->lock);
    struct pack *at = &packs->at[pack];
    if (--at->readers == 0 && !at->is_there) {
        gone = at->file;
        at->file = NULL;
    }
    lock_release(&packs->lock);
    disk_close(gone);
}

static void write_head(unsigned char head[PACK_HEAD_BYTES], uint32_t pack, uint32_t previous_end)
{
    const uint32_t numbers[] = {htole32(HEAD_LAYOUT), htole32(pack), htole32(previous_end)};
    memset(head, 0, PACK_HEAD_BYTES);
    memcpy(head, HEAD_MAGIC, 8);
    memcpy(head + 8, numbers, sizeof numbers);
    uint32_t crc = htole32(crc32c_add(0, slice_of(head, PACK_HEAD_BYTES - 4)));
    memcpy(head + PACK_HEAD_BYTES - 4, &crc, sizeof crc);
}

int packs_read_head(struct packs *packs, uint32_t pack, uint32_t *ret_previous_end)
{
    unsigned char head[PACK_HEAD_BYTES], expected[PACK_HEAD_BYTES];
    struct disk_file *file;
    int rc = packs_take(packs, pack, &file);
    if (rc < 0)
        return rc;
    ssize_t got = disk_read(file, head, sizeof head, 0);
    packs_give(packs, pack);
    if (got < 0)
        return (int)got;
    uint32_t previous_end;
    memcpy(&previous_end, head + 16, sizeof previous_end);
    previous_end = le32toh(previous_end);
    write_head(expected, pack, previous_end);
    if (got < (ssize_t)sizeof head || memcmp(head, expected, sizeof head) != 0)
        return -EBADMSG;
    *ret_previous_end = previous_end;
    return 0;
}

/* A pack that a kill left half made goes first: its number is free. */
static int make_pack(struct packs *packs, uint32_t pack, struct disk_file **ret_file)
{
    unsigned char head[PACK_HEAD_BYTES];
    char path[PACKS_PATH_BYTES];
    struct disk_file *file;
    packs_path(path, pack);
    write_head(head, pack, packs->end.offset);
    int rc = disk_open(packs->disk, path, DISK_WRITE | DISK_CREATE, &file);
    if (rc < 0)
        return rc;
    rc = disk_truncate(file, 0);
    if (rc == 0)
        rc = disk_write(file, head, sizeof head, 0);
    if (rc == 0)
        rc = disk_sync(file);
    if (rc == 0)
        rc = disk_sync_folder(packs->disk, "packs");
    if (rc < 0) {
        disk_close(file);
        return rc;
    }
    *ret_file = file;
    return 0;
}

int packs_rotate(struct packs *packs)
{
    struct disk_file *file;
    uint32_t pack = packs->end.offset == 0 ? 1 : packs->end.pack + 1;
    lock_take(&packs->lock);
    int rc = make_room(packs, pack);
    lock_release(&packs->lock);
    if (rc == 0)
        rc = make_pack(packs, pack, &file);
    if (rc < 0)
        return rc;
    lock_take(&packs->lock);
    disk_close(packs->at[pack].file);
    packs->at[pack] = (struct pack){.file = file, .is_there = true};
    packs->last = pack;
    lock_release(&packs->lock);
    packs->end = (struct packs_place){pack, PACK_HEAD_BYTES};
    packs->appended = packs->end;
    packs->must_rotate = false;
    return 0;
}

static int write_batch(struct packs *packs, struct record *records, unsigned count,
                       struct packs_place *ret_places)
{
    struct iovec parts[4 * BATCH_MAX];
    unsigned char heads[BATCH_MAX][RECORD_HEAD_BYTES];
    struct disk_file *file;
    uint32_t offset = packs->end.offset;
    int parts_count = 0;
    for (unsigned i = 0; i < count; i++) {
        struct record *record = &records[i];
        size_t len = RECORD_HEAD_BYTES + record->meta.len + record->data.len;
        uint64_t padded = record_bytes(record->meta.len, record->data.len);
        record->batch = packs->end.offset;
        record->data_len = (uint32_t)record->data.len;
        record->data_crc = crc32c_add(0, record->data);
        record_write_head(record, heads[i]);
        ret_places[i] = (struct packs_place){packs->end.pack, offset};
        parts[parts_count++] = (struct iovec){heads[i], RECORD_HEAD_BYTES};
        parts[parts_count++] = (struct iovec){(void *)(uintptr_t)record->meta.at, record->meta.len};
        parts[parts_count++] = (struct iovec){(void *)(uintptr_t)record->data.at, record->data.len};
        parts[parts_count++] = (struct iovec){(void *)(uintptr_t)padding, padded - len};
        offset += (uint32_t)padded;
    }
    int rc = packs_take(packs, packs->end.pack, &file);
    if (rc < 0)
        return rc;
    rc = disk_write_parts(file, parts, parts_count, packs->end.offset);
    packs_give(packs, packs->end.pack);
    if (rc == 0)
        packs->appended.offset = offset;
    return rc;
}

int packs_append(struct packs *packs, struct record *records, unsigned count,
                 struct packs_place *ret_places)
{
    uint64_t bytes = 0;
    if (count > BATCH_MAX)
        return -E2BIG;
    for (unsigned i = 0; i < count; i++)
        bytes += record_bytes(records[i].meta.len, records[i].data.len);
    if (packs->must_rotate || packs->end.offset + bytes > PACK_BYTES_MAX) {
        int rc = packs_rotate(packs);
        if (rc < 0)
            return rc;
    }
    return write_batch(packs, records, count, ret_places);
}

int packs_sync(struct packs *packs)
{
    struct disk_file *file;
    int rc = packs_take(packs, packs->end.pack, &file);
    if (rc < 0)
        return rc;
    rc = disk_sync(file);
    packs_give(packs, packs->end.pack);
    if (rc < 0) {
        packs->appended = packs->end;
        packs->must_rotate = true;
    } else {
        packs->end = packs->appended;
    }
    return rc;
}

struct packs_place packs_end(const struct packs *packs)
{
    return packs->end;
}

int packs_read(struct packs *packs, const struct content_segment *segment, bool may_wait,
               void *ret_data)
{
    struct disk_file *file;
    int rc = packs_take(packs, segment->pack, &file);
    if (rc < 0)
        return rc;
    ssize_t got = may_wait ? disk_read(file, ret_data, segment->length, segment->offset)
                           : disk_try_read(file, ret_data, segment->length, segment->offset);
    packs_give(packs, segment->pack);
    if (got < 0)
        return (int)got;
    return (uint64_t)got == segment->length &&
                   crc32c_add(0, slice_of(ret_data, segment->length)) == segment->crc
               ? 0
               : -EBADMSG;
}

int packs_each_sealed(struct packs *packs, int (*visit)(void *arg, uint32_t pack, uint64_t bytes),
                      void *arg)
{
    int rc = 0;
    lock_take(&packs->lock);
    uint32_t last = packs->last;
    lock_release(&packs->lock);
    for (uint32_t pack = 0; rc == 0 && pack < last; pack++) {
        struct disk_file *file;
        rc = packs_take(packs, pack, &file);
        if (rc == -ENOENT) {
            rc = 0;
            continue;
        }
        if (rc < 0)
            break;
        int64_t bytes = disk_size(file);
        packs_give(packs, pack);
        rc = bytes < 0 ? (int)bytes : visit(arg, pack, (uint64_t)bytes);
    }
    return rc;
}

int64_t packs_bytes(struct packs *packs, uint32_t pack)
{
    struct disk_file *file;
    int rc = packs_take(packs, pack, &file);
    if (rc < 0)
        return rc;
    int64_t bytes = disk_size(file);
    packs_give(packs, pack);
    return bytes;
}

int packs_remove(struct packs *packs, uint32_t pack)
{
    char path[PACKS_PATH_BYTES];
    struct disk_file *gone = NULL;
    packs_path(path, pack);
    lock_take(&packs->lock);
    int rc = pack >= packs->last ? -EBUSY : disk_remove(packs->disk, path);
    if (rc < 0) {
        lock_release(&packs->lock);
        return rc;
    }
    packs->at[pack].is_there = false;
    if (packs->at[pack].readers == 0) {
        gone = packs->at[pack].file;
        packs->at[pack].file = NULL;
    }
    lock_release(&packs->lock);
    disk_close(gone);
    return 0;
}
