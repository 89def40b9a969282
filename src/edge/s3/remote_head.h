/* The head of a request to a bucket at another endpoint, signed with the key that Weir has there.
 */
#pragma once

#include "conf/bucket.h"
#include "wire/http/message.h"
#include "wire/s3/query.h"

struct remote_head {
    const struct conf_remote *remote;
    struct slice method;
    struct slice key;             /* decoded; empty: the bucket itself */
    const struct s3_query *query; /* only what Weir knows of it goes along */
    const struct fields *fields;  /* that go along; none that frames, signs, or is hop-by-hop */
    const struct framing *framing;
    struct slice payload; /* as it is signed: a hash, or S3_UNSIGNED_PAYLOAD */
    int64_t now_s;        /* since 1970 */
};

/* The whole head, with its empty line, in the arena. On a worker. 0 or -ENOMEM. */
int remote_head_write(const struct remote_head *from, struct arena *arena, struct slice *ret_head);
