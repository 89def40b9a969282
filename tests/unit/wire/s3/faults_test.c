/* The table of errors, and their body. */
#include "s3_unit.h"

static void every_row_is_whole(void **state)
{
    (void)state;
    for (enum s3_code code = S3_NO_FAULT + 1; code < S3_CODES; code++) {
        assert_true(s3_code_name(code).len > 3 && s3_code_text(code).len > 3);
        assert_true(s3_code_status(code) >= 301 && s3_code_status(code) <= 507);
        assert_int_equal(s3_code_find(s3_code_name(code)), code);
    }
    assert_int_equal(s3_code_find(SLICE("NoSuchKey")), S3_NO_SUCH_KEY);
    assert_int_equal(s3_code_status(S3_NO_SUCH_KEY), 404);
    assert_int_equal(s3_code_status(S3_INSUFFICIENT_STORAGE), 507);
    assert_int_equal(s3_code_find(SLICE("None")), S3_NO_FAULT);
}

static void a_fault_has_the_tables_text_or_its_own(void **state)
{
    (void)state;
    struct s3_fault fault;
    assert_int_equal(s3_fault_set(&fault, S3_NO_SUCH_KEY), -EBADMSG);
    expect_slice(s3_fault_text(&fault), "The specified key does not exist.");
    assert_int_equal(s3_fault_say(&fault, S3_INVALID_ARGUMENT, "not %d", 7), -EBADMSG);
    expect_slice(s3_fault_text(&fault), "not 7");
    assert_int_equal(s3_fault_memory(&fault), -ENOMEM);
    assert_int_equal(fault.code, S3_SLOW_DOWN);
}

static void the_body_has_what_is_known(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer out;
    buffer_init(&out, 10000);
    struct s3_detail details[] = {{"ArgumentName", SLICE("max-keys")}, {"ArgumentValue", {0}}};
    struct s3_error error = {
        .key = SLICE("a<b"),
        .bucket = SLICE("media"),
        .resource = SLICE("/media/a%3Cb"),
        .request_id = SLICE("17"),
        .details = details,
        .details_count = 2,
    };
    (void)s3_fault_set(&error.fault, S3_NO_SUCH_KEY);
    assert_int_equal(s3_error_write(&out, &error), 0);
    expect_slice(buffer_slice(&out),
                 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>"
                 "<Message>The specified key does not exist.</Message>"
                 "<ArgumentName>max-keys</ArgumentName><Key>a&lt;b</Key>"
                 "<BucketName>media</BucketName><Resource>/media/a%3Cb</Resource>"
                 "<RequestId>17</RequestId></Error>");
    memory_fail_from(1);
    struct buffer none;
    buffer_init(&none, 1000);
    assert_int_equal(s3_error_write(&none, &error), -ENOMEM);
    memory_fail_from(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(a_fault_has_the_tables_text_or_its_own),
        cmocka_unit_test(the_body_has_what_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
