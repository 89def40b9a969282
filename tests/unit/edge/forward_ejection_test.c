/* Targets left out for their answers, and let in again. */
#include "unit.h"

#include "base/cleanup.h"
#include "edge/forward/ejection.h"

#include <stdio.h>

#define TARGETS_MAX 10

struct fixture {
    struct conf_ejection conf;
    struct target_group group;
    char ids[TARGETS_MAX][4];
};

static void begin(struct fixture *fixture, unsigned count)
{
    const struct conf_group conf = {.name = SLICE("g"), .ejection.enabled = true};
    struct target_wish wishes[TARGETS_MAX];
    *fixture = (struct fixture){.conf = {.enabled = true,
                                         .consecutive_errors = 5,
                                         .gateway_errors = 3,
                                         .interval_ms = 10000,
                                         .time_ms = 30000,
                                         .time_max_ms = 70000,
                                         .max_ejected = 5000,
                                         .success_rate = {true, 5, 100, 1900}}};
    assert_int_equal(target_group_init(&fixture->group, &conf), 0);
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(fixture->ids[i], sizeof fixture->ids[i], "%u", i);
        wishes[i] = (struct target_wish){.id = slice_of_cstr(fixture->ids[i]), .weight = 1};
        assert_int_equal(address_from_ip(SLICE("127.0.0.1"), (uint16_t)(i + 1), &wishes[i].address),
                         0);
    }
    assert_int_equal(target_group_update(&fixture->group, 1, wishes, count, 0), 0);
    ejection_tick(&fixture->group, &fixture->conf, 0);
}

static struct target *target_at(struct fixture *fixture, unsigned number)
{
    return fixture->group.set->targets[number];
}

static bool is_ejected(struct fixture *fixture, unsigned number)
{
    return atomic_load(&target_at(fixture, number)->is_ejected);
}

static void record(struct fixture *fixture, unsigned number, enum result result, unsigned times,
                   int64_t now_ms)
{
    for (unsigned i = 0; i < times; i++)
        ejection_record(&fixture->group, &fixture->conf, target_at(fixture, number), result,
                        now_ms);
}

static void errors_in_a_row_eject_until_the_time_is_over(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 3);
    unsigned version = atomic_load(&fixture.group.version);
    record(&fixture, 0, RESULT_ERROR, 4, 1000);
    record(&fixture, 0, RESULT_GOOD, 1, 1000);
    record(&fixture, 0, RESULT_ERROR, 4, 1000);
    assert_false(is_ejected(&fixture, 0));
    record(&fixture, 0, RESULT_ERROR, 1, 1000);
    assert_true(is_ejected(&fixture, 0));
    assert_int_not_equal(atomic_load(&fixture.group.version), version);
    assert_non_null(target_at(&fixture, 0)->ejection_reason);
    ejection_tick(&fixture.group, &fixture.conf, 30999);
    assert_true(is_ejected(&fixture, 0));
    ejection_tick(&fixture.group, &fixture.conf, 31000);
    assert_false(is_ejected(&fixture, 0));
    assert_null(target_at(&fixture, 0)->ejection_reason);
    assert_int_equal(atomic_load(&target_at(&fixture, 0)->warm_from_ms), 31000);
    assert_int_equal(atomic_load(&target_at(&fixture, 0)->ejections), 1);
    target_group_finish(&fixture.group);
}

static void gateway_errors_have_a_limit_of_their_own(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 3);
    record(&fixture, 0, RESULT_GATEWAY_ERROR, 2, 0);
    record(&fixture, 0, RESULT_ERROR, 1, 0); /* not a gateway's */
    record(&fixture, 0, RESULT_GATEWAY_ERROR, 1, 0);
    assert_false(is_ejected(&fixture, 0));
    record(&fixture, 0, RESULT_GATEWAY_ERROR, 1, 0); /* the fifth error */
    assert_true(is_ejected(&fixture, 0));
    record(&fixture, 1, RESULT_GATEWAY_ERROR, 3, 0);
    assert_false(is_ejected(&fixture, 1)); /* two of three would be more than half */
    fixture.conf.max_ejected = 7000;
    record(&fixture, 1, RESULT_GATEWAY_ERROR, 3, 0);
    assert_true(is_ejected(&fixture, 1));
    target_group_finish(&fixture.group);
}

static void a_limit_that_is_off_counts_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 3);
    fixture.conf.consecutive_errors = fixture.conf.gateway_errors = 0;
    record(&fixture, 0, RESULT_GATEWAY_ERROR, 1000, 0);
    assert_false(is_ejected(&fixture, 0));
    target_group_finish(&fixture.group);
}

static void the_only_target_is_never_left_out(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 1);
    record(&fixture, 0, RESULT_ERROR, 100, 0);
    assert_false(is_ejected(&fixture, 0));
    target_group_finish(&fixture.group);
}

static void the_time_grows_with_each_ejection_and_shrinks_in_peace(void **state)
{
    (void)state;
    static const int64_t times_ms[] = {30000, 60000, 70000, 70000};
    struct fixture fixture;
    int64_t now_ms = 0;
    begin(&fixture, 2);
    fixture.conf.interval_ms = 1000000;
    fixture.group.next_interval_ms = 1000000;
    for (size_t i = 0; i < COUNT_OF(times_ms); i++) {
        record(&fixture, 0, RESULT_ERROR, 5, now_ms);
        ejection_tick(&fixture.group, &fixture.conf, now_ms + times_ms[i] - 1);
        assert_true(is_ejected(&fixture, 0));
        ejection_tick(&fixture.group, &fixture.conf, now_ms += times_ms[i]);
        assert_false(is_ejected(&fixture, 0));
    }
    for (int i = 1; i < 10; i++)
        ejection_tick(&fixture.group, &fixture.conf, now_ms = i * 1000000);
    record(&fixture, 0, RESULT_ERROR, 5, now_ms);
    ejection_tick(&fixture.group, &fixture.conf, now_ms + 30000);
    assert_false(is_ejected(&fixture, 0));
    target_group_finish(&fixture.group);
}

/* Good answers of a hundred, by target. */
static void run_interval(struct fixture *fixture, const unsigned *good, unsigned count,
                         int64_t now_ms)
{
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; k < 100; k++)
            record(fixture, i, k % 100 < good[i] ? RESULT_GOOD : RESULT_ERROR, 1, now_ms);
    }
    ejection_tick(&fixture->group, &fixture->conf, now_ms);
}

static void one_that_errs_more_than_its_peers_is_left_out(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 6);
    fixture.conf.consecutive_errors = 0;
    run_interval(&fixture, (const unsigned[]){99, 98, 97, 99, 98, 60}, 6, 10000);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(is_ejected(&fixture, i), i == 5);
    target_group_finish(&fixture.group);
}

static void peers_that_err_alike_stay(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 6);
    fixture.conf.consecutive_errors = 0;
    run_interval(&fixture, (const unsigned[]){50, 52, 48, 51, 49, 50}, 6, 10000);
    run_interval(&fixture, (const unsigned[]){0, 0, 0, 0, 0, 0}, 6, 20000);
    run_interval(&fixture, (const unsigned[]){100, 100, 100, 100, 100, 100}, 6, 30000);
    for (unsigned i = 0; i < 6; i++)
        assert_false(is_ejected(&fixture, i));
    target_group_finish(&fixture.group);
}

static void too_few_targets_or_requests_are_not_compared(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 6);
    fixture.conf.consecutive_errors = 0;
    fixture.conf.success_rate.minimum_targets = 7;
    run_interval(&fixture, (const unsigned[]){99, 98, 97, 99, 98, 0}, 6, 10000);
    fixture.conf.success_rate.minimum_targets = 5;
    fixture.conf.success_rate.request_volume = 101;
    run_interval(&fixture, (const unsigned[]){99, 98, 97, 99, 98, 0}, 6, 20000);
    fixture.conf.success_rate.request_volume = 100;
    fixture.conf.success_rate.enabled = false;
    run_interval(&fixture, (const unsigned[]){99, 98, 97, 99, 98, 0}, 6, 30000);
    assert_false(is_ejected(&fixture, 5));
    target_group_finish(&fixture.group);
}

static void without_the_setting_all_are_let_in(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 2);
    record(&fixture, 0, RESULT_ERROR, 5, 0);
    assert_true(is_ejected(&fixture, 0));
    struct conf_group conf = {.name = SLICE("g"), .ejection.enabled = true};
    assert_int_equal(target_group_configure(&fixture.group, &conf, 1), 0);
    assert_true(is_ejected(&fixture, 0));
    conf.ejection.enabled = false;
    assert_int_equal(target_group_configure(&fixture.group, &conf, 1), 0);
    assert_false(is_ejected(&fixture, 0));
    target_group_finish(&fixture.group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_in_a_row_eject_until_the_time_is_over),
        cmocka_unit_test(gateway_errors_have_a_limit_of_their_own),
        cmocka_unit_test(a_limit_that_is_off_counts_nothing),
        cmocka_unit_test(the_only_target_is_never_left_out),
        cmocka_unit_test(the_time_grows_with_each_ejection_and_shrinks_in_peace),
        cmocka_unit_test(one_that_errs_more_than_its_peers_is_left_out),
        cmocka_unit_test(peers_that_err_alike_stay),
        cmocka_unit_test(too_few_targets_or_requests_are_not_compared),
        cmocka_unit_test(without_the_setting_all_are_let_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
