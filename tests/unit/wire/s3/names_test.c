/* Names of buckets and keys. */
#include "s3_unit.h"

#include "wire/s3/names.h"

static void good_names_are_taken(void **state)
{
    (void)state;
    static const char *const good[] = {
        "abc",        "a-b",
        "a.b",        "1ab",
        "a--b",       "my.bucket.name",
        "1.2.3.4.5",  "1.2.3",
        "1234.2.3.4", "a23456789012345678901234567890123456789012345678901234567890123",
    };
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(s3_bucket_name_is_valid(slice_of_cstr(good[i])));
}

static void bad_names_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "ab",
        "Abc",
        "a_b",
        "-ab",
        "ab-",
        ".ab",
        "ab.",
        "a..b",
        "a.-b",
        "a-.b",
        "192.168.5.4",
        "1.2.3.4",
        "999.9.9.9",
        "xn--abc",
        "sthree-abc",
        "ab c",
        "abc-s3alias",
        "a--ol-s3",
        "amzn-s3-demo-x",
        "ab\xc3\xa4",
        "abc--x-s3",
        "abc/d",
        "abc.mrap",
        "a234567890123456789012345678901234567890123456789012345678901234",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(s3_bucket_name_is_valid(slice_of_cstr(bad[i])));
    assert_false(s3_bucket_name_is_valid(SLICE("ab\0c")));
}

static void keys_are_any_bytes_but_nul(void **state)
{
    (void)state;
    char key[1025];
    struct s3_fault fault;
    memset(key, 0xff, sizeof key);
    assert_int_equal(s3_key_check(slice_of(key, 1024), &fault), 0);
    assert_int_equal(s3_key_check(SLICE("../a//\xff"), &fault), 0);
    assert_int_equal(s3_key_check(slice_of(key, 1025), &fault), -EBADMSG);
    assert_int_equal(fault.code, S3_KEY_TOO_LONG);
    assert_int_equal(s3_key_check(SLICE(""), &fault), -EBADMSG);
    assert_int_equal(fault.code, S3_INVALID_REQUEST);
    assert_int_equal(s3_key_check(SLICE("a\0b"), &fault), -EBADMSG);
    assert_int_equal(fault.code, S3_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_names_are_taken),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(keys_are_any_bytes_but_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
