#include "unit.h"

#include "control/plan.h"

#include <stdio.h>
#include <string.h>

/*
 * Tasks as text, "1h 2s" and so on: a number, then a state: s starting, c checking, h healthy,
 * d draining, x stopping; a '!' behind it: stale. The plan comes back as "+3 -1".
 */
static const char *plan(unsigned wanted, const char *text)
{
    static char steps[400];
    struct plan_task tasks[40];
    unsigned count = 0;
    for (const char *at = text; *at != '\0'; at++) {
        struct plan_task *task = &tasks[count++];
        task->number = 0;
        for (; *at >= '0' && *at <= '9'; at++)
            task->number = task->number * 10 + (unsigned)(*at - '0');
        task->state = (enum task_state)(strchr("schdx", *at) - "schdx");
        task->is_current = at[1] != '!';
        at += at[1] == '!' ? 2 : 1;
        if (*at == '\0')
            break;
    }
    struct plan_input input = {.wanted = wanted, .tasks = tasks, .tasks_count = count};
    struct plan made;
    plan_make(&input, &made);
    size_t len = 0;
    steps[0] = '\0';
    for (unsigned i = 0; i < made.steps_count; i++)
        len += (size_t)snprintf(steps + len, sizeof steps - len, "%s%c%u", i == 0 ? "" : " ",
                                made.steps[i].verb == PLAN_START ? '+' : '-', made.steps[i].number);
    return steps;
}

static void missing_tasks_are_started_with_the_lowest_free_numbers(void **state)
{
    (void)state;
    assert_string_equal(plan(2, ""), "+1 +2");
    assert_string_equal(plan(3, "2h"), "+1 +3");
    assert_string_equal(plan(2, "1h 2s"), "");
    assert_string_equal(plan(2, "1c 2h"), "");
}

static void one_that_leaves_is_replaced_while_it_is_still_there(void **state)
{
    (void)state;
    assert_string_equal(plan(2, "1h 2x"), "+3");
    assert_string_equal(plan(1, "1d"), "+2");
}

static void never_more_than_twice_as_many_run(void **state)
{
    (void)state;
    assert_string_equal(plan(1, "1x 2x"), "");
    assert_string_equal(plan(2, "1x 2x 3x"), "+4");
}

static void too_many_are_retired_unhealthy_and_newest_first(void **state)
{
    (void)state;
    assert_string_equal(plan(1, "1h 2h 3h"), "-3 -2");
    assert_string_equal(plan(2, "1s 2h 3h"), "-1");
    assert_string_equal(plan(0, "1h 2d 3x 4s"), "-4 -1");
}

static void stale_ones_go_when_enough_healthy_ones_stay(void **state)
{
    (void)state;
    assert_string_equal(plan(2, "1h! 2h!"), "+3 +4");
    assert_string_equal(plan(2, "1h! 2h! 3s 4c"), "");
    assert_string_equal(plan(2, "1h! 2h! 3h 4c"), "-1");
    assert_string_equal(plan(2, "1d! 2h! 3h 4c"), "");
    assert_string_equal(plan(2, "1x! 2h! 3h 4h"), "-2");
}

static void stale_ones_that_are_not_healthy_go_at_once(void **state)
{
    (void)state;
    assert_string_equal(plan(2, "1s! 2h!"), "-1 +3 +4");
    assert_string_equal(plan(0, "1s! 2h!"), "-1 -2");
}

static void a_new_task_waits_for_the_back_off_and_a_retirement_does_not(void **state)
{
    (void)state;
    struct plan_task stale = {.number = 1, .state = TASK_STARTING};
    struct plan_input input = {
        .wanted = 1, .now_ms = 100, .not_before_ms = 500, .tasks = &stale, .tasks_count = 1};
    struct plan made;
    plan_make(&input, &made);
    assert_int_equal(made.steps_count, 1);
    assert_int_equal(made.steps[0].verb, PLAN_RETIRE);
    assert_int_equal(made.again_ms, 500);
    input.now_ms = 500;
    plan_make(&input, &made);
    assert_int_equal(made.steps_count, 2);
    assert_int_equal(made.again_ms, INT64_MAX);
}

static void a_long_plan_is_made_in_parts(void **state)
{
    (void)state;
    struct plan_input input = {.wanted = PLAN_STEPS_MAX + 10, .now_ms = 7};
    struct plan made;
    plan_make(&input, &made);
    assert_int_equal(made.steps_count, PLAN_STEPS_MAX);
    assert_int_equal(made.again_ms, 7);
}

static void back_off_doubles_up_to_half_a_minute(void **state)
{
    (void)state;
    static const int64_t expected[] = {0, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(plan_backoff_ms(i), expected[i]);
    assert_int_equal(plan_backoff_ms(1000000), 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_tasks_are_started_with_the_lowest_free_numbers),
        cmocka_unit_test(one_that_leaves_is_replaced_while_it_is_still_there),
        cmocka_unit_test(never_more_than_twice_as_many_run),
        cmocka_unit_test(too_many_are_retired_unhealthy_and_newest_first),
        cmocka_unit_test(stale_ones_go_when_enough_healthy_ones_stay),
        cmocka_unit_test(stale_ones_that_are_not_healthy_go_at_once),
        cmocka_unit_test(a_new_task_waits_for_the_back_off_and_a_retirement_does_not),
        cmocka_unit_test(a_long_plan_is_made_in_parts),
        cmocka_unit_test(back_off_doubles_up_to_half_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
