/*
 * Access control lists of buckets and objects: read from requests, kept with them, told, and what
 * they let somebody do. There is one owner, to whom everything belongs; other grantees are
 * everybody, every key, and keys by their names.
 */
#pragma once

#include "edge/s3/call.h"

/*
 * What x-amz-acl and x-amz-grant-* of a request say of what it makes, packed, in the call's arena;
 * empty without them. With `settings` of the bucket: whether it takes lists. 0 or the fault.
 */
int s3_acl_of_request(struct s3_call *call, struct slice settings, struct slice *ret_packed);

/* Where no lists are kept: AccessControlListNotSupported for one that lets in others than the
 * owner. 0 or the fault. */
int s3_acl_expect_none(struct s3_call *call);

/* Do the lists of the bucket, or of the object, let the caller do this? `action` as for s3_may. */
bool s3_acl_allows(struct s3_call *call, const struct store_bucket *bucket, struct slice action,
                   struct slice key);
