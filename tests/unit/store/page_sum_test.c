#include "unit.h"

#include "store/page_sum.h"

#include <stdbool.h>
#include <string.h>

static void fill(unsigned char *page, size_t len)
{
    for (size_t i = 0; i < len; i++)
        page[i] = (unsigned char)(i * 31 + (i >> 8));
}

static void every_bit_counts(void **state)
{
    (void)state;
    unsigned char page[512 - 16];
    fill(page, sizeof page);
    uint64_t sum = page_sum(page, sizeof page, 5);
    for (size_t bit = 0; bit < sizeof page * 8; bit++) {
        page[bit / 8] ^= (unsigned char)(1U << bit % 8);
        assert_true(page_sum(page, sizeof page, 5) != sum);
        page[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    assert_true(page_sum(page, sizeof page, 5) == sum);
}

static void place_and_order_count(void **state)
{
    (void)state;
    uint64_t words[64] = {0};
    uint64_t zeros = page_sum(words, sizeof words, 0);
    assert_true(zeros != 0);
    assert_true(page_sum(words, sizeof words, 1) != zeros);
    assert_true(page_sum(words, sizeof words - 8, 0) != zeros);
    /* Two words that change places, in one lane and between lanes. */
    for (size_t other = 1; other < 64; other++) {
        memset(words, 0, sizeof words);
        words[0] = 1;
        words[other] = 2;
        uint64_t sum = page_sum(words, sizeof words, 0);
        words[0] = 2;
        words[other] = 1;
        assert_true(page_sum(words, sizeof words, 0) != sum);
    }
}

/* Databases bear these: they may not change. */
static void the_sums_of_files_stay(void **state)
{
    (void)state;
    unsigned char page[4096];
    fill(page, sizeof page);
    assert_int_equal(page_sum(page, sizeof page - 16, 1), UINT64_C(0xf906f6a832c7608d));
    assert_int_equal(page_sum(page, 24, 7), UINT64_C(0x053d07f26d5d1cb0));
    assert_int_equal(page_sum(page, 0, 0), UINT64_C(0x41b5d75b6b3b37a8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(place_and_order_count),
        cmocka_unit_test(the_sums_of_files_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
