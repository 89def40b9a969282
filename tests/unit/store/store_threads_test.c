/* The store with its threads: many writers and readers at once, on the real disk. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "os/folder.h"
#include "os/thread.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITERS 8
#define OBJECTS 150

struct writer_thread {
    struct thread thread;
    struct store *store;
    uint32_t bucket;
    unsigned number;
    unsigned failed;
};

static int put(struct store *store, uint32_t bucket, const char *key, struct slice data)
{
    struct store_change change = {.kind = RECORD_PUT, .data = data};
    change.put.version = (struct version){.bucket = bucket,
                                          .key = slice_of_cstr(key),
                                          .is_null = true,
                                          .size = data.len,
                                          .etag = SLICE("e")};
    return store_commit(store, &change, 1);
}

/* Who has written an object reads it at once, from memory or index, and its own bytes. */
static bool reads_back(struct store *store, uint32_t bucket, const char *key, struct slice data)
{
    struct object *object;
    struct outgoing outgoing;
    struct slice part;
    char *room = memory_alloc_raw(OUTGOING_BYTES);
    if (store_find(store, bucket, slice_of_cstr(key), VERSION_LATEST, 0, &object) < 0) {
        memory_free(room);
        return false;
    }
    outgoing_init(&outgoing, store, object, 0, object->version.size);
    bool is_same = outgoing_next(&outgoing, room, &part) == 1 && slice_equal(part, data);
    outgoing_finish(&outgoing);
    object_unref(object);
    memory_free(room);
    return is_same;
}

static void write_objects(void *arg)
{
    struct writer_thread *writer = arg;
    for (unsigned i = 0; i < OBJECTS; i++) {
        char key[32], data[600];
        (void)snprintf(key, sizeof key, "w%u/%u", writer->number, i);
        memset(data, (int)('a' + i % 26), sizeof data);
        struct slice bytes = slice_of(data, 100 + i % 500);
        if (put(writer->store, writer->bucket, key, bytes) < 0 ||
            !reads_back(writer->store, writer->bucket, key, bytes))
            writer->failed++;
    }
}

static int count_one(void *arg, const struct version *version, bool is_latest, struct buffer *seek)
{
    (void)version;
    (void)is_latest;
    (void)seek;
    (*(unsigned *)arg)++;
    return 0;
}

struct counting {
    uint32_t bucket;
    unsigned count;
};

static int count_all(void *arg, struct catalog_reader *reader)
{
    struct counting *counting = arg;
    counting->count = 0;
    return catalog_list(reader, counting->bucket, (struct slice){"", 0}, 0, count_one,
                        &counting->count);
}

static struct store *open_store(const char *folder, struct store_found *found)
{
    struct store_options options = {.folder = folder, .has_threads = true, .recent_bytes = 1 << 16};
    struct store *store;
    struct error error;
    assert_int_equal(store_open(&options, &store, found, &error), 0);
    return store;
}

static void many_write_and_read_at_once(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-store-XXXXXX";
    struct writer_thread writers[WRITERS];
    struct store_found found;
    struct store_stats stats;
    struct store_change bucket = {.kind = RECORD_BUCKET, .bucket = {.name = SLICE("many")}};
    assert_non_null(mkdtemp(folder));
    struct store *store = open_store(folder, &found);
    assert_int_equal(store_commit(store, &bucket, 1), 0);
    struct counting counting = {.bucket = bucket.bucket.id};
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] =
            (struct writer_thread){.store = store, .bucket = bucket.bucket.id, .number = i};
        assert_int_equal(
            thread_start(&writers[i].thread, "writer", THREAD_CPU_ANY, write_objects, &writers[i]),
            0);
    }
    assert_true(store_collect(store) >= 0);
    assert_int_equal(store_read(store, count_all, &counting), 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        thread_join(&writers[i].thread);
        assert_int_equal(writers[i].failed, 0);
    }
    assert_int_equal(store_read(store, count_all, &counting), 0);
    assert_int_equal(counting.count, WRITERS * OBJECTS);
    store_stats_read(store, &stats);
    assert_int_equal(stats.changes, WRITERS * OBJECTS + 1);
    assert_true(stats.syncs < stats.changes);
    assert_int_equal(stats.waiting_for_index, 0);

    /* The same after it was closed. A second one cannot have it open meanwhile. */
    struct store *other;
    struct error error;
    struct store_options options = {.folder = folder};
    assert_int_equal(store_open(&options, &other, &found, &error), -EBUSY);
    store_close(store);
    store = open_store(folder, &found);
    assert_int_equal(found.buckets, 1);
    assert_int_equal(store_read(store, count_all, &counting), 0);
    assert_int_equal(counting.count, WRITERS * OBJECTS);
    store_close(store);
    assert_int_equal(folder_remove(folder), 0);
}

static int refuse(struct store_change *change, const struct version *current)
{
    *(bool *)change->arg = current != NULL;
    return current != NULL ? -EEXIST : 0;
}

/* A change is decided on with what is there, also when that has come a moment ago. */
static void decides_by_what_is_there(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-store-XXXXXX";
    struct store_found found;
    bool had_one = true;
    struct store_change changes[3] = {{.kind = RECORD_BUCKET, .bucket = {.name = SLICE("one")}}};
    assert_non_null(mkdtemp(folder));
    struct store *store = open_store(folder, &found);
    assert_int_equal(store_commit(store, changes, 1), 0);
    uint32_t bucket = changes[0].bucket.id;
    for (unsigned i = 0; i < 3; i++) {
        changes[i] = (struct store_change){
            .kind = RECORD_PUT, .data = SLICE("x"), .decide = refuse, .arg = &had_one};
        changes[i].put.version =
            (struct version){.bucket = bucket, .key = SLICE("k"), .is_null = true, .size = 1};
    }
    assert_int_equal(store_commit(store, changes, 3), -EEXIST);
    assert_int_equal(changes[0].result, 0);
    assert_int_equal(changes[1].result, -EEXIST);
    assert_int_equal(changes[2].result, -EEXIST);
    assert_true(had_one);

    /* Clients name any number as a version. */
    struct object *object;
    assert_int_equal(
        store_find(store, bucket, SLICE("k"), VERSION_SEQUENCE, (uint64_t)1 << 63, &object),
        -ENOENT);

    struct store_change gone = {.kind = RECORD_BUCKET_GONE,
                                .bucket = {.id = bucket, .name = SLICE("one")}};
    assert_int_equal(store_commit(store, &gone, 1), -ENOTEMPTY);
    struct store_change twice = {.kind = RECORD_BUCKET, .bucket = {.name = SLICE("one")}};
    assert_int_equal(store_commit(store, &twice, 1), -EEXIST);
    struct store_change delete = {.kind = RECORD_DELETE, .is_only = true};
    delete.version =
        (struct change_version){.bucket = bucket, .key = SLICE("k"), .which = VERSION_NULL};
    assert_int_equal(store_commit(store, &delete, 1), 0);
    assert_int_equal(store_commit(store, &gone, 1), 0);
    changes[0].decide = NULL;
    assert_int_equal(store_commit(store, changes, 1), -ENOENT);
    store_close(store);
    assert_int_equal(folder_remove(folder), 0);
}

struct following {
    const struct store_change *of;
    char key[32];
};

static int follow(struct store_change *change)
{
    struct following *following = change->arg;
    if (following->of->result < 0)
        return -ECANCELED;
    int len = snprintf(following->key, sizeof following->key, "after-%llu",
                       (unsigned long long)following->of->sequence);
    change->put.version.key = slice_of(following->key, (size_t)len);
    return 0;
}

/* A key that is put once, and what follows it; the result of that. */
static int put_and_follow(struct store *store, uint32_t bucket, struct following *following)
{
    bool had_one;
    struct store_change changes[2] = {
        {.kind = RECORD_PUT, .decide = refuse, .arg = &had_one},
        {.kind = RECORD_PUT, .follow = follow, .arg = following},
    };
    changes[0].put.version =
        (struct version){.bucket = bucket, .key = SLICE("main"), .is_null = true};
    changes[1].put.version = (struct version){.bucket = bucket, .is_null = true};
    following->of = &changes[0];
    (void)store_commit(store, changes, 2);
    return changes[1].result;
}

static void a_change_follows_one_that_was_made(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-store-XXXXXX";
    struct store_found found;
    struct following following;
    struct object *object = NULL;
    struct store_change made = {.kind = RECORD_BUCKET, .bucket = {.name = SLICE("one")}};
    assert_non_null(mkdtemp(folder));
    struct store *store = open_store(folder, &found);
    assert_int_equal(store_commit(store, &made, 1), 0);
    assert_int_equal(put_and_follow(store, made.bucket.id, &following), 0);
    assert_string_equal(following.key, "after-2");
    assert_int_equal(
        store_find(store, made.bucket.id, SLICE("after-2"), VERSION_LATEST, 0, &object), 0);
    assert_int_equal(object->version.sequence, 3);
    object_unref(object);
    assert_int_equal(put_and_follow(store, made.bucket.id, &following), -ECANCELED);
    store_close(store);
    assert_int_equal(folder_remove(folder), 0);
}

/* A put in that bucket with a limit; `key` lasts. */
static struct store_change bounded(uint32_t bucket, const char *key, uint64_t bytes, uint64_t limit)
{
    static const char zeros[4096];
    struct store_change change = {.kind = RECORD_PUT,
                                  .data = slice_of(zeros, bytes),
                                  .has_limit = true,
                                  .limit_bytes = limit};
    change.put.version = (struct version){
        .bucket = bucket, .key = slice_of_cstr(key), .is_null = true, .size = bytes};
    return change;
}

struct using
{
    uint32_t bucket;
    struct catalog_usage usage;
};

static int read_usage(void *arg, struct catalog_reader *reader)
{
    struct using *using = arg;
    return catalog_usage_read(reader, using->bucket, &using->usage);
}

static uint64_t used(struct store *store, uint32_t bucket)
{
    struct using using = {.bucket = bucket};
    assert_int_equal(store_read(store, read_usage, &using), 0);
    return using.usage.bytes;
}

#define LIMIT 100000

/* Each has its keys; they are written over, too. */
static void write_bounded(void *arg)
{
    struct writer_thread *writer = arg;
    for (unsigned i = 0; i < OBJECTS; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "w%u/%u", writer->number, i % 40);
        struct store_change change =
            bounded(writer->bucket, key, 300 + writer->number * 100 + i, LIMIT);
        int rc = store_commit(writer->store, &change, 1);
        if (rc == -EDQUOT)
            writer->failed++;
        else
            assert_int_equal(rc, 0);
    }
}

static void a_limit_holds_for_all_writers_together(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-store-XXXXXX";
    struct writer_thread writers[WRITERS];
    struct store_found found;
    struct store_change bucket = {.kind = RECORD_BUCKET, .bucket = {.name = SLICE("one")}};
    unsigned refused = 0;
    assert_non_null(mkdtemp(folder));
    struct store *store = open_store(folder, &found);
    assert_int_equal(store_commit(store, &bucket, 1), 0);
    uint32_t id = bucket.bucket.id;
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer_thread){.store = store, .bucket = id, .number = i};
        assert_int_equal(
            thread_start(&writers[i].thread, "writer", THREAD_CPU_ANY, write_bounded, &writers[i]),
            0);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        thread_join(&writers[i].thread);
        refused += writers[i].failed;
    }
    assert_true(refused > 0);
    assert_true(used(store, id) <= LIMIT);
    assert_true(used(store, id) > LIMIT - 2000);
    store_close(store);
    assert_int_equal(folder_remove(folder), 0);
}

static void a_limit_counts_what_goes(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-store-XXXXXX";
    struct store_found found;
    struct store_change bucket = {.kind = RECORD_BUCKET, .bucket = {.name = SLICE("one")}};
    assert_non_null(mkdtemp(folder));
    struct store *store = open_store(folder, &found);
    assert_int_equal(store_commit(store, &bucket, 1), 0);
    uint32_t id = bucket.bucket.id;
    struct store_change changes[] = {
        bounded(id, "a", 600, 1000), bounded(id, "b", 600, 1000),     bounded(id, "b", 400, 1000),
        bounded(id, "c", 1, 1000),   bounded(id, "a", 601, 1000),     bounded(id, "a", 599, 1000),
        bounded(id, "c", 1, 1000),   bounded(id, "a", 500, 10),       bounded(id, "a", 501, 10),
        bounded(id, "d", 0, 900),    bounded(id, "c", 2, UINT64_MAX),
    };
    const int expected[] = {0, -EDQUOT, 0, -EDQUOT, -EDQUOT, 0, 0, 0, -EDQUOT, 0, 0};
    (void)store_commit(store, changes, COUNT_OF(changes));
    for (unsigned i = 0; i < COUNT_OF(changes); i++)
        assert_int_equal(changes[i].result, expected[i]);
    assert_int_equal(used(store, id), 500 + 400 + 2);
    store_close(store);
    assert_int_equal(folder_remove(folder), 0);
}

/* Of what is asked for in one moment, a bucket goes before the object, or stays because of it. */
static void a_bucket_that_goes_takes_no_object_along(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-store-XXXXXX";
    struct store_found found;
    struct object *object = NULL;
    struct store_change made = {.kind = RECORD_BUCKET, .bucket = {.name = SLICE("one")}};
    assert_non_null(mkdtemp(folder));
    struct store *store = open_store(folder, &found);
    assert_int_equal(store_commit(store, &made, 1), 0);
    uint32_t id = made.bucket.id;
    const struct store_change gone = {.kind = RECORD_BUCKET_GONE,
                                      .bucket = {.id = id, .name = SLICE("one")}};
    struct store_change put_first[] = {bounded(id, "a", 1, 10), gone};
    assert_int_equal(store_commit(store, put_first, 2), -ENOTEMPTY);
    assert_int_equal(put_first[0].result, 0);
    assert_int_equal(store_find(store, id, SLICE("a"), VERSION_LATEST, 0, &object), 0);
    object_unref(object);
    struct store_change delete = {.kind = RECORD_DELETE, .is_only = true};
    delete.version =
        (struct change_version){.bucket = id, .key = SLICE("a"), .which = VERSION_NULL};
    assert_int_equal(store_commit(store, &delete, 1), 0);

    struct store_change gone_first[] = {gone, bounded(id, "a", 1, 10), {.kind = RECORD_UPLOAD}};
    gone_first[1].has_limit = false;
    gone_first[2].upload = (struct change_upload){.id = SLICE("an upload"),
                                                  .version = {.bucket = id, .key = SLICE("a")}};
    assert_int_equal(store_commit(store, gone_first, 3), -ENOENT);
    assert_int_equal(gone_first[0].result, 0);
    assert_int_equal(gone_first[1].result, -ENOENT);
    assert_int_equal(gone_first[2].result, -ENOENT);
    store_close(store);
    assert_int_equal(folder_remove(folder), 0);
}

static int find_upload(void *arg, struct catalog_reader *reader)
{
    struct change_upload upload;
    struct buffer room;
    buffer_init(&room, 65536);
    int rc = catalog_find_upload(reader, *(struct slice *)arg, &room, &upload);
    buffer_finish(&room);
    return rc;
}

/* A bucket's number is given again after a start: what was under way in it must not come back. */
static void uploads_go_with_their_bucket(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-store-XXXXXX";
    struct store_found found;
    struct slice ids[] = {SLICE("one upload"), SLICE("another")};
    struct store_change made = {.kind = RECORD_BUCKET, .bucket = {.name = SLICE("one")}};
    assert_non_null(mkdtemp(folder));
    struct store *store = open_store(folder, &found);
    assert_int_equal(store_commit(store, &made, 1), 0);
    uint32_t id = made.bucket.id;
    for (unsigned i = 0; i < 2; i++) {
        struct store_change changes[] = {{.kind = RECORD_UPLOAD},
                                         {.kind = RECORD_PART, .data = SLICE("part")}};
        changes[0].upload =
            (struct change_upload){.id = ids[i], .version = {.bucket = id, .key = SLICE("a")}};
        changes[1].part =
            (struct change_part){.upload = ids[i], .number = 1, .version = {.size = 4}};
        assert_int_equal(store_commit(store, changes, 2), 0);
        assert_int_equal(store_read(store, find_upload, &ids[i]), 0);
    }
    struct store_change gone = {.kind = RECORD_BUCKET_GONE,
                                .bucket = {.id = id, .name = SLICE("one")}};
    assert_int_equal(store_commit(store, &gone, 1), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(store_read(store, find_upload, &ids[i]), -ENOENT);
    store_close(store);
    assert_int_equal(folder_remove(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_write_and_read_at_once),
        cmocka_unit_test(decides_by_what_is_there),
        cmocka_unit_test(a_change_follows_one_that_was_made),
        cmocka_unit_test(a_limit_holds_for_all_writers_together),
        cmocka_unit_test(a_limit_counts_what_goes),
        cmocka_unit_test(a_bucket_that_goes_takes_no_object_along),
        cmocka_unit_test(uploads_go_with_their_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
