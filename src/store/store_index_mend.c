/*
 * A sync of the index that failed is final: pages may be lost that the kernel takes for written,
 * and a later sync would not tell. All of it can still be read, checked by its sums, so the index
 * thread copies it into a new file, which takes the old one's place. The new name is given in two
 * steps, so that the old WAL, which would be taken for the new file's, goes in between:
 *
 *   index.new    is being written; a start removes it
 *   index.next   is complete: this is the index, once the old WAL is gone and it has its name
 */
#include "base/log.h"
#include "base/memory.h"
#include "store/sqlite_disk.h"
#include "store/store_internal.h"

#include <errno.h>
#include <string.h>

#define INDEX_PATH   "index.db"
#define WAL_PATH     "index.db-wal"
#define PARTIAL_PATH "index.new"
#define NEXT_PATH    "index.next"
/* A copy that was in vain is not tried again at once: the index may be large. */
#define MEND_EVERY_MS 5000

static int remove_if_there(struct disk *disk, const char *path)
{
    int rc = disk_remove(disk, path);
    return rc == -ENOENT ? 0 : rc;
}

/* Nobody has the old index open. */
static int take_next(struct disk *disk)
{
    int rc = remove_if_there(disk, WAL_PATH);
    if (rc == 0)
        rc = disk_sync_folder(disk, "");
    if (rc == 0)
        rc = disk_rename(disk, NEXT_PATH, INDEX_PATH);
    return rc == 0 ? disk_sync_folder(disk, "") : rc;
}

int store_index_mend_end(struct store *store)
{
    struct disk_file *next;
    int rc = remove_if_there(store->disk, PARTIAL_PATH);
    if (rc < 0)
        return rc;
    rc = disk_open(store->disk, NEXT_PATH, 0, &next);
    if (rc == -ENOENT)
        return 0;
    if (rc < 0)
        return rc;
    disk_close(next);
    /* Its name may be no more than what a killed process has left. */
    rc = disk_sync_folder(store->disk, "");
    return rc == 0 ? take_next(store->disk) : rc;
}

/* No more readers are given out. -EBUSY: some are still used. */
static int close_readers(struct store *store)
{
    lock_take(&store->readers_lock);
    store->index_is_closed = true;
    struct idle_reader *idle = store->readers;
    store->readers = NULL;
    int rc = store->readers_out == 0 ? 0 : -EBUSY;
    lock_release(&store->readers_lock);
    while (idle != NULL) {
        struct idle_reader *next = idle->next;
        catalog_reader_destroy(idle->reader);
        memory_free(idle);
        idle = next;
    }
    return rc;
}

static void open_readers(struct store *store)
{
    lock_take(&store->readers_lock);
    store->index_is_closed = false;
    lock_release(&store->readers_lock);
}

static int copy(struct store *store)
{
    int rc = remove_if_there(store->disk, PARTIAL_PATH);
    if (rc == 0)
        rc = catalog_copy(store->catalog, store->disk, PARTIAL_PATH);
    if (rc == 0)
        rc = disk_rename(store->disk, PARTIAL_PATH, NEXT_PATH);
    if (rc < 0) {
        (void)disk_remove(store->disk, PARTIAL_PATH);
        return rc;
    }
    return 0;
}

/* The index that is there now. It has what the old one had, or the records in between are missing
 * in it: a start applies them. */
static int reopen(struct store *store)
{
    struct catalog_mark mark = {.sequence = 0};
    struct error error = {0};
    int rc = store_index_mend_end(store);
    if (rc == 0)
        rc = catalog_open(store->sqlite, &store->catalog, &error);
    if (rc == 0)
        rc = catalog_mark_read(store->catalog, &mark);
    if (rc == 0 && mark.sequence != store->indexed)
        rc = -EBADMSG;
    if (rc < 0) {
        catalog_close(store->catalog);
        store->catalog = NULL;
    }
    return rc;
}

static int mend(struct store *store)
{
    /* Once the old one was given up there is only the new one. */
    int rc = store->catalog == NULL ? 0 : copy(store);
    if (rc < 0) {
        open_readers(store);
        return rc;
    }
    catalog_close(store->catalog);
    store->catalog = NULL;
    rc = reopen(store);
    if (rc == 0)
        open_readers(store);
    return rc;
}

int store_index_mend(struct store *store)
{
    int64_t now_ms = clock_wall_us() / 1000;
    if (store->catalog != NULL && !catalog_is_failed(store->sqlite))
        return 0;
    /* The clock may have been set back. */
    if (now_ms < store->mend_after_ms && store->mend_after_ms - now_ms <= MEND_EVERY_MS)
        return -EIO;
    int rc = close_readers(store);
    if (rc < 0)
        return rc;
    rc = mend(store);
    store->mend_after_ms = rc == 0 ? 0 : now_ms + MEND_EVERY_MS;
    if (rc == 0)
        log_warn("a sync of the store's index had failed: it was written anew, and nothing is "
                 "lost. The disk may be failing");
    else
        log_error("a sync of the store's index has failed, and it cannot be written anew: %s. What "
                  "was acknowledged is safe in the log; lists and most reads fail until that "
                  "succeeds or Weir is started again. See what the kernel's log says of the disk",
                  strerror(-rc));
    return rc;
}
