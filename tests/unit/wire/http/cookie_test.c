/* Cookies found and left out. */
#include "unit.h"

#include "base/cleanup.h"
#include "wire/http/cookie.h"

static void expect_cookie(const char *cookies, const char *name, const char *expected)
{
    struct slice value = {0};
    bool found = cookie_find(slice_of_cstr(cookies), slice_of_cstr(name), &value);
    assert_int_equal(found, expected != NULL);
    if (expected != NULL)
        assert_true(slice_equal(value, slice_of_cstr(expected)));
}

static void the_first_pair_of_a_name_is_found(void **state)
{
    (void)state;
    expect_cookie("a=1", "a", "1");
    expect_cookie("a=1; b=2; a=3", "a", "1");
    expect_cookie("a=1; b=2", "b", "2");
    expect_cookie("a=1;b=2", "b", "2");
    expect_cookie("  a=1 ;\tb=2 ; ", "b", "2");
    expect_cookie("a=", "a", "");
    expect_cookie("a=b=c", "a", "b=c");
    expect_cookie("a=\"1\"", "a", "\"1\"");
    expect_cookie("A=1", "a", NULL);
    expect_cookie("aa=1", "a", NULL);
    expect_cookie("", "a", NULL);
    expect_cookie("; ;", "a", NULL);
}

static void what_is_no_pair_is_no_cookie(void **state)
{
    (void)state;
    static const char *const bad[] = {"a",          "=1",    "a =1",      "a= 1", "a=1 2",
                                      "a=1,2",      "a=\"1", "a=1\"",     "a=\\", "a=\x7f",
                                      "a=\xc3\xa4", "(a)=1", "a=\"1\"2\""};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_cookie(bad[i], "a", NULL);
    expect_cookie("a=1 2; a=3", "a", "3");
}

static void expect_others(const char *cookies, const char *expected)
{
    static const struct slice names[] = {{"weir", 4}, {"weir-group", 10}};
    char text[100];
    struct writer writer;
    writer_init(&writer, text, sizeof text);
    bool is_any = cookie_write_others(&writer, slice_of_cstr(cookies), names, COUNT_OF(names));
    assert_int_equal(is_any, *expected != '\0');
    assert_true(slice_equal(writer_slice(&writer), slice_of_cstr(expected)));
}

static void all_others_stay_as_they_are(void **state)
{
    (void)state;
    expect_others("a=1; weir=2; b=3", "a=1; b=3");
    expect_others("weir=1; weir=2", "");
    expect_others("weir-group=1;a=\"x\" ; weird=2", "a=\"x\"; weird=2");
    expect_others("a=b c; junk; =x; weir", "a=b c; junk; =x; weir");
    expect_others("", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_pair_of_a_name_is_found),
        cmocka_unit_test(what_is_no_pair_is_no_cookie),
        cmocka_unit_test(all_others_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
