/* Latencies of late. */
#include "unit.h"

#include "base/cleanup.h"
#include "edge/forward/ewma.h"

static void a_peak_is_taken_at_once_and_forgotten_with_time(void **state)
{
    (void)state;
    atomic_ullong ewma = 0;
    assert_int_equal(ewma_read(&ewma, 5), 0);
    ewma_observe(&ewma, 1000, 100);
    assert_int_equal(ewma_read(&ewma, 100), 1000);
    ewma_observe(&ewma, 50000, 100);
    assert_int_equal(ewma_read(&ewma, 100), 50000);
    assert_int_equal(ewma_read(&ewma, 100 + EWMA_HALF_LIFE_MS), 25000);
    assert_int_equal(ewma_read(&ewma, 100 + 2 * EWMA_HALF_LIFE_MS), 12500);
    assert_int_equal(ewma_read(&ewma, 100 + 40LL * EWMA_HALF_LIFE_MS), 1); /* but known */
}

static void a_lower_latency_counts_by_the_time_since_the_last(void **state)
{
    (void)state;
    atomic_ullong ewma = 0;
    ewma_observe(&ewma, 9000, 0);
    ewma_observe(&ewma, 1000, 0);
    assert_int_equal(ewma_read(&ewma, 0), 9000);
    ewma_observe(&ewma, 1000, EWMA_HALF_LIFE_MS);
    assert_int_equal(ewma_read(&ewma, EWMA_HALF_LIFE_MS), 5000);
    uint64_t last = 5000;
    for (int i = 1; i < 30; i++) {
        ewma_observe(&ewma, 1000, EWMA_HALF_LIFE_MS * (1 + i));
        uint64_t now = ewma_read(&ewma, EWMA_HALF_LIFE_MS * (1 + i));
        assert_true(now <= last && now >= 1000);
        last = now;
    }
    assert_in_range(last, 1000, 1001);
}

static void extremes_are_no_surprise(void **state)
{
    (void)state;
    atomic_ullong ewma = 0;
    ewma_observe(&ewma, 0, 0);
    assert_int_equal(ewma_read(&ewma, 0), 1);
    ewma_observe(&ewma, UINT64_MAX, 0);
    assert_int_equal(ewma_read(&ewma, 0), UINT32_MAX);
    ewma = 0;
    ewma_observe(&ewma, 1000, (int64_t)UINT32_MAX); /* the stored time wraps */
    assert_in_range(ewma_read(&ewma, (int64_t)UINT32_MAX + 2), 999, 1000);
    assert_int_equal(ewma_read(&ewma, (int64_t)UINT32_MAX - 2), 1000); /* a clock behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peak_is_taken_at_once_and_forgotten_with_time),
        cmocka_unit_test(a_lower_latency_counts_by_the_time_since_the_last),
        cmocka_unit_test(extremes_are_no_surprise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
