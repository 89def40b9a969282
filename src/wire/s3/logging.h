/*
 * A bucket's BucketLoggingStatus (S3's user guide, "Logging requests with server access logging"):
 * where lines about its requests go, and how the objects of them are named. Functions return 0, or
 * a negative code with *fault filled; the write function 0, -ENOMEM or -EMSGSIZE.
 */
#pragma once

#include "wire/s3/acl.h"

#define S3_LOG_PREFIX_BYTES_MAX 800 /* what is put behind it fits a key */

enum s3_log_keys {
    S3_LOG_KEYS_UNSAID,      /* as the next */
    S3_LOG_KEYS_SIMPLE,      /* PREFIX2026-11-27-13-00-00-UNIQUE */
    S3_LOG_KEYS_BY_EVENT,    /* PREFIXOWNER/REGION/BUCKET/2026/11/27/2026-11-27-00-00-00-UNIQUE */
    S3_LOG_KEYS_BY_DELIVERY, /* the same by the time of writing */
};

struct s3_logging {
    struct slice target; /* the bucket's name; a NULL start: nothing is logged */
    struct slice prefix; /* may be empty */
    enum s3_log_keys keys;
    bool has_grants;
    struct s3_acl grants; /* of the objects, besides their owner's; `owner_id` is not read */
};

/* Its texts lie in the arena. MalformedXML, InvalidArgument, and what grants may be refused with.
 */
int s3_logging_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                     struct s3_logging *ret_logging);
int s3_logging_write(struct buffer *out, const struct s3_logging *logging);
