/* When certificates are renewed and when failures are tried again. */
#include "control/identity/schedule.h"

#include "unit.h"

#define DAY_S ((int64_t)86400)

static void renewal_begins_at_two_thirds_and_is_spread(void **state)
{
    (void)state;
    static const int64_t lifetimes[] = {90 * DAY_S, 10 * 365 * DAY_S, 47 * DAY_S, 3600, 20, 3};
    struct prng prng;
    prng_init(&prng, 1);
    for (size_t i = 0; i < sizeof lifetimes / sizeof *lifetimes; i++) {
        int64_t least = INT64_MAX, most = 0, lifetime = lifetimes[i], begin = 1800000000;
        for (int k = 0; k < 1000; k++) {
            int64_t at = schedule_renewal_s(begin, begin + lifetime, &prng) - begin;
            least = at < least ? at : least;
            most = at > most ? at : most;
        }
        assert_in_range(least, lifetime * 2 / 3 - 1, lifetime * 2 / 3 + lifetime / 20);
        assert_true(most < lifetime);
        assert_true(most <= lifetime * 2 / 3 + lifetime / 20);
        if (lifetime > DAY_S)
            assert_true(most - least > lifetime / 25);
    }
}

static void one_without_a_lifetime_is_renewed_at_its_end(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 1);
    assert_int_equal(schedule_renewal_s(100, 100, &prng), 100);
    assert_int_equal(schedule_renewal_s(200, 100, &prng), 100);
}

static void waits_grow_up_to_a_limit(void **state)
{
    (void)state;
    static const struct schedule_retry retry = {.first_s = 5, .most_s = 21600, .factor = 3};
    static const int64_t wanted[] = {5, 15, 45, 135, 405, 1215, 3645, 10935, 21600, 21600};
    struct prng prng;
    prng_init(&prng, 1);
    for (unsigned failures = 1; failures <= 10; failures++) {
        for (int k = 0; k < 200; k++) {
            int64_t wait = schedule_retry_s(&retry, failures, &prng);
            assert_in_range(wait, wanted[failures - 1] * 4 / 5, wanted[failures - 1] * 6 / 5 + 1);
        }
    }
    assert_in_range(schedule_retry_s(&retry, 1000000, &prng), 17280, 25920);
    assert_true(schedule_retry_s(&(struct schedule_retry){.first_s = 1, .most_s = 1, .factor = 2},
                                 1, &prng) >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renewal_begins_at_two_thirds_and_is_spread),
        cmocka_unit_test(one_without_a_lifetime_is_renewed_at_its_end),
        cmocka_unit_test(waits_grow_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
