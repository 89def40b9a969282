/* The heap of a fixed size, by a random walk beside what it must have kept. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "wire/encode/region.h"

#define PARTS 40

static _Alignas(16) char memory[20000];

static void a_region_keeps_what_was_put_in_it(void **state)
{
    (void)state;
    struct region region;
    struct prng prng;
    char *at[PARTS] = {NULL};
    size_t len[PARTS] = {0};
    unsigned refused = 0;
    prng_init(&prng, 3);
    region_init(&region, memory, sizeof memory);
    for (int i = 0; i < 200000; i++) {
        size_t which = prng_below(&prng, PARTS);
        if (at[which] != NULL) {
            for (size_t k = 0; k < len[which]; k++)
                assert_int_equal(at[which][k], (char)which);
            assert_true(region_give(&region, at[which]));
            at[which] = NULL;
            continue;
        }
        len[which] = prng_below(&prng, 1500);
        at[which] = region_take(&region, len[which]);
        refused += at[which] == NULL;
        if (at[which] == NULL)
            continue;
        assert_int_equal((size_t)at[which] % 16, 0);
        memset(at[which], (int)which, len[which]);
    }
    assert_true(refused > 0);
    for (size_t i = 0; i < PARTS; i++) {
        if (at[i] != NULL)
            assert_true(region_give(&region, at[i]));
    }
    assert_non_null(region_take(&region, 19900)); /* one free part again */
    assert_null(region_take(&region, 100));
}

static void what_is_not_its_own_is_not_taken_back(void **state)
{
    (void)state;
    struct region region;
    char other;
    region_init(&region, memory, sizeof memory);
    assert_false(region_give(&region, &other));
    assert_null(region_take(&region, SIZE_MAX));
    assert_null(region_take(&region, sizeof memory));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_keeps_what_was_put_in_it),
        cmocka_unit_test(what_is_not_its_own_is_not_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
