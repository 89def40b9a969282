/*
 * Buckets at another endpoint: a request that Weir has found to be allowed is signed with the key
 * that Weir has there and sent on; the answer comes back as it streams. Also for edge/bucket.
 */
#pragma once

#include "edge/forward/forward.h"
#include "edge/s3/call.h"

/* Sends the call's request, which its caller may make, to the endpoint of call->remote, and the
 * answer to the client. 0 or the fault. */
int s3_remote_run(struct s3_call *call);

/* False: the log was told. */
bool remote_has_key(const struct conf_bucket *bucket);

/* No answer came from the bucket's endpoint: says so in Weir's log, but not for each request. */
void remote_tell_failure(const struct conf_bucket *bucket, const char *why);

/* The same of an endpoint that refuses what Weir signs. */
void remote_tell_refusal(const struct conf_bucket *bucket, const char *code);
