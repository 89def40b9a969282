#include "unit.h"

#include "base/hash.h"

static void case_matters_only_where_asked(void **state)
{
    (void)state;
    struct hash_key key = {3, 4};
    struct slice a = SLICE("Some-Longer.Example.ORG"), b = SLICE("some-longer.example.org");
    assert_true(hash_bytes(key, a) != hash_bytes(key, b));
    assert_true(hash_bytes_nocase(key, a) == hash_bytes_nocase(key, b));
    assert_true(hash_bytes_nocase(key, b) == hash_bytes(key, b));
    assert_true(hash_bytes(key, b) != hash_bytes((struct hash_key){3, 5}, b));
    assert_true(hash_bytes(key, SLICE("")) != hash_bytes(key, SLICE("\0")));
}

static void below_stays_below_and_reaches_all(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 0);
    unsigned seen = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t value = prng_below(&prng, 5);
        assert_true(value < 5);
        seen |= 1u << value;
    }
    assert_int_equal(seen, 31);
    assert_int_equal(prng_below(&prng, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_matters_only_where_asked),
        cmocka_unit_test(below_stays_below_and_reaches_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
