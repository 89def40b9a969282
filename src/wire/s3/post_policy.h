/*
 * The policy of a form that is sent to S3 (Amazon S3 API reference, "POST policy"): until when, and
 * what its fields may say. It is JSON; its signature is over the base64 in which it was sent.
 */
#pragma once

#include "base/arena.h"
#include "wire/s3/faults.h"

/* A field of the form, in the order in which it was sent. */
struct s3_post_field {
    struct slice name; /* in lower case */
    struct slice value;
};

/* How long the file may be, in bytes. */
struct s3_post_limits {
    uint64_t min, max;
};

/*
 * Do the fields meet the policy, and does it speak of each of them? Not of x-amz-signature, file,
 * policy, and x-ignore-…. `bucket` stands for the field of that name where there is none. 0 and the
 * limits; else -EBADMSG with the fault: InvalidPolicyDocument, AccessDenied; or -ENOMEM.
 */
int s3_post_policy_check(struct slice json, const struct s3_post_field *fields, unsigned count,
                         struct slice bucket, int64_t now_s, struct arena *arena,
                         struct s3_fault *fault, struct s3_post_limits *ret_limits);
