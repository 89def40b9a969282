#include "unit.h"

#include "cli/options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool follow;
static const char *file;
static const struct option_row options[] = {
    {'f', "file", OPTION_TEXT, "FILE", "the file", .text = &file},
    {'\0', "follow", OPTION_FLAG, NULL, "go on", .flag = &follow},
    {.name = NULL},
};
static const struct command_usage usage = {"try", "[WORD]", "For tests.", 2, options};

static unsigned count;
static const char **arguments;
static int exit_code;

/* Up to five words behind the command's name. */
static bool parse(const char *a, const char *b, const char *c, const char *d, const char *e)
{
    static const char *argv[7];
    const char *words[] = {"try", a, b, c, d, e, NULL};
    int argc = 1;
    memcpy(argv, words, sizeof words);
    while (argv[argc] != NULL)
        argc++;
    follow = false;
    file = NULL;
    count = 99;
    exit_code = 99;
    return options_parse(&usage, argc, argv, &count, &arguments, &exit_code);
}

static void options_and_arguments_stand_in_any_order(void **state)
{
    (void)state;
    assert_true(parse("one", "-f", "a.yaml", "--follow", "two"));
    assert_string_equal(file, "a.yaml");
    assert_true(follow);
    assert_int_equal(count, 2);
    assert_string_equal(arguments[0], "one");
    assert_string_equal(arguments[1], "two");
}

static void a_value_stands_behind_or_in_the_same_word(void **state)
{
    (void)state;
    assert_true(parse("--file", "a", NULL, NULL, NULL));
    assert_string_equal(file, "a");
    assert_true(parse("--file=b=c", NULL, NULL, NULL, NULL));
    assert_string_equal(file, "b=c");
    assert_true(parse("-fd", NULL, NULL, NULL, NULL));
    assert_string_equal(file, "d");
    assert_true(parse("--file=", NULL, NULL, NULL, NULL));
    assert_string_equal(file, "");
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    assert_true(parse("--", "--follow", "-", NULL, NULL));
    assert_false(follow);
    assert_int_equal(count, 2);
    assert_string_equal(arguments[0], "--follow");
    assert_string_equal(arguments[1], "-");
}

static void wrong_usage_is_refused_with_two(void **state)
{
    (void)state;
    static const char *const wrong[][3] = {
        {"-x", NULL, NULL},           {"--nothing", NULL, NULL}, {"--file", NULL, NULL},
        {"--follow=yes", NULL, NULL}, {"a", "b", "c"},           {"--fil", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(parse(wrong[i][0], wrong[i][1], wrong[i][2], NULL, NULL));
        assert_int_equal(exit_code, OPTIONS_EXIT_USAGE);
    }
}

static void help_is_asked_for_anywhere(void **state)
{
    (void)state;
    assert_false(parse("one", "-h", NULL, NULL, NULL));
    assert_int_equal(exit_code, 0);
    assert_false(parse("--help", "--nothing", NULL, NULL, NULL));
    assert_int_equal(exit_code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_arguments_stand_in_any_order),
        cmocka_unit_test(a_value_stands_behind_or_in_the_same_word),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(wrong_usage_is_refused_with_two),
        cmocka_unit_test(help_is_asked_for_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
