/* Documents written: escapes, what XML cannot hold, and failures that are kept. */
#include "unit.h"

#include "base/cleanup.h"
#include "wire/xml/writer.h"
#include "wire/xml/xml.h"

#include <errno.h>

#define DECLARATION "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static void expect_written(const struct buffer *out, const char *expected)
{
    assert_int_equal(out->len, strlen(expected));
    assert_memory_equal(out->at, expected, out->len);
}

static void elements_nest(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer writer;
    buffer_init(&out, 10000);
    xml_writer_init(&writer, &out);
    xml_open_root(&writer, "R", "urn:x");
    xml_element(&writer, "A", SLICE("1"));
    xml_element_if(&writer, "B", (struct slice){NULL, 0});
    xml_element_if(&writer, "C", SLICE(""));
    xml_open(&writer, "D");
    xml_element_u64(&writer, "E", UINT64_MAX);
    xml_element_bool(&writer, "F", true);
    xml_close(&writer);
    xml_open_typed(&writer, "G", "T");
    xml_close(&writer);
    xml_close(&writer);
    assert_int_equal(xml_writer_end(&writer), 0);
    expect_written(&out, DECLARATION
                   "<R xmlns=\"urn:x\"><A>1</A><C></C><D><E>18446744073709551615</E><F>true</F></D>"
                   "<G xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"T\"></G>"
                   "</R>");
}

static void expect_text(struct slice text, const char *expected)
{
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer writer;
    buffer_init(&out, 10000);
    xml_writer_init(&writer, &out);
    out.len = 0;
    xml_text(&writer, text);
    assert_int_equal(xml_writer_end(&writer), 0);
    expect_written(&out, expected);
}

#define REPLACED "\xef\xbf\xbd"

static void text_is_escaped(void **state)
{
    (void)state;
    expect_text(SLICE("plain 'text' \x7f"), "plain 'text' \x7f");
    expect_text(SLICE("&<>\"\t\n\r"), "&amp;&lt;&gt;&quot;&#x9;&#xA;&#xD;");
    expect_text(SLICE("a\0b\x1f"), "a" REPLACED "b" REPLACED);
    expect_text(SLICE("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"),
                "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf");
}

static void what_xml_cannot_hold_is_replaced(void **state)
{
    (void)state;
    expect_text(SLICE("\xc3"), REPLACED);
    expect_text(SLICE("\xc3<"), REPLACED "&lt;");
    expect_text(SLICE("\xff\xfe"), REPLACED REPLACED);
    expect_text(SLICE("\xc0\xaf"), REPLACED REPLACED);
    expect_text(SLICE("\xe0\x80\xaf"), REPLACED REPLACED REPLACED);
    expect_text(SLICE("\xed\xa0\x80"), REPLACED REPLACED REPLACED);
    expect_text(SLICE("\xef\xbf\xbf"), REPLACED REPLACED REPLACED);
    expect_text(SLICE("\xf4\x90\x80\x80"), REPLACED REPLACED REPLACED REPLACED);
    expect_text(SLICE("\xf8"), REPLACED);
}

/* Every byte alone and in pairs: the document is well-formed, and what XML can hold comes back. */
static void any_bytes_make_a_document(void **state)
{
    (void)state;
    static const struct xml_limits limits = {1000, 10};
    for (unsigned i = 0; i < 65536; i++) {
        char bytes[2] = {(char)(i >> 8), (char)i};
        SCOPED(buffer_finish) struct buffer out;
        SCOPED(arena_finish) struct arena arena;
        struct xml_writer writer;
        const struct xml_element *root;
        buffer_init(&out, 1000);
        arena_init(&arena, NULL, 0, 100000);
        xml_writer_init(&writer, &out);
        xml_element(&writer, "a", slice_of(bytes, 2));
        assert_int_equal(xml_writer_end(&writer), 0);
        assert_int_equal(xml_parse(buffer_slice(&out), &arena, &limits, NULL, &root), 0);
        if (slice_search(root->text, SLICE(REPLACED)) < 0)
            assert_true(slice_equal(root->text, slice_of(bytes, 2)));
    }
}

static void a_failure_is_kept(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer writer;
    buffer_init(&out, 60);
    xml_writer_init(&writer, &out);
    xml_element(&writer, "a", SLICE("0123456789012345678901234567890123456789"));
    xml_element(&writer, "b", SLICE(""));
    assert_int_equal(xml_writer_end(&writer), -EMSGSIZE);
    SCOPED(buffer_finish) struct buffer other;
    buffer_init(&other, 1000);
    memory_fail_from(1);
    xml_writer_init(&writer, &other);
    memory_fail_from(0);
    xml_element(&writer, "b", SLICE(""));
    assert_int_equal(xml_writer_end(&writer), -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_nest),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(what_xml_cannot_hold_is_replaced),
        cmocka_unit_test(any_bytes_make_a_document),
        cmocka_unit_test(a_failure_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
