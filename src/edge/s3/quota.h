/* The most that a bucket may take (`quota` of the file). */
#pragma once

#include "edge/s3/call.h"

/*
 * May so many bytes come to the bucket, in place of what its key has now where versions are not
 * kept? 0 or InsufficientStorage. What other requests write at the same moment is not counted: a
 * bucket may become larger by the writes that are under way.
 */
int s3_quota_check(struct s3_call *call, uint64_t bytes);

/* The same for a key that is not there yet, without a request. 0, -EDQUOT or -errno. */
int s3_quota_check_new(struct store *store, const struct store_bucket *bucket, uint64_t bytes);
