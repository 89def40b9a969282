/*
 * An object that is about to be: what the fields of the request say of it (PUT,
 * CreateMultipartUpload, CopyObject with REPLACE), as it will stand in the index. Its `fields` are
 * whole lines of a response's head.
 */
#pragma once

#include "edge/s3/call.h"
#include "edge/s3/seal.h"

#define S3_METADATA_BYTES_MAX 2048

struct s3_draft {
    struct version version; /* all but size, etag, checksum, content and sequence */
    struct s3_seal seal;    /* which its version keeps */
};

/* In the call's arena. 0 or the fault. */
int s3_draft_read(struct s3_call *call, struct s3_draft *ret_draft);

/* Its retention and hold: by the request's fields, or by the bucket's rule. 0 or the fault. */
int s3_draft_lock(struct s3_call *call, struct version *version);

/* If-Match and If-None-Match of a write; NULL starts. */
struct s3_condition {
    struct slice if_match;
    struct slice if_none_match;
};

void s3_condition_read(const struct s3_call *call, struct s3_condition *ret_condition);

/* For store_change.decide, with the condition as its `arg`: -EEXIST when it does not hold, -ENODATA
 * when there is nothing that If-Match could mean. */
int s3_condition_decide(struct store_change *change, const struct version *current);

/* The fault of a change that was refused, -EEXIST and -ENODATA as above. Returns rc. */
int s3_change_fault(struct s3_call *call, int rc);

/* What `checksum` of a version holds. */
struct s3_stored_sum {
    unsigned kind;     /* S3_CHECKSUM_KINDS: none */
    bool is_composite; /* a sum of the sums of parts */
    unsigned parts;    /* of a composite one */
    unsigned char sum[S3_SUM_BYTES_MAX];
};
#define S3_STORED_SUM_BYTES (4 + S3_SUM_BYTES_MAX)

struct slice s3_stored_sum_write(const struct s3_stored_sum *sum,
                                 char room[static S3_STORED_SUM_BYTES]);
void s3_stored_sum_read(struct slice bytes, struct s3_stored_sum *ret_sum);

/* In base64, with "-3" behind it for the parts of a composite one. */
#define S3_SUM_TEXT_ROOM (S3_SUM_BASE64_MAX + 8)
struct slice s3_stored_sum_text(const struct s3_stored_sum *sum,
                                char room[static S3_SUM_TEXT_ROOM]);

/* "x-amz-checksum-KIND: …" and its type; nothing where there is none. */
void s3_write_stored_sum(struct writer *head, const struct s3_stored_sum *sum);
