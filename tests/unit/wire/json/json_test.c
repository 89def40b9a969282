#include "unit.h"

#include "base/memory.h"
#include "wire/json/json.h"

#include <errno.h>

static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, NULL, 0, 1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_finish(&arena);
    return 0;
}

static const struct json *parse(const char *text)
{
    const struct json *value = NULL;
    return json_parse(slice_of_cstr(text), &arena, &value) < 0 ? NULL : value;
}

static void members_and_elements_are_found(void **state)
{
    (void)state;
    const struct json *value =
        parse(" {\"epoch\": 7, \"on\":true, \"none\":null, \"neg\":-12, \"list\":[{\"id\":\"a\"},"
              "{\"id\":\"b\"}], \"e\":{}, \"f\":[] , \"x\":1.5e-3}\n");
    assert_non_null(value);
    assert_int_equal(value->count, 8);
    assert_int_equal(json_get_integer(value, SLICE("epoch"), 0), 7);
    assert_int_equal(json_get_integer(value, SLICE("neg"), 0), -12);
    assert_int_equal(json_get_integer(value, SLICE("x"), -1), -1);
    assert_true(json_get_bool(value, SLICE("on"), false));
    assert_int_equal(json_get(value, SLICE("none"))->kind, JSON_NULL);
    assert_null(json_get(value, SLICE("missing")));
    const struct json *list = json_get(value, SLICE("list"));
    assert_int_equal(list->count, 2);
    char ids[3] = {0}, *id = ids;
    JSON_FOR_EACH(list, element)
    *id++ = json_get_text(element, SLICE("id")).at[0];
    assert_string_equal(ids, "ab");
    assert_null(json_get_text(value, SLICE("epoch")).at);
}

static void strings_are_decoded(void **state)
{
    (void)state;
    const struct json *value = parse("\"a\\n\\\"\\u00e4\\u20ac\\ud83d\\ude00/\\/\"");
    assert_non_null(value);
    assert_true(slice_equal(value->text, SLICE("a\n\"\u00e4\u20ac\U0001f600//")));
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "01",
        "1.",
        "+1",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"a\nb\"",
        "\"open",
        "nul",
        "1 2",
        "[1 2]",
        "\"\\",
        "{\"a\" 1}",
        "-",
        "1e",
        "\"\\ud800\\u0041\"",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_null(parse(wrong[i]));
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[2 * JSON_DEPTH_MAX + 3] = {0};
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    assert_non_null(parse(text));
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_null(parse(text));
}

static void used_up_memory_is_an_error(void **state)
{
    (void)state;
    struct arena small;
    arena_init(&small, NULL, 0, 1 << 20);
    const struct json *value = NULL;
    memory_fail_from(1);
    assert_int_equal(json_parse(SLICE("[\"\\n\"]"), &small, &value), -ENOMEM);
    memory_fail_from(0);
    arena_finish(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_and_elements_are_found), cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(what_is_not_json_is_refused),    cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(used_up_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
