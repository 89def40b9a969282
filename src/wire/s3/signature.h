/*
 * Signatures of AWS, version 4, for S3 (Amazon S3 API reference, "Authenticating Requests (AWS
 * Signature Version 4)"): in the field Authorization or in the query. Reading what a request
 * claims, and making the signature that it should have, for checking as for sending.
 *
 * Bodies that are signed piece by piece: wire/s3/chunks.h.
 */
#pragma once

#include "wire/http/message.h"
#include "wire/s3/query.h"

#define S3_SIGNING_KEY_BYTES 32
#define S3_SIGNATURE_LEN     64 /* hexadecimal, lower case */
#define S3_TIMESTAMP_LEN     16 /* "20130524T000000Z" */
#define S3_SKEW_S            900
#define S3_EXPIRES_S_MAX     604800

#define S3_UNSIGNED_PAYLOAD "UNSIGNED-PAYLOAD"

/* The request, as it came or will go. All borrowed. */
struct s3_signed {
    struct slice method;
    struct slice path; /* raw */
    struct slice host; /* as the field Host has it, for requests of HTTP/2 */
    const struct s3_query *query;
    const struct fields *fields;
};

enum s3_signature_form {
    S3_SIGNED_NOT, /* nothing in the request is a signature */
    S3_SIGNED_HEADER,
    S3_SIGNED_QUERY, /* presigned */
};

/* How the body is covered. */
enum s3_payload {
    S3_PAYLOAD_UNSIGNED,
    S3_PAYLOAD_HASHED,          /* `payload` is its SHA-256 */
    S3_PAYLOAD_CHUNKS,          /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD */
    S3_PAYLOAD_CHUNKS_TRAILER,  /* …-TRAILER */
    S3_PAYLOAD_UNSIGNED_TRAILER /* STREAMING-UNSIGNED-PAYLOAD-TRAILER: chunks without signatures */
};

static inline bool s3_payload_is_chunked(enum s3_payload kind)
{
    return kind >= S3_PAYLOAD_CHUNKS;
}

/* What a request says of its signature. Borrowed from the request or the arena. */
struct s3_signature {
    enum s3_signature_form form;
    struct slice access_key;
    struct slice scope;     /* "20130524/us-east-1/s3/aws4_request" */
    struct slice day;       /* of the scope */
    struct slice region;    /* of the scope */
    struct slice headers;   /* "host;range;x-amz-date" */
    struct slice signature; /* S3_SIGNATURE_LEN */
    struct slice timestamp; /* S3_TIMESTAMP_LEN */
    struct slice payload;   /* as it is signed */
    enum s3_payload payload_kind;
};

/*
 * Reads the claim and checks all of it but the signature: that its form is right, its time is now
 * (or not over), its scope is of `region` and of S3, and that it covers what it must: the host and
 * each x-amz-* field. 0, also for S3_SIGNED_NOT; else -EBADMSG with the fault, or -ENOMEM.
 */
int s3_signature_read(const struct s3_signed *request, struct slice region, int64_t now_s,
                      struct arena *arena, struct s3_fault *fault,
                      struct s3_signature *ret_signature);

/* The key for a day, from the secret; the same for all requests of that day. 0 or -ENOMEM. */
int s3_signing_key(struct slice secret_key, struct slice day, struct slice region,
                   unsigned char ret_key[static S3_SIGNING_KEY_BYTES]);

/* A signature as it was made, with the texts that it is of, for who looks for a difference. */
struct s3_proof {
    struct slice canonical; /* in the arena */
    struct slice to_sign;   /* in the arena */
    char signature[S3_SIGNATURE_LEN];
};

/* Uses all of `claim` but its signature. 0 or -ENOMEM. */
int s3_signature_make(const struct s3_signed *request, const struct s3_signature *claim,
                      const unsigned char key[static S3_SIGNING_KEY_BYTES], struct arena *arena,
                      struct s3_proof *ret_proof);

/* In constant time. */
bool s3_signature_is(struct slice claimed, const char signature[static S3_SIGNATURE_LEN]);

/* HMAC-SHA256 in hexadecimal, over any text: for the chunks, and the policy of a form. 0 or
 * -ENOMEM. */
int s3_sign_text(const unsigned char key[static S3_SIGNING_KEY_BYTES], struct slice text,
                 char ret_signature[static S3_SIGNATURE_LEN]);

/* "20130524T000000Z" to seconds since 1970; -EBADMSG. And back. */
int s3_timestamp_read(struct slice text, int64_t *ret_s);
void s3_timestamp_write(int64_t time_s, char ret_text[static S3_TIMESTAMP_LEN]);
