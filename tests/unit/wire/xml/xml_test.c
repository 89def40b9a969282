/* Documents read into a tree, whole and in pieces, and what is refused. */
#include "unit.h"

#include "base/cleanup.h"
#include "wire/xml/xml.h"

#include <errno.h>
#include <stdio.h>

static struct arena arena;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, NULL, 0, 64 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_finish(&arena);
    return 0;
}

static const struct xml_limits limits = {1 << 20, 1000};

static const struct xml_element *parse(const char *text)
{
    const struct xml_element *root = NULL;
    struct error error = {0};
    int rc = xml_parse(slice_of_cstr(text), &arena, &limits, &error, &root);
    assert_int_equal(rc, error.code);
    assert_int_equal(rc == 0, root != NULL);
    return root;
}

static void expect_text(struct slice text, const char *expected)
{
    assert_non_null(text.at);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.at, expected, text.len);
}

static void elements_and_their_text_are_found(void **state)
{
    (void)state;
    const struct xml_element *root =
        parse("<?xml version=\"1.0\"?>\n<!-- c --><x:D xmlns:x='urn:a' xmlns='urn:b'>\n"
              " <a> 1 </a><x:b>2</x:b>\n <a>3&amp;&#x41;<![CDATA[<&]]>4</a><c/>\n</x:D>\n");
    assert_non_null(root);
    expect_text(root->name, "D");
    expect_text(root->text, "");
    assert_int_equal(root->count, 4);
    expect_text(xml_child_text(root, SLICE("a")), " 1 ");
    expect_text(xml_child_text(root, SLICE("b")), "2");
    expect_text(xml_child_text(root, SLICE("c")), "");
    assert_null(xml_child_text(root, SLICE("d")).at);
    const struct xml_element *next = xml_next_alike(xml_child(root, SLICE("a")));
    expect_text(next->text, "3&A<&4");
    assert_int_equal(next->line, 4);
    assert_int_equal(next->column, 2);
    assert_null(xml_next_alike(next));
    assert_null(xml_child(NULL, SLICE("a")));
    unsigned count = 0;
    XML_FOR_EACH(root, child)
    {
        count++;
    }
    assert_int_equal(count, 4);
}

static void the_unexpected_is_named(void **state)
{
    (void)state;
    static const struct slice names[] = {SLICE("a"), SLICE("b")};
    assert_null(xml_unexpected(parse("<d><b/><a/><b/></d>"), names, 2));
    const struct xml_element *found = xml_unexpected(parse("<d><b/><c/></d>"), names, 2);
    expect_text(found->name, "c");
}

static void the_type_is_kept(void **state)
{
    (void)state;
    const struct xml_element *root =
        parse("<a xmlns:i='http://www.w3.org/2001/XMLSchema-instance' type='x' i:type='n:User'>"
              "<b type='x'/></a>");
    expect_text(root->type, "User");
    assert_null(root->first->type.at);
}

static void expect_refused(const char *text, int code)
{
    const struct xml_element *root = NULL;
    struct error error = {0};
    assert_int_equal(xml_parse(slice_of_cstr(text), &arena, &limits, &error, &root), code);
    assert_int_equal(error.code, code);
    assert_true(error.text[0] != '\0' && error.line > 0 && error.column > 0);
    assert_null(root);
}

static void what_is_no_document_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "a",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>b",
        "<a>\x01</a>",
        "<a>&#1;</a>",
        "<a>\xff</a>",
        "<a b=1/>",
        "<a>&b;</a>",
        "<a>b<c/></a>",
        "<a><c/>b</a>",
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<?xml version=\"1.0\" encoding=\"x-none\"?><a/>",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_refused(bad[i], -EBADMSG);
    struct error error;
    const struct xml_element *root;
    assert_int_equal(xml_parse(SLICE("<a>\n  <b></c></a>"), &arena, &limits, &error, &root),
                     -EBADMSG);
    assert_int_equal(error.line, 2);
    assert_in_range(error.column, 3, 10);
}

static void depth_nodes_and_bytes_are_bounded(void **state)
{
    (void)state;
    char text[8000] = "";
    size_t len = 0;
    for (int i = 0; i < XML_DEPTH_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "<a>");
    for (int i = 0; i < XML_DEPTH_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "</a>");
    assert_non_null(parse(text));
    char deeper[8010];
    (void)snprintf(deeper, sizeof deeper, "<a>%s</a>", text);
    expect_refused(deeper, -EMSGSIZE);

    len = (size_t)snprintf(text, sizeof text, "<r>");
    for (int i = 0; i < 999; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "<a/>");
    (void)snprintf(text + len, sizeof text - len, "</r>");
    assert_int_equal(parse(text)->count, 999);
    (void)snprintf(text + len, sizeof text - len, "<a/></r>");
    expect_refused(text, -EMSGSIZE);

    static const struct xml_limits small = {7, 10};
    struct error error;
    const struct xml_element *root;
    assert_int_equal(xml_parse(SLICE("<a></a>"), &arena, &small, &error, &root), 0);
    assert_int_equal(xml_parse(SLICE("<a></a> "), &arena, &small, &error, &root), -EMSGSIZE);
}

static void pieces_of_any_size_are_the_same(void **state)
{
    (void)state;
    struct slice text = SLICE("<d><k>a&amp;b\r\n\xc3\xa4</k><k>c</k></d>");
    for (size_t step = 1; step <= text.len; step++) {
        struct xml_reader *reader;
        const struct xml_element *root;
        assert_int_equal(xml_reader_create(&arena, &limits, &reader), 0);
        for (size_t at = 0; at < text.len; at += step)
            assert_int_equal(xml_reader_feed(reader, slice_first(slice_from(text, at), step), NULL),
                             0);
        assert_int_equal(xml_reader_finish(reader, NULL, &root), 0);
        xml_reader_destroy(reader);
        expect_text(root->first->text, "a&b\n\xc3\xa4");
        expect_text(root->first->next->text, "c");
    }
    xml_reader_destroy(NULL);
}

/* A long token that comes a byte at a time is not scanned anew with each byte. */
static void a_long_text_may_come_byte_by_byte(void **state)
{
    (void)state;
    enum { BYTES = 900000 };
    struct xml_reader *reader;
    const struct xml_element *root;
    assert_int_equal(xml_reader_create(&arena, &limits, &reader), 0);
    assert_int_equal(xml_reader_feed(reader, SLICE("<a b='"), NULL), 0);
    for (int i = 0; i < BYTES; i++)
        assert_int_equal(xml_reader_feed(reader, SLICE("x"), NULL), 0);
    assert_int_equal(xml_reader_feed(reader, SLICE("'>y</a>"), NULL), 0);
    assert_int_equal(xml_reader_finish(reader, NULL, &root), 0);
    xml_reader_destroy(reader);
    expect_text(root->text, "y");
}

static void an_error_stays(void **state)
{
    (void)state;
    struct xml_reader *reader;
    struct error error;
    const struct xml_element *root = NULL;
    static char junk[40000];
    memset(junk, '<', sizeof junk);
    assert_int_equal(xml_reader_create(&arena, &limits, &reader), 0);
    assert_int_equal(xml_reader_feed(reader, slice_of(junk, sizeof junk), NULL), -EBADMSG);
    assert_int_equal(xml_reader_feed(reader, SLICE("<a/>"), &error), -EBADMSG);
    assert_int_equal(error.line, 1);
    assert_int_equal(xml_reader_finish(reader, NULL, &root), -EBADMSG);
    assert_null(root);
    xml_reader_destroy(reader);
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    static const struct slice text =
        SLICE("<a xmlns:x='y' x:type='t'><b>c</b><b>d&amp;e</b><f g='h'/></a>");
    int rc = -ENOMEM;
    for (long n = 1; rc == -ENOMEM; n++) {
        struct arena small;
        const struct xml_element *root = NULL;
        arena_init(&small, NULL, 0, 1 << 20);
        memory_fail_from(n);
        rc = xml_parse(text, &small, &limits, NULL, &root);
        memory_fail_from(0);
        assert_int_equal(rc == 0, root != NULL);
        arena_finish(&small);
        assert_true(n < 200);
    }
    assert_int_equal(rc, 0);
    struct arena tiny;
    const struct xml_element *root;
    arena_init(&tiny, NULL, 0, 100);
    assert_int_equal(xml_parse(text, &tiny, &limits, NULL, &root), -ENOMEM);
    arena_finish(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_and_their_text_are_found),
        cmocka_unit_test(the_unexpected_is_named),
        cmocka_unit_test(the_type_is_kept),
        cmocka_unit_test(what_is_no_document_is_refused),
        cmocka_unit_test(depth_nodes_and_bytes_are_bounded),
        cmocka_unit_test(pieces_of_any_size_are_the_same),
        cmocka_unit_test(a_long_text_may_come_byte_by_byte),
        cmocka_unit_test(an_error_stays),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
