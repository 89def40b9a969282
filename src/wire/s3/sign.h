/*
 * Requests that are signed to be sent: what signature.h checks, made (Amazon S3 API reference,
 * "Authenticating Requests: Using the Authorization Header").
 */
#pragma once

#include "wire/s3/signature.h"

/* Whose signature it is; borrowed. */
struct s3_signer {
    struct slice access_key;
    struct slice region;
    const unsigned char *key; /* by s3_signing_key for the day of x-amz-date */
};

/*
 * The value of Authorization. All of request->fields are signed, and the host: what others between
 * may change is not to be among them. x-amz-date and x-amz-content-sha256 have to be. In the arena.
 * 0, -EINVAL without these two, or -ENOMEM.
 */
int s3_sign(const struct s3_signed *request, const struct s3_signer *signer, struct arena *arena,
            struct slice *ret_authorization);
