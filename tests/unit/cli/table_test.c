#include "unit.h"

#include "cli/table.h"

#include <errno.h>

static const struct table_column columns[] = {
    {"NAME", false}, {"COUNT", true}, {"EMPTY", false}, {"", false}, {0}};

static void expect_table(const struct slice (*rows)[4], unsigned count, const char *expected)
{
    struct arena arena;
    struct buffer out;
    struct table table;
    arena_init(&arena, NULL, 0, 1 << 20);
    buffer_init(&out, 1 << 16);
    table_init(&table, &arena, columns);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(table_add(&table, rows[i]), 0);
    assert_int_equal(table_write(&table, &out), 0);
    assert_int_equal(buffer_append_char(&out, '\0'), 0);
    assert_string_equal(out.at, expected);
    buffer_finish(&out);
    arena_finish(&arena);
}

static void columns_are_as_wide_as_their_longest_cell(void **state)
{
    (void)state;
    const struct slice rows[][4] = {
        {SLICE("a"), SLICE("1"), SLICE(""), SLICE("why")},
        {SLICE("longer name"), SLICE("1234567"), SLICE(""), SLICE("")},
    };
    expect_table(rows, 2,
                 "NAME           COUNT\n"
                 "a                  1  why\n"
                 "longer name  1234567\n");
}

static void titles_are_columns_too(void **state)
{
    (void)state;
    const struct slice rows[][4] = {{SLICE("a"), SLICE("1"), SLICE(""), SLICE("")}};
    expect_table(rows, 1,
                 "NAME  COUNT\n"
                 "a         1\n");
}

static void characters_count_not_bytes(void **state)
{
    (void)state;
    const struct slice rows[][4] = {
        {SLICE("größer"), SLICE("1"), SLICE(""), SLICE("")},
        {SLICE("xxxxxx"), SLICE("1"), SLICE(""), SLICE("")},
    };
    expect_table(rows, 2,
                 "NAME    COUNT\n"
                 "größer      1\n"
                 "xxxxxx      1\n");
}

static void a_table_without_rows_is_nothing(void **state)
{
    (void)state;
    expect_table(NULL, 0, "");
}

static void rows_are_bounded(void **state)
{
    (void)state;
    struct arena arena;
    struct table table;
    arena_init(&arena, NULL, 0, 4 << 20);
    table_init(&table, &arena, columns);
    const struct slice row[4] = {SLICE("a"), SLICE("1"), SLICE(""), SLICE("")};
    for (unsigned i = 0; i < TABLE_ROWS_MAX; i++)
        assert_int_equal(table_add(&table, row), 0);
    assert_int_equal(table_add(&table, row), -EMSGSIZE);
    arena_finish(&arena);
    arena_init(&arena, NULL, 0, 64);
    table_init(&table, &arena, columns);
    assert_int_equal(table_add(&table, row), -ENOMEM);
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_longest_cell),
        cmocka_unit_test(titles_are_columns_too),
        cmocka_unit_test(characters_count_not_bytes),
        cmocka_unit_test(a_table_without_rows_is_nothing),
        cmocka_unit_test(rows_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
