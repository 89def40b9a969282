/* By whichever way this processor takes: held against the definition, bit by bit. */
#include "unit.h"

#include "base/crc32c.h"
#include "base/hash.h"

static uint32_t by_definition(struct slice bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (unsigned char)bytes.at[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

static void knows_the_published_values(void **state)
{
    (void)state;
    char zeros[32] = {0};
    assert_int_equal(crc32c_add(0, SLICE("123456789")), 0xe3069283);
    assert_int_equal(crc32c_add(0, slice_of(zeros, sizeof zeros)), 0x8a9136aa); /* RFC 3720 B.4 */
    assert_int_equal(crc32c_add(0, SLICE("")), 0);
}

static void is_the_same_in_pieces_and_by_definition(void **state)
{
    (void)state;
    char bytes[300];
    struct prng prng;
    prng_init(&prng, 1);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)prng_next(&prng);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct slice all = slice_of(bytes, len);
        size_t cut = (size_t)prng_below(&prng, len + 1);
        uint32_t expected = by_definition(all);
        assert_int_equal(crc32c_add(0, all), expected);
        assert_int_equal(crc32c_add(crc32c_add(0, slice_first(all, cut)), slice_from(all, cut)),
                         expected);
    }
}

/* Long ones are summed in three lanes of 1 KiB. */
static void is_the_same_across_lanes(void **state)
{
    (void)state;
    static char bytes[20000];
    struct prng prng;
    prng_init(&prng, 2);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)prng_next(&prng);
    for (size_t len = 3064; len < sizeof bytes;
         len += len < 3090 ? 1 : 1 + prng_below(&prng, 500)) {
        size_t start = (size_t)prng_below(&prng, sizeof bytes - len);
        struct slice all = slice_of(bytes + start, len);
        assert_int_equal(crc32c_add(0, all), by_definition(all));
        assert_int_equal(crc32c_add(crc32c_add(0, slice_first(all, 5)), slice_from(all, 5)),
                         by_definition(all));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_published_values),
        cmocka_unit_test(is_the_same_in_pieces_and_by_definition),
        cmocka_unit_test(is_the_same_across_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
