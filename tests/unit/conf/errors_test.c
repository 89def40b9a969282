/* How errors are shown. */
#include "conf_unit.h"

#include "base/cleanup.h"
#include "conf/errors.h"

static void expect_shown(struct conf_errors *errors, struct slice text, const char *expected)
{
    SCOPED(buffer_finish) struct buffer shown;
    buffer_init(&shown, 65536);
    conf_errors_sort(errors);
    assert_int_equal(conf_errors_format(errors, SLICE("weir.yaml"), text, &shown), 0);
    assert_int_equal(buffer_append_char(&shown, '\0'), 0);
    assert_string_equal(shown.at, expected);
}

static void an_error_shows_its_line_and_a_caret(void **state)
{
    (void)state;
    SCOPED(conf_errors_finish) struct conf_errors errors;
    conf_errors_init(&errors);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){2, 3}, "no %s", "good"), 0);
    expect_shown(&errors, SLICE("one\r\ntwo\r\n"),
                 "weir.yaml:2:3: error: no good\n    two\n      ^\n");
}

static void errors_come_in_the_order_of_the_file(void **state)
{
    (void)state;
    SCOPED(conf_errors_finish) struct conf_errors errors;
    conf_errors_init(&errors);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){2, 1}, "b"), 0);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){1, 2}, "a2"), 0);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){1, 1}, "a1"), 0);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){1, 1}, "a1, later"), 0);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){1, 1}, "a1"), 0);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){0, 0}, "all"), 0);
    expect_shown(&errors, SLICE("xy\nz"),
                 "weir.yaml: error: all\n"
                 "weir.yaml:1:1: error: a1\n    xy\n    ^\n"
                 "weir.yaml:1:1: error: a1, later\n    xy\n    ^\n"
                 "weir.yaml:1:2: error: a2\n    xy\n     ^\n"
                 "weir.yaml:2:1: error: b\n    z\n    ^\n");
}

static void the_caret_stands_right_behind_tabs_and_wide_letters(void **state)
{
    (void)state;
    SCOPED(conf_errors_finish) struct conf_errors errors;
    conf_errors_init(&errors);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){1, 5}, "x"), 0);
    expect_shown(&errors, SLICE("\t\u00e4\u00f6:b"),
                 "weir.yaml:1:5: error: x\n    \t\u00e4\u00f6:b\n    \t   ^\n");
}

static void nothing_reaches_the_terminal_as_a_command(void **state)
{
    (void)state;
    SCOPED(conf_errors_finish) struct conf_errors errors;
    conf_errors_init(&errors);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){1, 1}, "\033[2J"), 0);
    expect_shown(&errors, SLICE("\033[2J\302\233\377"),
                 "weir.yaml:1:1: error: ?[2J\n    ?[2J???\n    ^\n");
}

static void long_lines_are_cut_and_lines_that_are_not_there_left_out(void **state)
{
    (void)state;
    char line[400];
    char expected[600];
    memset(line, 'x', sizeof line);
    SCOPED(conf_errors_finish) struct conf_errors errors;
    conf_errors_init(&errors);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){1, 300}, "far"), 0);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){9, 1}, "gone"), 0);
    (void)snprintf(expected, sizeof expected,
                   "weir.yaml:1:300: error: far\n    %.160s\nweir.yaml:9:1: error: gone\n", line);
    expect_shown(&errors, slice_of(line, sizeof line), expected);
}

static void it_says_how_many_more_there_are(void **state)
{
    (void)state;
    SCOPED(conf_errors_finish) struct conf_errors errors;
    conf_errors_init(&errors);
    errors.dropped = 3;
    expect_shown(&errors, SLICE(""), "and 3 more errors\n");
}

static void a_line_with_a_secret_is_not_shown(void **state)
{
    (void)state;
    SCOPED(conf_errors_finish) struct conf_errors errors;
    conf_errors_init(&errors);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){2, 2}, "no secret"), 0);
    conf_errors_hide_line(&errors);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){2, 1}, "another"), 0);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){1, 1}, "shown"), 0);
    expect_shown(&errors, SLICE("one\ntwo"),
                 "weir.yaml:1:1: error: shown\n    one\n    ^\n"
                 "weir.yaml:2:1: error: another\n"
                 "weir.yaml:2:2: error: no secret\n");
}

static void a_full_heap_or_buffer_is_reported(void **state)
{
    (void)state;
    SCOPED(conf_errors_finish) struct conf_errors errors;
    conf_errors_init(&errors);
    memory_fail_from(1);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){1, 1}, "x"), -ENOMEM);
    memory_fail_from(0);
    assert_int_equal(errors.count, 0);
    assert_int_equal(conf_errors_add(&errors, (struct conf_place){1, 1}, "x"), 0);
    for (size_t max = 0; max < 30; max++) {
        SCOPED(buffer_finish) struct buffer shown;
        buffer_init(&shown, max);
        assert_int_equal(conf_errors_format(&errors, SLICE("f"), SLICE("abc"), &shown), -EMSGSIZE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_shows_its_line_and_a_caret),
        cmocka_unit_test(errors_come_in_the_order_of_the_file),
        cmocka_unit_test(the_caret_stands_right_behind_tabs_and_wide_letters),
        cmocka_unit_test(nothing_reaches_the_terminal_as_a_command),
        cmocka_unit_test(long_lines_are_cut_and_lines_that_are_not_there_left_out),
        cmocka_unit_test(it_says_how_many_more_there_are),
        cmocka_unit_test(a_line_with_a_secret_is_not_shown),
        cmocka_unit_test(a_full_heap_or_buffer_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
