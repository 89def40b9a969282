#include "unit.h"

#include "base/cleanup.h"
#include "wire/http/range.h"

#include <errno.h>

struct range_case {
    const char *value;
    uint64_t size;
    int result;
    struct byte_range ranges[3];
};

static const struct range_case range_cases[] = {
    {"bytes=0-0", 10, 1, {{0, 0}}},
    {"bytes=0-", 10, 1, {{0, 9}}},
    {"bytes=2-5", 10, 1, {{2, 5}}},
    {"bytes=2-100", 10, 1, {{2, 9}}},
    {"bytes=2-99999999999999999999", 10, 1, {{2, 9}}},
    {"bytes=-3", 10, 1, {{7, 9}}},
    {"bytes=-100", 10, 1, {{0, 9}}},
    {"bytes=-99999999999999999999", 10, 1, {{0, 9}}},
    {"Bytes=0-1", 10, 1, {{0, 1}}},
    {"bytes= 0-1 ,, 4-5", 10, 2, {{0, 1}, {4, 5}}},
    {"bytes=8-9,0-1,-5", 10, 0, {{0}}},
    {"bytes=8-9,0-1,4-4", 10, 3, {{8, 9}, {0, 1}, {4, 4}}},
    {"bytes=0-1,20-30", 10, 1, {{0, 1}}},
    /* only what cannot be satisfied */
    {"bytes=10-", 10, -ERANGE, {{0}}},
    {"bytes=10-20,30-", 10, -ERANGE, {{0}}},
    {"bytes=-0", 10, -ERANGE, {{0}}},
    {"bytes=0-", 0, -ERANGE, {{0}}},
    {"bytes=-1", 0, -ERANGE, {{0}}},
    {"bytes=99999999999999999999-", 10, -ERANGE, {{0}}},
    /* ignored */
    {"", 10, 0, {{0}}},
    {"bytes", 10, 0, {{0}}},
    {"bytes=", 10, 0, {{0}}},
    {"bytes=,", 10, 0, {{0}}},
    {"items=0-1", 10, 0, {{0}}},
    {"bytes =0-1", 10, 0, {{0}}},
    {"bytes=-", 10, 0, {{0}}},
    {"bytes=5", 10, 0, {{0}}},
    {"bytes=5-2", 10, 0, {{0}}},
    {"bytes=a-2", 10, 0, {{0}}},
    {"bytes=1-b", 10, 0, {{0}}},
    {"bytes=1-2-3", 10, 0, {{0}}},
    {"bytes=1 - 2", 10, 0, {{0}}},
    {"bytes=+1-2", 10, 0, {{0}}},
    {"bytes=--2", 10, 0, {{0}}},
    {"bytes=0-1,x", 10, 0, {{0}}},
    {"bytes=20-,x", 10, 0, {{0}}},
    {"bytes=99999999999999999999x-", 10, 0, {{0}}},
    /* they only cost */
    {"bytes=0-5,5-6", 10, 0, {{0}}},
    {"bytes=0-,0-", 10, 0, {{0}}},
};

static void ranges_are_read_against_a_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(range_cases); i++) {
        const struct range_case *row = &range_cases[i];
        struct byte_range ranges[HTTP_RANGES_MAX];
        int result = http_range_parse(slice_of_cstr(row->value), row->size, ranges);
        if (result != row->result)
            fail_msg("%s of %zu: %d", row->value, (size_t)row->size, result);
        for (int r = 0; r < result; r++) {
            assert_true(ranges[r].first == row->ranges[r].first);
            assert_true(ranges[r].last == row->ranges[r].last);
        }
    }
}

static void many_ranges_are_ignored(void **state)
{
    (void)state;
    struct byte_range ranges[HTTP_RANGES_MAX];
    char value[256] = "bytes=";
    size_t len = strlen(value);
    for (unsigned i = 0; i <= HTTP_RANGES_MAX; i++) {
        const char spec[] = {(char)('0' + 2 * i / 10), (char)('0' + 2 * i % 10), '-',
                             (char)('0' + 2 * i / 10), (char)('0' + 2 * i % 10), ','};
        memcpy(value + len, spec, sizeof spec);
        len += sizeof spec;
    }
    assert_int_equal(http_range_parse(slice_of(value, len - 6), 100, ranges), HTTP_RANGES_MAX);
    assert_true(ranges[15].first == 30);
    assert_int_equal(http_range_parse(slice_of(value, len), 100, ranges), 0);
}

static void tags_are_compared_weakly_or_strongly(void **state)
{
    (void)state;
    static const struct {
        const char *list, *tag;
        bool weak, strong;
    } rows[] = {
        {"\"a\"", "\"a\"", true, true},
        {"W/\"a\"", "\"a\"", true, false},
        {"\"a\"", "W/\"a\"", true, false},
        {"W/\"a\"", "W/\"a\"", true, false},
        {"\"b\"", "\"a\"", false, false},
        {"\"A\"", "\"a\"", false, false},
        {"\"b\" , W/\"c\",\"a\"", "\"a\"", true, true},
        {",,\"a\",", "\"a\"", true, true},
        {"\"b,\"a\"", "\"a\"", false, false},
        {"\"b,c\", \"a\"", "\"a\"", true, true},
        {"\"b\\\", \"a\"", "\"a\"", true, true},
        {"\"\"", "\"\"", true, true},
        {"*", "\"a\"", true, true},
        {" * ", "W/\"a\"", true, true},
        {"*, \"b\"", "\"a\"", false, false},
        {"", "\"a\"", false, false},
        {"a", "\"a\"", false, false},
        {"w/\"a\"", "\"a\"", false, false},
        {"\"a", "\"a\"", false, false},
        {"\"b\" \"a\"", "\"a\"", false, false},
        {"\"a\"x", "\"a\"", false, false},
        {"W/", "\"a\"", false, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice list = slice_of_cstr(rows[i].list), tag = slice_of_cstr(rows[i].tag);
        if (http_etag_list_has(list, tag, false) != rows[i].weak ||
            http_etag_list_has(list, tag, true) != rows[i].strong)
            fail_msg("row %zu: %s in %s", i, rows[i].tag, rows[i].list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_read_against_a_size),
        cmocka_unit_test(many_ranges_are_ignored),
        cmocka_unit_test(tags_are_compared_weakly_or_strongly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
