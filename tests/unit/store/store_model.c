/* Changes, and what they should have made. */
#include "store_model.h"

#include "unit.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LARGE_BYTES_MAX 200000

void model_init(struct model *model, uint64_t seed)
{
    *model = (struct model){.bucket = 0};
    prng_init(&model->prng, seed);
}

static struct slice key_of(unsigned key, char room[16])
{
    (void)snprintf(room, 16, "k/%u", key);
    return slice_of_cstr(room);
}

static void fill(char *bytes, size_t len, unsigned number)
{
    struct prng prng;
    prng_init(&prng, number);
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = prng_next(&prng);
        memcpy(bytes + i, &word, len - i < 8 ? len - i : 8);
    }
}

int model_open(struct model *model, struct disk *disk, struct store **ret_store)
{
    struct store_options options = {.disk = disk, .folder = "", .recent_bytes = 1 << 16};
    struct store_found found;
    struct error error;
    struct store_bucket *bucket;
    int rc = store_open(&options, ret_store, &found, &error);
    if (rc == 0 && store_bucket_find(*ret_store, SLICE("bucket"), &bucket) == 0) {
        model->bucket = bucket->id;
        store_bucket_unref(bucket);
    }
    return rc;
}

int model_make_bucket(struct model *model, struct store *store)
{
    struct store_change change = {.kind = RECORD_BUCKET, .bucket = {.name = SLICE("bucket")}};
    if (model->bucket != 0)
        return 0;
    int rc = store_commit(store, &change, 1);
    if (rc == 0)
        model->bucket = change.bucket.id;
    return rc;
}

struct texts {
    char fields[48];
    char tags[32];
    char key[16];
};

static struct version version_of(const struct model *model, unsigned key,
                                 const struct model_state *state, struct texts *texts)
{
    (void)snprintf(texts->fields, sizeof texts->fields, "x-amz-meta-n: %u\r\n", state->number);
    (void)snprintf(texts->tags, sizeof texts->tags, "t=%u", state->tagging);
    return (struct version){
        .bucket = model->bucket,
        .key = key_of(key, texts->key),
        .is_null = true,
        .modified_ms = state->number,
        .size = state->length,
        .etag = SLICE("etag"),
        .fields = slice_of_cstr(texts->fields),
        .tags = slice_of_cstr(texts->tags),
    };
}

static int put(struct model *model, struct store *store, unsigned key,
               const struct model_state *state)
{
    struct texts texts;
    struct incoming incoming;
    char room[CONTENT_SEGMENT_BYTES_MAX];
    char *bytes = memory_alloc_raw(state->length + 8);
    struct store_change change = {.kind = RECORD_PUT};
    change.put.version = version_of(model, key, state, &texts);
    fill(bytes, state->length, state->number);
    incoming_init(&incoming, store);
    int rc = incoming_add(&incoming, slice_of(bytes, state->length));
    if (rc == 0)
        rc = incoming_end(&incoming, room, &change.data, &change.put.version.content);
    if (rc == 0) {
        change.is_pinned = change.data.len == 0;
        rc = store_commit(store, &change, 1);
        if (rc < 0 && change.is_pinned)
            store_unpin(store, change.put.version.content);
    }
    incoming_finish(&incoming);
    memory_free(bytes);
    return rc;
}

/* One part of the object's bytes, from `from` on. */
static int put_part(struct store *store, struct slice id, unsigned number, struct slice bytes,
                    char *room, struct slice *ret_content)
{
    struct incoming incoming;
    struct store_change change = {.kind = RECORD_PART, .part = {.upload = id, .number = number}};
    change.part.version.size = bytes.len;
    incoming_init(&incoming, store);
    int rc = incoming_add(&incoming, bytes);
    if (rc == 0)
        rc = incoming_end(&incoming, room, &change.data, &change.part.version.content);
    if (rc == 0) {
        change.is_pinned = change.data.len == 0;
        rc = store_commit(store, &change, 1);
        if (rc < 0 && change.is_pinned)
            store_unpin(store, change.part.version.content);
    }
    incoming_finish(&incoming);
    *ret_content = change.part.version.content;
    return rc;
}

struct contents {
    char bytes[4 * CONTENT_SEGMENT_BYTES_MAX];
    size_t len;
    struct slice upload;
};

static int gather_part(void *arg, const struct change_part *part)
{
    struct contents *contents = arg;
    memcpy(contents->bytes + contents->len, part->version.content.at, part->version.content.len);
    contents->len += part->version.content.len;
    return 0;
}

static int gather_parts(void *arg, struct catalog_reader *reader)
{
    struct contents *contents = arg;
    return catalog_list_parts(reader, contents->upload, 1, gather_part, contents);
}

/* As an upload in two parts, one of them small. */
static int put_in_parts(struct model *model, struct store *store, unsigned key,
                        const struct model_state *state)
{
    struct texts texts;
    char id[UPLOAD_ID_BYTES] = {0}, room[CONTENT_SEGMENT_BYTES_MAX];
    char *bytes = memory_alloc_raw(state->length + 8);
    struct slice content;
    struct contents contents = {.len = 0, .upload = slice_of(id, sizeof id)};
    size_t first = state->length > 70000 ? 70000 : state->length / 2;
    struct store_change change = {.kind = RECORD_UPLOAD};
    memcpy(id, &state->number, sizeof state->number);
    fill(bytes, state->length, state->number);
    change.upload =
        (struct change_upload){slice_of(id, sizeof id), version_of(model, key, state, &texts)};
    int rc = store_commit(store, &change, 1);
    if (rc == 0)
        rc = put_part(store, slice_of(id, sizeof id), 1, slice_of(bytes, first), room, &content);
    if (rc == 0)
        rc = put_part(store, slice_of(id, sizeof id), 2,
                      slice_of(bytes + first, state->length - first), room, &content);
    if (rc == 0)
        rc = store_read(store, gather_parts, &contents);
    if (rc == 0) {
        change = (struct store_change){.kind = RECORD_PUT, .needs_upload = true};
        change.put.upload = slice_of(id, sizeof id);
        change.put.version = version_of(model, key, state, &texts);
        change.put.version.content = slice_of(contents.bytes, contents.len);
        rc = store_commit(store, &change, 1);
    }
    memory_free(bytes);
    return rc;
}

static int delete (struct model *model, struct store *store, unsigned key)
{
    char room[16];
    struct store_change change = {.kind = RECORD_DELETE, .is_only = true};
    change.version = (struct change_version){
        .bucket = model->bucket, .key = key_of(key, room), .which = VERSION_NULL};
    return store_commit(store, &change, 1);
}

static int tag(struct model *model, struct store *store, unsigned key,
               const struct model_state *state)
{
    struct texts texts;
    struct store_change change = {.kind = RECORD_AMEND};
    change.version.version = version_of(model, key, state, &texts);
    change.version.bucket = model->bucket;
    change.version.key = change.version.version.key;
    change.version.which = VERSION_NULL;
    return store_commit(store, &change, 1);
}

int model_change(struct model *model, struct store *store)
{
    unsigned at = (unsigned)prng_below(&model->prng, MODEL_KEYS);
    unsigned kind = (unsigned)prng_below(&model->prng, 10);
    struct model_key *key = &model->keys[at];
    struct model_state next = {true, ++model->changes, 0, model->changes};
    bool is_large = prng_below(&model->prng, 4) == 0;
    int rc;
    next.length = (size_t)prng_below(&model->prng, is_large ? LARGE_BYTES_MAX : 3000);
    if (kind < 2 && key->now.is_there && !key->has_maybe) {
        next = (struct model_state){.is_there = false};
        rc = delete (model, store, at);
    } else if (kind < 4 && key->now.is_there && !key->has_maybe) {
        unsigned tagging = next.tagging;
        next = key->now;
        next.tagging = tagging;
        rc = tag(model, store, at, &next);
    } else if (kind < 5) {
        next.length += 10;
        rc = put_in_parts(model, store, at, &next);
    } else {
        rc = put(model, store, at, &next);
    }
    if (rc == 0) {
        key->now = next;
        key->has_maybe = false;
    } else if (!key->has_maybe) {
        key->maybe = next;
        key->has_maybe = true;
    }
    return rc;
}

static bool says(const struct version *version, const struct model *model, unsigned key,
                 const struct model_state *state)
{
    struct texts texts;
    struct version expected = version_of(model, key, state, &texts);
    return state->is_there && version->size == expected.size &&
           slice_equal(version->fields, expected.fields) &&
           slice_equal(version->tags, expected.tags) &&
           version->modified_ms == expected.modified_ms;
}

static void check_content(struct store *store, struct object *object, unsigned number)
{
    struct outgoing outgoing;
    struct slice data;
    char *room = memory_alloc_raw(OUTGOING_BYTES);
    char *expected = memory_alloc_raw(object->version.size + 8);
    size_t done = 0;
    int rc;
    fill(expected, object->version.size, number);
    outgoing_init(&outgoing, store, object, 0, object->version.size);
    while ((rc = outgoing_next(&outgoing, room, &data)) == 1) {
        assert_memory_equal(data.at, expected + done, data.len);
        done += data.len;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(done, object->version.size);
    outgoing_finish(&outgoing);
    memory_free(room);
    memory_free(expected);
}

static void check_key(struct model *model, struct store *store, unsigned at)
{
    char room[16];
    struct object *object;
    struct model_key *key = &model->keys[at];
    int rc = store_find(store, model->bucket, key_of(at, room), VERSION_LATEST, 0, &object);
    if (rc == -ENOENT) {
        assert_true(!key->now.is_there || (key->has_maybe && !key->maybe.is_there));
        key->now = (struct model_state){.is_there = false};
    } else {
        assert_int_equal(rc, 0);
        bool is_now = says(&object->version, model, at, &key->now);
        assert_true(is_now || (key->has_maybe && says(&object->version, model, at, &key->maybe)));
        if (!is_now)
            key->now = key->maybe;
        check_content(store, object, key->now.number);
        object_unref(object);
    }
    key->has_maybe = false;
}

struct listed {
    struct model *model;
    unsigned count;
};

static int list_one(void *arg, const struct version *version, bool is_latest, struct buffer *seek)
{
    struct listed *listed = arg;
    char room[16];
    unsigned at = 0;
    (void)seek;
    while (at < MODEL_KEYS && !slice_equal(version->key, key_of(at, room)))
        at++;
    assert_true(is_latest && at < MODEL_KEYS);
    assert_true(says(version, listed->model, at, &listed->model->keys[at].now));
    listed->count++;
    return 0;
}

static int list_all(void *arg, struct catalog_reader *reader)
{
    struct listed *listed = arg;
    return catalog_list(reader, listed->model->bucket, (struct slice){"", 0}, 0, list_one, listed);
}

void model_check(struct model *model, struct store *store)
{
    struct listed listed = {model, 0};
    unsigned expected = 0;
    for (unsigned i = 0; i < MODEL_KEYS; i++) {
        check_key(model, store, i);
        expected += model->keys[i].now.is_there;
    }
    assert_int_equal(store_read(store, list_all, &listed), 0);
    assert_int_equal(listed.count, expected);
}
