/*
 * Two short configurations of a bucket that clients set: PublicAccessBlock and OwnershipControls.
 * What follows from them is the caller's part. Parse functions return 0, or a negative code with
 * *fault filled; write functions 0, -ENOMEM or -EMSGSIZE.
 */
#pragma once

#include "wire/s3/fields.h"

/* What is not said is false. */
struct s3_public_access {
    bool blocks_acls;
    bool ignores_acls;
    bool blocks_policies; /* one that lets everybody in is refused */
    bool restricts;       /* a policy that lets everybody in counts for the bucket's owner only */
};

/* MalformedXML. */
int s3_public_access_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                           struct s3_public_access *ret_access);
int s3_public_access_write(struct buffer *out, const struct s3_public_access *access);

enum s3_ownership { S3_BUCKET_OWNER_ENFORCED, S3_BUCKET_OWNER_PREFERRED, S3_OBJECT_WRITER };

/* As headers and documents write it; -EINVAL for anything else. */
int s3_ownership_parse_word(struct slice word, enum s3_ownership *ret_ownership);
struct slice s3_ownership_name(enum s3_ownership ownership);

/* MalformedXML. */
int s3_ownership_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                       enum s3_ownership *ret_ownership);
int s3_ownership_write(struct buffer *out, enum s3_ownership ownership);
