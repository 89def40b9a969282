/*
 * Objects that are kept encrypted: under a key of the client's (SSE-C), which comes with each
 * request and is never kept, under the service's own (SSE-S3), or under one that is made of the
 * service's, an id and a context (SSE-KMS). Of a version is kept (`seal`) a letter for the form, a
 * salt, a proof of the key, with SSE-KMS a byte of flags, the id and the context, each behind its
 * length of two bytes, and then a nonce for each segment of its content; of a part its one nonce.
 * The content's key is made of the key and the salt.
 */
#pragma once

#include "edge/s3/call.h"
#include "wire/s3/cipher.h"
#include "wire/s3/encryption.h"

#define S3_SEAL_SALT_BYTES  16
#define S3_SEAL_PROOF_BYTES 16
#define S3_SEAL_HEAD_BYTES  (1 + S3_SEAL_SALT_BYTES + S3_SEAL_PROOF_BYTES)
#define S3_KEY_MD5_LEN      24 /* in base64 */

/* Before the nonces, at most. */
#define S3_SEAL_BYTES_MAX                                                                          \
    (S3_SEAL_HEAD_BYTES + 5 + S3_KMS_KEY_ID_BYTES_MAX + S3_KMS_CONTEXT_BYTES_MAX)

struct s3_seal {
    bool is_on;          /* else all of it does nothing */
    bool is_customers;   /* the key is the client's */
    bool is_kms;         /* the key has an id */
    bool has_bucket_key; /* of such a one: told again, and nothing more */
    unsigned char key[S3_CIPHER_KEY_BYTES];
    char key_md5[S3_KEY_MD5_LEN];
    char nonce[S3_CIPHER_NONCE_BYTES]; /* of what is being sent */
    struct slice key_id;               /* borrowed as `kept`, of the request or its bucket */
    struct slice context_sent;         /* in base64; with s3_seal_make alone */
    struct slice kept; /* of a made one with `nonce` behind, in the call's arena; of an opened one
                          without, borrowed from what was opened */
};

/* Does it keep the sum of the content from being the ETag? */
static inline bool s3_seal_hides_sum(const struct s3_seal *seal)
{
    return seal->is_customers || seal->is_kms;
}

/* By the fields of the request, or the bucket's default, for an object that is about to be. 0 or
 * the fault. */
int s3_seal_make(struct s3_call *call, struct s3_seal *ret_seal);

/* The same without a request, as a wish that is on has it; in the arena. 0, -ENOKEY without the
 * service's key, or -ENOMEM. */
struct s3_wish;
int s3_seal_make_own(const unsigned char *service_key, const struct s3_wish *wish,
                     struct arena *arena, struct s3_seal *ret_seal);

/* By the fields of the request, for what keeps this seal; with another nonce, for a part of it.
 * `of_source`: by those that name the key of a copy's source. 0 or the fault. */
int s3_seal_open(struct s3_call *call, struct slice kept, bool of_source, struct s3_seal *ret_seal);
/* Is what keeps this seal under a key of the client's? */
bool s3_seal_is_customers(struct slice kept);
/* The same for an answer that needs no key: one of the client's is checked where it was said, and
 * told of only then. 0 or the fault. */
int s3_seal_tell(struct s3_call *call, struct slice kept, struct s3_seal *ret_seal);
/* Of one under a key of the service's, without a request. 0, -EACCES for one under a client's,
 * -ENOKEY, or -EBADMSG. */
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
