/*
 * The index's disk fails while many write: who is answered well finds his object, now and after a
 * start, also behind a loss of power; and when the disk is well again, so is the store.
 */
#include "unit.h"

#include "os/clock.h"
#include "os/disk_sim.h"
#include "os/thread.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WRITERS 6
#define OBJECTS 60

struct world {
    struct disk *disk;
    struct store *store;
    uint32_t bucket;
};

struct writer_thread {
    struct thread thread;
    const struct world *world;
    unsigned number;
    unsigned round;
    unsigned acknowledged;
    bool was_acknowledged[OBJECTS];
};

static void open_store(struct world *world)
{
    struct store_options options = {
        .folder = "", .disk = world->disk, .recent_bytes = 1 << 14, .has_threads = true};
    struct store_found found;
    struct error error;
    if (store_open(&options, &world->store, &found, &error) < 0)
        fail_msg("%s", error.text);
}

static struct world make_world(uint64_t seed)
{
    struct world world = {.bucket = 0};
    struct store_change made = {.kind = RECORD_BUCKET, .bucket = {.name = SLICE("one")}};
    assert_int_equal(disk_sim_create(seed, NULL, &world.disk), 0);
    open_store(&world);
    assert_int_equal(store_commit(world.store, &made, 1), 0);
    world.bucket = made.bucket.id;
    return world;
}

static void finish_world(struct world *world)
{
    store_close(world->store);
    disk_destroy(world->disk);
}

static struct slice key_of(const struct writer_thread *writer, unsigned i, char room[static 32])
{
    (void)snprintf(room, 32, "%u/%u/%u", writer->round, writer->number, i);
    return slice_of_cstr(room);
}

static int put(const struct world *world, struct slice key)
{
    struct store_change change = {.kind = RECORD_PUT, .data = key};
    change.put.version = (struct version){
        .bucket = world->bucket, .key = key, .is_null = true, .size = key.len, .etag = SLICE("e")};
    return store_commit(world->store, &change, 1);
}

static void write_objects(void *arg)
{
    struct writer_thread *writer = arg;
    for (unsigned i = 0; i < OBJECTS; i++) {
        char room[32];
        writer->was_acknowledged[i] = put(writer->world, key_of(writer, i, room)) == 0;
        writer->acknowledged += writer->was_acknowledged[i];
    }
}

static void start_writers(struct writer_thread *writers, const struct world *world, unsigned round)
{
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer_thread){.world = world, .number = i, .round = round};
        assert_int_equal(
            thread_start(&writers[i].thread, "writer", THREAD_CPU_ANY, write_objects, &writers[i]),
            0);
    }
}

static unsigned join_writers(struct writer_thread *writers)
{
    unsigned acknowledged = 0;
    for (unsigned i = 0; i < WRITERS; i++) {
        thread_join(&writers[i].thread);
        acknowledged += writers[i].acknowledged;
    }
    return acknowledged;
}

/* An object is its key. */
static void check_object(const struct world *world, struct slice key)
{
    static char room[OUTGOING_BYTES];
    struct object *object;
    struct outgoing outgoing;
    struct slice part;
    int rc = store_find(world->store, world->bucket, key, VERSION_LATEST, 0, &object);
    if (rc < 0)
        fail_msg("\"%.*s\" was acknowledged: %s", SLICE_ARG(key), strerror(-rc));
    outgoing_init(&outgoing, world->store, object, 0, object->version.size);
    assert_int_equal(outgoing_next(&outgoing, room, &part), 1);
    assert_true(slice_equal(part, key));
    outgoing_finish(&outgoing);
    object_unref(object);
}

static void check_acknowledged(const struct world *world, const struct writer_thread *writers)
{
    for (unsigned i = 0; i < WRITERS; i++) {
        for (unsigned k = 0; k < OBJECTS; k++) {
            char room[32];
            if (writers[i].was_acknowledged[k])
                check_object(world, key_of(&writers[i], k, room));
        }
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
    return catalog_list(reader, counting->bucket, SLICE(""), 0, count_one, &counting->count);
}

/* What takes a moment to be well again: 0 within the time, or the last error. */
static int try_for_a_while(const struct world *world, int (*fn)(const struct world *world))
{
    int64_t end_us = clock_wall_us() + (int64_t)20 * 1000 * 1000;
    int rc;
    while ((rc = fn(world)) < 0 && clock_wall_us() < end_us)
        continue;
    return rc;
}

static int list(const struct world *world)
{
    struct counting counting = {.bucket = world->bucket};
    return store_read(world->store, count_all, &counting);
}

static int put_one(const struct world *world)
{
    return put(world, SLICE("one more"));
}

static void cut_power(struct world *world, uint64_t seed)
{
    disk_sim_stop(world->disk);
    store_close(world->store);
    disk_sim_crash(world->disk, seed);
    open_store(world);
}

/* The collector brings the index onto the disk; that sync fails, and no more ever succeeds. */
static void fail_sync_of_index(const struct world *world)
{
    const struct disk_sim_faults failing = {.sync_error_ppm = 1000000};
    const struct disk_sim_faults none = {.sync_error_ppm = 0};
    assert_int_equal(list(world), 0); /* nothing is pending */
    disk_sim_set_faults(world->disk, &failing);
    assert_true(store_collect(world->store) < 0);
    disk_sim_set_faults(world->disk, &none);
}

static void a_sync_of_the_index_that_failed_is_overcome(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 8; seed++) {
        struct writer_thread before[WRITERS], after[WRITERS];
        struct world world = make_world(seed);
        start_writers(before, &world, 0);
        assert_int_equal(join_writers(before), WRITERS * OBJECTS);
        fail_sync_of_index(&world);
        start_writers(after, &world, 1);
        assert_int_equal(join_writers(after), WRITERS * OBJECTS);
        assert_int_equal(try_for_a_while(&world, list), 0);
        check_acknowledged(&world, before);
        check_acknowledged(&world, after);
        /* The index is on the disk again, and power may go. */
        assert_true(store_collect(world.store) >= 0);
        cut_power(&world, seed);
        check_acknowledged(&world, before);
        check_acknowledged(&world, after);
        finish_world(&world);
    }
}

/* Once more while it is overcome: at any of its steps power may go. */
static void power_may_go_while_it_is_overcome(void **state)
{
    (void)state;
    for (unsigned nth = 1; nth < 60; nth++) {
        struct writer_thread before[WRITERS];
        struct world world = make_world(nth);
        start_writers(before, &world, 0);
        assert_int_equal(join_writers(before), WRITERS * OBJECTS);
        fail_sync_of_index(&world);
        disk_sim_crash_at(world.disk, nth);
        (void)put_one(&world);
        (void)list(&world);
        cut_power(&world, nth);
        check_acknowledged(&world, before);
        assert_int_equal(put_one(&world), 0);
        assert_int_equal(list(&world), 0);
        finish_world(&world);
    }
}

/* Writes and syncs of log and index fail now and then. */
static void a_disk_that_fails_now_and_then_loses_nothing(void **state)
{
    (void)state;
    const struct disk_sim_faults failing = {.sync_error_ppm = 60000, .write_error_ppm = 5000};
    const struct disk_sim_faults none = {.sync_error_ppm = 0};
    for (unsigned seed = 1; seed < 8; seed++) {
        struct writer_thread writers[WRITERS];
        struct world world = make_world(seed);
        disk_sim_set_faults(world.disk, &failing);
        start_writers(writers, &world, 0);
        for (unsigned i = 0; i < 5; i++)
            (void)store_collect(world.store);
        unsigned acknowledged = join_writers(writers);
        assert_true(acknowledged > 0 && acknowledged < WRITERS * OBJECTS);
        disk_sim_set_faults(world.disk, &none);
        assert_int_equal(try_for_a_while(&world, put_one), 0);
        assert_int_equal(try_for_a_while(&world, list), 0);
        check_acknowledged(&world, writers);
        cut_power(&world, seed);
        check_acknowledged(&world, writers);
        finish_world(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sync_of_the_index_that_failed_is_overcome),
        cmocka_unit_test(power_may_go_while_it_is_overcome),
        cmocka_unit_test(a_disk_that_fails_now_and_then_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
