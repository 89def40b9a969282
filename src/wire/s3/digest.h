/* OpenSSL's digests, looked up once for all, and HMAC-SHA256 (RFC 2104) over them. */
#pragma once

#include "base/slice.h"

#define S3_HMAC_BYTES 32

struct evp_md_st;

/* Of S3_CHECKSUM_SHA1, S3_CHECKSUM_SHA256 and S3_CHECKSUM_MD5. Any thread. */
const struct evp_md_st *s3_digest(unsigned kind);

/* `ret_mac` may be the key. 0 or -ENOMEM. */
int s3_hmac(struct slice key, struct slice text, unsigned char ret_mac[static S3_HMAC_BYTES]);
