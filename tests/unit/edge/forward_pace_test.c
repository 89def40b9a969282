/* How quick targets can be. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "edge/forward/pace.h"

/* `count` answers, one each `every_ms` until `until_ms`. */
static void answer(atomic_ullong *pace, uint64_t latency_us, unsigned count, int64_t until_ms,
                   int64_t every_ms)
{
    for (unsigned i = count; i > 0; i--)
        pace_observe(pace, latency_us, until_ms - (int64_t)(i - 1) * every_ms);
}

static void of_the_first_answers_the_quickest_counts(void **state)
{
    (void)state;
    atomic_ullong first_polled = 0, plain = 0;
    answer(&first_polled, 10000000, 10, 10, 1);
    answer(&first_polled, 5000, 1, 11, 1);
    answer(&plain, 5000, 20, 11, 1);
    assert_int_equal(pace_compare(&first_polled, &plain, 11), 0);
}

static void who_has_not_answered_is_not_slower(void **state)
{
    (void)state;
    atomic_ullong never = 0, slow = 0;
    assert_int_equal(pace_compare(&never, &slow, 5), 0);
    pace_observe(&slow, 5000000, 5);
    assert_int_equal(pace_compare(&never, &slow, 5), 0);
    assert_int_equal(pace_compare(&slow, &never, 5), 0);
}

static void nobody_is_slow_by_a_few_answers(void **state)
{
    (void)state;
    atomic_ullong few = 0, quick = 0;
    answer(&quick, 1000, 300, 5, 0);
    answer(&few, 9000000, 15, 5, 0);
    assert_int_equal(pace_compare(&few, &quick, 5), 0);
    assert_int_equal(pace_compare(&quick, &few, 5), 0);
    pace_observe(&few, 9000000, 5);
    assert_int_equal(pace_compare(&few, &quick, 5), 3);
}

static void a_difference_counts_in_doublings(void **state)
{
    (void)state;
    static const struct {
        uint64_t a, b;
        int doublings;
    } rows[] = {{1000, 1000, 0},  {2000, 1000, 0}, {3990, 1000, 0},    {4000, 1000, 2},
                {1000, 4000, -2}, {7900, 1000, 2}, {10000, 1000, 3},   {1000, 10000, -3},
                {0, 1, 0},        {0, 4, -2},      {UINT64_MAX, 1, 3}, {1, UINT64_MAX, -3}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        atomic_ullong a = 0, b = 0;
        answer(&a, rows[i].a, 16, 7, 0);
        answer(&b, rows[i].b, 16, 7, 0);
        assert_int_equal(pace_compare(&a, &b, 7), rows[i].doublings);
    }
}

static void a_difference_fades_while_nothing_is_heard(void **state)
{
    (void)state;
    atomic_ullong slow = 0, quick = 0;
    answer(&slow, 8000, 16, 0, 0);
    for (int64_t now_ms = 0; now_ms <= 5000; now_ms += 500) {
        pace_observe(&quick, 1000, now_ms);
        int64_t left = 3 - (now_ms + 999) / 1000;
        assert_int_equal(pace_compare(&slow, &quick, now_ms), left >= 2 ? left : 0);
    }
    assert_int_equal(pace_compare(&slow, &quick, 400000), 0);
    atomic_ullong hangs = 0, instant = 0;
    answer(&hangs, 60000000, 16, 0, 0);
    pace_observe(&instant, 1, 2001);
    assert_int_equal(pace_compare(&hangs, &instant, 2001), 0); /* as any other */
    assert_int_equal(pace_compare(&quick, &slow, -1), -3);     /* a clock a turn behind */
}

static void one_that_becomes_slow_is_known_after_some_answers(void **state)
{
    (void)state;
    atomic_ullong changed = 0, same = 0;
    answer(&changed, 1000, 100, 1000, 5);
    answer(&same, 1000, 100, 1000, 5);
    answer(&changed, 10000, 20, 1100, 5);
    answer(&same, 1000, 1, 1100, 5);
    assert_int_equal(pace_compare(&changed, &same, 1100), 0);
    answer(&changed, 10000, 120, 1700, 5);
    answer(&same, 1000, 1, 1700, 5);
    assert_int_equal(pace_compare(&changed, &same, 1700), 3);
}

/* It was asked seldom. */
static void one_that_recovers_is_known_at_once(void **state)
{
    (void)state;
    atomic_ullong changed = 0, same = 0;
    answer(&changed, 10000, 20, 0, 1);
    pace_observe(&changed, 1000, 1500);
    pace_observe(&same, 1000, 1500);
    assert_int_equal(pace_compare(&changed, &same, 1500), 0);
}

/* Half of the answers take ten seconds here, and none there. */
static void long_polls_do_not_count(void **state)
{
    (void)state;
    atomic_ullong mixed = 0, plain = 0;
    struct prng prng;
    prng_init(&prng, 9);
    answer(&mixed, 5000, 1, 0, 1);
    for (int64_t now_ms = 0; now_ms < 100000; now_ms += 10) {
        pace_observe(&mixed, prng_below(&prng, 2) == 0 ? 10000000 : 5000, now_ms);
        pace_observe(&plain, 5000, now_ms);
        assert_int_equal(pace_compare(&mixed, &plain, now_ms), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_not_answered_is_not_slower),
        cmocka_unit_test(of_the_first_answers_the_quickest_counts),
        cmocka_unit_test(nobody_is_slow_by_a_few_answers),
        cmocka_unit_test(a_difference_counts_in_doublings),
        cmocka_unit_test(a_difference_fades_while_nothing_is_heard),
        cmocka_unit_test(one_that_becomes_slow_is_known_after_some_answers),
        cmocka_unit_test(one_that_recovers_is_known_at_once),
        cmocka_unit_test(long_polls_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
