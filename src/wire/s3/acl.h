/*
 * Access control lists. Weir grants by keys and policies, so a list is only ever "the owner may do
 * everything": that is what is told, and what is taken; any other is refused by
 * AccessControlListNotSupported, as a bucket does whose owner enforces ownership.
 */
#pragma once

#include "wire/s3/fields.h"

#define S3_GRANTS_MAX 100

struct s3_owner {
    struct slice id;
    struct slice name; /* a NULL start without one */
};

/* AccessControlPolicy that gives the owner FULL_CONTROL. Returns 0, -ENOMEM or -EMSGSIZE. */
int s3_acl_write(struct buffer *out, const struct s3_owner *owner);

/*
 * Takes a list that is no other than that, for the owner of this id. Returns 0, or a negative code
 * with *fault filled: MalformedACLError, AccessControlListNotSupported, SlowDown.
 */
int s3_acl_check(struct slice xml, struct slice owner_id, struct arena *arena,
                 struct s3_fault *fault);

/* The same for the value of x-amz-acl: "private", "bucket-owner-full-control" and
 * "bucket-owner-read" say no other; InvalidArgument for a word that S3 does not know. */
int s3_acl_check_canned(struct slice canned, struct s3_fault *fault);
