/*
 * Which encryption under keys of the service a request asks for, by its fields or by its bucket's
 * default: AES256 (SSE-S3), or aws:kms with the id of a key (SSE-KMS).
 */
#pragma once

#include "edge/s3/call.h"

/* The id of a key where neither the request nor the bucket names one. */
#define S3_KMS_DEFAULT_KEY_ID "aws/s3"

struct s3_wish {
    bool is_on;
    bool is_kms;               /* and what follows is said */
    bool has_bucket_key;       /* told again, and nothing more */
    struct slice key_id;       /* of the request, the bucket or the call's arena */
    struct slice context;      /* decoded, in the call's arena; empty: none */
    struct slice context_sent; /* as it came */
};

/* For an object that is about to be. `is_customers`: under a key of the client's, which goes with
 * none of it. 0 or the fault. */
int s3_wish_read(struct s3_call *call, bool is_customers, struct s3_wish *ret_wish);

/* The bucket's default alone. 0 or the fault. */
int s3_wish_of_bucket(const struct store_bucket *bucket, struct arena *arena,
                      struct s3_fault *fault, struct s3_wish *ret_wish);

/* May something be written under a key of the client's? AccessDenied where the bucket blocks it. */
int s3_wish_check_customers(struct s3_call *call, bool is_customers);

/* Fields of it where nothing is written: InvalidArgument, as S3 answers. 0 or the fault. */
int s3_wish_expect_none(struct s3_call *call);
