/* Accounts of users: how many connections, how many bytes a second. */
#include "unit.h"

#include "base/memory.h"
#include "edge/proxy/usage.h"

#include <errno.h>

#define MS INT64_C(1000)

static struct usage_table *table;

static int begin(void **state)
{
    (void)state;
    return usage_table_create(&table);
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(usage_table_count(table), 0);
    usage_table_destroy(table);
    return 0;
}

static struct usage *enter(const char *proxy, const char *user, unsigned connections,
                           uint64_t bandwidth, bool *ret_is_limited)
{
    const struct conf_forward_proxy conf = {.name = slice_of_cstr(proxy),
                                            .limits = {connections, bandwidth}};
    return usage_enter(table, &conf, slice_of_cstr(user), ret_is_limited);
}

static void connections_are_counted_by_proxy_and_user(void **state)
{
    bool is_limited;
    (void)state;
    struct usage *one = enter("p", "ann", 2, 0, &is_limited);
    struct usage *two = enter("p", "ann", 2, 0, &is_limited);
    assert_ptr_equal(one, two);
    assert_null(enter("p", "ann", 2, 0, &is_limited));
    assert_true(is_limited);
    struct usage *bob = enter("p", "bob", 2, 0, &is_limited);
    struct usage *other = enter("q", "ann", 2, 0, &is_limited);
    assert_true(bob != NULL && other != NULL && bob != other && !is_limited);
    /* A reload that allows more counts for the same account. */
    struct usage *three = enter("p", "ann", 3, 0, &is_limited);
    assert_ptr_equal(three, one);
    assert_int_equal(usage_table_count(table), 3);
    usage_leave(one);
    usage_leave(two);
    usage_leave(three);
    usage_leave(bob);
    usage_leave(other);
    usage_leave(NULL);
}

static void without_limits_nobody_is_counted(void **state)
{
    bool is_limited;
    (void)state;
    struct usage *usage = enter("p", "ann", 0, 0, &is_limited);
    assert_non_null(usage);
    assert_int_equal(usage_table_count(table), 0);
    assert_false(usage_has_bandwidth(usage));
    assert_int_equal(usage_spend(usage, 1 << 30, 1), 0);
    usage_leave(usage);
}

/* A mebibyte a second, in parts of 64 KiB: what is told to wait adds up to that. */
static void bytes_last_as_long_as_the_bandwidth_says(void **state)
{
    bool is_limited;
    int64_t now_us = 1000 * MS, begun_us = now_us;
    (void)state;
    struct usage *usage = enter("p", "ann", 0, 1 << 20, &is_limited);
    assert_true(usage_has_bandwidth(usage));
    for (int i = 0; i < 160; i++)
        now_us += usage_spend(usage, 65536, now_us);
    /* Ten mebibytes, a quarter of a second's worth of them at once. */
    assert_in_range(now_us - begun_us, 9700 * MS, 9800 * MS);
    usage_leave(usage);
}

static void every_allocation_may_fail(void **state)
{
    bool is_limited;
    struct usage *usage = NULL;
    (void)state;
    for (long nth = 1; usage == NULL; nth++) {
        assert_true(nth < 20);
        memory_fail_from(nth);
        usage = enter("p", "ann", 1, 0, &is_limited);
        memory_fail_from(0);
        assert_false(is_limited);
    }
    usage_leave(usage);
    memory_fail_from(1);
    struct usage_table *none;
    assert_int_equal(usage_table_create(&none), -ENOMEM);
    memory_fail_from(0);
    usage_table_destroy(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connections_are_counted_by_proxy_and_user),
        TEST(without_limits_nobody_is_counted),
        TEST(bytes_last_as_long_as_the_bandwidth_says),
        TEST(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
