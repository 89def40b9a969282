/* The store's own parts, shared by store*.c. */
#pragma once

#include "base/map.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/thread.h"
#include "store/store.h"

/* What is in the log and not in the index yet. */
struct pending {
    struct list link;
    struct record record; /* meta points behind it; no data */
    struct packs_place place;
    struct packs_place next; /* where the record behind it begins */
    bool is_pinned;
    uint64_t growth; /* bytes by which its bucket may become larger */
    char meta[];
};

/* Who waits until the index has come to a sequence. */
struct index_waiter {
    struct list link;
    uint64_t sequence;
    int result; /* what has kept the index from getting there */
    struct arrival arrival;
};

struct sqlite_disk;
struct batch;

/* What somebody else wants done with the index's writing connection. */
struct index_call {
    struct list link;
    int (*fn)(void *arg, struct catalog *catalog);
    void *arg;
    int result;
    struct arrival arrival;
};

struct idle_reader {
    struct idle_reader *next;
    struct catalog_reader *reader;
};

struct store {
    struct store_options options;
    struct disk *disk;
    bool owns_disk;
    struct sqlite_disk *sqlite;
    struct disk_file *lock_file;
    struct packs *packs;
    struct blobs *blobs;
    struct catalog *catalog; /* the index thread's */
    struct recent *recent;

    struct lock buckets_lock;
    struct map buckets; /* name → struct store_bucket, counted */
    uint32_t bucket_id_next;

    /* The log thread's. */
    struct lock log_lock; /* of the queue */
    struct condition log_wanted;
    struct list queue;          /* of struct store_change */
    unsigned committers;        /* calls whose changes are queued, or in the batch */
    unsigned committers_wanted; /* before the next batch is begun, but for a moment's patience */
    bool is_closing;
    uint64_t sequence; /* of the last change */
    struct buffer log_room;
    struct object *log_object;   /* while a change is decided on */
    struct batch *batch;         /* owned */
    _Atomic int64_t space_at_ms; /* when it was asked for, by whoever wrote */
    _Atomic uint64_t space_free;
    struct thread log_thread;

    /* The index thread's. */
    struct lock index_lock; /* of what follows */
    struct condition index_wanted;
    struct list pendings; /* of struct pending, oldest first */
    size_t pendings_count;
    size_t pendings_bytes;
    uint64_t pendings_growth;
    struct list index_waiters;
    struct list index_calls; /* of struct index_call */
    uint64_t indexed;        /* the sequence up to which the index is committed */
    bool index_is_closing;
    bool index_fails;
    struct thread index_thread;

    struct lock readers_lock;
    struct idle_reader *readers;
    unsigned readers_out;  /* taken and not given back */
    bool index_is_closed;  /* it is written anew: no reader is given out */
    int64_t mend_after_ms; /* the index thread's */

    atomic_uint_least64_t acknowledged; /* the last sequence that is on the disk */
    atomic_uint_least64_t batches, changes, syncs, collected_bytes, damaged;
    struct lock keep_lock;
    struct condition keep_wanted;
    bool keep_is_closing;
    uint32_t
        *dead_packs; /* owned; the keep thread's: packs that are to be removed, with since when */
    int64_t *dead_since_ms;
    unsigned dead_count, dead_max;
    unsigned scrub_folder; /* where the scrubber goes on */
    uint32_t scrub_pack;
    bool has_swept; /* blobs that no index knows were looked for once */
    struct thread keep_thread;
    bool has_log_thread, has_index_thread, has_keep_thread;
    atomic_bool has_ballast;
};

/* What a turn of the log needs. 0 or -ENOMEM. */
int store_batch_create(struct store *store);

/* A turn of the log: takes what is queued, writes it. False when there was nothing. */
bool store_log_turn(struct store *store);

/* A turn of the index: applies what is pending. 0 or -errno; then it is tried again. */
int store_index_turn(struct store *store);

/* Until the index has come to `sequence`. 0, or what keeps it from getting on: a full disk, say. */
int store_index_wait(struct store *store, uint64_t sequence);

/* Has the index thread call fn between two transactions. What it returns, or -errno. */
int store_index_call(struct store *store, int (*fn)(void *arg, struct catalog *catalog), void *arg);

/* Runs fn(arg) where it may block. */
int store_offload(int (*fn)(void *arg), void *arg);

/*
 * Writes the index anew into another file, when a sync of it has failed: what the disk has of it is
 * not known any more, and SQLite may not write it on. The index thread's, between transactions. 0:
 * it is up to date with what it had, or nothing was wrong; or -errno: later, or in vain.
 */
int store_index_mend(struct store *store);

/* Before the index is opened: ends what a start found half done of that. 0 or -errno. */
int store_index_mend_end(struct store *store);

/* -ETIMEDOUT while the index is written anew. */
int store_take_reader(struct store *store, struct catalog_reader **ret_reader);
void store_give_reader(struct store *store, struct catalog_reader *reader);

/* As the index has it now. Blocks. 0 or -errno. */
int store_usage(struct store *store, uint32_t bucket, struct catalog_usage *ret_usage);

/* Do the change's bytes fit into its limit, whatever the changes before it do? `batch_growth` is
 * what the batch before it may add. False: store_limit_check tells, once they are on the disk. */
bool store_limit_is_far(struct store *store, const struct store_change *change,
                        uint64_t batch_growth);
/* With all changes of its bucket on the disk. Waits for the index. 0, -EDQUOT or -errno. */
int store_limit_check(struct store *store, const struct store_change *change);

/* Bytes that may be written before the reserve is touched. */
uint64_t store_room(struct store *store);

/* Holds room back while there is enough besides. */
void store_ballast_keep(struct store *store);
/* Gives it up for the index. False when there was none. Any thread. */
bool store_ballast_release(struct store *store);

struct store_bucket *store_bucket_create(const struct change_bucket *bucket);
/* In place of one of that name. 0 or -ENOMEM. */
int store_bucket_set(struct store *store, struct store_bucket *bucket);
void store_bucket_forget(struct store *store, uint32_t id);
bool store_bucket_is_there(struct store *store, uint32_t id);
void store_buckets_finish(struct store *store);

/* Looks at a part of everything: the next folder of blobs, the next pack. */
void store_scrub_step(struct store *store);

/* The thread that collects. 0 or a negative errno. */
int store_keep_start(struct store *store);
void store_keep_stop(struct store *store);
