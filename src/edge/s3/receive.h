/* Content that a request brings or copies, into the store: what PutObject and UploadPart share. */
#pragma once

#include "edge/s3/body.h"
#include "edge/s3/seal.h"

struct s3_received {
    struct incoming incoming;
    bool has_incoming;
    bool is_pinned; /* the content, until the change that names it is made */
    struct slice data;
    struct slice content;
    char content_room[CONTENT_SEGMENT_BYTES_MAX];
    uint64_t length;
    unsigned char md5[S3_SUM_BYTES_MAX];
    char etag_room[2 * S3_SUM_BYTES_MAX];
    struct slice etag;   /* the MD5 in hexadecimal */
    unsigned check_kind; /* S3_CHECKSUM_KINDS: none */
    unsigned char check[S3_SUM_BYTES_MAX];
};

/* The body, whole and checked, and encrypted where the seal is on. 0 or the fault. */
int s3_receive(struct s3_call *call, unsigned default_kind, const struct s3_seal *seal,
               struct s3_received *ret_received);

/* After store_commit, whatever came of it: `rc` is its result. Also when it was never called (then
 * with an error), and after s3_receive failed. */
void s3_received_finish(struct s3_received *received, int rc);

/* Its content and size into a version, its data into the change. */
void s3_received_use(struct s3_received *received, struct store_change *change,
                     struct version *version);
