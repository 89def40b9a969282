/* Content that comes in, and content that goes out. */
#include "base/memory.h"
#include "os/runs.h"
#include "store/store_internal.h"

#include <errno.h>
#include <string.h>

#define RUN_BYTES ((size_t)4 * BLOB_BLOCK_BYTES)
/* Who reads the runs. */
#define WRITES  0
#define WATCHES 1
/* A disk takes so much while as much is received. */
#define SYNC_EVERY_BYTES ((uint64_t)8 << 20)

void incoming_init(struct incoming *incoming, struct store *store)
{
    *incoming = (struct incoming){.store = store};
}

/* What it replaces, or has not finished, may be a large file that goes. */
static void destroy_writer(void *arg)
{
    blob_writer_destroy(arg);
}

void incoming_finish(struct incoming *incoming)
{
    runs_destroy(incoming->runs);
    aside_wait(&incoming->syncs);
    if (incoming->writer != NULL) {
        aside_run(&incoming->syncs, destroy_writer, incoming->writer);
        aside_wait(&incoming->syncs);
    }
    memory_free(incoming->small);
    *incoming = (struct incoming){.store = incoming->store};
}

static int add_to_memory(struct incoming *incoming, struct slice bytes)
{
    size_t needed = incoming->small_len + bytes.len;
    if (needed > incoming->small_max) {
        size_t max = incoming->small_max == 0 ? 4096 : incoming->small_max;
        while (max < needed)
            max *= 2;
        char *small = memory_resize(incoming->small, max);
        if (small == NULL)
            return -ENOMEM;
        incoming->small = small;
        incoming->small_max = max;
    }
    if (bytes.len > 0)
        memcpy(incoming->small + incoming->small_len, bytes.at, bytes.len);
    incoming->small_len = needed;
    return 0;
}

/* On a thread that may block. */
static void write_run(void *arg, struct slice run)
{
    struct incoming *incoming = arg;
    if (incoming->result < 0)
        return;
    int rc = incoming->writer == NULL
                 ? blob_writer_create(incoming->store->blobs, &incoming->writer)
                 : 0;
    incoming->result = rc < 0 ? rc : blob_writer_add(incoming->writer, run);
}

static void sync_writer(void *arg)
{
    struct incoming *incoming = arg;
    /* One that fails is known to the file, and fails the last one. */
    (void)blob_writer_sync(incoming->writer);
}

/* So that little is left to be waited for at the end. */
static void sync_beside(struct incoming *incoming, size_t added)
{
    incoming->unsynced += added;
    if (incoming->unsynced < SYNC_EVERY_BYTES || !aside_has_ended(&incoming->syncs) ||
        incoming->result < 0)
        return;
    aside_wait(&incoming->syncs);
    incoming->unsynced = 0;
    aside_run(&incoming->syncs, sync_writer, incoming);
}

static int begin_runs(struct incoming *incoming)
{
    int rc = runs_create(RUN_BYTES, &incoming->runs);
    if (rc < 0)
        return rc;
    (void)runs_add_reader(incoming->runs, write_run, incoming);
    if (incoming->watch != NULL)
        (void)runs_add_reader(incoming->runs, incoming->watch, incoming->watch_arg);
    return 0;
}

static int add_to_runs(struct incoming *incoming, struct slice bytes)
{
    int rc = incoming->runs == NULL ? begin_runs(incoming) : incoming->result;
    if (rc == 0)
        rc = runs_add(incoming->runs, bytes);
    if (rc == 0)
        sync_beside(incoming, bytes.len);
    return rc;
}

void incoming_watch(struct incoming *incoming, void (*watch)(void *arg, struct slice run),
                    void *arg)
{
    incoming->watch = watch;
    incoming->watch_arg = arg;
}

void incoming_unwatch(struct incoming *incoming)
{
    if (incoming->watch == NULL || incoming->runs == NULL)
        return;
    runs_end(incoming->runs);
    runs_await(incoming->runs, WATCHES);
}

char *incoming_room(struct incoming *incoming, size_t *ret_len)
{
    return incoming->runs == NULL ? NULL : runs_room(incoming->runs, ret_len);
}

int incoming_add(struct incoming *incoming, struct slice bytes)
{
    incoming->length += bytes.len;
    if (incoming->length <= CONTENT_SMALL_BYTES_MAX)
        return add_to_memory(incoming, bytes);
    if (store_room(incoming->store) < bytes.len)
        return -ENOSPC;
    int rc = add_to_runs(incoming, slice_of(incoming->small, incoming->small_len));
    incoming->small_len = 0;
    return rc < 0 ? rc : add_to_runs(incoming, bytes);
}

struct ending {
    struct incoming *incoming;
    struct content_segment segment;
};

static int end_file(void *arg)
{
    struct ending *ending = arg;
    return blob_writer_finish(ending->incoming->writer, ending->segment.hash);
}

int incoming_end(struct incoming *incoming, char *room, struct slice *ret_data,
                 struct slice *ret_content)
{
    struct ending ending = {incoming, {.kind = CONTENT_BLOB, .length = incoming->length}};
    struct writer writer;
    *ret_data = slice_of(incoming->small, incoming->small_len);
    *ret_content = (struct slice){0};
    if (incoming->length <= CONTENT_SMALL_BYTES_MAX)
        return 0;
    runs_end(incoming->runs);
    runs_await(incoming->runs, WRITES);
    aside_wait(&incoming->syncs);
    int rc = incoming->result < 0 ? incoming->result : store_offload(end_file, &ending);
    if (rc < 0)
        return rc;
    writer_init(&writer, room, CONTENT_SEGMENT_BYTES_MAX);
    content_put(&writer, &ending.segment);
    *ret_content = writer_slice(&writer);
    *ret_data = (struct slice){0};
    return 0;
}

int store_pin(struct store *store, struct slice content)
{
    struct slice all = content, rest = content;
    struct content_segment segment;
    int rc;
    while ((rc = content_take(&rest, &segment)) == 1) {
        rc = segment.kind == CONTENT_BLOB ? blobs_pin(store->blobs, segment.hash) : 0;
        if (rc < 0) {
            store_unpin(store, slice_first(all, (size_t)(content.at - all.at)));
            return rc;
        }
        content = rest;
    }
    return rc;
}

void store_unpin(struct store *store, struct slice content)
{
    struct content_segment segment;
    while (content_take(&content, &segment) == 1) {
        if (segment.kind == CONTENT_BLOB)
            blobs_unpin(store->blobs, segment.hash);
    }
}

void outgoing_init(struct outgoing *outgoing, struct store *store, struct object *object,
                   uint64_t offset, uint64_t length)
{
    *outgoing = (struct outgoing){.store = store, .object = object_ref(object), .left = length};
    outgoing->rest = object->version.content;
    outgoing->at = offset;
}

void outgoing_finish(struct outgoing *outgoing)
{
    blob_close(outgoing->blob);
    object_unref(outgoing->object);
    *outgoing = (struct outgoing){.store = NULL};
}

/* On to the segment in which `at` lies. 0 or -EBADMSG. */
static int go_on(struct outgoing *outgoing)
{
    while (outgoing->at >= outgoing->segment.length) {
        outgoing->at -= outgoing->segment.length;
        blob_close(outgoing->blob);
        outgoing->blob = NULL;
        if (content_take(&outgoing->rest, &outgoing->segment) != 1)
            return -EBADMSG;
    }
    return 0;
}

struct taking {
    struct outgoing *outgoing;
    char *room;
    struct slice data;
    bool may_wait;
};

static int take_small(struct taking *taking)
{
    struct outgoing *outgoing = taking->outgoing;
    const struct content_segment *segment = &outgoing->segment;
    int rc = packs_read(outgoing->store->packs, segment, taking->may_wait, taking->room);
    if (rc == 0)
        taking->data = slice_from(slice_of(taking->room, segment->length), (size_t)outgoing->at);
    return rc;
}

static int take_blocks(struct taking *taking)
{
    struct outgoing *outgoing = taking->outgoing;
    const struct content_segment *segment = &outgoing->segment;
    uint64_t block = outgoing->at / BLOB_BLOCK_BYTES;
    size_t before = (size_t)(outgoing->at % BLOB_BLOCK_BYTES);
    uint64_t wanted = (before + outgoing->left + BLOB_BLOCK_BYTES - 1) / BLOB_BLOCK_BYTES;
    size_t len = wanted < OUTGOING_BYTES / BLOB_BLOCK_BYTES ? (size_t)wanted * BLOB_BLOCK_BYTES
                                                            : OUTGOING_BYTES;
    if (outgoing->blob == NULL) {
        if (!taking->may_wait)
            return -EAGAIN;
        int rc =
            blobs_find(outgoing->store->blobs, segment->hash, segment->length, &outgoing->blob);
        if (rc < 0)
            return rc;
    }
    ssize_t got = blob_read(outgoing->blob, block, taking->room, len, taking->may_wait);
    if (got < 0)
        return (int)got;
    taking->data = slice_from(slice_of(taking->room, (size_t)got), before);
    return 0;
}

static int take_part(void *arg)
{
    struct taking *taking = arg;
    return taking->outgoing->segment.kind == CONTENT_PACK ? take_small(taking)
                                                          : take_blocks(taking);
}

static int take_waiting(void *arg)
{
    struct taking *taking = arg;
    taking->may_wait = true;
    return take_part(taking);
}

int outgoing_file(const struct outgoing *outgoing, size_t len, uint64_t *ret_offset)
{
    if (outgoing->blob == NULL || outgoing->segment.kind != CONTENT_BLOB || outgoing->at < len)
        return -1;
    *ret_offset = outgoing->at - len;
    return blob_descriptor(outgoing->blob);
}

int outgoing_next(struct outgoing *outgoing, char *room, struct slice *ret_data)
{
    struct taking taking = {.outgoing = outgoing, .room = room};
    if (outgoing->left == 0)
        return 0;
    int rc = go_on(outgoing);
    if (rc == 0)
        rc = take_part(&taking);
    if (rc == -EAGAIN)
        rc = store_offload(take_waiting, &taking);
    if (rc < 0) {
        if (rc == -EBADMSG)
            atomic_fetch_add(&outgoing->store->damaged, 1);
        return rc;
    }
    taking.data = slice_first(taking.data, outgoing->left < taking.data.len ? (size_t)outgoing->left
                                                                            : taking.data.len);
    outgoing->at += taking.data.len;
    outgoing->left -= taking.data.len;
    *ret_data = taking.data;
    return 1;
}
