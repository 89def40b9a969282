#include "wire/s3/cipher.h"

#include <openssl/evp.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#define BLOCK_BYTES 16

/* The bytes of the first block that lie before the offset are passed over. */
static int skip(struct s3_cipher *cipher, size_t count)
{
    char passed[BLOCK_BYTES] = {0};
    return count == 0 ? 0 : s3_cipher_apply(cipher, slice_of(passed, count), passed);
}

int s3_cipher_begin(struct s3_cipher *cipher, const unsigned char key[static S3_CIPHER_KEY_BYTES],
                    const char nonce[static S3_CIPHER_NONCE_BYTES], uint64_t offset)
{
    unsigned char block[BLOCK_BYTES];
    uint64_t count = offset / BLOCK_BYTES;
    memcpy(block, nonce, S3_CIPHER_NONCE_BYTES);
    for (unsigned i = 0; i < BLOCK_BYTES - S3_CIPHER_NONCE_BYTES; i++)
        block[BLOCK_BYTES - 1 - i] = (unsigned char)(count >> 8 * i);
    s3_cipher_finish(cipher);
    cipher->context = EVP_CIPHER_CTX_new();
    if (cipher->context == NULL ||
        EVP_EncryptInit_ex(cipher->context, EVP_aes_256_ctr(), NULL, key, block) != 1)
        return -ENOMEM;
    return skip(cipher, offset % BLOCK_BYTES);
}

int s3_cipher_apply(struct s3_cipher *cipher, struct slice bytes, char *ret_bytes)
{
    int len;
    if (bytes.len > INT_MAX)
        return -ENOMEM;
    return EVP_EncryptUpdate(cipher->context, (unsigned char *)ret_bytes, &len,
                             (const unsigned char *)bytes.at, (int)bytes.len) == 1
               ? 0
               : -ENOMEM;
}

void s3_cipher_finish(struct s3_cipher *cipher)
{
    EVP_CIPHER_CTX_free(cipher->context);
    cipher->context = NULL;
}
