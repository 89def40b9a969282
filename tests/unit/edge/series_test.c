/* Counters by identity: what is taken again goes on, and what has no room is not lost. */
#include "unit.h"

#include "base/memory.h"
#include "edge/series.h"

#include <errno.h>
#include <stdio.h>

static struct series_table *make(void)
{
    struct series_table *table;
    assert_int_equal(series_table_create(2, (struct hash_key){1, 2}, &table), 0);
    return table;
}

static struct series *take_rule(struct series_table *table, const char *site, unsigned number)
{
    return series_take(table, SERIES_RULE, slice_of_cstr(site), number, SLICE(""));
}

static void count(struct series *series, unsigned worker, unsigned status)
{
    const struct exchange exchange = {
        .status = status, .request_bytes = 3, .response_bytes = 5, .notes.tries = 3};
    series_begin_request(series, worker);
    series_end_request(series, worker, &exchange, 2, 900);
}

static void cells_of_all_workers_are_added_up(void **state)
{
    (void)state;
    struct series_table *table = make();
    struct series *series = take_rule(table, "shop", 1);
    struct series_cell sum;
    count(series, 0, 200);
    count(series, 1, 502);
    series_begin_request(series, 1);
    series_sum(series, &sum);
    assert_int_equal(sum.latency.counts[2], 2);
    assert_int_equal(sum.latency.total_us, 1800);
    assert_int_equal(sum.classes[2], 1);
    assert_int_equal(sum.classes[5], 1);
    assert_int_equal(sum.bytes_received, 6);
    assert_int_equal(sum.bytes_sent, 10);
    assert_int_equal(sum.retries, 4);
    assert_int_equal(sum.in_flight, 1);
    series_release(series);
    series_table_destroy(table);
}

static void tries_count_by_outcome_and_connection(void **state)
{
    (void)state;
    struct series_table *table = make();
    struct series *series = series_take(table, SERIES_TARGET, SLICE("api"), 0, SLICE("api-1"));
    const struct exchange_try answered = {.outcome = TRY_ANSWERED,
                                          .connected_us = 5,
                                          .answered_us = 700,
                                          .begun_us = 1,
                                          .status = 404,
                                          .was_kept = true};
    const struct exchange_try refused = {.outcome = TRY_CONNECT_FAILED, .begun_us = 1};
    struct series_cell sum;
    series_count_try(series, 0, &answered);
    series_count_try(series, 1, &refused);
    series_sum(series, &sum);
    assert_int_equal(sum.outcomes[TRY_ANSWERED], 1);
    assert_int_equal(sum.outcomes[TRY_CONNECT_FAILED], 1);
    assert_int_equal(sum.connections[0], 0);
    assert_int_equal(sum.connections[1], 1);
    assert_int_equal(sum.classes[4], 1);
    assert_int_equal(sum.latency.total_us, 699);
    series_release(series);
    series_table_destroy(table);
}

static void who_comes_again_goes_on_counting(void **state)
{
    (void)state;
    struct series_table *table = make();
    struct series *series = take_rule(table, "shop", 1);
    count(series, 0, 200);
    series_release(series);
    struct series *again = take_rule(table, "shop", 1);
    struct series *other = take_rule(table, "shop", 2);
    struct series *target = series_take(table, SERIES_TARGET, SLICE("shop"), 0, SLICE("1"));
    assert_ptr_equal(series, again);
    assert_ptr_not_equal(series, other);
    assert_ptr_not_equal(series, target);
    assert_true(slice_equal(again->name, SLICE("shop")) && again->number == 1);
    assert_true(slice_equal(target->name, SLICE("shop")) &&
                slice_equal(target->target, SLICE("1")));
    struct series_cell sum;
    series_sum(again, &sum);
    assert_int_equal(sum.classes[2], 1);
    series_release(again);
    series_release(other);
    series_release(target);
    series_table_destroy(table);
}

static uint64_t requests_of_all(struct series_table *table, unsigned *ret_count)
{
    struct series_list list;
    uint64_t requests = 0;
    series_list_make(table, &list);
    for (unsigned i = 0; i < list.count; i++) {
        struct series_cell sum;
        series_sum(list.at[i], &sum);
        requests += sum.classes[2];
    }
    *ret_count = list.count;
    series_list_finish(&list);
    return requests;
}

static void more_than_there_is_room_for_count_together(void **state)
{
    (void)state;
    static struct series *held[SERIES_MAX + 50];
    struct series_table *table = make();
    unsigned kinds;
    for (unsigned i = 0; i < SERIES_MAX + 50; i++) {
        held[i] = take_rule(table, "shop", i + 1);
        count(held[i], i % 2, 200);
    }
    assert_ptr_equal(held[SERIES_MAX], held[SERIES_MAX + 49]);
    assert_true(slice_equal(held[SERIES_MAX]->name, SLICE("(other)")));
    assert_int_equal(requests_of_all(table, &kinds), SERIES_MAX + 50);
    assert_int_equal(kinds, SERIES_MAX + 1);
    /* One that is given back makes room, and what it had counted stays in the sum. */
    series_release(held[7]);
    held[7] = take_rule(table, "new", 1);
    assert_true(slice_equal(held[7]->name, SLICE("new")));
    assert_int_equal(requests_of_all(table, &kinds), SERIES_MAX + 50);
    assert_int_equal(kinds, SERIES_MAX + 1);
    for (unsigned i = 0; i < SERIES_MAX + 50; i++)
        series_release(held[i]);
    series_table_destroy(table);
}

static void a_list_is_in_order(void **state)
{
    (void)state;
    struct series_table *table = make();
    struct series *held[] = {
        series_take(table, SERIES_TARGET, SLICE("b"), 0, SLICE("x")),
        series_take(table, SERIES_TARGET, SLICE("a"), 0, SLICE("z")),
        take_rule(table, "b", 10),
        take_rule(table, "b", 9),
        take_rule(table, "a", 11),
        series_take(table, SERIES_TARGET, SLICE("a"), 0, SLICE("y")),
    };
    static const unsigned order[] = {4, 3, 2, 5, 1, 0};
    struct series_list list;
    series_list_make(table, &list);
    assert_int_equal(list.count, 6);
    assert_int_equal(list.kept[SERIES_RULE], 3);
    for (unsigned i = 0; i < 6; i++)
        assert_ptr_equal(list.at[i], held[order[i]]);
    series_list_finish(&list);
    for (unsigned i = 0; i < 6; i++)
        series_release(held[i]);
    series_table_destroy(table);
}

static void without_memory_all_counts_together(void **state)
{
    (void)state;
    struct series_table *table = NULL;
    for (long nth = 1; nth <= 3; nth++) {
        memory_fail_from(nth);
        assert_int_equal(series_table_create(1, (struct hash_key){0, 0}, &table), -ENOMEM);
        memory_fail_from(0);
    }
    table = make();
    for (long nth = 1; nth <= 2; nth++) {
        memory_fail_from(nth);
        struct series *series = take_rule(table, "shop", 1);
        memory_fail_from(0);
        assert_true(slice_equal(series->name, SLICE("(other)")));
        series_release(series);
    }
    struct series_list list;
    memory_fail_from(1);
    series_list_make(table, &list);
    memory_fail_from(0);
    assert_int_equal(list.count, 0);
    series_list_finish(&list);
    series_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_of_all_workers_are_added_up),
        cmocka_unit_test(tries_count_by_outcome_and_connection),
        cmocka_unit_test(who_comes_again_goes_on_counting),
        cmocka_unit_test(more_than_there_is_room_for_count_together),
        cmocka_unit_test(a_list_is_in_order),
        cmocka_unit_test(without_memory_all_counts_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
