/* A deletion as a change of the store, for whoever deletes objects: S3's operations, and lifecycle
 * rules. */
#pragma once

#include "edge/s3/call.h"

struct deletion {
    struct slice key;
    enum version_which which; /* VERSION_LATEST: none was named */
    uint64_t sequence;
    struct slice if_match; /* an ETag, or "*"; a NULL start: whatever is there */
    bool has_size, has_modified;
    uint64_t size;
    int64_t modified_s;
    uint64_t only_sequence; /* only when it is this very version; 0: whichever */
    bool bypasses_governance;
    int64_t now_ms;
    bool was_marker; /* filled when it is decided */
};

/* Fills in the change that makes the deletion, whose `arg` it is: it stays where it is until the
 * change is made. */
void deletion_prepare(struct deletion *deletion, const struct store_bucket *bucket,
                      struct store_change *change);
