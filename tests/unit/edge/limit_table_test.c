/* The shared table of limiters, and the arithmetic of rates. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "edge/policy/gcra.h"
#include "edge/policy/limit_table.h"
#include "os/thread.h"

#define NS_PER_S INT64_C(1000000000)

static void a_burst_passes_then_the_rate(void **state)
{
    (void)state;
    const struct gcra_rule rule = {NS_PER_S / 10, 5};
    int64_t tat_ns = 0, now_ns = 1000 * NS_PER_S;
    for (int i = 0; i < 5; i++) {
        struct gcra_answer answer = gcra_take(&rule, &tat_ns, now_ns);
        assert_true(answer.is_taken);
        assert_int_equal(answer.left, 4 - i);
    }
    struct gcra_answer answer = gcra_take(&rule, &tat_ns, now_ns);
    assert_false(answer.is_taken);
    assert_int_equal(answer.wait_ns, NS_PER_S / 10);
    assert_false(gcra_take(&rule, &tat_ns, now_ns + answer.wait_ns - 1).is_taken);
    assert_true(gcra_take(&rule, &tat_ns, now_ns + answer.wait_ns).is_taken);
    assert_false(gcra_take(&rule, &tat_ns, now_ns + answer.wait_ns).is_taken);
    now_ns += 3600 * NS_PER_S; /* idleness saves up no more than a burst */
    for (int i = 0; i < 5; i++)
        assert_true(gcra_take(&rule, &tat_ns, now_ns).is_taken);
    assert_false(gcra_take(&rule, &tat_ns, now_ns).is_taken);
}

static void touch(struct limit_table *table, unsigned number, int64_t tat_ns)
{
    struct limit_entry *entry = limit_table_lock(table, slice_of(&number, sizeof number));
    assert_non_null(entry);
    entry->tat_ns = tat_ns;
    limit_table_unlock(table, entry);
}

static int64_t look(struct limit_table *table, unsigned number)
{
    struct limit_entry *entry = limit_table_lock(table, slice_of(&number, sizeof number));
    int64_t tat_ns = entry->tat_ns;
    limit_table_unlock(table, entry);
    return tat_ns;
}

static void keys_are_kept_up_to_the_maximum(void **state)
{
    (void)state;
    struct limit_table *table = limit_table_create(1600);
    for (unsigned i = 0; i < 1000; i++)
        touch(table, i, i + 1);
    assert_int_equal(limit_table_count(table), 1000);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(look(table, i), i + 1);
    for (unsigned i = 1000; i < 50000; i++) {
        touch(table, i, 1);
        touch(table, 7, 7); /* what is in use stays */
    }
    assert_int_equal(limit_table_count(table), 1600);
    assert_int_equal(look(table, 7), 7);
    assert_int_equal(look(table, 8), 0);
    limit_table_destroy(table);
}

static void what_is_under_way_does_not_go(void **state)
{
    (void)state;
    struct limit_table *table = limit_table_create(16);
    unsigned kept = 0;
    for (unsigned i = 0; i < 200; i++) {
        struct limit_entry *entry = limit_table_lock(table, slice_of(&i, sizeof i));
        if (entry == NULL)
            continue;
        assert_int_equal(entry->in_flight, 0);
        entry->in_flight = 1;
        kept++;
        limit_table_unlock(table, entry);
    }
    assert_int_equal(kept, 16);
    assert_int_equal(limit_table_count(table), 16);
    limit_table_destroy(table);
}

static void what_is_forgotten_makes_room(void **state)
{
    (void)state;
    struct limit_table *table = limit_table_create(16);
    for (unsigned i = 0; i < 10000; i++) {
        struct limit_entry *entry = limit_table_lock(table, slice_of(&i, sizeof i));
        assert_non_null(entry);
        entry->in_flight = 1;
        limit_table_forget(table, entry);
    }
    assert_int_equal(limit_table_count(table), 0);
    limit_table_destroy(table);
}

static void memory_may_be_used_up(void **state)
{
    (void)state;
    for (long nth = 1; nth < 8; nth++) {
        memory_fail_from(nth);
        struct limit_table *table = limit_table_create(100000);
        unsigned kept = 0;
        for (unsigned i = 0; table != NULL && i < 300; i++) {
            struct limit_entry *entry = limit_table_lock(table, slice_of(&i, sizeof i));
            kept += entry != NULL;
            if (entry != NULL)
                limit_table_unlock(table, entry);
        }
        memory_fail_from(0);
        assert_true(nth < 4 || kept > 0);
        limit_table_destroy(table);
    }
}

#define ROUNDS 20000

static void count_up(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned key = i % 100;
        struct limit_entry *entry = limit_table_lock(arg, slice_of(&key, sizeof key));
        entry->tat_ns++;
        limit_table_unlock(arg, entry);
    }
}

static void threads_lose_no_count(void **state)
{
    (void)state;
    struct limit_table *table = limit_table_create(1600);
    struct thread threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(thread_start(&threads[i], "count", THREAD_CPU_ANY, count_up, table), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        thread_join(&threads[i]);
    int64_t sum = 0;
    for (unsigned i = 0; i < 100; i++)
        sum += look(table, i);
    assert_int_equal(sum, ROUNDS * COUNT_OF(threads));
    limit_table_destroy(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_passes_then_the_rate),
        cmocka_unit_test(keys_are_kept_up_to_the_maximum),
        cmocka_unit_test(what_is_under_way_does_not_go),
        cmocka_unit_test(what_is_forgotten_makes_room),
        cmocka_unit_test(memory_may_be_used_up),
        cmocka_unit_test(threads_lose_no_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
