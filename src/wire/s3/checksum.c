/* OpenSSL's digests, zlib's CRC-32, Weir's own other CRCs. */
#include "wire/s3/checksum.h"

#include "base/crc32c.h"
#include "base/crc64.h"
#include "base/crc_join.h"
#include "wire/s3/digest.h"

#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>
#include <zlib.h>

static const struct kind {
    const char *word;
    size_t bytes;
    uint64_t polynomial; /* of a CRC; 0: a digest */
} kinds[] = {
    [S3_CHECKSUM_CRC32] = {"crc32", 4, CRC32_POLYNOMIAL},
    [S3_CHECKSUM_CRC32C] = {"crc32c", 4, CRC32C_POLYNOMIAL},
    [S3_CHECKSUM_CRC64NVME] = {"crc64nvme", 8, CRC64NVME_POLYNOMIAL},
    [S3_CHECKSUM_SHA1] = {"sha1", 20, 0},
    [S3_CHECKSUM_SHA256] = {"sha256", 32, 0},
    [S3_CHECKSUM_MD5] = {"md5", 16, 0},
};

size_t s3_sum_bytes(unsigned kind)
{
    return kinds[kind].bytes;
}

const char *s3_checksum_word(unsigned kind)
{
    return kinds[kind].word;
}

unsigned s3_checksum_find(struct slice word)
{
    unsigned kind = 0;
    while (kind < S3_CHECKSUM_KINDS && !slice_equal_nocase(word, slice_of_cstr(kinds[kind].word)))
        kind++;
    return kind;
}

int s3_sum_begin(struct s3_sum *sum, unsigned kind)
{
    *sum = (struct s3_sum){.kind = kind};
    if (kinds[kind].polynomial != 0)
        return 0;
    sum->digest = EVP_MD_CTX_new();
    if (sum->digest == NULL || EVP_DigestInit_ex(sum->digest, s3_digest(kind), NULL) != 1) {
        s3_sum_finish(sum);
        return -ENOMEM;
    }
    return 0;
}

static uLong add_crc32(uLong crc, struct slice bytes)
{
    return bytes.len == 0 ? crc : crc32_z(crc, (const Bytef *)bytes.at, bytes.len);
}

void s3_sum_add(struct s3_sum *sum, struct slice bytes)
{
    switch (sum->kind) {
    case S3_CHECKSUM_CRC32:
        sum->crc = add_crc32((uLong)sum->crc, bytes);
        break;
    case S3_CHECKSUM_CRC32C:
        sum->crc = crc32c_add((uint32_t)sum->crc, bytes);
        break;
    case S3_CHECKSUM_CRC64NVME:
        sum->crc = crc64_add(sum->crc, bytes);
        break;
    default:
        (void)EVP_DigestUpdate(sum->digest, bytes.at, bytes.len);
        break;
    }
}

static void write_crc(unsigned kind, uint64_t crc, unsigned char *ret_sum)
{
    uint64_t big = htobe64(crc);
    size_t len = kinds[kind].bytes;
    memcpy(ret_sum, (const char *)&big + sizeof big - len, len);
}

static uint64_t read_crc(unsigned kind, const unsigned char *sum)
{
    uint64_t crc = 0;
    for (size_t i = 0; i < kinds[kind].bytes; i++)
        crc = crc << 8 | sum[i];
    return crc;
}

size_t s3_sum_end(struct s3_sum *sum, unsigned char ret_sum[static S3_SUM_BYTES_MAX])
{
    if (sum->digest == NULL)
        write_crc(sum->kind, sum->crc, ret_sum);
    else
        (void)EVP_DigestFinal_ex(sum->digest, ret_sum, NULL);
    return kinds[sum->kind].bytes;
}

void s3_sum_finish(struct s3_sum *sum)
{
    EVP_MD_CTX_free(sum->digest);
    sum->digest = NULL;
}

int s3_sum_of(unsigned kind, struct slice bytes, unsigned char ret_sum[static S3_SUM_BYTES_MAX])
{
    struct s3_sum sum;
    int rc = s3_sum_begin(&sum, kind);
    if (rc < 0)
        return rc;
    s3_sum_add(&sum, bytes);
    (void)s3_sum_end(&sum, ret_sum);
    s3_sum_finish(&sum);
    return 0;
}

void s3_sum_join(unsigned kind, unsigned char sum[static S3_SUM_BYTES_MAX],
                 const unsigned char *next, uint64_t next_len)
{
    unsigned bits = (unsigned)kinds[kind].bytes * 8;
    write_crc(
        kind,
        crc_join(kinds[kind].polynomial, bits, read_crc(kind, sum), read_crc(kind, next), next_len),
        sum);
}

struct slice s3_base64_write(const void *bytes, size_t len, char *room)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = bytes;
    char *out = room;
    for (size_t i = 0; i < len; i += 3) {
        unsigned word = (unsigned)at[i] << 16;
        word |= i + 1 < len ? (unsigned)at[i + 1] << 8 : 0;
        word |= i + 2 < len ? at[i + 2] : 0;
        *out++ = digits[word >> 18];
        *out++ = digits[word >> 12 & 63];
        *out++ = i + 1 < len ? digits[word >> 6 & 63] : '=';
        *out++ = i + 2 < len ? digits[word & 63] : '=';
    }
    return slice_of(room, (size_t)(out - room));
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

ptrdiff_t s3_base64_read(struct slice text, void *room)
{
    unsigned char *out = room;
    size_t len = 0, padding = 0;
    if (text.len % 4 != 0)
        return -EBADMSG;
    while (padding < 2 && padding < text.len && text.at[text.len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < text.len; i += 4) {
        unsigned word = 0;
        size_t there = i + 4 == text.len ? 4 - padding : 4;
        for (size_t j = 0; j < 4; j++) {
            int value = j < there ? base64_value(text.at[i + j]) : 0;
            if (value < 0)
                return -EBADMSG;
            word = word << 6 | (unsigned)value;
        }
        /* Bits that say nothing must be none: one text for each sum. */
        if ((there == 3 && (word & 0xff) != 0) || (there == 2 && (word & 0xffff) != 0))
            return -EBADMSG;
        for (size_t j = 0; j + 1 < there; j++)
            out[len++] = (unsigned char)(word >> (16 - 8 * j));
    }
    return (ptrdiff_t)len;
}

struct slice s3_hex_write(const void *bytes, size_t len, char *room)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++) {
        room[2 * i] = digits[at[i] >> 4];
        room[2 * i + 1] = digits[at[i] & 15];
    }
    return slice_of(room, 2 * len);
}
