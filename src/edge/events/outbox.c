/* The bucket's name is none that S3 allows, so that no request reaches it. */
#include "edge/events/outbox.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "os/clock.h"

#include <errno.h>

#define BUCKET SLICE(".weir-events")

int outbox_init(struct outbox *outbox)
{
    list_init(&outbox->hooks);
    return lock_init(&outbox->lock);
}

void outbox_finish(struct outbox *outbox)
{
    while (!list_is_empty(&outbox->hooks)) {
        struct outbox_hook *hook = CONTAINER_OF(outbox->hooks.next, struct outbox_hook, link);
        list_remove(&hook->link);
        memory_free(hook);
    }
    lock_finish(&outbox->lock);
}

static struct outbox_hook *find(struct outbox *outbox, struct slice name)
{
    LIST_FOR_EACH (&outbox->hooks, link) {
        struct outbox_hook *hook = CONTAINER_OF(link, struct outbox_hook, link);
        if (slice_equal(hook->name, name))
            return hook;
    }
    return NULL;
}

static struct outbox_hook *find_or_add(struct outbox *outbox, struct slice name)
{
    struct outbox_hook *hook = find(outbox, name);
    if (hook != NULL)
        return hook;
    hook = memory_alloc(sizeof *hook + name.len);
    if (hook == NULL)
        return NULL;
    memcpy(hook->memory, name.at, name.len);
    hook->name = slice_of(hook->memory, name.len);
    list_append(&outbox->hooks, &hook->link);
    return hook;
}

int outbox_apply(struct outbox *outbox, const struct snapshot *snapshot)
{
    int rc = 0;
    lock_take(&outbox->lock);
    LIST_FOR_EACH (&outbox->hooks, link)
        CONTAINER_OF(link, struct outbox_hook, link)->is_wanted = false;
    for (unsigned i = 0; i < snapshot->webhooks_count; i++) {
        struct outbox_hook *hook = find_or_add(outbox, snapshot->webhooks[i].name);
        if (hook != NULL)
            hook->is_wanted = true;
        else
            rc = -ENOMEM;
    }
    lock_release(&outbox->lock);
    return rc;
}

struct outbox_hook *outbox_find(struct outbox *outbox, struct slice name)
{
    lock_take(&outbox->lock);
    struct outbox_hook *hook = find(outbox, name);
    if (hook != NULL && !hook->is_wanted)
        hook = NULL;
    lock_release(&outbox->lock);
    return hook;
}

void outbox_each(struct outbox *outbox, void (*visit)(void *arg, struct outbox_hook *hook),
                 void *arg)
{
    lock_take(&outbox->lock);
    LIST_FOR_EACH (&outbox->hooks, link) {
        struct outbox_hook *hook = CONTAINER_OF(link, struct outbox_hook, link);
        if (hook->is_wanted)
            visit(arg, hook);
    }
    lock_release(&outbox->lock);
}

bool outbox_is_bucket(struct slice bucket_name)
{
    return slice_equal(bucket_name, BUCKET);
}

/* Counting what an earlier process has left. */

struct counting {
    struct outbox *outbox;
    unsigned bucket;
};

static int count_event(void *arg, const struct version *version, bool is_latest,
                       struct buffer *seek)
{
    struct counting *counting = arg;
    ptrdiff_t slash = slice_find(version->key, '/');
    (void)is_latest;
    (void)seek;
    if (slash < 0)
        return 0;
    struct outbox_hook *hook =
        find_or_add(counting->outbox, slice_first(version->key, (size_t)slash));
    if (hook == NULL)
        return -ENOMEM;
    atomic_fetch_add(&hook->waiting, 1);
    return 0;
}

static int count_all(void *arg, struct catalog_reader *reader)
{
    struct counting *counting = arg;
    return catalog_list(reader, counting->bucket, SLICE(""), 0, count_event, counting);
}

static int make_bucket(struct store *store)
{
    struct store_change change = {
        .kind = RECORD_BUCKET,
        .bucket = {.name = BUCKET, .settings = SLICE(""), .made_ms = clock_wall_us() / 1000},
    };
    int rc = store_commit(store, &change, 1);
    return rc == -EEXIST ? 0 : rc;
}

static bool has_wanted(struct outbox *outbox)
{
    bool has_one = false;
    lock_take(&outbox->lock);
    LIST_FOR_EACH (&outbox->hooks, link)
        has_one |= CONTAINER_OF(link, struct outbox_hook, link)->is_wanted;
    lock_release(&outbox->lock);
    return has_one;
}

int outbox_open(struct outbox *outbox, struct store *store)
{
    struct store_bucket *bucket = NULL;
    if (atomic_load(&outbox->bucket) != 0)
        return 0;
    int rc = store_bucket_find(store, BUCKET, &bucket);
    bool is_new = rc == -ENOENT;
    if (is_new && !has_wanted(outbox))
        return 0;
    if (is_new)
        rc = make_bucket(store);
    if (rc == 0 && is_new)
        rc = store_bucket_find(store, BUCKET, &bucket);
    if (rc < 0)
        return rc;
    struct counting counting = {outbox, bucket->id};
    if (!is_new) {
        lock_take(&outbox->lock);
        rc = store_read(store, count_all, &counting);
        lock_release(&outbox->lock);
    }
    if (rc == 0)
        atomic_store(&outbox->bucket, bucket->id);
    store_bucket_unref(bucket);
    return rc;
}

/* Adding. */

struct slice outbox_key(const struct outbox_hook *hook, uint64_t sequence, unsigned number,
                        char room[static OUTBOX_KEY_BYTES_MAX])
{
    struct writer writer;
    writer_init(&writer, room, OUTBOX_KEY_BYTES_MAX);
    write_slice(&writer, hook->name);
    write_char(&writer, '/');
    write_hex(&writer, sequence, 16);
    write_char(&writer, '-');
    write_hex(&writer, number, 4);
    return writer_slice(&writer);
}

void outbox_fill(const struct outbox *outbox, struct store_change *change, struct slice key,
                 struct slice message)
{
    change->kind = RECORD_PUT;
    change->put.version = (struct version){
        .bucket = atomic_load(&outbox->bucket),
        .key = key,
        .is_null = true,
        .modified_ms = clock_wall_us() / 1000,
        .size = message.len,
    };
    change->data = message;
}

/* Taking. */

struct listing {
    const struct outbox *outbox;
    const struct outbox_hook *hook;
    struct outbox_page *page;
};

static int note_event(void *arg, const struct version *version, bool is_latest, struct buffer *seek)
{
    struct listing *listing = arg;
    struct outbox_page *page = listing->page;
    struct slice name = listing->hook->name;
    (void)is_latest;
    (void)seek;
    if (!slice_starts_with(version->key, name) || version->key.len <= name.len ||
        version->key.at[name.len] != '/' || version->key.len > OUTBOX_KEY_BYTES_MAX)
        return CATALOG_END;
    struct outbox_event *event = &page->events[page->count++];
    event->key_len = version->key.len;
    memcpy(event->key, version->key.at, version->key.len);
    return page->count == OUTBOX_PAGE ? CATALOG_END : 0;
}

static int list_events(void *arg, struct catalog_reader *reader)
{
    struct listing *listing = arg;
    char room[OUTBOX_KEY_BYTES_MAX];
    struct slice from = outbox_key(listing->hook, 0, 0, room);
    int rc =
        catalog_list(reader, atomic_load(&listing->outbox->bucket), from, 0, note_event, listing);
    return rc == CATALOG_END ? 0 : rc;
}

static int read_message(struct store *store, struct object *object, struct outbox_event *event)
{
    SCOPED_FREE char *room = memory_alloc_raw(OUTGOING_BYTES);
    struct outgoing outgoing;
    struct slice part;
    size_t size = object->version.size;
    if (room == NULL || size > OUTBOX_EVENT_BYTES_MAX)
        return room == NULL ? -ENOMEM : -EMSGSIZE;
    event->message = memory_alloc_raw(size);
    if (event->message == NULL)
        return -ENOMEM;
    outgoing_init(&outgoing, store, object, 0, size);
    int rc;
    while ((rc = outgoing_next(&outgoing, room, &part)) == 1 &&
           part.len <= size - event->message_len) {
        memcpy(event->message + event->message_len, part.at, part.len);
        event->message_len += part.len;
    }
    outgoing_finish(&outgoing);
    return rc;
}

/* One that cannot be read leaves an empty message: there is nothing to tell. */
static int read_event(struct outbox *outbox, struct store *store, struct outbox_event *event)
{
    struct object *object = NULL;
    struct slice key = slice_of(event->key, event->key_len);
    int rc = store_find(store, atomic_load(&outbox->bucket), key, VERSION_LATEST, 0, &object);
    if (rc < 0)
        return rc == -ENOENT || rc == -EBADMSG ? 0 : rc;
    rc = read_message(store, object, event);
    object_unref(object);
    if (rc == -EBADMSG || rc == -EMSGSIZE)
        event->message_len = 0;
    return rc == -EBADMSG || rc == -EMSGSIZE ? 0 : rc;
}

int outbox_read(struct outbox *outbox, struct store *store, const struct outbox_hook *hook,
                struct outbox_page *ret_page)
{
    struct listing listing = {outbox, hook, ret_page};
    *ret_page = (struct outbox_page){.count = 0};
    if (atomic_load(&outbox->bucket) == 0)
        return 0;
    int rc = store_read(store, list_events, &listing);
    for (unsigned i = 0; rc == 0 && i < ret_page->count; i++)
        rc = read_event(outbox, store, &ret_page->events[i]);
    return rc;
}

void outbox_page_finish(struct outbox_page *page)
{
    for (unsigned i = 0; i < page->count; i++)
        memory_free(page->events[i].message);
    page->count = 0;
}

int outbox_remove(struct outbox *outbox, struct store *store, struct outbox_hook *hook,
                  const struct outbox_page *page, unsigned count)
{
    struct store_change changes[OUTBOX_PAGE];
    for (unsigned i = 0; i < count; i++) {
        changes[i] = (struct store_change){
            .kind = RECORD_DELETE,
            .version = {.bucket = atomic_load(&outbox->bucket),
                        .key = slice_of(page->events[i].key, page->events[i].key_len),
                        .which = VERSION_NULL},
            .is_only = true,
        };
    }
    int rc = store_commit(store, changes, count);
    if (rc == 0)
        atomic_fetch_sub(&hook->waiting, count);
    return rc;
}
