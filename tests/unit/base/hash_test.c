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

/* Of the bytes 0, 1, 2 … under the key 00 01 … 0f, as SipHash's authors print theirs. */
static void hashes_of_each_length_are_those_of_siphash_1_3(void **state)
{
    (void)state;
    static const uint64_t wanted[] = {
        0xabac0158050fc4dc, 0xc9f49bf37d57ca93, 0x82cb9b024dc7d44d, 0x8bf80ab8e7ddf7fb,
        0xcf75576088d38328, 0xdef9d52f49533b67, 0xc50d2b50c59f22a7, 0xd3927d989bb11140,
        0x369095118d299a8e, 0x25a48eb36c063de4, 0x79de85ee92ff097f, 0x70c118c1f94dc352,
        0x78a384b157b4d9a2, 0x306f760c1229ffa7, 0x605aa111c0f95d34, 0xd320d86d2a519956,
        0xcc4fdd1a7d908b66,
    };
    char bytes[17];
    for (size_t len = 0; len < sizeof bytes; len++) {
        struct hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
        if (hash_bytes(key, slice_of(bytes, len)) != wanted[len])
            fail_msg("%zu bytes", len);
        bytes[len] = (char)len;
    }
}

static void cases_hash_alike(void **state)
{
    (void)state;
    struct hash_key key = {1, 2};
    static const char upper[] = "ABCDEFGHIJ-[@", lower[] = "abcdefghij-[@";
    for (size_t len = 0; len < sizeof upper; len++)
        assert_true(hash_bytes_nocase(key, slice_of(upper, len)) ==
                    hash_bytes(key, slice_of(lower, len)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_of_each_length_are_those_of_siphash_1_3),
        cmocka_unit_test(cases_hash_alike),
        cmocka_unit_test(case_matters_only_where_asked),
        cmocka_unit_test(below_stays_below_and_reaches_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
