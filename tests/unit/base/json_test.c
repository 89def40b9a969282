#include "unit.h"

#include "base/json.h"

#include <stdio.h>

static char memory[4096];

static void expect_bytes(struct slice text, const char *expected)
{
    struct writer writer;
    writer_init(&writer, memory, sizeof memory - 1);
    write_json_text(&writer, text);
    assert_false(writer.overflown);
    *writer.at = '\0';
    assert_string_equal(memory, expected);
}

static void expect_text(const char *text, const char *expected)
{
    expect_bytes(slice_of_cstr(text), expected);
}

static void plain_text_goes_as_it_is(void **state)
{
    (void)state;
    expect_text("", "\"\"");
    expect_text("a", "\"a\"");
    expect_text("/api/items?page=2&x=<y>'~", "\"/api/items?page=2&x=<y>'~\"");
}

static void quotes_backslashes_and_control_bytes_are_escaped(void **state)
{
    (void)state;
    expect_text("\"", "\"\\\"\"");
    expect_text("a\\b", "\"a\\\\b\"");
    expect_text("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"");
    expect_text("\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\"");
    expect_bytes(slice_of("\0", 1), "\"\\u0000\"");
}

/* The scan looks at eight bytes at once: each place of a word, and those behind it. */
static void an_escape_is_found_at_every_place(void **state)
{
    (void)state;
    static const char special[] = {'"', '\\', '\x01', '\x1f', '\x7f', '\x80', '\xff'};
    for (size_t s = 0; s < sizeof special; s++) {
        for (size_t at = 0; at < 24; at++) {
            char text[24];
            memset(text, 'x', sizeof text);
            text[at] = special[s];
            struct writer writer;
            writer_init(&writer, memory, sizeof memory);
            write_json_text(&writer, slice_of(text, sizeof text));
            struct slice written = writer_slice(&writer);
            assert_true(written.len > 2 + sizeof text);
            assert_memory_equal(written.at + 1, text, at);
            assert_int_equal(written.at[1 + at], '\\');
            assert_memory_equal(written.at + written.len - (sizeof text - at), text + at + 1,
                                sizeof text - at - 1);
        }
    }
}

static void no_plain_byte_is_escaped(void **state)
{
    (void)state;
    for (int c = 0x20; c < 0x7f; c++) {
        if (c == '"' || c == '\\')
            continue;
        char text[9], expected[12];
        memset(text, c, 8);
        text[8] = '\0';
        (void)snprintf(expected, sizeof expected, "\"%s\"", text);
        expect_text(text, expected);
    }
}

static void valid_utf8_goes_as_it_is(void **state)
{
    (void)state;
    expect_text("Grüße", "\"Grüße\"");
    expect_text("€ \xF0\x9F\x98\x80", "\"€ \xF0\x9F\x98\x80\"");
    expect_text("\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xF4\x8F\xBF\xBF",
                "\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xF4\x8F\xBF\xBF\"");
}

static void bytes_that_are_not_utf8_are_kept_as_numbers(void **state)
{
    (void)state;
    expect_text("\xff", "\"\\u00ff\"");
    expect_text("a\x80z", "\"a\\u0080z\"");
    expect_text("\xC3", "\"\\u00c3\"");            /* cut short */
    expect_text("\xC0\xAF", "\"\\u00c0\\u00af\""); /* over-long */
    expect_text("\xE0\x9F\xBF", "\"\\u00e0\\u009f\\u00bf\"");
    expect_text("\xED\xA0\x80", "\"\\u00ed\\u00a0\\u0080\""); /* a surrogate */
    expect_text("\xF4\x90\x80\x80", "\"\\u00f4\\u0090\\u0080\\u0080\"");
    expect_text("\xE2\x82x", "\"\\u00e2\\u0082x\"");
}

static void a_text_that_does_not_fit_overflows(void **state)
{
    (void)state;
    for (size_t room = 0; room < 12; room++) {
        struct writer writer;
        writer_init(&writer, memory, room);
        memory[room] = '#';
        write_json_text(&writer, SLICE("abc\n\xff"));
        assert_true(writer.overflown);
        assert_int_equal(memory[room], '#');
    }
}

static void nested_values_get_their_commas(void **state)
{
    (void)state;
    struct writer writer;
    struct json_writer json;
    writer_init(&writer, memory, sizeof memory - 1);
    json_writer_init(&json, &writer);
    json_open_object(&json, NULL);
    json_put_text(&json, "name", SLICE("a"));
    json_open_list(&json, "list");
    json_put_u64(&json, NULL, 1);
    json_put_u64(&json, NULL, 2);
    json_open_object(&json, NULL);
    json_close_object(&json);
    json_open_list(&json, NULL);
    json_close_list(&json);
    json_close_list(&json);
    json_put_bool(&json, "yes", true);
    json_put_bool(&json, "no", false);
    json_close_object(&json);
    *writer.at = '\0';
    assert_string_equal(memory, "{\"name\":\"a\",\"list\":[1,2,{},[]],\"yes\":true,\"no\":false}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_goes_as_it_is),
        cmocka_unit_test(quotes_backslashes_and_control_bytes_are_escaped),
        cmocka_unit_test(an_escape_is_found_at_every_place),
        cmocka_unit_test(no_plain_byte_is_escaped),
        cmocka_unit_test(valid_utf8_goes_as_it_is),
        cmocka_unit_test(bytes_that_are_not_utf8_are_kept_as_numbers),
        cmocka_unit_test(a_text_that_does_not_fit_overflows),
        cmocka_unit_test(nested_values_get_their_commas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
