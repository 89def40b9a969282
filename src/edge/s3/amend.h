/* A version that stays, of which something is said anew: tags, retention, a legal hold. */
#pragma once

#include "edge/s3/call.h"
#include "wire/s3/notification.h"

struct amendment {
    struct s3_call *call;
    enum s3_event event; /* S3_EVENT_KINDS: nobody is told */
    /* Changes what `version` says; 0, or -EPERM when it is not to be. On another thread, while
     * nothing else changes. */
    int (*apply)(struct amendment *amendment, struct version *version);
    struct slice tags;
    struct slice access;
    enum version_lock lock;
    int64_t retain_until_ms;
    bool has_hold;
    bool bypasses_governance;
    bool is_null; /* of the version that it was; filled, as the next */
    uint64_t sequence;
    char etag_room[VERSION_ETAG_BYTES_MAX];
    struct slice etag; /* in it: of the same version */
};

/* Of the version that the request names. 0 or the fault. */
int s3_amend(struct s3_call *call, struct amendment *amendment);

/* The version that the request names, to be read. A reference, or the fault. */
int s3_version_find(struct s3_call *call, struct object **ret_object);

/* 0, or the fault when it is not there. */
int s3_check_version_is_there(struct s3_call *call);

/* "x-amz-version-id" of what was amended. */
void s3_write_amended(struct s3_call *call, struct writer *head, const struct amendment *amendment);
