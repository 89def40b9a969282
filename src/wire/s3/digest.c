/*
 * EVP_sha256() stands for a search among OpenSSL's providers at each use, and HMAC() for three and
 * as many contexts: 2.2 us for what two digests in one context do in 0.5.
 */
#include "wire/s3/digest.h"

#include "base/cleanup.h"
#include "wire/s3/checksum.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>

#define BLOCK_BYTES 64 /* of SHA-256 */

struct digest {
    const char *name;
    const EVP_MD *(*plain)(void);
    _Atomic(EVP_MD *) fetched; /* for the process's life */
};

static struct digest digests[] = {
    [S3_CHECKSUM_SHA1] = {"SHA1", EVP_sha1, NULL},
    [S3_CHECKSUM_SHA256] = {"SHA256", EVP_sha256, NULL},
    [S3_CHECKSUM_MD5] = {"MD5", EVP_md5, NULL},
};

const EVP_MD *s3_digest(unsigned kind)
{
    struct digest *digest = &digests[kind];
    EVP_MD *found = atomic_load_explicit(&digest->fetched, memory_order_acquire);
    if (LIKELY(found != NULL))
        return found;
    EVP_MD *fetched = EVP_MD_fetch(NULL, digest->name, NULL);
    if (fetched == NULL)
        return digest->plain();
    if (atomic_compare_exchange_strong(&digest->fetched, &found, fetched))
        return fetched;
    EVP_MD_free(fetched);
    return found;
}

/* The digest of a block that the key is in, mixed with `pad`, and of what follows. */
static bool pass(EVP_MD_CTX *context, const unsigned char *key, unsigned char pad,
                 struct slice text, unsigned char *ret_sum)
{
    unsigned char block[BLOCK_BYTES];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = key[i] ^ pad;
    bool is_done = EVP_DigestInit_ex(context, s3_digest(S3_CHECKSUM_SHA256), NULL) == 1 &&
                   EVP_DigestUpdate(context, block, sizeof block) == 1 &&
                   EVP_DigestUpdate(context, text.at, text.len) == 1 &&
                   EVP_DigestFinal_ex(context, ret_sum, NULL) == 1;
    OPENSSL_cleanse(block, sizeof block);
    return is_done;
}

int s3_hmac(struct slice key, struct slice text, unsigned char ret_mac[static S3_HMAC_BYTES])
{
    unsigned char padded[BLOCK_BYTES] = {0}, inner[S3_SUM_BYTES_MAX];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int rc = context == NULL ? -ENOMEM : 0;
    if (rc == 0 && key.len > sizeof padded)
        rc = s3_sum_of(S3_CHECKSUM_SHA256, key, padded);
    else if (rc == 0)
        memcpy(padded, key.at, key.len);
    if (rc == 0 &&
        (!pass(context, padded, 0x36, text, inner) ||
         !pass(context, padded, 0x5c, slice_of((const char *)inner, sizeof inner), ret_mac)))
        rc = -ENOMEM;
    OPENSSL_cleanse(padded, sizeof padded);
    EVP_MD_CTX_free(context);
    return rc;
}
