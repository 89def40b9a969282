/* The most that a bucket may take (`quota` of the file). */
#pragma once

#include "edge/s3/call.h"

/*
 * The change, a PUT, is refused with -EDQUOT where the bucket's versions would then take more than
 * its quota: the store looks when it makes the change, so no number of writers gets beyond it.
 */
void s3_quota_apply(const struct store_bucket *bucket, struct store_change *change);
