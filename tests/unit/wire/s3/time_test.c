/* Times of documents, there and back. */
#include "s3_unit.h"

#include "wire/s3/time.h"

static void expect_time(const char *text, int64_t expected)
{
    int64_t time_s = -1;
    int rc = s3_time_parse(slice_of_cstr(text), &time_s);
    assert_int_equal(rc, expected < 0 ? -EINVAL : 0);
    if (rc == 0)
        assert_int_equal(time_s, expected);
}

static void forms_are_read(void **state)
{
    (void)state;
    expect_time("1970-01-01", 0);
    expect_time("2009-10-12T17:50:30.000Z", 1255369830);
    expect_time("2009-10-12T17:50:30Z", 1255369830);
    expect_time("2009-10-12T17:50:30", 1255369830);
    expect_time("2009-10-12T17:50:30.123456789", 1255369830);
    expect_time("2009-10-12T19:50:30+02:00", 1255369830);
    expect_time("2009-10-12T15:20:30.5-02:30", 1255369830);
    expect_time("2000-02-29", 951782400);
    expect_time("9999-12-31T23:59:59Z", S3_TIME_MAX_S);
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "20200101",
        "2020-1-01",
        "2020-13-01",
        "2020-00-01",
        "2021-02-29",
        "2100-02-29",
        "2020-01-32",
        "2020-01-00",
        "2020-01-01T",
        "2020-01-01 00:00:00",
        "2020-01-01T24:00:00Z",
        "2020-01-01T00:60:00Z",
        "2020-01-01T00:00:60Z",
        "2020-01-01T00:00:00.Z",
        "2020-01-01T00:00:00.1234567890Z",
        "2020-01-01T00:00:00X",
        "2020-01-01T00:00:00Zx",
        "2020-01-01T00:00:00+0200",
        "2020-01-01T00:00:00+24:00",
        "1969-12-31",
        "1970-01-01T00:00:00+01:00",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_time(bad[i], -1);
}

static void every_day_comes_back(void **state)
{
    (void)state;
    for (int64_t time_s = 0; time_s <= S3_TIME_MAX_S; time_s += 86400 * 13 + 3671) {
        char text[S3_TIME_BYTES];
        int64_t back_s;
        s3_time_write(text, time_s);
        assert_int_equal(s3_time_parse(slice_of(text, sizeof text), &back_s), 0);
        assert_int_equal(back_s, time_s);
    }
    char text[S3_TIME_BYTES];
    s3_time_write(text, INT64_MAX);
    assert_memory_equal(text, "9999-12-31T23:59:59.000Z", S3_TIME_BYTES);
    s3_time_write(text, -1);
    assert_memory_equal(text, "1970-01-01T00:00:00.000Z", S3_TIME_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_read),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(every_day_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
