/* The index thread: what is in the log comes into the index, many changes in one transaction. */
#include "base/memory.h"
#include "store/store_internal.h"

#include <errno.h>

/* Of one transaction: then those who wait for it are told. */
#define TURN_MAX 2000

/* The oldest that are pending, `max` at most, stay in their list. Returns how many. */
static unsigned count_pending(struct store *store, struct list **ret_first)
{
    lock_take(&store->index_lock);
    unsigned count = store->pendings_count < TURN_MAX ? (unsigned)store->pendings_count : TURN_MAX;
    *ret_first = store->pendings.next;
    lock_release(&store->index_lock);
    return count;
}

static int try_apply(struct store *store, struct list *link, unsigned count)
{
    struct catalog_mark mark = {.sequence = 0};
    if (store->catalog == NULL)
        return -EIO;
    catalog_set_now(store->catalog, clock_wall_us() / 1000);
    int rc = catalog_begin(store->catalog);
    for (unsigned i = 0; rc == 0 && i < count; i++) {
        const struct pending *pending = CONTAINER_OF(link, struct pending, link);
        rc = catalog_apply(store->catalog, &pending->record, pending->place);
        mark = (struct catalog_mark){pending->next, pending->record.sequence};
        /* The last of the list is followed only by what is appended under the lock. */
        if (i + 1 < count)
            link = link->next;
    }
    if (rc == 0)
        rc = catalog_commit(store->catalog, &mark);
    if (rc < 0)
        catalog_cancel(store->catalog);
    return rc;
}

static int apply(struct store *store, struct list *first, unsigned count)
{
    int rc = store_index_mend(store);
    if (rc == 0)
        rc = try_apply(store, first, count);
    if (rc == -ENOSPC && store_ballast_release(store))
        rc = try_apply(store, first, count);
    if (rc < 0 && catalog_is_failed(store->sqlite) && store_index_mend(store) == 0)
        rc = try_apply(store, first, count);
    return rc;
}

static void settle_content(struct store *store, const struct pending *pending)
{
    struct change_put put;
    struct change_part part;
    if (!pending->is_pinned)
        return;
    if (pending->record.kind == RECORD_PUT && change_read_put(pending->record.meta, &put) == 0)
        store_unpin(store, put.version.content);
    if (pending->record.kind == RECORD_PART && change_read_part(pending->record.meta, &part) == 0)
        store_unpin(store, part.version.content);
}

/* Readers may ask the index for it now. */
static void settle(struct store *store, const struct pending *pending)
{
    const struct record *record = &pending->record;
    struct change_put put;
    struct change_version version;
    struct change_move move;
    settle_content(store, pending);
    if (record->kind == RECORD_PUT && change_read_put(record->meta, &put) == 0)
        recent_settle(store->recent, put.version.bucket, put.version.key, record->sequence);
    if ((record->kind == RECORD_DELETE || record->kind == RECORD_AMEND) &&
        change_read_version(record->meta, record->kind == RECORD_AMEND, &version) == 0)
        recent_settle(store->recent, version.bucket, version.key, record->sequence);
    if (record->kind == RECORD_MOVE && change_read_move(record->meta, &move) == 0 &&
        move.upload.len == 0)
        recent_settle(store->recent, move.bucket, move.key, record->sequence);
}

/* Those who wait for what is there; with an error all of them: it may last, and they have clients.
 */
static void tell_waiters(struct store *store, uint64_t indexed, int result)
{
    struct list told;
    list_init(&told);
    lock_take(&store->index_lock);
    store->index_fails = result < 0;
    if (result == 0)
        store->indexed = indexed;
    LIST_FOR_EACH (&store->index_waiters, link) {
        struct index_waiter *waiter = CONTAINER_OF(link, struct index_waiter, link);
        if (result == 0 && waiter->sequence > indexed)
            continue;
        waiter->result = result;
        list_remove(link);
        list_append(&told, link);
    }
    lock_release(&store->index_lock);
    LIST_FOR_EACH (&told, link) {
        list_remove(link);
        arrival_tell(&CONTAINER_OF(link, struct index_waiter, link)->arrival);
    }
}

static void run_calls(struct store *store)
{
    for (;;) {
        struct index_call *call = NULL;
        lock_take(&store->index_lock);
        if (!list_is_empty(&store->index_calls)) {
            call = CONTAINER_OF(store->index_calls.next, struct index_call, link);
            list_remove(&call->link);
        }
        lock_release(&store->index_lock);
        if (call == NULL)
            return;
        call->result = store_index_mend(store);
        if (call->result == 0)
            call->result = call->fn(call->arg, store->catalog);
        arrival_tell(&call->arrival);
    }
}

int store_index_call(struct store *store, int (*fn)(void *arg, struct catalog *catalog), void *arg)
{
    struct index_call call = {.fn = fn, .arg = arg};
    if (!store->options.has_threads) {
        int rc = store_index_turn(store);
        if (rc == 0)
            rc = store_index_mend(store);
        return rc < 0 ? rc : fn(arg, store->catalog);
    }
    int rc = arrival_init(&call.arrival);
    if (rc < 0)
        return rc;
    lock_take(&store->index_lock);
    list_append(&store->index_calls, &call.link);
    condition_signal(&store->index_wanted);
    lock_release(&store->index_lock);
    arrival_wait(&call.arrival);
    return call.result;
}

int store_index_turn(struct store *store)
{
    (void)store_index_mend(store); /* also when nothing is pending: readers wait */
    run_calls(store);
    struct list *first;
    unsigned count;
    while ((count = count_pending(store, &first)) > 0) {
        int rc = apply(store, first, count);
        if (rc < 0) {
            tell_waiters(store, 0, rc);
            return rc;
        }
        uint64_t indexed = 0;
        for (unsigned i = 0; i < count; i++) {
            lock_take(&store->index_lock);
            struct pending *pending = CONTAINER_OF(store->pendings.next, struct pending, link);
            list_remove(&pending->link);
            store->pendings_count--;
            store->pendings_bytes -= sizeof *pending + pending->record.meta.len;
            store->pendings_growth -= pending->growth;
            lock_release(&store->index_lock);
            settle(store, pending);
            indexed = pending->record.sequence;
            memory_free(pending);
        }
        tell_waiters(store, indexed, 0);
    }
    return 0;
}

int store_index_wait(struct store *store, uint64_t sequence)
{
    struct index_waiter waiter = {.sequence = sequence};
    if (!store->options.has_threads)
        return store_index_turn(store);
    lock_take(&store->index_lock);
    bool is_there = store->indexed >= sequence || list_is_empty(&store->pendings);
    int rc = is_there ? 0 : arrival_init(&waiter.arrival);
    if (!is_there && rc == 0)
        list_append(&store->index_waiters, &waiter.link);
    lock_release(&store->index_lock);
    if (is_there || rc < 0)
        return rc;
    arrival_wait(&waiter.arrival);
    return waiter.result;
}
