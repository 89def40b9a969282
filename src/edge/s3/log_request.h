/*
 * Lines about requests of buckets that are logged (PutBucketLogging): what is to be told is noted
 * while the bucket is at hand, and the line is made when the answer has been sent. Requests of
 * other buckets cost one look at their settings.
 */
#pragma once

#include "edge/s3/call.h"
#include "edge/s3/log_book.h"

struct s3_logged {
    struct log_subject subject;
    int64_t received_us; /* when the body had come; loop_now_us */
    int64_t begun_us;    /* when the answer began */
    bool has_failed;     /* the fault was answered */
    uint64_t size;       /* of the object; UINT64_MAX: it is about none */
    char version_id[S3_VERSION_ID_LEN];
    size_t version_id_len;
};

/* Has the bucket a log? Then its line is noted. What cannot be noted is not logged. */
void s3_log_note(struct s3_call *call, const struct store_bucket *bucket);

/* The same for a request that was refused before its bucket was looked up. */
void s3_log_note_refused(struct s3_call *call);

/* The version that an answer tells of, the end of the body, the answer's begin. */
void s3_log_note_version(struct s3_call *call, const struct version *version);
void s3_log_note_size(struct s3_call *call, uint64_t bytes); /* of a part */
void s3_log_note_received(struct s3_call *call);
void s3_log_note_begun(struct s3_call *call);

/* The line, when all is over. */
void s3_log_request(struct s3_call *call, bool has_failed);

/* The line of a request of the rule `bucket`, which nobody signs: WEBSITE.GET.OBJECT. `size`
 * UINT64_MAX: no object was found. */
void s3_log_site(struct exchange *exchange, struct objects *objects,
                 const struct store_bucket *bucket, struct slice key, uint64_t size);

/* A line beside the request's own: the source of a copy, one of many that are deleted. `version_id`
 * may be empty; `code` S3_NO_FAULT: it was done. */
struct s3_log_part {
    struct slice operation; /* "BATCH.DELETE.OBJECT" */
    struct slice key;
    struct slice version_id;
    uint64_t size; /* UINT64_MAX: not known */
    unsigned status;
    enum s3_code code;
};
void s3_log_part(struct s3_call *call, const struct store_bucket *bucket,
                 const struct s3_log_part *part);
