/* Dates of HTTP (RFC 9110 §5.6.7). Times are seconds since 1970, UTC. */
#pragma once

#include "base/slice.h"

/* "Sun, 06 Nov 1994 08:49:37 GMT", 29 bytes, no NUL. What lies outside the years 0 to 9999 is moved
 * to their edge. */
#define HTTP_DATE_BYTES 29
void http_date_write(char ret_text[static HTTP_DATE_BYTES], int64_t time_s);

/*
 * All three forms. A two-digit year is taken as the one within 50 years of `now_s`. The name of the
 * day must be one, but not the right one. Returns 0, or -EINVAL.
 */
int http_date_parse(struct slice text, int64_t now_s, int64_t *ret_time_s);
