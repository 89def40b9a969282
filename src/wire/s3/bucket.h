/*
 * What is said when a bucket is made (CreateBucketConfiguration) and about its versions
 * (VersioningConfiguration). Parse functions return 0, or a negative code with *fault filled; write
 * functions 0, -ENOMEM or -EMSGSIZE. Slices lie in the arena.
 */
#pragma once

#include "wire/s3/tagging.h"

struct s3_create_bucket {
    struct slice location; /* of LocationConstraint; a NULL start without one */
    struct s3_tags tags;
};

/* An empty body is one without anything. MalformedXML, InvalidTag; NotImplemented for a directory
 * bucket. */
int s3_create_bucket_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                           struct s3_create_bucket *ret_create);
int s3_create_bucket_write(struct buffer *out, const struct s3_create_bucket *create);

/* The answer of GetBucketLocation; a NULL start or an empty slice: the first region. */
int s3_location_write(struct buffer *out, struct slice location);

enum s3_versioning { S3_VERSIONING_NEVER, S3_VERSIONING_ENABLED, S3_VERSIONING_SUSPENDED };

/* MalformedXML; IllegalVersioningConfigurationException without a status; NotImplemented where
 * deletion shall need a second factor. S3_VERSIONING_NEVER is never returned. */
int s3_versioning_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                        enum s3_versioning *ret_versioning);
int s3_versioning_write(struct buffer *out, enum s3_versioning versioning);
