/* Days are counted by the proleptic Gregorian calendar in years that begin in March. */
#include "wire/s3/time.h"

#include <errno.h>
#include <stdio.h>

static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
    unsigned from_march = (month + 9) % 12;
    int64_t y = (int64_t)year - (month <= 2);
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * from_march + 2) / 5 + day - 1 - 719468;
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

void s3_time_write(char ret_text[static S3_TIME_BYTES], int64_t time_s)
{
    time_s = time_s < 0 ? 0 : time_s > S3_TIME_MAX_S ? S3_TIME_MAX_S : time_s;
    int64_t days = time_s / S3_DAY_S;
    unsigned second = (unsigned)(time_s % S3_DAY_S);
    unsigned year = (unsigned)(1970 + days / 366), month = 1;
    while (days_of(year + 1, 1, 1) <= days)
        year++;
    while (month < 12 && days_of(year, month + 1, 1) <= days)
        month++;
    char text[64];
    (void)snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02u.000Z", year, month,
                   (unsigned)(days - days_of(year, month, 1)) + 1, second / 3600, second / 60 % 60,
                   second % 60);
    memcpy(ret_text, text, S3_TIME_BYTES);
}

/* Takes `digits` digits and the byte behind them, if one is given. */
static bool take(struct slice *rest, size_t digits, char behind, unsigned *ret_value)
{
    unsigned value = 0;
    if (rest->len < digits + (behind != '\0'))
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (!ascii_is_digit(rest->at[i]))
            return false;
        value = value * 10 + (unsigned)(rest->at[i] - '0');
    }
    if (behind != '\0' && rest->at[digits] != behind)
        return false;
    *rest = slice_from(*rest, digits + (behind != '\0'));
    *ret_value = value;
    return true;
}

/* The fraction and the zone behind a time. */
static bool take_zone(struct slice rest, int64_t *ret_offset_s)
{
    unsigned hours, minutes;
    if (rest.len > 0 && rest.at[0] == '.') {
        size_t digits = 1;
        while (digits < rest.len && ascii_is_digit(rest.at[digits]))
            digits++;
        if (digits == 1 || digits > 10)
            return false;
        rest = slice_from(rest, digits);
    }
    *ret_offset_s = 0;
    if (rest.len == 0 || slice_equal(rest, SLICE("Z")))
        return true;
    bool is_west = rest.at[0] == '-';
    if (!is_west && rest.at[0] != '+')
        return false;
    rest = slice_from(rest, 1);
    if (!take(&rest, 2, ':', &hours) || !take(&rest, 2, '\0', &minutes) || rest.len > 0 ||
        hours > 23 || minutes > 59)
        return false;
    int64_t offset_s = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    *ret_offset_s = is_west ? -offset_s : offset_s;
    return true;
}

int s3_time_parse(struct slice text, int64_t *ret_time_s)
{
    unsigned year, month, day, hour = 0, minute = 0, second = 0;
    int64_t offset_s = 0;
    if (!take(&text, 4, '-', &year) || !take(&text, 2, '-', &month) || !take(&text, 2, '\0', &day))
        return -EINVAL;
    if (month < 1 || month > 12 || day < 1 || day > days_in(year, month))
        return -EINVAL;
    if (text.len > 0) {
        if (text.at[0] != 'T')
            return -EINVAL;
        text = slice_from(text, 1);
        if (!take(&text, 2, ':', &hour) || !take(&text, 2, ':', &minute) ||
            !take(&text, 2, '\0', &second) || !take_zone(text, &offset_s) || hour > 23 ||
            minute > 59 || second > 59)
            return -EINVAL;
    }
    int64_t time_s = days_of(year, month, day) * S3_DAY_S + (int64_t)hour * 3600 +
                     (int64_t)minute * 60 + second - offset_s;
    if (time_s < 0 || time_s > S3_TIME_MAX_S)
        return -EINVAL;
    *ret_time_s = time_s;
    return 0;
}
