/*
 * Reading the log from a place to its end. A record that does not hold together is either what a
 * crash has torn, and then nothing behind it was ever acknowledged; or it was on the disk once and
 * has been damaged since. A later record tells: the batch it was written with begins behind the bad
 * one, which therefore was synced before.
 */
#include "base/crc32c.h"
#include "base/memory.h"
#include "store/packs_internal.h"

#include <errno.h>
#include <string.h>

/* Read at once; the largest record fits. */
#define WINDOW_BYTES ((size_t)4 << 20)

struct window {
    struct disk_file *file;
    char *bytes; /* owned; WINDOW_BYTES */
    uint32_t from;
    uint32_t len;
    uint32_t limit; /* where the pack's valid part ends at most */
};

/* Of the pack, `len` bytes at `offset`; fewer at its end. NULL start on an error, *ret_rc. */
static struct slice look(struct window *window, uint32_t offset, size_t len, int *ret_rc)
{
    *ret_rc = 0;
    if (offset >= window->limit)
        return (struct slice){"", 0};
    if (len > window->limit - offset)
        len = window->limit - offset;
    if (offset < window->from || offset + len > (uint64_t)window->from + window->len) {
        ssize_t got = disk_read(window->file, window->bytes, WINDOW_BYTES, offset);
        if (got < 0) {
            *ret_rc = (int)got;
            return (struct slice){0};
        }
        window->from = offset;
        window->len = (uint32_t)got;
    }
    struct slice all =
        slice_of(window->bytes + (offset - window->from), window->len - (offset - window->from));
    return slice_first(all, len);
}

/* The whole record at `offset`. 1; 0 when none is there that holds together; or -errno. */
static int read_record(struct window *window, uint32_t offset, struct record *ret_record)
{
    int rc;
    struct slice head = look(window, offset, RECORD_HEAD_BYTES, &rc);
    if (rc < 0 || head.len < RECORD_HEAD_BYTES)
        return rc;
    if (record_read_head((const unsigned char *)head.at, ret_record) < 0)
        return 0;
    size_t meta_len = ret_record->meta.len, data_len = ret_record->data_len;
    struct slice whole = look(window, offset, RECORD_HEAD_BYTES + meta_len + data_len, &rc);
    if (rc < 0 || whole.len < RECORD_HEAD_BYTES + meta_len + data_len)
        return rc;
    ret_record->meta = slice_first(slice_from(whole, RECORD_HEAD_BYTES), meta_len);
    ret_record->data = slice_from(whole, RECORD_HEAD_BYTES + meta_len);
    return record_check_meta((const unsigned char *)whole.at, ret_record->meta) &&
           crc32c_add(0, ret_record->data) == ret_record->data_crc;
}

/*
 * The next record behind `bad` that was written after `bad` was on the disk. 1 with its place, 0
 * when there is none, or -errno.
 */
static int find_later(struct window *window, uint32_t bad, uint32_t *ret_offset)
{
    for (uint32_t offset = bad + RECORD_ALIGN; offset < window->limit; offset += RECORD_ALIGN) {
        struct record record = {.sequence = 0};
        int rc = read_record(window, offset, &record);
        if (rc < 0)
            return rc;
        if (rc == 1 && record.batch > bad && record.batch <= offset) {
            *ret_offset = offset;
            return 1;
        }
    }
    return 0;
}

struct walk {
    struct packs *packs;
    packs_visit *visit;
    void *arg;
    struct packs_replay *replay;
    struct window window;
};

/* *ret_end is where the valid records end. */
static int walk_pack(struct walk *walk, uint32_t pack, uint32_t offset, bool is_sealed,
                     uint32_t *ret_end)
{
    struct window *window = &walk->window;
    for (;;) {
        struct record record = {.sequence = 0};
        int rc = read_record(window, offset, &record);
        if (rc < 0)
            return rc;
        if (rc == 1) {
            struct packs_place place = {pack, offset};
            rc = walk->visit(walk->arg, &record, place);
            if (rc != 0)
                return rc;
            walk->replay->records++;
            walk->replay->last_sequence = record.sequence;
            offset += (uint32_t)record_bytes(record.meta.len, record.data.len);
            continue;
        }
        uint32_t later;
        rc = offset < window->limit ? find_later(window, offset, &later) : 0;
        if (rc < 0)
            return rc;
        if (rc == 0)
            break;
        walk->replay->damaged_bytes += later - offset;
        offset = later;
    }
    if (is_sealed && offset < window->limit)
        walk->replay->damaged_bytes += window->limit - offset;
    *ret_end = offset;
    return 0;
}

/* Up to where a sealed pack is valid; the next one's head tells. */
static int limit_of(struct packs *packs, uint32_t pack, uint32_t next, int64_t size,
                    uint32_t *ret_limit)
{
    *ret_limit = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
    uint32_t previous_end;
    if (next != pack + 1)
        return 0;
    int rc = packs_read_head(packs, next, &previous_end);
    if (rc == 0 && previous_end < *ret_limit)
        *ret_limit = previous_end;
    return rc == -EBADMSG ? 0 : rc;
}

/* The pack with the next number that is there; 0: none. */
static uint32_t next_of(struct packs *packs, uint32_t pack)
{
    uint32_t next = pack + 1;
    lock_take(&packs->lock);
    while (next < packs->count && !packs->at[next].is_there)
        next++;
    if (next >= packs->count)
        next = 0;
    lock_release(&packs->lock);
    return next;
}

static bool is_there(struct packs *packs, uint32_t pack)
{
    lock_take(&packs->lock);
    bool found = pack < packs->count && packs->at[pack].is_there;
    lock_release(&packs->lock);
    return found;
}

static int replay_pack(struct walk *walk, uint32_t pack, uint32_t next, uint32_t offset)
{
    struct packs *packs = walk->packs;
    uint32_t ignored, end;
    struct disk_file *file;
    int rc = packs_take(packs, pack, &file);
    if (rc < 0)
        return rc;
    int64_t size = disk_size(file);
    walk->window.file = file;
    walk->window.from = walk->window.len = 0;
    rc = size < 0 ? (int)size : limit_of(packs, pack, next, size, &walk->window.limit);
    if (rc == 0 && packs_read_head(packs, pack, &ignored) == -EBADMSG) {
        /* Made in the moment of the crash: no record can be in it. Else its head is damaged, and
         * the records tell for themselves. */
        if (next == 0 && size <= PACK_HEAD_BYTES)
            walk->window.limit = 0;
        else
            walk->replay->damaged_bytes += PACK_HEAD_BYTES;
    }
    if (rc == 0)
        rc = walk_pack(walk, pack, offset, next != 0, &end);
    if (rc == 0) {
        walk->replay->end = (struct packs_place){pack, end};
        if (next == 0 && size > end)
            walk->replay->torn_bytes += (uint64_t)size - end;
    }
    packs_give(packs, pack);
    return rc;
}

int packs_replay(struct packs *packs, struct packs_place from, bool is_repair, packs_visit *visit,
                 void *arg, struct packs_replay *ret_replay, struct error *ret_error)
{
    struct packs_replay replay = {.records = 0};
    struct walk walk = {.packs = packs, .visit = visit, .arg = arg, .replay = &replay};
    uint32_t pack = from.pack;
    int rc = 0;
    if (!is_there(packs, pack)) {
        pack = next_of(packs, pack);
        from.offset = 0;
    }
    walk.window.bytes = memory_alloc_raw(WINDOW_BYTES);
    if (walk.window.bytes == NULL)
        return error_set(ret_error, -ENOMEM, "out of memory");
    while (rc == 0 && pack != 0) {
        uint32_t next = next_of(packs, pack);
        rc = replay_pack(&walk, pack, next,
                         from.offset < PACK_HEAD_BYTES ? PACK_HEAD_BYTES : from.offset);
        from.offset = 0;
        pack = next;
    }
    memory_free(walk.window.bytes);
    if (rc < 0)
        return error_set(ret_error, rc, "the store's log cannot be read: %s", strerror(-rc));
    if (rc == 0 && is_repair && replay.end.pack != 0) {
        /* It goes on in a new pack, whose head says where this one ends. */
        packs->end = packs->appended = replay.end;
        packs->must_rotate = true;
    }
    *ret_replay = replay;
    return rc;
}
