/*
 * The object store: buckets, objects and their versions, uploads in parts; on the disk before they
 * are acknowledged. docs/store-format.md tells what lies where.
 *
 * Changes of all fibers are gathered by one thread, which writes them to the log as a batch, syncs
 * it once, and lets them wait no longer (group commit). A second thread brings them into the index.
 * Until it has, they stand in memory (store/recent.h), so that who reads sees them at once.
 *
 * Functions that may have to wait for the disk suspend the calling fiber; on a thread without
 * fibers they block.
 */
#pragma once

#include "base/error.h"
#include "os/arrival.h"
#include "os/aside.h"
#include "os/disk.h"
#include "store/blobs.h"
#include "store/catalog.h"
#include "store/object.h"
#include "store/packs.h"
#include "store/recent.h"

struct store;

struct store_options {
    const char *folder;     /* of the real system, made when it is missing; borrowed */
    struct disk *disk;      /* in its place; borrowed. NULL: the folder's */
    size_t recent_bytes;    /* of memory for what is asked for often; 0: 64 MiB */
    uint64_t reserve_bytes; /* of the disk: with less free, writes are -ENOSPC */
    int64_t grace_ms;       /* how long what nobody names is kept: longer than a drain */
    bool has_threads;       /* false: who changes something does all of it himself, as in a test */
};

/* What opening found; for the log. */
struct store_found {
    struct packs_replay replay;
    unsigned buckets;
};

/*
 * Opens or makes it, and brings the index up to what the log tells. -EBUSY when another process has
 * it open. 0 or an error that is told.
 */
int store_open(const struct store_options *options, struct store **ret_store,
               struct store_found *ret_found, struct error *ret_error);

/* What was acknowledged is kept; nobody may be in a call. NULL is fine. */
void store_close(struct store *store);

/*
 * Gives the index and the lock away, to another process: what was acknowledged is kept, and from
 * now on only incoming_*, outgoing_*, store_pin and store_unpin may be called, and store_close.
 * Nobody may be in another call.
 */
void store_retire(struct store *store);

/* A bucket, counted and immutable: changed settings make another one. */
struct store_bucket {
    atomic_uint references;
    uint32_t id;
    struct slice name;
    struct slice settings; /* of the layer above */
    int64_t made_ms;
    char memory[];
};

/* 0 or -ENOENT. Does not wait. */
int store_bucket_find(struct store *store, struct slice name, struct store_bucket **ret_bucket);
void store_bucket_unref(struct store_bucket *bucket); /* NULL is fine */

/* In the order of names; visit must not wait. Other than 0 ends it. */
int store_bucket_each(struct store *store, int (*visit)(void *arg, struct store_bucket *bucket),
                      void *arg);

/*
 * A version; VERSION_LATEST may be a delete marker. 0 and a reference, -ENOENT, -EBADMSG when the
 * index is damaged there, or -errno.
 */
int store_find(struct store *store, uint32_t bucket, struct slice key, enum version_which which,
               uint64_t sequence, struct object **ret_object);

/* Calls fn with a reader of the index, once that has everything that was acknowledged before.
 * fn runs on another thread and may block. What it returns, or -errno. */
int store_read(struct store *store, int (*fn)(void *arg, struct catalog_reader *reader), void *arg);

/* A change, in its maker's memory until store_commit returns. Slices are borrowed as long. */
struct store_change {
    enum record_kind kind;
    union {
        struct change_put put;
        struct change_version version;
        struct change_bucket bucket;
        struct change_upload upload;
        struct change_part part;
        struct change_move move;
    };
    struct slice data; /* of PUT and PART: up to 64 KiB that are the whole content */
    /*
     * Asked just before the change is made, on another thread, while nothing else changes: with
     * the version that it is about (`find`; NULL: there is none). It may still fill the change in.
     * 0, or an error with which the change is refused. NULL: it is made in any case.
     */
    int (*decide)(struct store_change *change, const struct version *current);
    /*
     * Asked in place of `decide`, without a look at what is there, once the changes before this one
     * in its call have their `result` and their `sequence`, and this one its `sequence`: it fills
     * the change in, key and all.
     */
    int (*follow)(struct store_change *change);
    void *arg; /* for `decide` and `follow` */
    enum version_which find;
    uint64_t find_sequence;
    struct slice expected; /* of a BUCKET: the settings that it has, else -EAGAIN; a NULL start:
                              whatever they are */
    bool is_only;          /* of a DELETE: the key has no other version */
    bool has_limit;        /* of a PUT: with it the bucket's versions take at most `limit_bytes`, */
    uint64_t limit_bytes;  /* else -EDQUOT; looked at when the change is made */
    bool needs_upload;     /* of a PUT: its upload must be there, else -ESTALE */
    bool is_pinned; /* its blobs are pinned once each, which ends when the index has them; of a
                       change that was refused the caller unpins them */

    uint64_t sequence; /* of the change, when it was made */

    struct list link;       /* the store's own, from here on */
    struct arrival arrival; /* of the last of a call */
    bool is_last;           /* of its call */
    int result;
};

/*
 * Makes these changes, in this order, all of them on their own: `result` of each is 0 once it is on
 * the disk, else: -ENOENT: no such bucket; -EEXIST: a bucket of that name is there; -ENOTEMPTY: the
 * bucket is not empty; -EAGAIN: it has other settings than was expected; -EDQUOT; -ENOSPC; -EIO:
 * the disk refused, and whether the change is there is not known before the next start, or the
 * index has failed for so long that no more can wait for it; what `decide` has said; -ENOMEM.
 * Returns the first one's.
 */
int store_commit(struct store *store, struct store_change *changes, unsigned count);

/* Content that comes in: kept in memory up to 64 KiB, in a file of its own above. */
struct incoming {
    struct store *store;
    struct blob_writer *writer; /* owned; NULL as long as it is small */
    char *small;                /* owned */
    size_t small_len, small_max;
    struct runs *runs; /* owned; the same */
    struct aside syncs;
    atomic_int result; /* of what was written */
    uint64_t unsynced;
    void (*watch)(void *arg, struct slice run); /* NULL: nobody does */
    void *watch_arg;
    uint64_t length;
};

void incoming_init(struct incoming *incoming, struct store *store);
void incoming_finish(struct incoming *incoming);

/* Before anything is added: all of a content that becomes large is given to `watch` as well, in
 * order, on other threads, beside those that write it. */
void incoming_watch(struct incoming *incoming, void (*watch)(void *arg, struct slice run),
                    void *arg);

/* After the last incoming_add: all that was added has been given to `watch` when it returns. */
void incoming_unwatch(struct incoming *incoming);

/* Where the next bytes of a content that has become large go, which spares incoming_add a copy:
 * *ret_len of them at most. NULL: it is not there. May wait. */
char *incoming_room(struct incoming *incoming, size_t *ret_len);

/* 0, -ENOSPC, or -errno. May wait. */
int incoming_add(struct incoming *incoming, struct slice bytes);

/*
 * All has come. Of a small one *ret_data is the content, in the incoming's memory; of a large one
 * *ret_content names it, written into `room` (CONTENT_SEGMENT_BYTES_MAX), and it is pinned: commit
 * with is_pinned, or store_unpin. May wait. 0 or -errno.
 */
int incoming_end(struct incoming *incoming, char *room, struct slice *ret_data,
                 struct slice *ret_content);

/* What a content names is not removed before it is unpinned. 0 or -ENOMEM. */
int store_pin(struct store *store, struct slice content);
void store_unpin(struct store *store, struct slice content);

/* Reading an object's content from `offset` on, in its order. */
struct outgoing {
    struct store *store;
    struct object *object; /* counted */
    struct slice rest;     /* segments not begun yet */
    struct content_segment segment;
    struct blob *blob; /* owned; of the segment */
    uint64_t at;       /* in the segment */
    uint64_t left;     /* of what was asked for */
};

/* `object` gets another reference. */
void outgoing_init(struct outgoing *outgoing, struct store *store, struct object *object,
                   uint64_t offset, uint64_t length);
void outgoing_finish(struct outgoing *outgoing);

/*
 * The next part, checked, into `room`, which has OUTGOING_BYTES: bytes of *ret_data lie there.
 * Returns 1, 0 at the end, -EBADMSG when it is damaged, -ENOENT when it is gone, or -errno. May
 * wait.
 */
#define OUTGOING_BYTES ((size_t)4 * BLOB_BLOCK_BYTES)
int outgoing_next(struct outgoing *outgoing, char *room, struct slice *ret_data);

/* The part that outgoing_next has given last, in a file of its own: the descriptor, borrowed until
 * the next call, and where in it. -1 where it lies among others. */
int outgoing_file(const struct outgoing *outgoing, size_t len, uint64_t *ret_offset);

/* Work in the background: removes what nobody names, rewrites packs that are mostly dead. Returns
 * how many bytes were given back, or -errno. Also done by a thread of its own, when there is one.
 */
int64_t store_collect(struct store *store);

struct store_stats {
    uint64_t batches;
    uint64_t changes;
    uint64_t syncs;
    uint64_t collected_bytes;
    size_t waiting_for_index; /* changes that are only in the log and in memory */
    struct recent_stats recent;
    uint64_t damaged; /* reads that found something else than was written */
    uint64_t room;    /* bytes that may be written before the reserve is touched */
};
void store_stats_read(struct store *store, struct store_stats *ret_stats);

/* Reads everything and compares. `tell` is called with a line for each fault. Returns how many, or
 * -errno. Blocks. */
int64_t store_verify(struct store *store, void (*tell)(void *arg, const char *what), void *arg,
                     uint64_t *ret_bytes);
