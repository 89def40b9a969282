/*
 * HTTP dates by arithmetic on the Gregorian calendar; no time zone, no locale, no C library. The
 * year begins in March here, so that the leap day is its last.
 */
#include "wire/http/date.h"

#include "base/cleanup.h"

#include <errno.h>

#define SECONDS_PER_DAY 86400
#define DAYS_PER_ERA    146097 /* 400 years */
/* From 1 March of year 0 to 1 January 1970. */
#define DAYS_TO_1970 719468
/* The first and the last second that four digits of a year can tell. */
#define TIME_MIN_S INT64_C(-62167219200)
#define TIME_MAX_S INT64_C(253402300799)

static const char day_names[7][10] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct moment {
    int year;
    unsigned month; /* 0 to 11 */
    unsigned day;   /* 1 to 31 */
    unsigned hour, minute, second;
};

/* Days since 1970 of a day of the years 0 to 9999. */
static int64_t days_of(int year, unsigned month, unsigned day)
{
    unsigned from_march = (month + 10) % 12;
    int64_t y = month < 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * from_march + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static struct moment moment_of(int64_t time_s)
{
    int64_t days = time_s / SECONDS_PER_DAY, second = time_s % SECONDS_PER_DAY;
    if (second < 0) {
        second += SECONDS_PER_DAY;
        days--;
    }
    int64_t shifted = days + DAYS_TO_1970;
    int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = shifted - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (DAYS_PER_ERA - 1)) /
        365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned from_march = (unsigned)((5 * day_of_year + 2) / 153);
    struct moment moment = {
        .month = (from_march + 2) % 12,
        .day = (unsigned)(day_of_year - (153 * from_march + 2) / 5 + 1),
        .hour = (unsigned)(second / 3600),
        .minute = (unsigned)(second / 60 % 60),
        .second = (unsigned)(second % 60),
    };
    moment.year = (int)(year_of_era + era * 400) + (moment.month < 2);
    return moment;
}

static unsigned weekday_of(int64_t days)
{
    return (unsigned)(((days + 4) % 7 + 7) % 7);
}

static void put_two(char *at, unsigned value)
{
    at[0] = (char)('0' + value / 10 % 10);
    at[1] = (char)('0' + value % 10);
}

void http_date_write(char ret_text[static HTTP_DATE_BYTES], int64_t time_s)
{
    if (time_s < TIME_MIN_S)
        time_s = TIME_MIN_S;
    else if (time_s > TIME_MAX_S)
        time_s = TIME_MAX_S;
    struct moment moment = moment_of(time_s);
    unsigned weekday = weekday_of(days_of(moment.year, moment.month, moment.day));
    memcpy(ret_text, "xxx, 00 xxx 0000 00:00:00 GMT", HTTP_DATE_BYTES);
    memcpy(ret_text, day_names[weekday], 3);
    put_two(ret_text + 5, moment.day);
    memcpy(ret_text + 8, month_names[moment.month], 3);
    put_two(ret_text + 12, (unsigned)moment.year / 100);
    put_two(ret_text + 14, (unsigned)moment.year);
    put_two(ret_text + 17, moment.hour);
    put_two(ret_text + 20, moment.minute);
    put_two(ret_text + 23, moment.second);
}

/* Takes exactly `digits` digits off the front. */
static bool take_number(struct slice *text, size_t digits, unsigned *ret_value)
{
    uint64_t value;
    if (text->len < digits || slice_parse_u64(slice_first(*text, digits), &value) < 0)
        return false;
    *text = slice_from(*text, digits);
    *ret_value = (unsigned)value;
    return true;
}

static bool take(struct slice *text, struct slice literal)
{
    if (!slice_starts_with(*text, literal))
        return false;
    *text = slice_from(*text, literal.len);
    return true;
}

static bool take_month(struct slice *text, unsigned *ret_month)
{
    for (unsigned i = 0; i < COUNT_OF(month_names); i++) {
        if (take(text, slice_of(month_names[i], 3))) {
            *ret_month = i;
            return true;
        }
    }
    return false;
}

static bool take_time(struct slice *text, struct moment *moment)
{
    return take_number(text, 2, &moment->hour) && take(text, SLICE(":")) &&
           take_number(text, 2, &moment->minute) && take(text, SLICE(":")) &&
           take_number(text, 2, &moment->second);
}

static bool take_year(struct slice *text, struct moment *moment)
{
    unsigned year;
    if (!take_number(text, 4, &year))
        return false;
    moment->year = (int)year;
    return true;
}

/* "06 Nov 1994 08:49:37 GMT" */
static bool parse_imf(struct slice text, struct moment *moment)
{
    return take_number(&text, 2, &moment->day) && take(&text, SLICE(" ")) &&
           take_month(&text, &moment->month) && take(&text, SLICE(" ")) &&
           take_year(&text, moment) && take(&text, SLICE(" ")) && take_time(&text, moment) &&
           slice_equal(text, SLICE(" GMT"));
}

/* "06-Nov-94 08:49:37 GMT"; a year more than 50 years ahead is one of the past. */
static bool parse_rfc850(struct slice text, int64_t now_s, struct moment *moment)
{
    unsigned year;
    if (!take_number(&text, 2, &moment->day) || !take(&text, SLICE("-")) ||
        !take_month(&text, &moment->month) || !take(&text, SLICE("-")) ||
        !take_number(&text, 2, &year) || !take(&text, SLICE(" ")) || !take_time(&text, moment) ||
        !slice_equal(text, SLICE(" GMT")))
        return false;
    int this_year = moment_of(now_s).year;
    moment->year = this_year - this_year % 100 + (int)year;
    if (moment->year > this_year + 50)
        moment->year -= 100;
    else if (moment->year <= this_year - 50)
        moment->year += 100;
    return true;
}

/* "Nov  6 08:49:37 1994" */
static bool parse_asctime(struct slice text, struct moment *moment)
{
    if (!take_month(&text, &moment->month) || !take(&text, SLICE(" ")))
        return false;
    size_t digits = take(&text, SLICE(" ")) ? 1 : 2;
    return take_number(&text, digits, &moment->day) && take(&text, SLICE(" ")) &&
           take_time(&text, moment) && take(&text, SLICE(" ")) && take_year(&text, moment) &&
           text.len == 0;
}

static bool is_real(const struct moment *moment)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = moment->year;
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    unsigned days_max = days[moment->month] + (moment->month == 1 && is_leap);
    /* 60: a leap second. */
    return moment->day >= 1 && moment->day <= days_max && moment->hour <= 23 &&
           moment->minute <= 59 && moment->second <= 60;
}

/* The day's name is not compared with the date: only its form tells the three apart. */
static bool parse_any(struct slice text, int64_t now_s, struct moment *moment)
{
    for (unsigned i = 0; i < COUNT_OF(day_names); i++) {
        struct slice rest = text;
        if (take(&rest, slice_of_cstr(day_names[i])))
            return take(&rest, SLICE(", ")) && parse_rfc850(rest, now_s, moment);
        if (take(&rest, slice_of(day_names[i], 3)))
            return take(&rest, SLICE(", "))
                       ? parse_imf(rest, moment)
                       : take(&rest, SLICE(" ")) && parse_asctime(rest, moment);
    }
    return false;
}

int http_date_parse(struct slice text, int64_t now_s, int64_t *ret_time_s)
{
    struct moment moment = {0};
    if (!parse_any(text, now_s, &moment) || !is_real(&moment))
        return -EINVAL;
    *ret_time_s = days_of(moment.year, moment.month, moment.day) * SECONDS_PER_DAY +
                  moment.hour * 3600 + moment.minute * 60 + moment.second;
    return 0;
}
