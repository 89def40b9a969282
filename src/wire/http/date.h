/* Dates of HTTP (RFC 9110 §5.6.7). Times are seconds since 1970, UTC. */
#pragma once

#include "base/slice.h"

/* "Sun, 06 Nov 1994 08:49:37 GMT", 29 bytes, no NUL. */
#define HTTP_DATE_BYTES 29
void http_date_write(char ret_text[static HTTP_DATE_BYTES], int64_t time_s);

/* All three forms. Returns 0, or -EINVAL. */
int http_date_parse(struct slice text, int64_t now_s, int64_t *ret_time_s);
