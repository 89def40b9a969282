/*
 * The index: which objects there are, in SQLite (WAL, synchronous=NORMAL). It holds nothing that
 * the log does not tell: it may lose its last transactions when the power goes, and says up to
 * which record it has come (the mark), so that they are applied again.
 *
 * One thread changes it; any number of readers, each a connection of its own, used by one thread at
 * a time. Rows carry a checksum over all that is in them: one that does not hold is -EBADMSG, never
 * an answer.
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "store/change.h"
#include "store/packs.h"

struct catalog;
struct disk;
struct sqlite_disk;
struct catalog_reader;

/* Behind which record it is up to date. */
struct catalog_mark {
    struct packs_place place; /* of the next record; {0, 0}: nothing was applied yet */
    uint64_t sequence;        /* of the last one */
};

/*
 * Opens or makes "index.db" on a disk. `sqlite` is borrowed until catalog_close. 0 or an error that
 * is told.
 */
int catalog_open(struct sqlite_disk *sqlite, struct catalog **ret_catalog, struct error *ret_error);
void catalog_close(struct catalog *catalog); /* NULL is fine */

/* A sync of it did fail: nothing more goes into it (store/sqlite_disk.h). From any thread. */
bool catalog_is_failed(struct sqlite_disk *sqlite);

/* All that was committed, written into a file of its own that is not there yet, and synced. Between
 * two transactions. 0 or -errno. */
int catalog_copy(struct catalog *catalog, struct disk *disk, const char *path);

int catalog_mark_read(struct catalog *catalog, struct catalog_mark *ret_mark);

/*
 * Changes come between catalog_begin and catalog_commit, which notes the mark. What is already
 * applied does no harm when it is applied again from the beginning of a transaction. 0 or -errno;
 * after an error catalog_cancel.
 */
int catalog_begin(struct catalog *catalog);
int catalog_apply(struct catalog *catalog, const struct record *record, struct packs_place place);
int catalog_commit(struct catalog *catalog, const struct catalog_mark *mark);
void catalog_cancel(struct catalog *catalog);

/* All that was committed lasts from now on, whatever happens. 0 or -errno. */
int catalog_checkpoint(struct catalog *catalog);

/* Bytes of a pack that some object or part uses; and calls visit for each pack. */
int catalog_each_pack(struct catalog *catalog,
                      int (*visit)(void *arg, uint32_t pack, uint64_t live_bytes), void *arg);

/* Blobs that nothing refers to, `max` at most; they are forgotten by catalog_forget_blob. */
int catalog_idle_blobs(struct catalog *catalog, int64_t before_ms,
                       unsigned char (*ret_hashes)[CONTENT_HASH_BYTES], unsigned max);
int catalog_forget_blob(struct catalog *catalog, const unsigned char hash[CONTENT_HASH_BYTES]);

/* Does anything refer to it, or did something until not long ago? 1, 0, or -errno. */
int catalog_knows_blob(struct catalog *catalog, const unsigned char hash[CONTENT_HASH_BYTES]);

/* For `catalog_apply`: from now on this is the time at which blobs lose their last reference. */
void catalog_set_now(struct catalog *catalog, int64_t now_ms);

/* Reading. */

int catalog_reader_create(struct catalog *catalog, struct catalog_reader **ret_reader);
void catalog_reader_destroy(struct catalog_reader *reader); /* NULL is fine */

/*
 * A version. What its slices name is put into *room, which is emptied before; they last until that
 * changes. 0, -ENOENT, -EBADMSG, or -errno. Of VERSION_SEQUENCE it is that very one.
 */
int catalog_find(struct catalog_reader *reader, uint32_t bucket, struct slice key,
                 enum version_which which, uint64_t sequence, struct buffer *room,
                 struct version *ret_version);

/*
 * Calls visit for versions in the order of keys, the latest of each first, from the first key that
 * is `from` or comes after it (and, with `from_sequence` other than 0, of that very key only those
 * older than that one). `is_latest` is false for those that follow a later one. visit returns 0 to
 * go on, CATALOG_SKIP_KEY to leave the key's other versions out, CATALOG_SEEK after it has set
 * *seek to where to go on; anything else ends it and is returned. Slices last until visit returns.
 */
enum { CATALOG_SKIP_KEY = 1, CATALOG_SEEK = 2, CATALOG_END = 3 };
typedef int catalog_visit(void *arg, const struct version *version, bool is_latest,
                          struct buffer *seek);
int catalog_list(struct catalog_reader *reader, uint32_t bucket, struct slice from,
                 uint64_t from_sequence, catalog_visit *visit, void *arg);

/* Uploads of a bucket by key and id, from behind `key` and `id` on. Other than 0 ends it. */
int catalog_list_uploads(struct catalog_reader *reader, uint32_t bucket, struct slice key,
                         struct slice id,
                         int (*visit)(void *arg, const struct change_upload *upload), void *arg);

/* 0 or -ENOENT or another error; slices as of catalog_find. */
int catalog_find_upload(struct catalog_reader *reader, struct slice id, struct buffer *room,
                        struct change_upload *ret_upload);

/* Parts of an upload with numbers from `from` on. */
int catalog_list_parts(struct catalog_reader *reader, struct slice upload, uint32_t from,
                       int (*visit)(void *arg, const struct change_part *part), void *arg);

int catalog_list_buckets(struct catalog_reader *reader,
                         int (*visit)(void *arg, const struct change_bucket *bucket), void *arg);

/* How many versions (markers too) a bucket has and what they take. */
struct catalog_usage {
    uint64_t versions;
    uint64_t bytes;
};
int catalog_usage_read(struct catalog_reader *reader, uint32_t bucket,
                       struct catalog_usage *ret_usage);

/* Looks at everything there is: each bad row, and what SQLite itself finds, is told by `tell`.
 * Returns how many, or -errno. */
int64_t catalog_check(struct catalog_reader *reader, void (*tell)(void *arg, const char *what),
                      void *arg);
