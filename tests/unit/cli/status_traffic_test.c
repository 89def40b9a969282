/* Rates and percentiles from two looks. */
#include "unit.h"

#include "cli/status_traffic.h"

static const char ends_text[] = "[1000,2000,4000]";

static void between(const char *now, const char *before, struct traffic *ret_traffic)
{
    struct arena arena;
    const struct json *later, *earlier = NULL, *ends;
    arena_init(&arena, NULL, 0, 1 << 20);
    assert_int_equal(json_parse(slice_of_cstr(now), &arena, &later), 0);
    assert_int_equal(json_parse(slice_of_cstr(ends_text), &arena, &ends), 0);
    if (before != NULL)
        assert_int_equal(json_parse(slice_of_cstr(before), &arena, &earlier), 0);
    traffic_between(later, earlier, ends, ret_traffic);
    arena_finish(&arena);
}

static void all_since_the_start_counts_without_an_earlier_look(void **state)
{
    (void)state;
    struct traffic traffic;
    between("{\"responses\":{\"2xx\":90,\"5xx\":10},\"latency\":[50,50,0,0]}", NULL, &traffic);
    assert_int_equal(traffic.requests, 100);
    assert_int_equal(traffic.failed, 10);
    assert_true(traffic.p50_us == 1000);
    assert_true(traffic.p99_us == 1980);
}

static void only_what_came_since_the_earlier_look_counts(void **state)
{
    (void)state;
    struct traffic traffic;
    between("{\"responses\":{\"2xx\":110,\"5xx\":11},\"latency\":[50,50,20,1]}",
            "{\"responses\":{\"2xx\":90,\"5xx\":10},\"latency\":[50,50,0,0]}", &traffic);
    assert_int_equal(traffic.requests, 21);
    assert_int_equal(traffic.failed, 1);
    assert_true(traffic.p50_us > 2000 && traffic.p50_us < 4000);
    assert_true(traffic.p99_us == 4000); /* in the last bucket, which has no end */
}

static void nothing_has_no_percentile(void **state)
{
    (void)state;
    struct traffic traffic;
    between("{}", NULL, &traffic);
    assert_int_equal(traffic.requests, 0);
    assert_true(traffic.p50_us < 0 && traffic.p99_us < 0);
    /* A counter that began anew. */
    between("{\"responses\":{\"2xx\":1},\"latency\":[1,0,0,0]}",
            "{\"responses\":{\"2xx\":9},\"latency\":[9,0,0,0]}", &traffic);
    assert_int_equal(traffic.requests, 0);
    assert_true(traffic.p50_us < 0);
}

static void targets_are_added_up_as_far_as_they_are_the_same(void **state)
{
    (void)state;
    struct arena arena;
    struct traffic traffic;
    const struct json *now, *before, *ends;
    arena_init(&arena, NULL, 0, 1 << 20);
    assert_int_equal(
        json_parse(SLICE("[{\"id\":\"a\",\"responses\":{\"2xx\":10},\"latency\":[10,0,0,0]},"
                         "{\"id\":\"b\",\"responses\":{\"5xx\":3},\"latency\":[0,3,0,0]}]"),
                   &arena, &now),
        0);
    assert_int_equal(
        json_parse(SLICE("[{\"id\":\"c\",\"responses\":{\"2xx\":99},\"latency\":[99,0,0,0]},"
                         "{\"id\":\"a\",\"responses\":{\"2xx\":9},\"latency\":[9,0,0,0]}]"),
                   &arena, &before),
        0);
    assert_int_equal(json_parse(slice_of_cstr(ends_text), &arena, &ends), 0);
    traffic_of_targets(now, before, ends, &traffic);
    assert_int_equal(traffic.requests, 4);
    assert_int_equal(traffic.failed, 3);
    assert_true(traffic.p50_us > 1000 && traffic.p50_us < 2000);
    arena_finish(&arena);
}

static void strange_json_does_no_harm(void **state)
{
    (void)state;
    struct traffic traffic;
    between("{\"responses\":[1],\"latency\":{\"a\":\"b\"}}", "[]", &traffic);
    assert_int_equal(traffic.failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_since_the_start_counts_without_an_earlier_look),
        cmocka_unit_test(only_what_came_since_the_earlier_look_counts),
        cmocka_unit_test(nothing_has_no_percentile),
        cmocka_unit_test(targets_are_added_up_as_far_as_they_are_the_same),
        cmocka_unit_test(strange_json_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
