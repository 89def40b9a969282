/* Tags in both forms, and what they may be. */
#include "s3_unit.h"

#include "wire/s3/tagging.h"

#include <stdio.h>

static int of_object(struct slice xml, struct arena *arena, struct s3_fault *fault,
                     struct buffer *out)
{
    struct s3_tags tags;
    int rc = s3_tagging_parse(xml, S3_TAGGED_OBJECT, arena, fault, &tags);
    return rc < 0 || out == NULL ? rc : s3_tagging_write(out, &tags);
}

static int of_bucket(struct slice xml, struct arena *arena, struct s3_fault *fault,
                     struct buffer *out)
{
    struct s3_tags tags;
    int rc = s3_tagging_parse(xml, S3_TAGGED_BUCKET, arena, fault, &tags);
    return rc < 0 || out == NULL ? rc : s3_tagging_write(out, &tags);
}

static int of_query(struct slice query, struct arena *arena, struct s3_fault *fault,
                    struct buffer *out)
{
    struct s3_tags tags;
    int rc = s3_tags_parse_query(query, arena, fault, &tags);
    return rc < 0 || out == NULL ? rc : s3_tags_write_query(out, &tags);
}

#define TAG(key, value) "<Tag><Key>" key "</Key><Value>" value "</Value></Tag>"
#define SET(tags)       "<Tagging><TagSet>" tags "</TagSet></Tagging>"

static void tags_are_kept_in_their_order(void **state)
{
    (void)state;
    expect_round(of_object, SET(TAG("b", "1") TAG("a", "") TAG("\xc3\xa4 +-=._:/@", "x y")));
    expect_round(of_object, SET(""));
    expect_round(of_object, "<Tagging><TagSet/></Tagging>");
    SCOPED(arena_finish) struct arena arena;
    struct s3_fault fault;
    struct s3_tags tags;
    struct slice value;
    arena_init(&arena, NULL, 0, 1 << 20);
    assert_int_equal(s3_tagging_parse(SLICE(SET(TAG("b", "1") TAG("a", "2"))), S3_TAGGED_OBJECT,
                                      &arena, &fault, &tags),
                     0);
    assert_int_equal(tags.count, 2);
    expect_slice(tags.tags[0].key, "b");
    assert_true(s3_tags_find(&tags, SLICE("a"), &value));
    expect_slice(value, "2");
    assert_false(s3_tags_find(&tags, SLICE("c"), &value));
}

static void bad_documents_are_refused(void **state)
{
    (void)state;
    expect_fault(of_object, "<Tagging/>", S3_MALFORMED_XML);
    expect_fault(of_object, "<Tags/>", S3_MALFORMED_XML);
    expect_fault(of_object, SET("<Tag><Key>a</Key></Tag>"), S3_MALFORMED_XML);
    expect_fault(of_object, SET("<Other/>"), S3_MALFORMED_XML);
    expect_fault(of_object, SET(TAG("", "1")), S3_INVALID_TAG);
    expect_fault(of_object, SET(TAG("a", "1") TAG("a", "2")), S3_INVALID_TAG);
    expect_fault(of_object, SET(TAG("a!", "1")), S3_INVALID_TAG);
    expect_fault(of_object, SET(TAG("a", "#")), S3_INVALID_TAG);
    expect_fault(of_object, SET(TAG("aws:a", "")), S3_INVALID_TAG);
}

/* A document with this many tags whose keys and values have these lengths. */
static const char *made(unsigned count, int key_len, int value_len)
{
    static char text[32768];
    static char filler[400];
    memset(filler, 'x', sizeof filler);
    size_t len = (size_t)snprintf(text, sizeof text, "<Tagging><TagSet>");
    for (unsigned i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, TAG("%.*s%02u", "%.*s"), key_len - 2,
                                filler, i, value_len, filler);
    (void)snprintf(text + len, sizeof text - len, "</TagSet></Tagging>");
    return text;
}

static void counts_and_lengths_are_bounded(void **state)
{
    (void)state;
    expect_round(of_object, made(10, 128, 256));
    expect_round(of_bucket, made(50, 128, 256));
    expect_fault(of_object, made(11, 8, 8), S3_INVALID_TAG);
    expect_fault(of_bucket, made(51, 8, 8), S3_INVALID_TAG);
    expect_fault(of_object, made(1, 129, 8), S3_INVALID_TAG);
    expect_fault(of_object, made(1, 8, 257), S3_INVALID_TAG);
}

static void expect_query(const char *query, const char *expected)
{
    SCOPED(arena_finish) struct arena arena;
    SCOPED(buffer_finish) struct buffer out;
    struct s3_fault fault;
    arena_init(&arena, NULL, 0, 1 << 20);
    buffer_init(&out, 10000);
    assert_int_equal(of_query(slice_of_cstr(query), &arena, &fault, &out), 0);
    assert_true(slice_equal(buffer_slice(&out), slice_of_cstr(expected)));
}

static void the_header_is_a_query(void **state)
{
    (void)state;
    expect_query("", "");
    expect_query("a=1", "a=1");
    expect_query("a=1&b", "a=1&b=");
    expect_query("&a=1&&b=2&", "a=1&b=2");
    expect_query("a%20b=c+d&e=f=g", "a%20b=c%20d&e=f%3Dg");
    expect_query("%c3%A4=%2B", "%C3%A4=%2B");
    expect_fault(of_query, "a=%", S3_INVALID_ARGUMENT);
    expect_fault(of_query, "a=%2", S3_INVALID_ARGUMENT);
    expect_fault(of_query, "a=%zz", S3_INVALID_ARGUMENT);
    expect_fault(of_query, "a=%00", S3_INVALID_ARGUMENT);
    expect_fault(of_query, "=1", S3_INVALID_TAG);
    expect_fault(of_query, "a=1&a=2", S3_INVALID_TAG);
    expect_fault(of_query, "a&b&c&d&e&f&g&h&i&j&k", S3_INVALID_TAG);
    expect_round(of_query, "a=1&b=2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_kept_in_their_order),
        cmocka_unit_test(bad_documents_are_refused),
        cmocka_unit_test(counts_and_lengths_are_bounded),
        cmocka_unit_test(the_header_is_a_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
