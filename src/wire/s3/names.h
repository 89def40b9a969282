/* Names of buckets and objects (S3's user guide, "Bucket naming rules"). */
#pragma once

#include "wire/s3/faults.h"

#define S3_BUCKET_BYTES_MAX 63
#define S3_KEY_BYTES_MAX    1024

/*
 * 3 to 63 lower-case letters, digits, '.' and '-'; it starts and ends with a letter or digit; no
 * "..", ".-" or "-."; no IPv4 address; not the prefixes and suffixes that S3 keeps for itself.
 */
bool s3_bucket_name_is_valid(struct slice name);

/* 1 to 1024 bytes, any but NUL: InvalidRequest, KeyTooLongError or InvalidArgument otherwise.
 * Returns 0 or -EBADMSG. */
int s3_key_check(struct slice key, struct s3_fault *fault);
