#include "unit.h"

#include "base/slice.h"

#include <errno.h>

static void cutting_yields_every_part_once(void **state)
{
    (void)state;
    struct slice rest = SLICE("a,,b"), part;
    assert_true(slice_cut(&rest, ',', &part));
    assert_true(slice_equal(part, SLICE("a")));
    assert_true(slice_cut(&rest, ',', &part));
    assert_int_equal(part.len, 0);
    assert_true(slice_cut(&rest, ',', &part));
    assert_true(slice_equal(part, SLICE("b")));
    assert_false(slice_cut(&rest, ',', &part));
}

static void numbers_are_digits_only_and_fit(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_int_equal(slice_parse_u64(SLICE("18446744073709551615"), &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(slice_parse_u64(SLICE("18446744073709551616"), &value), -ERANGE);
    const char *bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1e3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(slice_parse_u64(slice_of_cstr(bad[i]), &value), -EINVAL);
    assert_true(value == UINT64_MAX);
}

static void searching_and_trimming(void **state)
{
    (void)state;
    assert_int_equal(slice_search(SLICE("abcabd"), SLICE("abd")), 3);
    assert_int_equal(slice_search(SLICE("ab"), SLICE("abc")), -1);
    assert_int_equal(slice_search(SLICE("ab"), SLICE("")), 0);
    assert_true(slice_equal(slice_trim(SLICE(" \t x y \t")), SLICE("x y")));
    assert_int_equal(slice_trim(SLICE(" \t ")).len, 0);
    assert_true(slice_equal_nocase(SLICE("Content-Type"), SLICE("cONTENT-tYPE")));
    assert_false(slice_equal_nocase(SLICE("a@"), SLICE("a`")));
    assert_true(slice_compare(SLICE("ab"), SLICE("abc")) < 0);
    assert_true(slice_ends_with(SLICE("a.example"), SLICE(".example")));
    assert_false(slice_starts_with(SLICE("a"), SLICE("ab")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cutting_yields_every_part_once),
        cmocka_unit_test(numbers_are_digits_only_and_fit),
        cmocka_unit_test(searching_and_trimming),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
