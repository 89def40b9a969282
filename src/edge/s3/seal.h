/*
 * Objects that are kept encrypted: under a key of the client's (SSE-C), which comes with each
 * request and is never kept, or under the service's own (SSE-S3). Of a version is kept (`seal`) a
 * letter for the form, a salt, a proof of the key, and a nonce for each segment of its content; of
 * a part its one nonce. The content's key is made of the either and the salt.
 */
#pragma once

#include "edge/s3/call.h"
#include "wire/s3/cipher.h"

#define S3_SEAL_SALT_BYTES  16
#define S3_SEAL_PROOF_BYTES 16
#define S3_SEAL_HEAD_BYTES  (1 + S3_SEAL_SALT_BYTES + S3_SEAL_PROOF_BYTES)
#define S3_KEY_MD5_LEN      24 /* in base64 */

struct s3_seal {
    bool is_on;        /* else all of it does nothing */
    bool is_customers; /* the key is the client's */
    unsigned char key[S3_CIPHER_KEY_BYTES];
    char key_md5[S3_KEY_MD5_LEN];
    char kept[S3_SEAL_HEAD_BYTES + S3_CIPHER_NONCE_BYTES]; /* its nonce is of what is being sent */
};

/* By the fields of the request, or the bucket's default, for an object that is about to be. 0 or
 * the fault. */
int s3_seal_make(struct s3_call *call, struct s3_seal *ret_seal);

/* By the fields of the request, for what keeps this seal; with another nonce, for a part of it.
 * `of_source`: by those that name the key of a copy's source. 0 or the fault. */
int s3_seal_open(struct s3_call *call, struct slice kept, bool of_source, struct s3_seal *ret_seal);
/* Of one under the service's key, without a request. 0, -EACCES for one under a client's, or
 * -ENOKEY. */
int s3_seal_open_own(const unsigned char *service_key, struct slice kept, struct s3_seal *ret_seal);
void s3_seal_wipe(struct s3_seal *seal);

/* As a version keeps it, its content in one piece; or its nonce alone, as a part does. Borrowed;
 * empty where it is off. */
struct slice s3_seal_of_version(const struct s3_seal *seal);
struct slice s3_seal_of_upload(const struct s3_seal *seal);
struct slice s3_seal_of_part(const struct s3_seal *seal);

/* An ETag that tells nothing of the content. Into room, two digits a byte. */
struct slice s3_seal_etag(unsigned char bytes[static 16], char room[static 32]);

/* "x-amz-server-side-encryption…"; nothing where it is off. */
void s3_seal_write(struct writer *head, const struct s3_seal *seal);

/* Content on its way into the store. */
struct s3_sealer {
    struct s3_cipher cipher;
    char *room; /* owned; NULL: nothing is encrypted */
};

/* `seal` may be NULL. 0 or -ENOMEM. */
int s3_sealer_begin(struct s3_sealer *sealer, const struct s3_seal *seal);
int s3_sealer_add(struct s3_sealer *sealer, struct incoming *incoming, struct slice data);
void s3_sealer_finish(struct s3_sealer *sealer); /* a zeroed one is fine */

/* And out of it: the segment that is being read, and where. */
struct s3_unsealer {
    const struct s3_seal *seal; /* borrowed; NULL: nothing is decrypted */
    struct s3_cipher cipher;
    struct slice segments; /* behind this one */
    struct slice nonces;   /* the same */
    uint64_t left;         /* of this one */
};

/* Of this version, from `offset` on. 0, -EBADMSG or -ENOMEM. */
int s3_unsealer_begin(struct s3_unsealer *unsealer, const struct s3_seal *seal,
                      const struct version *version, uint64_t offset);

/* What came next, in its place: `data` lies in memory of the caller's. */
int s3_unsealer_apply(struct s3_unsealer *unsealer, struct slice data);
void s3_unsealer_finish(struct s3_unsealer *unsealer); /* a zeroed one is fine */
