/*
 * The body of a request: its coding taken off, its signature and every checksum that the client
 * named checked at its end. What was read before is not to be relied upon until then.
 */
#pragma once

#include "edge/s3/call.h"

struct s3_body {
    struct s3_call *call;
    struct s3_chunks *chunks; /* in the call's arena; NULL: not coded */
    struct slice rest;        /* received, not decoded yet */
    bool has_ended;
    uint64_t length;       /* that was told; EXCHANGE_LENGTH_UNKNOWN */
    uint64_t come;         /* so far */
    struct s3_sum sha256;  /* of a signed hash */
    struct s3_sum md5;     /* where it is wanted */
    struct s3_sum check;   /* the client's checksum */
    unsigned check_kind;   /* S3_CHECKSUM_KINDS: none */
    bool is_trailed;       /* its value comes behind the body */
    struct slice expected; /* in base64; that of the head */
    bool wants_md5, has_sha256, has_check;
    struct incoming *incoming;                 /* borrowed; has a large body summed; NULL: not */
    struct slice content_md5;                  /* in base64; a NULL start: none */
    unsigned char md5_sum[S3_SUM_BYTES_MAX];   /* at the end */
    unsigned char check_sum[S3_SUM_BYTES_MAX]; /* at the end */
};

/*
 * Reads what the head says of the body. `wants_md5`: for an ETag. `default_kind`: the checksum to
 * make where the client names none; S3_CHECKSUM_KINDS: none. 0 or the fault.
 */
int s3_body_init(struct s3_body *body, struct s3_call *call, bool wants_md5, unsigned default_kind);
void s3_body_finish(struct s3_body *body); /* a zeroed one is fine */

/* All of it will be added to `incoming`: a large one is summed from there, beside other work. */
void s3_body_goes_to(struct s3_body *body, struct incoming *incoming);

/* The next part. 1; 0 at the end, when all of it was what was signed and told; or the fault. */
int s3_body_next(struct s3_body *body, struct slice *ret_data);

/* The same without waiting: -EAGAIN too. */
int s3_body_try(struct s3_body *body, struct slice *ret_data);

/* All of it, within `max` bytes: MaxMessageLengthExceeded otherwise. 0 or the fault. */
int s3_body_read(struct s3_call *call, size_t max, struct buffer *ret_bytes);
