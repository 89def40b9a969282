/*
 * Content of objects under a key: AES-256 in counter mode (NIST SP 800-38A §6.5), so that any range
 * can be read and nothing grows. That what is read is what was written is the store's to check.
 * Each run of bytes has a nonce of its own; the counter behind it bounds a run at 64 GiB.
 */
#pragma once

#include "base/slice.h"

#include <stdint.h>

#define S3_CIPHER_KEY_BYTES   32
#define S3_CIPHER_NONCE_BYTES 12

struct s3_cipher {
    void *context; /* owned; OpenSSL's */
};

/* From `offset` of the run on. 0 or -ENOMEM. */
int s3_cipher_begin(struct s3_cipher *cipher, const unsigned char key[static S3_CIPHER_KEY_BYTES],
                    const char nonce[static S3_CIPHER_NONCE_BYTES], uint64_t offset);

/* Encrypts or decrypts what follows, into room for as many bytes, which may be its own. 0 or
 * -ENOMEM. */
int s3_cipher_apply(struct s3_cipher *cipher, struct slice bytes, char *ret_bytes);
void s3_cipher_finish(struct s3_cipher *cipher); /* a zeroed one is fine */
