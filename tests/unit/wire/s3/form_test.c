/* Forms, however they are cut into pieces, and the policies that they are sent by. */
#include "s3_unit.h"

#include "base/cleanup.h"
#include "wire/s3/form.h"
#include "wire/s3/post_policy.h"

#define TYPE "multipart/form-data; boundary=\"b 1\""
#define PART(name, value)                                                                          \
    "--b 1\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define FILE_HEAD                                                                                  \
    "--b 1\r\ncontent-disposition: form-data; name=\"file\"; filename=\"x;y.txt\"\r\n"             \
    "Content-Type: text/plain\r\n\r\n"
#define WHOLE PART("key", "a/b") PART("x-amz-meta-é", "") FILE_HEAD "data\r\n--b\r\n\r\n--b 1--\r\n"

/* What came, as a text: "key=a/b;…file(x;y.txt,text/plain):data". The error, or 0. */
static int read_form(const char *type, const char *body, size_t step, struct buffer *out,
                     struct s3_fault *fault)
{
    SCOPED(s3_form_finish) struct s3_form form;
    int rc = s3_form_init(&form, slice_of_cstr(type), fault);
    size_t len = strlen(body), at = 0;
    while (rc >= 0) {
        struct s3_form_part part;
        rc = s3_form_next(&form, fault, &part);
        if (rc == S3_FORM_FIELD)
            (void)buffer_format(out, "%.*s=%.*s;", SLICE_ARG(part.name), SLICE_ARG(part.value));
        else if (rc == S3_FORM_FILE)
            (void)buffer_format(out, "file(%.*s,%.*s):", SLICE_ARG(part.file_name),
                                SLICE_ARG(part.type));
        else if (rc == S3_FORM_DATA)
            (void)buffer_append(out, part.value);
        else if (rc == S3_FORM_END)
            return 0;
        else if (rc == S3_FORM_MORE && at == len)
            return -ENODATA;
        if (rc == S3_FORM_MORE) {
            size_t now = len - at < step ? len - at : step;
            rc = s3_form_feed(&form, slice_of(body + at, now), fault);
            at += now;
        }
    }
    return rc;
}

static void a_form_is_the_same_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t step = 1; step <= sizeof WHOLE; step++) {
        SCOPED(buffer_finish) struct buffer out;
        struct s3_fault fault;
        buffer_init(&out, 4096);
        assert_int_equal(read_form(TYPE, WHOLE, step, &out, &fault), 0);
        expect_slice(buffer_slice(&out),
                     "key=a/b;x-amz-meta-é=;file(x;y.txt,text/plain):data\r\n--b\r\n");
    }
}

static void expect_form_fault(const char *type, const char *body, enum s3_code code)
{
    SCOPED(buffer_finish) struct buffer out;
    struct s3_fault fault;
    buffer_init(&out, 1 << 20);
    assert_int_equal(read_form(type, body, 1000, &out, &fault), -EBADMSG);
    assert_int_equal(fault.code, code);
}

static void what_is_no_form_is_refused(void **state)
{
    (void)state;
    static char large[40000];
    expect_form_fault("application/json", "", S3_REQUEST_IS_NOT_MULTIPART);
    expect_form_fault("multipart/form-data", "", S3_MALFORMED_POST_REQUEST);
    expect_form_fault(TYPE, "--b 1\r\nno colon\r\n\r\n", S3_MALFORMED_POST_REQUEST);
    expect_form_fault(TYPE, "--b 1\r\nx: y\r\n\r\n", S3_MALFORMED_POST_REQUEST);
    expect_form_fault(TYPE, PART("a", "1") "--b 1--\r\n", S3_INCORRECT_NUMBER_OF_FILES);
    memset(large, 'x', sizeof large - 1);
    expect_form_fault(TYPE, large, S3_MALFORMED_POST_REQUEST);
    memcpy(large, PART("a", ""), sizeof PART("a", "") - 3);
    expect_form_fault(TYPE, large, S3_MAX_POST_PRE_DATA_LENGTH_EXCEEDED);
}

#define NOW_S              INT64_C(1700000000)
#define UNTIL              "\"expiration\": \"2030-01-01T00:00:00.000Z\""
#define POLICY(conditions) "{" UNTIL ", \"conditions\": [" conditions "]}"

static const struct s3_post_field fields[] = {
    {SLICE("key"), SLICE("user/a.txt")},
    {SLICE("content-type"), SLICE("image/png")},
    {SLICE("x-ignore-me"), SLICE("1")},
};

static int check_policy(const char *json, struct s3_fault *fault, struct s3_post_limits *limits)
{
    SCOPED(arena_finish) struct arena arena;
    arena_init(&arena, NULL, 0, 1 << 20);
    fault->code = S3_NO_FAULT;
    return s3_post_policy_check(slice_of_cstr(json), fields, COUNT_OF(fields), SLICE("media"),
                                NOW_S, &arena, fault, limits);
}

static void a_policy_speaks_of_each_field(void **state)
{
    (void)state;
    struct s3_fault fault;
    struct s3_post_limits limits;
    assert_int_equal(check_policy(POLICY("{\"bucket\": \"media\"}, [\"starts-with\", \"$key\", "
                                         "\"user/\"], [\"eq\", \"$Content-Type\", \"image/png\"], "
                                         "[\"content-length-range\", 1, \"10\"]"),
                                  &fault, &limits),
                     0);
    assert_int_equal(limits.min, 1);
    assert_int_equal(limits.max, 10);
    assert_int_equal(
        check_policy(POLICY("{\"bucket\": \"media\"}, [\"starts-with\", \"$key\", \"\"], "
                            "[\"starts-with\", \"$content-type\", \"\"]"),
                     &fault, &limits),
        0);
    assert_true(limits.max == UINT64_MAX);
}

static void policies_that_do_not_hold(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum s3_code code;
    } cases[] = {
        {"{", S3_INVALID_POLICY_DOCUMENT},
        {"[]", S3_INVALID_POLICY_DOCUMENT},
        {"{\"conditions\": []}", S3_INVALID_POLICY_DOCUMENT},
        {"{" UNTIL "}", S3_INVALID_POLICY_DOCUMENT},
        {"{\"expiration\": \"soon\", \"conditions\": []}", S3_INVALID_POLICY_DOCUMENT},
        {"{\"expiration\": \"2020-01-01T00:00:00Z\", \"conditions\": []}", S3_ACCESS_DENIED},
        {POLICY("1"), S3_INVALID_POLICY_DOCUMENT},
        {POLICY("{}"), S3_INVALID_POLICY_DOCUMENT},
        {POLICY("[\"eq\", \"$key\"]"), S3_INVALID_POLICY_DOCUMENT},
        {POLICY("[\"eq\", \"key\", \"user/a.txt\"]"), S3_INVALID_POLICY_DOCUMENT},
        {POLICY("[\"like\", \"$key\", \"u\"]"), S3_INVALID_POLICY_DOCUMENT},
        {POLICY("[\"content-length-range\", 10, 1]"), S3_INVALID_POLICY_DOCUMENT},
        {POLICY("[\"content-length-range\", -1, 1]"), S3_INVALID_POLICY_DOCUMENT},
        {POLICY("{\"bucket\": \"other\"}"), S3_ACCESS_DENIED},
        {POLICY("[\"eq\", \"$key\", \"user/b.txt\"]"), S3_ACCESS_DENIED},
        {POLICY("[\"starts-with\", \"$key\", \"users/\"]"), S3_ACCESS_DENIED},
        {POLICY("[\"eq\", \"$absent\", \"\"]"), S3_ACCESS_DENIED},
        {POLICY("[\"starts-with\", \"$key\", \"\"]"), S3_ACCESS_DENIED}, /* the type is extra */
        {POLICY("[\"starts-with\", \"$key\", \"\"], [\"starts-with\", \"$content-type\", \"\"]"),
         S3_ACCESS_DENIED}, /* the bucket is */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct s3_fault fault;
        struct s3_post_limits limits;
        assert_int_equal(check_policy(cases[i].json, &fault, &limits), -EBADMSG);
        assert_int_equal(fault.code, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_form_is_the_same_however_it_is_cut),
        cmocka_unit_test(what_is_no_form_is_refused),
        cmocka_unit_test(a_policy_speaks_of_each_field),
        cmocka_unit_test(policies_that_do_not_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
