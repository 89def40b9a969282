/* States go one way: opening, open, retiring, closed. All is under one lock but the store itself.
 */
#include "edge/objects.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "edge/events/outbox.h"
#include "edge/s3/lifecycle.h"
#include "edge/s3/log_book.h"
#include "edge/s3/log_deliver.h"
#include "edge/s3/service_key.h"
#include "edge/s3/settings.h"
#include "os/clock.h"
#include "os/lock.h"
#include "os/thread.h"

#include <errno.h>

/* How often the lock of another edge is tried, and a disk that refuses. */
#define BUSY_RETRY_MS   20
#define FAILED_RETRY_MS 1000

/* How long a request waits for the store. */
#define PATIENCE_MS 20000

/* How long another edge waits for requests that are under way. */
#define RETURN_MS 3000

/* Lifecycle rules count in days. */
#define LIFECYCLE_FIRST_MS 60000
#define LIFECYCLE_EVERY_MS 3600000

/* Beyond the drain: what nobody names may still be read that long. */
#define GRACE_MS 60000

enum state { OPENING, OPEN, RETIRING, CLOSED };

struct waiter {
    struct list link;
    struct arrival arrival;
    int result;
};

struct objects {
    struct store_options options;
    struct outbox *outbox;     /* borrowed */
    struct log_book *log_book; /* borrowed */
    struct log_delivery logs;  /* the thread's own */
    atomic_int state;
    atomic_uint users; /* inside */
    atomic_uint outsiders;
    atomic_uint returning; /* those of them who mean to come back */
    struct store *store;   /* owned; there while it is open */
    unsigned char service_key[S3_CIPHER_KEY_BYTES];
    bool has_service_key;
    struct lock lock; /* of what follows, and of changes of state */
    struct condition changed;
    struct snapshot *snapshot; /* counted; whose buckets are to be there */
    struct list waiters;
    int64_t waited_ms; /* by the first of them */
    bool is_ending;
    bool is_wanted; /* by another edge */
    bool must_hurry;
    struct thread thread;
};

static void tell_waiters(struct objects *objects, int result)
{
    while (!list_is_empty(&objects->waiters)) {
        struct waiter *waiter = CONTAINER_OF(objects->waiters.next, struct waiter, link);
        list_remove(&waiter->link);
        waiter->result = result;
        if (result == 0)
            atomic_fetch_add(&objects->users, 1);
        arrival_tell(&waiter->arrival);
    }
    objects->waited_ms = 0;
}

/* A bucket of the file: made, or told what the file says. -EAGAIN: it was set otherwise meanwhile.
 */
static int try_apply_bucket(struct store *store, const struct conf_bucket *conf)
{
    struct store_bucket *bucket = NULL;
    SCOPED(buffer_finish) struct buffer settings;
    struct store_change change = {.kind = RECORD_BUCKET};
    buffer_init(&settings, SETTINGS_BYTES_MAX);
    int rc = store_bucket_find(store, conf->name, &bucket);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    rc = settings_of_file(bucket == NULL ? (struct slice){0} : bucket->settings, conf, &settings);
    change.bucket = (struct change_bucket){
        .id = bucket == NULL ? 0 : bucket->id,
        .name = conf->name,
        .settings = buffer_slice(&settings),
        .made_ms = bucket == NULL ? clock_wall_us() / 1000 : bucket->made_ms,
    };
    if (bucket != NULL)
        change.expected = bucket->settings;
    bool is_same = bucket != NULL && slice_equal(bucket->settings, buffer_slice(&settings));
    if (rc == 0 && !is_same)
        rc = store_commit(store, &change, 1);
    store_bucket_unref(bucket);
    return rc == -EEXIST ? 0 : rc;
}

static int apply_bucket(struct store *store, const struct conf_bucket *conf)
{
    int rc;
    do {
        rc = try_apply_bucket(store, conf);
    } while (rc == -EAGAIN);
    return rc;
}

static void apply_webhooks(struct objects *objects, struct store *store,
                           const struct snapshot *snapshot)
{
    int rc = outbox_apply(objects->outbox, snapshot);
    if (rc == 0)
        rc = outbox_open(objects->outbox, store);
    if (rc < 0)
        log_error("webhooks are not told of anything: what they are to be told cannot be kept: %s",
                  strerror(-rc));
}

static void apply_buckets(struct objects *objects, struct store *store,
                          const struct snapshot *snapshot)
{
    apply_webhooks(objects, store, snapshot);
    for (unsigned i = 0; i < snapshot->buckets_count; i++) {
        if (conf_bucket_is_remote(&snapshot->buckets[i]))
            continue;
        int rc = apply_bucket(store, &snapshot->buckets[i]);
        if (rc < 0)
            log_error("the bucket \"%.*s\" cannot be set up: %s",
                      SLICE_ARG(snapshot->buckets[i].name), strerror(-rc));
    }
}

static void log_found(const struct store_found *found)
{
    log_info("the object store is open: %u bucket%s", found->buckets,
             found->buckets == 1 ? "" : "s");
}

/* The buckets of the file, which may become another meanwhile. With the lock held, but not
 * meanwhile. */
static void make_buckets(struct objects *objects, struct store *store)
{
    struct snapshot *made = NULL;
    while (made != objects->snapshot) {
        snapshot_unref(made);
        made = snapshot_ref(objects->snapshot);
        lock_release(&objects->lock);
        apply_buckets(objects, store, made);
        lock_take(&objects->lock);
    }
    snapshot_unref(made);
}

/* What is not encrypted by it is served without it, too. */
static void load_key(struct objects *objects, bool is_new)
{
    int rc = service_key_load(objects->options.folder, objects->service_key);
    objects->has_service_key = rc >= 0;
    if (rc == 1 && !is_new)
        log_warn("the file \"" SERVICE_KEY_FILE
                 "\" was not in the store's folder and was made anew: "
                 "objects that were encrypted under another one cannot be read before that is put "
                 "back and Weir is started again");
    if (rc < 0)
        log_warn("the file \"" SERVICE_KEY_FILE
                 "\" of the store's folder cannot be used, so nothing "
                 "is encrypted or decrypted by it: %s",
                 rc == -EBADMSG ? "it is not 32 bytes long" : strerror(-rc));
}

/* With the lock held, but not meanwhile. 0 when it is open. */
static int try_open(struct objects *objects, int before)
{
    struct store *store = NULL;
    struct store_found found;
    struct error error = {0};
    lock_release(&objects->lock);
    int rc = store_open(&objects->options, &store, &found, &error);
    if (rc == 0)
        load_key(objects, found.buckets == 0);
    if (rc == 0)
        log_found(&found);
    else if (rc != before && rc != -EBUSY)
        log_error("the object store cannot be opened: %s", error.text);
    lock_take(&objects->lock);
    if (rc == 0) {
        make_buckets(objects, store);
        objects->store = store;
    }
    return rc;
}

/* Another process gives it up soon: those who have waited long enough are told. What else is wrong
 * was logged, and lasts: nobody waits for that. */
static void lose_patience(struct objects *objects, int rc, int64_t retry_ms)
{
    if (rc != -EBUSY) {
        tell_waiters(objects, -ENODEV);
        return;
    }
    objects->waited_ms += list_is_empty(&objects->waiters) ? 0 : retry_ms;
    if (objects->waited_ms < PATIENCE_MS)
        return;
    log_error("the object store is held by another process");
    tell_waiters(objects, -ETIMEDOUT);
}

static void open_store(struct objects *objects)
{
    int rc = 0;
    while (!objects->is_ending && !objects->is_wanted) {
        rc = try_open(objects, rc);
        if (rc == 0) {
            atomic_store(&objects->state, OPEN);
            tell_waiters(objects, 0);
            return;
        }
        int64_t retry_ms = rc == -EBUSY ? BUSY_RETRY_MS : FAILED_RETRY_MS;
        lose_patience(objects, rc, retry_ms);
        condition_wait_for(&objects->changed, &objects->lock, retry_ms);
    }
}

/* Whoever is inside may yet step out to come back, so both are looked at. */
static bool is_busy(struct objects *objects)
{
    return atomic_load(&objects->users) > 0 || atomic_load(&objects->returning) > 0;
}

/* Requests that are under way may still be answered; the other edge's wait meanwhile. */
static void await_quiet(struct objects *objects)
{
    for (int64_t waited_ms = 0; waited_ms < RETURN_MS && !objects->is_ending && is_busy(objects);
         waited_ms += BUSY_RETRY_MS)
        condition_wait_for(&objects->changed, &objects->lock, BUSY_RETRY_MS);
}

static void deliver_logs(struct objects *objects, bool takes_all)
{
    objects->logs.store = objects->store;
    objects->logs.outbox = objects->outbox;
    objects->logs.book = objects->log_book;
    objects->logs.service_key = objects_service_key(objects);
    log_deliver(&objects->logs, clock_now_ms(), takes_all);
}

/* Also what is due while lifecycle rules are carried out, which may take long. */
static bool must_stop(void *arg)
{
    struct objects *objects = arg;
    deliver_logs(objects, false);
    lock_take(&objects->lock);
    bool must_stop = objects->is_ending || objects->is_wanted;
    lock_release(&objects->lock);
    return must_stop;
}

static void run_lifecycle(struct objects *objects)
{
    lock_take(&objects->lock);
    struct snapshot *snapshot = snapshot_ref(objects->snapshot);
    lock_release(&objects->lock);
    const struct s3_lifecycle_pass pass = {
        .store = objects->store,
        .outbox = objects->outbox,
        .region = snapshot->store.region,
        .now_ms = clock_wall_us() / 1000,
        .must_stop = must_stop,
        .arg = objects,
    };
    int64_t rc = s3_lifecycle_run(&pass);
    snapshot_unref(snapshot);
    if (rc < 0)
        log_error("lifecycle rules could not be carried out: %s", strerror((int)-rc));
}

/* With the lock held: until the next pass of lifecycle rules, or until lines are due. */
static void await_work(struct objects *objects, int64_t next_ms)
{
    int64_t now_ms = clock_now_ms();
    int64_t due_ms = log_book_due_ms(objects->log_book, now_ms);
    int64_t wait_ms = next_ms - now_ms;
    if (due_ms >= 0 && due_ms < wait_ms)
        wait_ms = due_ms;
    if (!objects->must_hurry && wait_ms > 0)
        condition_wait_for(&objects->changed, &objects->lock, wait_ms);
}

/* Until the end, or until another edge wants the store: what is done from time to time. */
static void keep_working(struct objects *objects)
{
    int64_t next_ms = clock_now_ms() + LIFECYCLE_FIRST_MS;
    while (!objects->is_ending && !objects->is_wanted) {
        await_work(objects, next_ms);
        if (objects->is_ending || objects->is_wanted)
            break;
        bool is_time = objects->must_hurry || clock_now_ms() >= next_ms;
        objects->must_hurry = false;
        lock_release(&objects->lock);
        deliver_logs(objects, false);
        if (is_time) {
            run_lifecycle(objects);
            next_ms = clock_now_ms() + LIFECYCLE_EVERY_MS;
        }
        lock_take(&objects->lock);
    }
}

static void thread_main(void *arg)
{
    struct objects *objects = arg;
    lock_take(&objects->lock);
    open_store(objects);
    keep_working(objects);
    await_quiet(objects);
    atomic_store(&objects->state, RETIRING);
    while (!objects->is_ending && atomic_load(&objects->users) > 0)
        condition_wait(&objects->changed, &objects->lock);
    atomic_store(&objects->state, CLOSED);
    tell_waiters(objects, -ESHUTDOWN);
    lock_release(&objects->lock);
    if (objects->store != NULL) {
        deliver_logs(objects, true);
        store_retire(objects->store);
    }
    lock_take(&objects->lock);
    while (!objects->is_ending || atomic_load(&objects->outsiders) > 0)
        condition_wait(&objects->changed, &objects->lock);
    lock_release(&objects->lock);
    store_close(objects->store);
}

/* A page of lines was begun, or is full. */
static void wake(void *arg)
{
    struct objects *objects = arg;
    lock_take(&objects->lock);
    condition_signal(&objects->changed);
    lock_release(&objects->lock);
}

int objects_create(struct snapshot *snapshot, const char *folder, struct outbox *outbox,
                   struct log_book *log_book, struct objects **ret_objects)
{
    struct objects *objects = NEW(struct objects);
    if (objects == NULL)
        return -ENOMEM;
    objects->options = (struct store_options){
        .folder = folder,
        .reserve_bytes = snapshot->store.reserve_bytes,
        .grace_ms = snapshot->drain_ms + GRACE_MS,
        .has_threads = true,
    };
    objects->snapshot = snapshot_ref(snapshot);
    objects->outbox = outbox;
    objects->log_book = log_book;
    log_book->wake = wake;
    log_book->wake_arg = objects;
    list_init(&objects->waiters);
    int rc = lock_init(&objects->lock);
    if (rc == 0)
        rc = condition_init(&objects->changed);
    if (rc == 0)
        rc = thread_start(&objects->thread, "store", THREAD_CPU_ANY, thread_main, objects);
    if (rc < 0) {
        snapshot_unref(objects->snapshot);
        memory_free(objects);
        return rc;
    }
    *ret_objects = objects;
    return 0;
}

const unsigned char *objects_service_key(const struct objects *objects)
{
    return objects->has_service_key ? objects->service_key : NULL;
}

void objects_destroy(struct objects *objects)
{
    if (objects == NULL)
        return;
    lock_take(&objects->lock);
    objects->is_ending = true;
    condition_signal(&objects->changed);
    lock_release(&objects->lock);
    thread_join(&objects->thread);
    objects->log_book->wake = NULL;
    explicit_bzero(objects->service_key, sizeof objects->service_key);
    condition_finish(&objects->changed);
    lock_finish(&objects->lock);
    snapshot_unref(objects->snapshot);
    memory_free(objects);
}

static int wait_for_store(struct objects *objects)
{
    struct waiter waiter = {.result = 0};
    int rc = arrival_init(&waiter.arrival);
    if (rc < 0)
        return rc;
    lock_take(&objects->lock);
    int state = atomic_load(&objects->state);
    bool must_wait = state == OPENING;
    if (must_wait)
        list_append(&objects->waiters, &waiter.link);
    else if (state == OPEN)
        atomic_fetch_add(&objects->users, 1);
    lock_release(&objects->lock);
    if (!must_wait) {
        waiter.result = state == OPEN ? 0 : -ESHUTDOWN;
        arrival_tell(&waiter.arrival);
    }
    arrival_wait(&waiter.arrival);
    return waiter.result;
}

int objects_enter(struct objects *objects, struct store **ret_store)
{
    int rc = 0;
    if (objects == NULL)
        return -ENOENT;
    atomic_fetch_add(&objects->users, 1);
    if (UNLIKELY(atomic_load(&objects->state) != OPEN)) {
        objects_leave(objects);
        rc = wait_for_store(objects);
    }
    *ret_store = rc == 0 ? objects->store : NULL;
    return rc;
}

void objects_leave(struct objects *objects)
{
    if (LIKELY(atomic_fetch_sub(&objects->users, 1) > 1 || atomic_load(&objects->state) == OPEN))
        return;
    lock_take(&objects->lock);
    condition_signal(&objects->changed);
    lock_release(&objects->lock);
}

void objects_step_out(struct objects *objects, bool comes_back)
{
    atomic_fetch_add(&objects->outsiders, 1);
    if (comes_back)
        atomic_fetch_add(&objects->returning, 1);
    objects_leave(objects);
}

int objects_step_in(struct objects *objects)
{
    atomic_fetch_add(&objects->users, 1);
    if (UNLIKELY(atomic_load(&objects->state) != OPEN)) {
        objects_leave(objects);
        return -ESHUTDOWN;
    }
    objects_leave_outside(objects, true);
    return 0;
}

void objects_leave_outside(struct objects *objects, bool comes_back)
{
    if (comes_back)
        atomic_fetch_sub(&objects->returning, 1);
    atomic_fetch_sub(&objects->outsiders, 1);
}

void objects_retire(struct objects *objects)
{
    if (objects == NULL)
        return;
    lock_take(&objects->lock);
    objects->is_wanted = true;
    condition_signal(&objects->changed);
    lock_release(&objects->lock);
}

bool objects_read_stats(struct objects *objects, struct store_stats *ret_stats)
{
    if (objects == NULL)
        return false;
    atomic_fetch_add(&objects->users, 1);
    bool is_open = atomic_load(&objects->state) == OPEN;
    if (is_open)
        store_stats_read(objects->store, ret_stats);
    objects_leave(objects);
    return is_open;
}

struct outbox *objects_outbox(const struct objects *objects)
{
    return objects->outbox;
}

struct log_book *objects_log_book(const struct objects *objects)
{
    return objects->log_book;
}

void objects_hurry(struct objects *objects)
{
    lock_take(&objects->lock);
    objects->must_hurry = true;
    condition_signal(&objects->changed);
    lock_release(&objects->lock);
}

void objects_apply(struct objects *objects, struct snapshot *snapshot)
{
    struct snapshot *old = NULL;
    if (objects == NULL)
        return;
    lock_take(&objects->lock);
    /* One that is not open yet makes them when it is. */
    bool is_open = atomic_load(&objects->state) == OPEN;
    old = objects->snapshot;
    objects->snapshot = snapshot_ref(snapshot);
    if (is_open)
        atomic_fetch_add(&objects->users, 1);
    lock_release(&objects->lock);
    snapshot_unref(old);
    if (!is_open)
        return;
    apply_buckets(objects, objects->store, snapshot);
    objects_leave(objects);
}
