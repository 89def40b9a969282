/*
 * The log: numbered files ("packs/0000002a.pack") of up to 256 MiB, only ever added to, in which
 * every change is a record (store/record.h) and small objects keep their data. One thread appends
 * and syncs; any thread reads.
 *
 * A pack begins with 32 bytes: "WEIRPACK", its layout (1), its number, where the valid part of the
 * pack before it ends, 8 zeros, and the CRC-32C of those 28.
 */
#pragma once

#include "base/error.h"
#include "os/disk.h"
#include "store/content.h"
#include "store/record.h"

#define PACK_HEAD_BYTES 32
#define PACK_BYTES_MAX  ((uint32_t)256 << 20)

struct packs;

/* Where a record begins. */
struct packs_place {
    uint32_t pack;
    uint32_t offset;
};

/* Finds the packs that are there. `disk` is borrowed until packs_close. 0 or an error that is told.
 */
int packs_open(struct disk *disk, struct packs **ret_packs, struct error *ret_error);
void packs_close(struct packs *packs); /* NULL is fine */

/* What a replay found. */
struct packs_replay {
    uint64_t records;
    uint64_t torn_bytes;    /* behind the end: written, but never acknowledged */
    uint64_t damaged_bytes; /* acknowledged once, and unreadable now */
    struct packs_place end; /* where the next record goes */
    uint64_t last_sequence; /* 0: none */
};

/* `meta` and `data` last until it returns. Other than 0 ends the replay. */
typedef int packs_visit(void *arg, const struct record *record, struct packs_place place);

/*
 * All records from `from` ({0, 0}: the first there is) to the end, in order, each checked whole.
 * What was torn by the last crash ends it; what was on the disk before and cannot be read is passed
 * over and counted. With `is_repair` the log goes on there: what is torn is cut off. 0, what visit
 * returned, or an error that is told.
 */
int packs_replay(struct packs *packs, struct packs_place from, bool is_repair, packs_visit *visit,
                 void *arg, struct packs_replay *ret_replay, struct error *ret_error);

/*
 * Writes these records behind the end as one batch; their `batch` and `data_crc` are filled in.
 * Nothing is on the disk before packs_sync. After an error none of them is there, and the next
 * append begins where this one did. 0 or -errno.
 */
int packs_append(struct packs *packs, struct record *records, unsigned count,
                 struct packs_place *ret_places);

/* The appended batch lasts. After an error it is as if it had not been appended: the log goes on in
 * a new pack. 0 or -errno. */
int packs_sync(struct packs *packs);

/* Where the next record would go. */
struct packs_place packs_end(const struct packs *packs);

/* Of a record at `place` with so many bytes of meta: where its data begins. */
static inline uint32_t packs_data_offset(struct packs_place place, size_t meta_len)
{
    return place.offset + RECORD_HEAD_BYTES + (uint32_t)meta_len;
}

/*
 * The whole data of a segment, `segment->length` bytes, checked. 0, -EAGAIN when it would have to
 * wait and must not, -EBADMSG when it is not what was written, or -errno.
 */
int packs_read(struct packs *packs, const struct content_segment *segment, bool may_wait,
               void *ret_data);

/* Calls visit with the number of each pack, the last one not, in order. As disk_each. */
int packs_each_sealed(struct packs *packs, int (*visit)(void *arg, uint32_t pack, uint64_t bytes),
                      void *arg);

/* Of the file, or -errno. */
int64_t packs_bytes(struct packs *packs, uint32_t pack);

/* Removes a pack that is not the last one, once nobody reads in it. 0 or -errno. */
int packs_remove(struct packs *packs, uint32_t pack);
