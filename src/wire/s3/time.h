/* Times of S3's documents: ISO 8601, seconds since 1970, UTC. */
#pragma once

#include "base/slice.h"

#define S3_DAY_S 86400

/* The years 1970 to 9999. */
#define S3_TIME_MAX_S INT64_C(253402300799)

/* "2009-10-12T17:50:30.000Z", 24 bytes, no NUL. What lies outside of the years above is moved to
 * their edge. */
#define S3_TIME_BYTES 24
void s3_time_write(char ret_text[static S3_TIME_BYTES], int64_t time_s);

/*
 * "2009-10-12", or with "T17:50:30", a fraction of up to nine digits, which is dropped, and "Z" or
 * an offset like "+02:00"; without either it is UTC. Returns 0, or -EINVAL, also for years outside
 * of those above.
 */
int s3_time_parse(struct slice text, int64_t *ret_time_s);
