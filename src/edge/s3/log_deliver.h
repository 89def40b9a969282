/*
 * Pages of a log book written as objects of the buckets that take them, as they are due. Nobody's
 * requests: they are not logged themselves. Blocking, for the store's own thread.
 */
#pragma once

#include "store/store.h"

struct log_book;
struct outbox;

struct log_delivery {
    struct store *store;
    struct outbox *outbox; /* webhooks are told of the objects */
    struct log_book *book;
    const unsigned char *service_key; /* 32 bytes, where the bucket's default encrypts; or NULL */
    bool has_told;                    /* that something could not be written, and when */
    int64_t told_ms;
};

/* Those that are due, or all. Those of buckets with the same settings become one object, where its
 * key does not name the bucket. What cannot be written is dropped, counted and logged. */
void log_deliver(struct log_delivery *delivery, int64_t now_ms, bool takes_all);

/* Who is logged, as policies know him: aws:SourceArn, aws:SourceAccount. */
struct log_source {
    struct slice bucket;
    struct slice owner_id;
};

/*
 * May lines about the source become objects of `target` whose keys begin with `prefix`? By its
 * policy for logging.s3.amazonaws.com, or its list for the group LogDelivery. Where the two have
 * different owners, the policy must say which source it means.
 */
bool log_may_deliver(const struct store_bucket *target, struct slice prefix,
                     const struct log_source *source, int64_t now_s);
