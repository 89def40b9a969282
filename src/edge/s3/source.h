/* The object that a copy is made of: x-amz-copy-source and its conditions. */
#pragma once

#include "edge/s3/receive.h"

struct s3_source {
    struct store_bucket *bucket; /* counted */
    struct slice bucket_name;
    struct slice key;
    struct slice version_id; /* that was named; a NULL start: the latest */
    struct object *object;   /* counted */
    struct s3_seal seal;     /* its content's */
};

/* What x-amz-copy-source names, [/]BUCKET/KEY[?versionId=ID] with escapes: names alone, in the
 * call's arena. 0 or the fault. */
int s3_source_read(struct s3_call *call, struct s3_source *source);

/* Finds it, and checks that the caller may read it and that the conditions hold. 0 or the fault. */
int s3_source_find(struct s3_call *call, struct s3_source *ret_source);
/* The line of the source's bucket, where it is logged. */
void s3_source_log(struct s3_call *call, const struct s3_source *source, struct slice operation);
void s3_source_finish(struct s3_source *source); /* a zeroed one is fine */

/*
 * Bytes of it as new content, with sums as s3_receive makes them; `check_kind` is the checksum to
 * make, or S3_CHECKSUM_KINDS. They are encrypted by `seal` where that is on. 0 or the fault.
 */
int s3_source_copy(struct s3_call *call, const struct s3_source *source, uint64_t offset,
                   uint64_t length, unsigned check_kind, const struct s3_seal *seal,
                   struct s3_received *ret_received);
