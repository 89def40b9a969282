/* Documents of another endpoint, whole and in pieces of any length. */
#include "s3_unit.h"

#include "wire/s3/rename.h"

#define HERE "http://here/near/a%20b"

static const char *const rounds[][2] = {
    {"", ""},
    {"plain text", "plain text"},
    {"<R><Name>far</Name><Prefix>far</Prefix></R>", "<R><Name>near</Name><Prefix>far</Prefix></R>"},
    {"<Bucket>far</Bucket><Key>far</Key>", "<Bucket>near</Bucket><Key>far</Key>"},
    {"<BucketName>far</BucketName>", "<BucketName>near</BucketName>"},
    {"<Name>farther</Name><Name></Name>", "<Name>farther</Name><Name></Name>"},
    {"<Name>far", "<Name>far"},
    {"<Nam", "<Nam"},
    {"<Location>https://far/a</Location>", "<Location>" HERE "</Location>"},
    {"<Location/><Name>far</Name>", "<Location/><Name>near</Name>"},
    {"<Code>AccessDenied</Code>", "<Code>AccessDenied</Code>"},
    {"<AWSAccessKeyId>AKIA</AWSAccessKeyId><StringToSign>AWS4\nfar</StringToSign>",
     "<AWSAccessKeyId></AWSAccessKeyId><StringToSign></StringToSign>"},
    {"<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/and/some/more\">far"
     "<Name>far</Name>",
     "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/and/some/more\">far"
     "<Name>near</Name>"},
    {"<Name>0123456789012345678901234567890123456789012345678901234567890123456789</Name>",
     "<Name>0123456789012345678901234567890123456789012345678901234567890123456789</Name>"},
};

static void expect(const char *text, const char *expected, size_t step)
{
    SCOPED(buffer_finish) struct buffer out;
    struct s3_rename rename = {.from = SLICE("far"), .to = SLICE("near"), .location = SLICE(HERE)};
    struct slice rest = slice_of_cstr(text);
    buffer_init(&out, 1 << 20);
    do {
        struct slice part = slice_first(rest, step < rest.len ? step : rest.len);
        rest = slice_from(rest, part.len);
        assert_int_equal(s3_rename_feed(&rename, part, rest.len == 0, &out), 0);
    } while (rest.len > 0);
    if (!slice_equal(buffer_slice(&out), slice_of_cstr(expected)))
        print_error("%s by %zu: %.*s\n", text, step, SLICE_ARG(buffer_slice(&out)));
    assert_true(slice_equal(buffer_slice(&out), slice_of_cstr(expected)));
}

static void names_are_those_of_here(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rounds); i++) {
        for (size_t step = 1; step < 100; step++)
            expect(rounds[i][0], rounds[i][1], step);
    }
}

static void a_code_is_noted(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    struct s3_rename rename = {.from = SLICE("far"), .to = SLICE("near")};
    buffer_init(&out, 1 << 20);
    struct slice text =
        SLICE("<Error><Code>SignatureDoesNotMatch</Code><Location>x</Location></Error>");
    assert_int_equal(s3_rename_feed(&rename, text, true, &out), 0);
    assert_string_equal(rename.code, "SignatureDoesNotMatch");
    assert_true(slice_equal(buffer_slice(&out), text));
}

static void a_buffer_may_be_full(void **state)
{
    (void)state;
    for (size_t max = 0; max < 40; max++) {
        SCOPED(buffer_finish) struct buffer out;
        struct s3_rename rename = {.from = SLICE("far"), .to = SLICE("near")};
        buffer_init(&out, max);
        int rc =
            s3_rename_feed(&rename, SLICE("<Name>far</Name><Location>x</Location>"), true, &out);
        assert_int_equal(rc < 0, max < 39);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_here),
        cmocka_unit_test(a_code_is_noted),
        cmocka_unit_test(a_buffer_may_be_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
