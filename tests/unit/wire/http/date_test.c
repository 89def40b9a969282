#include "unit.h"

#include "base/cleanup.h"
#include "wire/http/date.h"

#include <errno.h>
#include <time.h>

#define NOW_2026 INT64_C(1795465499) /* 2026-11-23 */

static void assert_date(int64_t time_s, const char *expected)
{
    char text[HTTP_DATE_BYTES];
    http_date_write(text, time_s);
    if (!slice_equal(slice_of(text, sizeof text), slice_of_cstr(expected)))
        fail_msg("'%.*s' instead of '%s'", HTTP_DATE_BYTES, text, expected);
}

static void dates_are_written(void **state)
{
    (void)state;
    assert_date(0, "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_date(784111777, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_date(951782399, "Mon, 28 Feb 2000 23:59:59 GMT");
    assert_date(951782400, "Tue, 29 Feb 2000 00:00:00 GMT");
    assert_date(4107542400, "Mon, 01 Mar 2100 00:00:00 GMT");
    assert_date(-1, "Wed, 31 Dec 1969 23:59:59 GMT");
    assert_date(INT64_C(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_date(INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT");
    assert_date(INT64_C(-62167219200), "Sat, 01 Jan 0000 00:00:00 GMT");
    assert_date(INT64_MIN, "Sat, 01 Jan 0000 00:00:00 GMT");
}

static void every_day_is_written_and_read_as_the_c_library_does(void **state)
{
    (void)state;
    for (int64_t time_s = -86400 * 1000; time_s < INT64_C(7258118400); time_s += 86399) {
        time_t at = time_s;
        struct tm parts;
        char expected[64];
        assert_non_null(gmtime_r(&at, &parts));
        assert_int_equal(strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &parts),
                         HTTP_DATE_BYTES);
        assert_date(time_s, expected);
        int64_t read = -1;
        assert_int_equal(http_date_parse(slice_of_cstr(expected), 0, &read), 0);
        assert_true(read == time_s);
    }
}

static void all_three_forms_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time_s;
    } rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Wed Nov 16 08:49:37 1994", 784975777},
        {"Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
        {"Friday, 01-Jan-71 00:00:00 GMT", 3187296000},
        {"Friday, 01-Jan-77 00:00:00 GMT", 220924800},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t time_s = -1;
        assert_int_equal(http_date_parse(slice_of_cstr(rows[i].text), NOW_2026, &time_s), 0);
        if (time_s != rows[i].time_s)
            fail_msg("%s: %lld", rows[i].text, (long long)time_s);
    }
}

static void what_is_no_date_is_refused(void **state)
{
    (void)state;
    const char *const bad[] = {
        "",
        "0",
        "Sun",
        "Sun,",
        "Xun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 1900 00:00:00 GMT",
        "Tue, 29 Feb 2001 00:00:00 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov 06 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int64_t time_s = 5;
        if (http_date_parse(slice_of_cstr(bad[i]), NOW_2026, &time_s) != -EINVAL)
            fail_msg("accepted: %s", bad[i]);
        assert_true(time_s == 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_written),
        cmocka_unit_test(every_day_is_written_and_read_as_the_c_library_does),
        cmocka_unit_test(all_three_forms_are_read),
        cmocka_unit_test(what_is_no_date_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
