/* Listings as pages and as JSON: order, escapes, and room for the longest names. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "edge/files/listing_page.h"

#include <errno.h>

#define PAGE_BYTES_MAX 65536

static struct slice written(int (*write)(const struct listing *, struct buffer *),
                            const struct listing *listing, struct buffer *out)
{
    assert_int_equal(write(listing, out), 0);
    return buffer_slice(out);
}

static bool has(struct slice page, const char *text)
{
    return slice_search(page, slice_of_cstr(text)) >= 0;
}

static void folders_come_first_then_bytes_decide(void **state)
{
    (void)state;
    struct listing_entry entries[] = {
        {.name = SLICE("b")}, {.name = SLICE("z"), .is_folder = true}, {.name = SLICE("a")},
        {.name = SLICE("B")}, {.name = SLICE("a"), .is_folder = true}, {.name = SLICE("ab")}};
    static const char *const wanted[] = {"a", "z", "B", "a", "ab", "b"};
    struct listing listing = {.at = entries, .count = COUNT_OF(entries)};
    listing_sort(&listing);
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_true(slice_equal(entries[i].name, slice_of_cstr(wanted[i])));
        assert_int_equal(entries[i].is_folder, i < 2);
    }
    listing = (struct listing){.count = 0};
    listing_sort(&listing);
}

static void names_are_escaped_each_in_its_way(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    struct listing_entry entries[] = {
        {.name = SLICE("d&d"), .is_folder = true, .modified_s = 784111777},
        {.name = SLICE("<script>'\"&"), .size = 12, .modified_s = 784111777},
        {.name = SLICE("javascript:alert(1)"), .size = 1},
        {.name = SLICE("a b?c#d%e"), .size = 1},
        {.name = SLICE("\xff\n\\"), .size = 1},
    };
    struct listing listing = {
        .path = SLICE("/a/%3Cb%3E&/"), .at = entries, .count = COUNT_OF(entries)};
    buffer_init(&out, PAGE_BYTES_MAX);
    struct slice page = written(listing_write_page, &listing, &out);
    assert_true(has(page, "<title>/a/%3Cb%3E&amp;/</title>"));
    assert_true(has(page, "<a href=\"../\">"));
    assert_true(has(page, "<a href=\"d%26d/\">d&amp;d/</a><td><td>Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_true(has(page, "<a href=\"%3cscript%3e%27%22%26\">&lt;script&gt;&#39;&quot;&amp;</a>"
                          "<td>12<td>"));
    assert_true(has(page, "<a href=\"javascript%3aalert%281%29\">"));
    assert_true(has(page, "<a href=\"a%20b%3fc%23d%25e\">a b?c#d%e</a>"));
    assert_true(has(page, "<a href=\"%ff%0a%5c\">"));
    assert_false(has(page, "There are more"));
    buffer_consume(&out, out.len);
    page = written(listing_write_json, &listing, &out);
    assert_true(slice_starts_with(page, SLICE("[{\"name\":\"d&d\",\"type\":\"directory\",\"mtime\":"
                                              "\"Sun, 06 Nov 1994 08:49:37 GMT\"},\n")));
    assert_true(has(page, "{\"name\":\"<script>'\\\"&\",\"type\":\"file\",\"mtime\":"
                          "\"Sun, 06 Nov 1994 08:49:37 GMT\",\"size\":12},\n"));
    assert_true(has(page, "{\"name\":\"\\u00ff\\n\\\\\"") || has(page, "\\u00ff\\u000a\\\\"));
    assert_true(slice_ends_with(page, SLICE("\"size\":1}]\n")));
}

static void nothing_and_too_much_are_told(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    struct listing listing = {.path = SLICE("/"), .is_root = true};
    buffer_init(&out, PAGE_BYTES_MAX);
    assert_false(has(written(listing_write_page, &listing, &out), "../"));
    buffer_consume(&out, out.len);
    assert_true(slice_equal(written(listing_write_json, &listing, &out), SLICE("[]\n")));
    buffer_consume(&out, out.len);
    listing.is_cut = true;
    assert_true(has(written(listing_write_page, &listing, &out), "There are more"));
}

static void the_longest_names_have_room(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        SCOPED(buffer_finish) struct buffer out;
        char name[LISTING_NAME_BYTES_MAX];
        memset(name, byte, sizeof name);
        struct listing_entry entry = {
            .name = slice_of(name, sizeof name), .size = UINT64_MAX, .modified_s = INT64_MAX};
        struct listing listing = {.path = SLICE("/"), .at = &entry, .count = 1};
        buffer_init(&out, PAGE_BYTES_MAX);
        (void)written(listing_write_page, &listing, &out);
        (void)written(listing_write_json, &listing, &out);
    }
}

static void a_full_buffer_is_an_error(void **state)
{
    (void)state;
    struct listing_entry entry = {.name = SLICE("x")};
    struct listing listing = {.path = SLICE("/"), .at = &entry, .count = 1};
    int (*const writers[])(const struct listing *, struct buffer *) = {listing_write_page,
                                                                       listing_write_json};
    for (size_t i = 0; i < COUNT_OF(writers); i++) {
        int rc = -EMSGSIZE;
        for (size_t max = 0; rc == -EMSGSIZE; max += 64) {
            SCOPED(buffer_finish) struct buffer out;
            buffer_init(&out, max);
            rc = writers[i](&listing, &out);
            assert_true(max < PAGE_BYTES_MAX);
        }
        assert_int_equal(rc, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_come_first_then_bytes_decide),
        cmocka_unit_test(names_are_escaped_each_in_its_way),
        cmocka_unit_test(nothing_and_too_much_are_told),
        cmocka_unit_test(the_longest_names_have_room),
        cmocka_unit_test(a_full_buffer_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
