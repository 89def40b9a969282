/* Opening and closing, its threads, reading, and what calls have in common. */
#include "store/store.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "os/offload.h"
#include "os/random.h"
#include "store/sqlite_disk.h"
#include "store/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RECENT_BYTES_DEFAULT ((size_t)64 << 20)
#define ROOM_BYTES_MAX       ((size_t)4 << 20)
/* How long a batch waits for more changes. */
#define COMMITTERS_PATIENCE_MS 3
/* Records that a replay applies in one transaction. */
#define REPLAY_BATCH 4096

struct offloaded {
    int (*fn)(void *arg);
    void *arg;
    int result;
};

static void run_offloaded(void *arg)
{
    struct offloaded *offloaded = arg;
    offloaded->result = offloaded->fn(offloaded->arg);
}

int store_offload(int (*fn)(void *arg), void *arg)
{
    struct offloaded offloaded = {fn, arg, 0};
    if (fiber_current() == NULL)
        return fn(arg);
    int rc = offload(run_offloaded, &offloaded);
    return rc < 0 ? rc : offloaded.result;
}

static void count_reader_in(struct store *store)
{
    lock_take(&store->readers_lock);
    store->readers_out--;
    lock_release(&store->readers_lock);
}

static int make_reader(struct store *store, struct catalog_reader **ret_reader)
{
    int rc = catalog_reader_create(store->catalog, ret_reader);
    if (rc < 0)
        count_reader_in(store);
    return rc;
}

int store_take_reader(struct store *store, struct catalog_reader **ret_reader)
{
    lock_take(&store->readers_lock);
    bool is_closed = store->index_is_closed;
    struct idle_reader *idle = is_closed ? NULL : store->readers;
    if (idle != NULL)
        store->readers = idle->next;
    store->readers_out += is_closed ? 0 : 1;
    lock_release(&store->readers_lock);
    if (is_closed)
        return -ETIMEDOUT;
    if (idle == NULL)
        return make_reader(store, ret_reader);
    *ret_reader = idle->reader;
    memory_free(idle);
    return 0;
}

void store_give_reader(struct store *store, struct catalog_reader *reader)
{
    struct idle_reader *idle = NEW(struct idle_reader);
    if (idle == NULL)
        catalog_reader_destroy(reader);
    else
        idle->reader = reader;
    lock_take(&store->readers_lock);
    /* One that is kept while the index closes is found at the next try. */
    if (idle != NULL) {
        idle->next = store->readers;
        store->readers = idle;
    }
    store->readers_out--;
    lock_release(&store->readers_lock);
}

/* Bringing the index up to the log. */

struct replaying {
    struct store *store;
    struct catalog_mark mark;
    unsigned in_transaction;
};

static int commit_replayed(struct replaying *replaying)
{
    if (replaying->in_transaction == 0)
        return 0;
    replaying->in_transaction = 0;
    return catalog_commit(replaying->store->catalog, &replaying->mark);
}

static int replay_record(void *arg, const struct record *record, struct packs_place place)
{
    struct replaying *replaying = arg;
    struct catalog *catalog = replaying->store->catalog;
    /* A refused batch may stand in the log with numbers that were given again. */
    if (record->sequence <= replaying->mark.sequence)
        return 0;
    int rc = replaying->in_transaction == 0 ? catalog_begin(catalog) : 0;
    if (rc == 0)
        rc = catalog_apply(catalog, record, place);
    if (rc < 0)
        return rc;
    uint32_t end = place.offset + (uint32_t)record_bytes(record->meta.len, record->data_len);
    replaying->mark = (struct catalog_mark){{place.pack, end}, record->sequence};
    return ++replaying->in_transaction < REPLAY_BATCH ? 0 : commit_replayed(replaying);
}

static int replay(struct store *store, struct packs_replay *ret_replay, struct error *ret_error)
{
    struct replaying replaying = {.store = store};
    catalog_set_now(store->catalog, clock_wall_us() / 1000);
    int rc = catalog_mark_read(store->catalog, &replaying.mark);
    if (rc < 0)
        return error_set(ret_error, rc, "the store's index has no mark: %s", strerror(-rc));
    rc = packs_replay(store->packs, replaying.mark.place, true, replay_record, &replaying,
                      ret_replay, ret_error);
    if (rc < 0) {
        catalog_cancel(store->catalog);
        return rc;
    }
    rc = commit_replayed(&replaying);
    store->sequence = store->indexed = replaying.mark.sequence;
    atomic_store(&store->acknowledged, store->sequence);
    return rc < 0
               ? error_set(ret_error, rc, "the store's index cannot be written: %s", strerror(-rc))
               : 0;
}

static int note_bucket(void *arg, const struct change_bucket *bucket)
{
    struct store *store = arg;
    struct store_bucket *made = store_bucket_create(bucket);
    if (made == NULL)
        return -ENOMEM;
    if (bucket->id >= store->bucket_id_next)
        store->bucket_id_next = bucket->id + 1;
    int rc = store_bucket_set(store, made);
    if (rc < 0)
        store_bucket_unref(made);
    return rc;
}

static int init_parts(struct store *store)
{
    struct lock *const locks[] = {&store->buckets_lock, &store->log_lock, &store->index_lock,
                                  &store->readers_lock, &store->keep_lock};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < COUNT_OF(locks); i++)
        rc = lock_init(locks[i]);
    if (rc == 0)
        rc = condition_init(&store->log_wanted);
    if (rc == 0)
        rc = condition_init(&store->index_wanted);
    if (rc == 0)
        rc = condition_init(&store->keep_wanted);
    list_init(&store->queue);
    list_init(&store->pendings);
    list_init(&store->index_waiters);
    list_init(&store->index_calls);
    map_init(&store->buckets, random_hash_key());
    buffer_init(&store->log_room, ROOM_BYTES_MAX);
    store->bucket_id_next = 1;
    return rc < 0 ? rc : store_batch_create(store);
}

static int open_disk(struct store *store, struct error *ret_error)
{
    static atomic_uint opened;
    char name[32];
    int rc = 0;
    if (store->options.disk == NULL) {
        rc = disk_real_create(store->options.folder, &store->disk);
        store->owns_disk = rc == 0;
    } else {
        store->disk = store->options.disk;
    }
    if (rc < 0)
        return error_set(ret_error, rc, "the store's folder %s cannot be used: %s",
                         store->options.folder, strerror(-rc));
    rc = disk_lock(store->disk, "lock", &store->lock_file);
    if (rc == -EAGAIN)
        return error_set(ret_error, -EBUSY, "another process has the store %s open",
                         store->options.folder);
    if (rc < 0)
        return error_set(ret_error, rc,
                         "the file \"lock\" of the store's folder cannot be locked: %s",
                         strerror(-rc));
    (void)snprintf(name, sizeof name, "weir-store-%u", atomic_fetch_add(&opened, 1));
    rc = sqlite_disk_create(store->disk, name, &store->sqlite);
    return rc < 0 ? error_set(ret_error, rc, "the store's folder %s cannot be used: %s",
                              store->options.folder, strerror(-rc))
                  : 0;
}

static int end_mending(struct store *store, struct error *ret_error)
{
    int rc = store_index_mend_end(store);
    return rc < 0 ? error_set(ret_error, rc, "the store's new index cannot take its place: %s",
                              strerror(-rc))
                  : 0;
}

static int open_parts(struct store *store, struct store_found *found, struct error *ret_error)
{
    struct catalog_reader *reader;
    int rc = open_disk(store, ret_error);
    if (rc == 0)
        rc = packs_open(store->disk, &store->packs, ret_error);
    if (rc == 0)
        rc = blobs_open(store->disk, &store->blobs, ret_error);
    if (rc == 0)
        rc = end_mending(store, ret_error);
    if (rc == 0)
        rc = catalog_open(store->sqlite, &store->catalog, ret_error);
    if (rc == 0)
        rc = replay(store, &found->replay, ret_error);
    if (rc < 0)
        return rc;
    rc = recent_create(store->options.recent_bytes, &store->recent);
    if (rc == 0)
        rc = store_take_reader(store, &reader);
    if (rc == 0) {
        rc = catalog_list_buckets(reader, note_bucket, store);
        store_give_reader(store, reader);
    }
    found->buckets = (unsigned)store->buckets.used;
    return rc < 0
               ? error_set(ret_error, rc, "the store's buckets cannot be read: %s", strerror(-rc))
               : 0;
}

/*
 * Those whom the last batch has answered are about to send their next change: the batch waits for
 * half of as many as there were, while the other half is answered, as PostgreSQL's commit_delay
 * does for a time that is set. Who is alone waits for nobody.
 */
static void await_committers(struct store *store)
{
    while (list_is_empty(&store->queue) && !store->is_closing)
        condition_wait(&store->log_wanted, &store->log_lock);
    if (store->committers < store->committers_wanted && !store->is_closing)
        condition_wait_for(&store->log_wanted, &store->log_lock, COMMITTERS_PATIENCE_MS);
}

static void log_main(void *arg)
{
    struct store *store = arg;
    for (;;) {
        lock_take(&store->log_lock);
        await_committers(store);
        bool ends = list_is_empty(&store->queue);
        lock_release(&store->log_lock);
        if (ends)
            return;
        (void)store_log_turn(store);
    }
}

static void index_main(void *arg)
{
    struct store *store = arg;
    bool ends = false;
    while (!ends) {
        lock_take(&store->index_lock);
        while (list_is_empty(&store->pendings) && list_is_empty(&store->index_calls) &&
               !store->index_is_closing && !store->index_is_closed)
            condition_wait(&store->index_wanted, &store->index_lock);
        ends = store->index_is_closing && list_is_empty(&store->index_calls) &&
               (list_is_empty(&store->pendings) || store->index_fails);
        /* A disk that is full, say: what is pending stays in the log and in memory. */
        if (!ends && (store->index_fails || store->index_is_closed))
            condition_wait_for(&store->index_wanted, &store->index_lock, 200);
        lock_release(&store->index_lock);
        if (!ends)
            (void)store_index_turn(store);
    }
}

static int start_threads(struct store *store, struct error *ret_error)
{
    if (!store->options.has_threads)
        return 0;
    int rc = thread_start(&store->log_thread, "weir-log", THREAD_CPU_ANY, log_main, store);
    store->has_log_thread = rc == 0;
    if (rc == 0) {
        rc = thread_start(&store->index_thread, "weir-index", THREAD_CPU_ANY, index_main, store);
        store->has_index_thread = rc == 0;
    }
    if (rc == 0)
        rc = store_keep_start(store);
    return rc < 0 ? error_set(ret_error, rc, "the store's threads cannot be started: %s",
                              strerror(-rc))
                  : 0;
}

static int try_open(const struct store_options *options, struct store **ret_store,
                    struct store_found *ret_found, bool *ret_made_room, struct error *ret_error)
{
    *ret_made_room = false;
    struct store *store = NEW(struct store);
    if (store == NULL)
        return error_set(ret_error, -ENOMEM, "out of memory");
    store->options = *options;
    if (store->options.recent_bytes == 0)
        store->options.recent_bytes = RECENT_BYTES_DEFAULT;
    int rc = init_parts(store);
    if (rc == 0)
        rc = open_parts(store, ret_found, ret_error);
    if (rc == 0)
        rc = start_threads(store, ret_error);
    if (rc < 0) {
        *ret_made_room = rc == -ENOSPC && store->lock_file != NULL && store_ballast_release(store);
        store_close(store);
        return rc;
    }
    if (options->has_threads)
        store_ballast_keep(store);
    *ret_store = store;
    return 0;
}

int store_open(const struct store_options *options, struct store **ret_store,
               struct store_found *ret_found, struct error *ret_error)
{
    bool made_room;
    int rc = try_open(options, ret_store, ret_found, &made_room, ret_error);
    if (made_room) {
        *ret_error = (struct error){0};
        *ret_found = (struct store_found){0};
        rc = try_open(options, ret_store, ret_found, &made_room, ret_error);
    }
    return rc;
}

static void stop_threads(struct store *store)
{
    store_keep_stop(store);
    if (store->has_log_thread) {
        lock_take(&store->log_lock);
        store->is_closing = true;
        condition_signal(&store->log_wanted);
        lock_release(&store->log_lock);
        thread_join(&store->log_thread);
    }
    if (store->has_index_thread) {
        lock_take(&store->index_lock);
        store->index_is_closing = true;
        condition_signal(&store->index_wanted);
        lock_release(&store->index_lock);
        thread_join(&store->index_thread);
    }
}

void store_retire(struct store *store)
{
    stop_threads(store);
    store->has_log_thread = store->has_index_thread = false;
    LIST_FOR_EACH (&store->pendings, link)
        memory_free(CONTAINER_OF(link, struct pending, link));
    list_init(&store->pendings);
    while (store->readers != NULL) {
        struct idle_reader *idle = store->readers;
        store->readers = idle->next;
        catalog_reader_destroy(idle->reader);
        memory_free(idle);
    }
    catalog_close(store->catalog);
    store->catalog = NULL;
    sqlite_disk_destroy(store->sqlite);
    store->sqlite = NULL;
    disk_unlock(store->lock_file);
    store->lock_file = NULL;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    store_retire(store);
    recent_destroy(store->recent);
    blobs_close(store->blobs);
    packs_close(store->packs);
    store_buckets_finish(store);
    if (store->owns_disk)
        disk_destroy(store->disk);
    buffer_finish(&store->log_room);
    memory_free(store->batch);
    memory_free(store->dead_packs);
    memory_free(store->dead_since_ms);
    condition_finish(&store->log_wanted);
    condition_finish(&store->index_wanted);
    condition_finish(&store->keep_wanted);
    lock_finish(&store->buckets_lock);
    lock_finish(&store->log_lock);
    lock_finish(&store->index_lock);
    lock_finish(&store->readers_lock);
    lock_finish(&store->keep_lock);
    memory_free(store);
}

/* Reading. */

struct finding {
    struct store *store;
    uint32_t bucket;
    struct slice key;
    enum version_which which;
    uint64_t sequence;
    struct object *object;
};

static int find_in_index(void *arg)
{
    struct finding *finding = arg;
    struct store *store = finding->store;
    struct catalog_reader *reader;
    struct version version;
    struct buffer room;
    int rc = store_take_reader(store, &reader);
    if (rc < 0)
        return rc;
    buffer_init(&room, ROOM_BYTES_MAX);
    rc = catalog_find(reader, finding->bucket, finding->key, finding->which, finding->sequence,
                      &room, &version);
    store_give_reader(store, reader);
    if (rc == 0) {
        finding->object = object_create(&version);
        rc = finding->object == NULL ? -ENOMEM : 0;
    }
    buffer_finish(&room);
    return rc;
}

static int find_latest(struct store *store, struct finding *finding)
{
    struct recent_found found;
    recent_find(store->recent, finding->bucket, finding->key, &found);
    if (found.answer == RECENT_LATER) {
        int waited = store_index_wait(store, found.sequence);
        if (waited < 0)
            return waited;
        recent_find(store->recent, finding->bucket, finding->key, &found);
    }
    if (found.answer == RECENT_OBJECT) {
        finding->object = found.object;
        return 0;
    }
    if (found.answer == RECENT_NONE)
        return -ENOENT;
    int rc = store_offload(find_in_index, finding);
    if (found.answer == RECENT_UNKNOWN && (rc == 0 || rc == -ENOENT))
        recent_offer(store->recent, finding->bucket, finding->key, found.moment, finding->object);
    return rc;
}

int store_find(struct store *store, uint32_t bucket, struct slice key, enum version_which which,
               uint64_t sequence, struct object **ret_object)
{
    struct finding finding = {store, bucket, key, which, sequence, NULL};
    int rc;
    if (which == VERSION_LATEST) {
        rc = find_latest(store, &finding);
    } else {
        rc = store_index_wait(store, atomic_load(&store->acknowledged));
        if (rc == 0)
            rc = store_offload(find_in_index, &finding);
    }
    if (rc == 0)
        *ret_object = finding.object;
    if (rc == -EBADMSG)
        atomic_fetch_add(&store->damaged, 1);
    return rc;
}

struct reading {
    struct store *store;
    int (*fn)(void *arg, struct catalog_reader *reader);
    void *arg;
};

static int read_index(void *arg)
{
    struct reading *reading = arg;
    struct catalog_reader *reader;
    int rc = store_take_reader(reading->store, &reader);
    if (rc < 0)
        return rc;
    rc = reading->fn(reading->arg, reader);
    store_give_reader(reading->store, reader);
    return rc;
}

int store_read(struct store *store, int (*fn)(void *arg, struct catalog_reader *reader), void *arg)
{
    struct reading reading = {store, fn, arg};
    int rc = store_index_wait(store, atomic_load(&store->acknowledged));
    return rc < 0 ? rc : store_offload(read_index, &reading);
}

void store_stats_read(struct store *store, struct store_stats *ret_stats)
{
    *ret_stats = (struct store_stats){
        .batches = atomic_load(&store->batches),
        .changes = atomic_load(&store->changes),
        .syncs = atomic_load(&store->syncs),
        .collected_bytes = atomic_load(&store->collected_bytes),
        .damaged = atomic_load(&store->damaged),
        .room = store_room(store),
    };
    lock_take(&store->index_lock);
    ret_stats->waiting_for_index = store->pendings_count;
    lock_release(&store->index_lock);
    recent_stats_read(store->recent, &ret_stats->recent);
}
