/*
 * The checksums of S3 while a body passes, and as they are written: base64 of the sum's bytes, the
 * first the highest (S3's user guide, "Checking object integrity").
 */
#pragma once

#include "wire/s3/complete.h"

#include <stdint.h>

/* Beside those of S3_CHECKSUMS, for Content-MD5 and ETags. */
#define S3_CHECKSUM_MD5 S3_CHECKSUM_KINDS

#define S3_SUM_BYTES_MAX  32
#define S3_SUM_BASE64_MAX 44

/* One sum under way. */
struct s3_sum {
    unsigned kind; /* enum s3_checksum_kind, or S3_CHECKSUM_MD5 */
    uint64_t crc;
    void *digest; /* owned; OpenSSL's; NULL: it is a CRC */
};

/* 0 or -ENOMEM. */
int s3_sum_begin(struct s3_sum *sum, unsigned kind);
void s3_sum_add(struct s3_sum *sum, struct slice bytes);

/* Once; the length of the sum. */
size_t s3_sum_end(struct s3_sum *sum, unsigned char ret_sum[static S3_SUM_BYTES_MAX]);
void s3_sum_finish(struct s3_sum *sum); /* a zeroed one is fine */

/* How many bytes a sum of that kind has. */
size_t s3_sum_bytes(unsigned kind);

/* All at once. */
int s3_sum_of(unsigned kind, struct slice bytes, unsigned char ret_sum[static S3_SUM_BYTES_MAX]);

/* May the sum of a whole be made from those of its parts? (CRCs: "FULL_OBJECT".) */
static inline bool s3_sum_joins(unsigned kind)
{
    return kind == S3_CHECKSUM_CRC32 || kind == S3_CHECKSUM_CRC32C || kind == S3_CHECKSUM_CRC64NVME;
}

/* `sum` becomes that of what it was of, and `next_len` bytes with the sum `next` behind. */
void s3_sum_join(unsigned kind, unsigned char sum[static S3_SUM_BYTES_MAX],
                 const unsigned char *next, uint64_t next_len);

/* Into room for S3_SUM_BASE64_MAX; the text. */
struct slice s3_base64_write(const void *bytes, size_t len, char *room);

/* Strictly, with padding; into room for text.len. The length, or -EBADMSG. */
ptrdiff_t s3_base64_read(struct slice text, void *room);

/* Lower case; two digits a byte, into room. The text. */
struct slice s3_hex_write(const void *bytes, size_t len, char *room);

/* "crc32" and so on, in any case; S3_CHECKSUM_KINDS: none of them. */
unsigned s3_checksum_find(struct slice word);

/* The header's last word: "crc32". */
const char *s3_checksum_word(unsigned kind);
