/*
 * The log thread: what is queued is decided on, one change after another, written as one batch,
 * synced once, and shown to readers; then those who wait go on.
 */
#include "base/memory.h"
#include "store/store_internal.h"

#include <errno.h>
#include <string.h>

#define BATCH_MAX       128
#define BATCH_BYTES_MAX ((size_t)4 << 20)
/* So much may wait for the index before changes wait for it too. */
#define PENDING_BYTES_MAX ((size_t)64 << 20)
#define SPACE_FRESH_MS    200

struct batch {
    struct store_change *changes[BATCH_MAX];
    struct record records[BATCH_MAX];
    struct packs_place places[BATCH_MAX];
    struct pending *pendings[BATCH_MAX];
    unsigned count;
    size_t bytes;
    uint64_t growth; /* by which buckets may become larger */
    bool ends;       /* nothing is to come behind it: it removes a bucket */
};

uint64_t store_room(struct store *store)
{
    int64_t now_ms = clock_wall_us() / 1000;
    int64_t at_ms = atomic_load(&store->space_at_ms);
    uint64_t free = atomic_load(&store->space_free), total;
    if (now_ms - at_ms >= SPACE_FRESH_MS || now_ms < at_ms) {
        if (disk_space(store->disk, &free, &total) < 0)
            free = UINT64_MAX;
        atomic_store(&store->space_free, free);
        atomic_store(&store->space_at_ms, now_ms);
    }
    return free > store->options.reserve_bytes ? free - store->options.reserve_bytes : 0;
}

/* Which key a change is about; false: none. */
static bool key_of(const struct store_change *change, uint32_t *ret_bucket, struct slice *ret_key)
{
    switch (change->kind) {
    case RECORD_PUT:
        *ret_bucket = change->put.version.bucket;
        *ret_key = change->put.version.key;
        return true;
    case RECORD_DELETE:
    case RECORD_AMEND:
        *ret_bucket = change->version.bucket;
        *ret_key = change->version.key;
        return true;
    case RECORD_MOVE:
        *ret_bucket = change->move.bucket;
        *ret_key = change->move.key;
        return change->move.upload.len == 0;
    default:
        return false;
    }
}

static struct slice upload_of(const struct store_change *change)
{
    switch (change->kind) {
    case RECORD_PUT:
        return change->put.upload;
    case RECORD_UPLOAD:
    case RECORD_UPLOAD_GONE:
        return change->upload.id;
    case RECORD_PART:
        return change->part.upload;
    case RECORD_MOVE:
        return change->move.upload;
    default:
        return (struct slice){0};
    }
}

/* In which bucket a change is to be found, or 0: it says it by its upload. */
static uint32_t bucket_of(const struct store_change *change)
{
    uint32_t bucket = 0;
    struct slice key;
    if (change->kind == RECORD_BUCKET || change->kind == RECORD_BUCKET_GONE)
        return change->bucket.id;
    if (change->kind == RECORD_UPLOAD)
        return change->upload.version.bucket;
    return key_of(change, &bucket, &key) ? bucket : 0;
}

/* May this one be decided on before the batch is on the disk? Not when it is about what the batch
 * changes. */
static bool touches(const struct batch *batch, const struct store_change *change)
{
    uint32_t bucket, other_bucket;
    struct slice key, other_key, upload = upload_of(change);
    bool has_key = key_of(change, &bucket, &key);
    bool is_of_bucket = change->kind == RECORD_BUCKET_GONE || change->has_limit;
    for (unsigned i = 0; i < batch->count; i++) {
        const struct store_change *other = batch->changes[i];
        if (other->kind == RECORD_BUCKET || other->kind == RECORD_BUCKET_GONE)
            return true;
        if (is_of_bucket && bucket_of(other) == bucket_of(change))
            return true;
        if (upload.len > 0 && slice_equal(upload_of(other), upload))
            return true;
        if (has_key && key_of(other, &other_bucket, &other_key) && other_bucket == bucket &&
            slice_equal(other_key, key))
            return true;
    }
    return false;
}

static bool must_look(struct store *store, const struct batch *batch,
                      const struct store_change *change)
{
    return change->decide != NULL || change->needs_upload || change->kind == RECORD_BUCKET ||
           change->kind == RECORD_BUCKET_GONE ||
           (change->has_limit && !store_limit_is_far(store, change, batch->growth));
}

/* What the index says, once it has all that is on the disk. */
static int find_current(struct store *store, const struct store_change *change, uint32_t bucket,
                        struct slice key, struct version *ret_version)
{
    struct recent_found found = {.answer = RECENT_UNKNOWN};
    if (change->find == VERSION_LATEST) {
        recent_find(store->recent, bucket, key, &found);
        if (found.answer == RECENT_NONE)
            return -ENOENT;
        if (found.answer == RECENT_OBJECT) {
            /* The log thread alone changes what is held, but it may be pushed out meanwhile. */
            store->log_object = found.object;
            *ret_version = found.object->version;
            return 0;
        }
    }
    int rc = found.answer == RECENT_LATER || change->find != VERSION_LATEST
                 ? store_index_wait(store, atomic_load(&store->acknowledged))
                 : 0;
    if (rc < 0)
        return rc;
    struct catalog_reader *reader;
    rc = store_take_reader(store, &reader);
    if (rc < 0)
        return rc;
    rc = catalog_find(reader, bucket, key, change->find, change->find_sequence, &store->log_room,
                      ret_version);
    store_give_reader(store, reader);
    return rc;
}

static int decide_on_key(struct store *store, struct store_change *change, uint32_t bucket,
                         struct slice key)
{
    struct version version;
    if (change->decide == NULL)
        return 0;
    int rc = find_current(store, change, bucket, key, &version);
    if (rc == 0 || rc == -ENOENT)
        rc = change->decide(change, rc == 0 ? &version : NULL);
    return rc;
}

static int decide_on_bucket(struct store *store, struct store_change *change)
{
    struct store_bucket *bucket = NULL;
    struct catalog_usage usage;
    int rc = store_bucket_find(store, change->bucket.name, &bucket);
    bool is_same = rc == 0 && bucket->id == change->bucket.id;
    bool is_as_expected =
        rc < 0 || change->expected.at == NULL || slice_equal(bucket->settings, change->expected);
    store_bucket_unref(bucket);
    if (change->kind == RECORD_BUCKET && change->bucket.id == 0) {
        if (rc == 0)
            return -EEXIST;
        change->bucket.id = store->bucket_id_next++;
        return 0;
    }
    if (!is_same)
        return -ENOENT;
    if (change->kind == RECORD_BUCKET)
        return is_as_expected ? 0 : -EAGAIN;
    rc = store_index_wait(store, atomic_load(&store->acknowledged));
    if (rc == 0)
        rc = store_usage(store, change->bucket.id, &usage);
    return rc == 0 && usage.versions > 0 ? -ENOTEMPTY : rc;
}

static int decide_on_upload(struct store *store, struct slice id)
{
    struct change_upload upload;
    struct catalog_reader *reader;
    int rc = store_index_wait(store, atomic_load(&store->acknowledged));
    if (rc == 0)
        rc = store_take_reader(store, &reader);
    if (rc < 0)
        return rc;
    rc = catalog_find_upload(reader, id, &store->log_room, &upload);
    store_give_reader(store, reader);
    return rc == -ENOENT ? -ESTALE : rc;
}

static int decide_on_limit(struct store *store, const struct batch *batch,
                           const struct store_change *change)
{
    if (!change->has_limit || store_limit_is_far(store, change, batch->growth))
        return 0;
    return store_limit_check(store, change);
}

/* Whether the change may be made, as things are. 0 or the error. */
static int decide(struct store *store, const struct batch *batch, struct store_change *change)
{
    uint32_t bucket;
    struct slice key;
    if (change->kind == RECORD_BUCKET || change->kind == RECORD_BUCKET_GONE)
        return decide_on_bucket(store, change);
    if (change->needs_upload) {
        int rc = decide_on_upload(store, upload_of(change));
        if (rc < 0)
            return rc;
    }
    if (change->follow != NULL) {
        change->sequence = store->sequence + 1 + batch->count; /* what it gets, if it is made */
        int rc = change->follow(change);
        if (rc < 0)
            return rc;
    }
    if (change->kind == RECORD_UPLOAD)
        return store_bucket_is_there(store, change->upload.version.bucket) ? 0 : -ENOENT;
    if (!key_of(change, &bucket, &key))
        return 0;
    if (!store_bucket_is_there(store, bucket))
        return -ENOENT;
    int rc = decide_on_limit(store, batch, change);
    return rc < 0 ? rc : decide_on_key(store, change, bucket, key);
}

static size_t meta_bytes(const struct store_change *change)
{
    switch (change->kind) {
    case RECORD_PUT:
        return CHANGE_BYTES + change->put.upload.len + change->put.version.key.len +
               version_bytes(&change->put.version);
    case RECORD_DELETE:
    case RECORD_AMEND:
        return CHANGE_BYTES + change->version.key.len + version_bytes(&change->version.version);
    case RECORD_BUCKET:
    case RECORD_BUCKET_GONE:
        return CHANGE_BYTES + change->bucket.name.len + change->bucket.settings.len;
    case RECORD_UPLOAD:
    case RECORD_UPLOAD_GONE:
        return CHANGE_BYTES + change->upload.id.len + change->upload.version.key.len +
               version_bytes(&change->upload.version);
    case RECORD_PART:
        return CHANGE_BYTES + change->part.upload.len + version_bytes(&change->part.version);
    case RECORD_MOVE:
        return CHANGE_BYTES + change->move.upload.len + change->move.key.len;
    }
    return CHANGE_BYTES;
}

static void write_meta(struct writer *writer, const struct store_change *change)
{
    switch (change->kind) {
    case RECORD_PUT:
        change_write_put(writer, &change->put);
        break;
    case RECORD_DELETE:
    case RECORD_AMEND:
        change_write_version(writer, &change->version, change->kind == RECORD_AMEND);
        break;
    case RECORD_BUCKET:
    case RECORD_BUCKET_GONE:
        change_write_bucket(writer, &change->bucket);
        break;
    case RECORD_UPLOAD:
    case RECORD_UPLOAD_GONE:
        change_write_upload(writer, &change->upload);
        break;
    case RECORD_PART:
        change_write_part(writer, &change->part);
        break;
    case RECORD_MOVE:
        change_write_move(writer, &change->move);
        break;
    }
}

static struct pending *make_pending(const struct store_change *change)
{
    struct writer writer;
    size_t bytes = meta_bytes(change);
    struct pending *pending = memory_alloc(sizeof *pending + bytes);
    if (pending == NULL)
        return NULL;
    writer_init(&writer, pending->meta, bytes);
    write_meta(&writer, change);
    pending->record.kind = change->kind;
    pending->record.meta = writer_slice(&writer);
    pending->record.data = change->data;
    pending->is_pinned = change->is_pinned;
    pending->growth = change->kind == RECORD_PUT ? change->put.version.size : 0;
    return pending;
}

/* So much waits for an index that cannot take it: memory is not for more. */
static bool is_stuck(struct store *store)
{
    lock_take(&store->index_lock);
    bool is_stuck = store->index_fails && store->pendings_bytes > PENDING_BYTES_MAX;
    lock_release(&store->index_lock);
    return is_stuck;
}

/* Decided on and written down; of what it was decided on it may have taken over a part, which is
 * there until then. NULL when it is not to be made. */
static struct pending *decide_and_make(struct store *store, const struct batch *batch,
                                       struct store_change *change)
{
    struct pending *pending = NULL;
    change->result = is_stuck(store) ? -EIO : decide(store, batch, change);
    if (change->result == 0)
        pending = make_pending(change);
    object_unref(store->log_object);
    store->log_object = NULL;
    return pending;
}

/* Adds the change; what it cannot be is its result. */
static void add_change(struct store *store, struct batch *batch, struct store_change *change)
{
    struct pending *pending = decide_and_make(store, batch, change);
    if (change->result < 0)
        return;
    size_t bytes =
        pending == NULL ? 0 : (size_t)record_bytes(pending->record.meta.len, change->data.len);
    if (pending == NULL)
        change->result = -ENOMEM;
    else if (pending->record.meta.len > RECORD_META_BYTES_MAX)
        change->result = -E2BIG;
    /* What makes room, or moves what lies there, may use the reserve. */
    else if ((change->kind == RECORD_PUT || change->kind == RECORD_PART ||
              change->kind == RECORD_UPLOAD || change->kind == RECORD_BUCKET) &&
             store_room(store) < bytes)
        change->result = -ENOSPC;
    if (change->result < 0) {
        memory_free(pending);
        return;
    }
    change->sequence = pending->record.sequence = store->sequence + 1 + batch->count;
    batch->changes[batch->count] = change;
    batch->pendings[batch->count] = pending;
    batch->records[batch->count++] = pending->record;
    batch->bytes += bytes;
    batch->growth += pending->growth;
    batch->ends = change->kind == RECORD_BUCKET_GONE;
}

/* Shows a change of a key to readers. */
static int show_key(struct store *store, struct store_change *change, struct pending *pending)
{
    uint32_t bucket;
    struct slice key;
    struct content_segment segment;
    struct writer writer;
    char room[CONTENT_SEGMENT_BYTES_MAX];
    if (!key_of(change, &bucket, &key))
        return 0;
    if (change->kind == RECORD_DELETE && change->find == VERSION_LATEST && change->is_only)
        return recent_change(store->recent, bucket, key, change->sequence, RECENT_NONE, NULL);
    if (change->kind != RECORD_PUT)
        return recent_change(store->recent, bucket, key, change->sequence, RECENT_LATER, NULL);
    struct version version = change->put.version;
    version.sequence = change->sequence;
    if (change->data.len > 0) {
        segment = (struct content_segment){
            .kind = CONTENT_PACK,
            .length = change->data.len,
            .pack = pending->place.pack,
            .offset = packs_data_offset(pending->place, pending->record.meta.len),
            .crc = pending->record.data_crc,
        };
        writer_init(&writer, room, sizeof room);
        content_put(&writer, &segment);
        version.content = writer_slice(&writer);
    }
    struct object *object = object_create(&version);
    int rc = recent_change(store->recent, bucket, key, change->sequence,
                           object == NULL ? RECENT_LATER : RECENT_OBJECT, object);
    object_unref(object);
    return rc;
}

static int show_bucket(struct store *store, const struct store_change *change)
{
    if (change->kind == RECORD_BUCKET_GONE)
        store_bucket_forget(store, change->bucket.id);
    if (change->kind != RECORD_BUCKET)
        return 0;
    struct store_bucket *bucket = store_bucket_create(&change->bucket);
    int rc = bucket == NULL ? -ENOMEM : store_bucket_set(store, bucket);
    if (rc < 0)
        store_bucket_unref(bucket);
    return rc;
}

/* The batch is on the disk: to readers and to the index. Memory that is missing here leaves no
 * choice but to wait for the index, which then tells them. */
static void show(struct store *store, struct batch *batch)
{
    size_t bytes = 0;
    uint64_t growth = 0;
    bool must_wait = false;
    for (unsigned i = 0; i < batch->count; i++) {
        struct pending *pending = batch->pendings[i];
        pending->record = batch->records[i];
        pending->place = batch->places[i];
        pending->next = pending->place;
        pending->next.offset +=
            (uint32_t)record_bytes(pending->record.meta.len, pending->record.data_len);
        must_wait |= show_key(store, batch->changes[i], pending) < 0;
        must_wait |= show_bucket(store, batch->changes[i]) < 0;
        bytes += sizeof *pending + pending->record.meta.len;
        growth += pending->growth;
        pending->record.data = (struct slice){0};
    }
    store->sequence += batch->count;
    lock_take(&store->index_lock);
    for (unsigned i = 0; i < batch->count; i++)
        list_append(&store->pendings, &batch->pendings[i]->link);
    store->pendings_count += batch->count;
    store->pendings_bytes += bytes;
    store->pendings_growth += growth;
    must_wait |= store->pendings_bytes > PENDING_BYTES_MAX;
    condition_signal(&store->index_wanted);
    lock_release(&store->index_lock);
    atomic_store(&store->acknowledged, store->sequence);
    if (must_wait)
        (void)store_index_wait(store, store->sequence);
}

static void write_batch(struct store *store, struct batch *batch)
{
    int rc = packs_append(store->packs, batch->records, batch->count, batch->places);
    if (rc == 0)
        rc = packs_sync(store->packs);
    atomic_fetch_add(&store->syncs, 1);
    if (rc < 0) {
        for (unsigned i = 0; i < batch->count; i++) {
            batch->changes[i]->result = rc == -ENOSPC ? rc : -EIO;
            memory_free(batch->pendings[i]);
        }
        /* Their numbers are never given again, so that what of them may stand in the log is told
         * from what is written over it. */
        store->sequence += batch->count;
        return;
    }
    atomic_fetch_add(&store->batches, 1);
    atomic_fetch_add(&store->changes, batch->count);
    show(store, batch);
}

/* The first one that is queued; NULL when there is none. */
static struct store_change *take(struct store *store)
{
    struct store_change *change = NULL;
    lock_take(&store->log_lock);
    if (!list_is_empty(&store->queue)) {
        change = CONTAINER_OF(store->queue.next, struct store_change, link);
        list_remove(&change->link);
    }
    lock_release(&store->log_lock);
    return change;
}

static void put_back(struct store *store, struct store_change *change)
{
    lock_take(&store->log_lock);
    list_prepend(&store->queue, &change->link);
    lock_release(&store->log_lock);
}

/* Those that are answered now, and how many the next batch is to wait for. */
static void count_committers(struct store *store, const struct list *done)
{
    unsigned answered = 0;
    LIST_FOR_EACH (done, link)
        answered += CONTAINER_OF(link, struct store_change, link)->is_last ? 1 : 0;
    lock_take(&store->log_lock);
    store->committers_wanted = store->committers / 2;
    store->committers -= answered;
    lock_release(&store->log_lock);
}

bool store_log_turn(struct store *store)
{
    struct batch *batch = store->batch;
    struct list done;
    struct store_change *change;
    list_init(&done);
    batch->count = 0;
    batch->bytes = 0;
    batch->growth = 0;
    batch->ends = false;
    while (!batch->ends && batch->count < BATCH_MAX && batch->bytes < BATCH_BYTES_MAX &&
           (change = take(store)) != NULL) {
        if (batch->count > 0 && must_look(store, batch, change) && touches(batch, change)) {
            put_back(store, change);
            break;
        }
        add_change(store, batch, change);
        list_append(&done, &change->link);
    }
    if (batch->count > 0)
        write_batch(store, batch);
    bool did_something = !list_is_empty(&done);
    count_committers(store, &done);
    LIST_FOR_EACH (&done, link) {
        struct store_change *answered = CONTAINER_OF(link, struct store_change, link);
        list_remove(link);
        /* Those before it in its call were answered before it. */
        if (answered->is_last)
            arrival_tell(&answered->arrival);
    }
    return did_something;
}

static int commit_here(void *arg)
{
    struct store *store = arg;
    while (store_log_turn(store))
        continue;
    return store_index_turn(store);
}

static void enqueue(struct store *store, struct store_change *changes, unsigned count)
{
    lock_take(&store->log_lock);
    bool was_empty = list_is_empty(&store->queue);
    for (unsigned i = 0; i < count; i++) {
        changes[i].is_last = i + 1 == count;
        list_append(&store->queue, &changes[i].link);
    }
    store->committers++;
    if (was_empty || store->committers >= store->committers_wanted)
        condition_signal(&store->log_wanted);
    lock_release(&store->log_lock);
}

int store_commit(struct store *store, struct store_change *changes, unsigned count)
{
    int rc = count == 0 ? 0 : arrival_init(&changes[count - 1].arrival);
    for (unsigned i = 0; i < count; i++) {
        changes[i].result = rc;
        list_init(&changes[i].link);
    }
    if (rc < 0 || count == 0)
        return rc;
    enqueue(store, changes, count);
    if (!store->options.has_threads)
        (void)store_offload(commit_here, store);
    arrival_wait(&changes[count - 1].arrival);
    for (unsigned i = 0; i < count; i++) {
        if (changes[i].result < 0)
            return changes[i].result;
    }
    return 0;
}

int store_batch_create(struct store *store)
{
    store->batch = memory_alloc(sizeof *store->batch);
    return store->batch == NULL ? -ENOMEM : 0;
}
