#include "unit.h"

#include "base/cleanup.h"
#include "wire/http/message.h"

static void assert_elements(struct slice list, size_t count, const char *const *expected)
{
    struct slice element;
    for (size_t i = 0; i < count; i++) {
        assert_true(http_list_next(&list, &element));
        if (!slice_equal(element, slice_of_cstr(expected[i])))
            fail_msg("'%.*s' instead of '%s'", SLICE_ARG(element), expected[i]);
    }
    assert_false(http_list_next(&list, &element));
}

#define ASSERT_ELEMENTS(list, ...)                                                                 \
    do {                                                                                           \
        const char *const expected[] = {__VA_ARGS__};                                              \
        assert_elements(SLICE(list), COUNT_OF(expected), expected);                                \
    } while (0)

static void lists_yield_their_elements(void **state)
{
    (void)state;
    ASSERT_ELEMENTS("a", "a");
    ASSERT_ELEMENTS(" a ,b;q=1 ,\tc d", "a", "b;q=1", "c d");
    ASSERT_ELEMENTS(",, a,, ,b,", "a", "b");
    ASSERT_ELEMENTS("\"a,b\", c=\"d\\\",e\",f", "\"a,b\"", "c=\"d\\\",e\"", "f");
    ASSERT_ELEMENTS("a, \"open, b", "a", "\"open, b");
    ASSERT_ELEMENTS("a, \"open\\", "a", "\"open\\");
    assert_elements(SLICE(""), 0, NULL);
    assert_elements(SLICE(" , ,"), 0, NULL);
}

static void a_token_is_found_whole_and_in_any_case(void **state)
{
    (void)state;
    assert_true(http_list_has(SLICE("gzip, BR;q=0.5"), SLICE("br")));
    assert_true(http_list_has(SLICE("br ;q=0.5"), SLICE("br")));
    assert_false(http_list_has(SLICE("gzip, brotli"), SLICE("br")));
    assert_false(http_list_has(SLICE(""), SLICE("br")));
    assert_false(http_list_has(SLICE("\"a, br\""), SLICE("br")));
}

static void tokens_hold_tchars_only(void **state)
{
    (void)state;
    assert_true(http_is_token(SLICE("!#$%&'*+-.^_`|~09azAZ")));
    assert_false(http_is_token(SLICE("")));
    static const char others[] = "\"(),/:;<=>?@[\\]{} \t\r\n\0\x7f\x80\xff";
    for (size_t i = 0; i < sizeof others; i++)
        assert_false(http_is_token(slice_of(others + i, 1)));
}

static void values_hold_no_control_but_tab(void **state)
{
    (void)state;
    assert_true(http_is_field_value(SLICE("")));
    for (unsigned byte = 0; byte < 256; byte++) {
        char c = (char)byte;
        bool is_control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
        assert_int_equal(http_is_field_value(slice_of(&c, 1)), !is_control);
    }
}

static void methods_are_known_by_their_exact_name(void **state)
{
    (void)state;
    static const struct {
        struct slice name;
        enum http_method method;
        bool is_safe, is_idempotent;
    } rows[] = {
        {SLICE("GET"), METHOD_GET, true, true},
        {SLICE("HEAD"), METHOD_HEAD, true, true},
        {SLICE("POST"), METHOD_POST, false, false},
        {SLICE("PUT"), METHOD_PUT, false, true},
        {SLICE("DELETE"), METHOD_DELETE, false, true},
        {SLICE("CONNECT"), METHOD_CONNECT, false, false},
        {SLICE("OPTIONS"), METHOD_OPTIONS, true, true},
        {SLICE("TRACE"), METHOD_TRACE, true, true},
        {SLICE("PATCH"), METHOD_PATCH, false, false},
        {SLICE("get"), METHOD_OTHER, false, false},
        {SLICE("GETS"), METHOD_OTHER, false, false},
        {SLICE(""), METHOD_OTHER, false, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        enum http_method method = http_method_of(rows[i].name);
        assert_int_equal(method, rows[i].method);
        assert_int_equal(http_method_is_safe(method), rows[i].is_safe);
        assert_int_equal(http_method_is_idempotent(method), rows[i].is_idempotent);
    }
}

static void statuses_have_reasons(void **state)
{
    (void)state;
    assert_string_equal(http_status_reason(200), "OK");
    assert_string_equal(http_status_reason(511), "Network Authentication Required");
    assert_string_equal(http_status_reason(299), "Unknown");
    assert_string_equal(http_status_reason(0), "Unknown");
    assert_string_equal(http_status_reason(4000000000U), "Unknown");
}

static void versions_have_names(void **state)
{
    (void)state;
    const struct request_head old = {.version_major = 1},
                              usual = {.version_major = 1, .version_minor = 1},
                              second = {.version_major = 2};
    assert_true(slice_equal(http_version_name(&old), SLICE("HTTP/1.0")));
    assert_true(slice_equal(http_version_name(&usual), SLICE("HTTP/1.1")));
    assert_true(slice_equal(http_version_name(&second), SLICE("HTTP/2.0")));
    assert_true(http_is_1_0(&old));
    assert_false(http_is_1_0(&usual));
    assert_false(http_is_1_0(&second));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_yield_their_elements),
        cmocka_unit_test(a_token_is_found_whole_and_in_any_case),
        cmocka_unit_test(tokens_hold_tchars_only),
        cmocka_unit_test(values_hold_no_control_but_tab),
        cmocka_unit_test(methods_are_known_by_their_exact_name),
        cmocka_unit_test(statuses_have_reasons),
        cmocka_unit_test(versions_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
