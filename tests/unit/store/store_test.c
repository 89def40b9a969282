/*
 * The store on a disk that loses power, fills up and breaks: whatever happens, what was
 * acknowledged is there, whole, and nothing else.
 */
#include "store_model.h"

#include "unit.h"

#include "os/disk_sim.h"

#include <errno.h>
#include <stdlib.h>

static unsigned rounds(unsigned usual)
{
    const char *wanted = getenv("WEIR_STORE_ROUNDS");
    return wanted == NULL ? usual : (unsigned)strtoul(wanted, NULL, 10);
}

static void works_and_is_there_again(void **state)
{
    (void)state;
    struct disk *disk;
    struct store *store;
    struct model model;
    model_init(&model, 1);
    assert_int_equal(disk_sim_create(1, NULL, &disk), 0);
    for (unsigned round = 0; round < 4; round++) {
        assert_int_equal(model_open(&model, disk, &store), 0);
        model_check(&model, store);
        assert_int_equal(model_make_bucket(&model, store), 0);
        for (unsigned i = 0; i < 100; i++)
            assert_int_equal(model_change(&model, store), 0);
        model_check(&model, store);
        store_close(store);
    }
    disk_destroy(disk);
}

/* Changes until one fails, power off, and again from what is left. */
static void crash_once(struct model *model, struct disk *disk, uint64_t nth, uint64_t seed)
{
    struct store *store;
    disk_sim_crash_at(disk, nth);
    int rc = model_open(model, disk, &store);
    if (rc == 0) {
        rc = model_make_bucket(model, store);
        for (unsigned i = 0; rc == 0 && i < 200; i++)
            rc = model_change(model, store);
        store_close(store);
    }
    disk_sim_crash(disk, seed);
    assert_int_equal(model_open(model, disk, &store), 0);
    model_check(model, store);
    store_close(store);
}

static void survives_power_cuts(void **state)
{
    (void)state;
    struct disk *disk;
    struct model model;
    for (unsigned round = 0; round < rounds(12); round++) {
        model_init(&model, round);
        assert_int_equal(disk_sim_create(round, NULL, &disk), 0);
        for (unsigned crash = 0; crash < 12; crash++)
            crash_once(&model, disk, 1 + prng_below(&model.prng, 400), round * 100 + crash);
        disk_destroy(disk);
    }
}

/* The first changes of all, each cut off in turn: making the store itself too. */
static void survives_a_cut_at_each_step(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth < 400; nth += 3) {
        struct disk *disk;
        struct model model;
        model_init(&model, nth);
        assert_int_equal(disk_sim_create(nth, NULL, &disk), 0);
        crash_once(&model, disk, nth, nth);
        disk_destroy(disk);
    }
}

static void fail_each(int error)
{
    for (uint64_t nth = 1; nth < 150; nth += 2) {
        struct disk *disk;
        struct store *store;
        struct model model;
        unsigned failed = 0;
        model_init(&model, nth);
        assert_int_equal(disk_sim_create(nth, NULL, &disk), 0);
        assert_int_equal(model_open(&model, disk, &store), 0);
        assert_int_equal(model_make_bucket(&model, store), 0);
        disk_sim_fail_at(disk, nth, error);
        for (unsigned i = 0; i < 60; i++)
            failed += model_change(&model, store) < 0;
        /* One write failed, not the store. */
        assert_true(failed <= 2);
        store_close(store);
        disk_sim_crash(disk, nth);
        assert_int_equal(model_open(&model, disk, &store), 0);
        model_check(&model, store);
        store_close(store);
        disk_destroy(disk);
    }
}

static void refuses_what_the_disk_refuses(void **state)
{
    (void)state;
    fail_each(-EIO);
}

static void refuses_what_has_no_room(void **state)
{
    (void)state;
    fail_each(-ENOSPC);
}

static unsigned told;

static void tell(void *arg, const char *what)
{
    (void)arg;
    (void)what;
    told++;
}

/* What is given back is only what nobody names. */
static void collects_what_nobody_names(void **state)
{
    (void)state;
    struct disk *disk;
    struct store *store;
    struct model model;
    struct disk_sim_stats before, after;
    uint64_t bytes;
    model_init(&model, 7);
    assert_int_equal(disk_sim_create(7, NULL, &disk), 0);
    for (unsigned round = 0; round < 12; round++) {
        assert_int_equal(model_open(&model, disk, &store), 0);
        assert_int_equal(model_make_bucket(&model, store), 0);
        for (unsigned i = 0; i < 100; i++)
            assert_int_equal(model_change(&model, store), 0);
        disk_sim_stats_read(disk, &before);
        for (unsigned i = 0; i < 4; i++)
            assert_true(store_collect(store) >= 0);
        disk_sim_stats_read(disk, &after);
        model_check(&model, store);
        store_close(store);
        if (round % 3 == 2)
            disk_sim_crash(disk, round);
    }
    assert_true(after.used_bytes < before.used_bytes);
    assert_true(after.used_bytes < (uint64_t)12 << 20);
    assert_int_equal(model_open(&model, disk, &store), 0);
    model_check(&model, store);
    assert_int_equal(store_verify(store, tell, NULL, &bytes), 0);
    assert_int_equal(told, 0);
    store_close(store);
    disk_destroy(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(works_and_is_there_again), cmocka_unit_test(survives_a_cut_at_each_step),
        cmocka_unit_test(survives_power_cuts),      cmocka_unit_test(refuses_what_the_disk_refuses),
        cmocka_unit_test(refuses_what_has_no_room), cmocka_unit_test(collects_what_nobody_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
