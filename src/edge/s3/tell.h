/*
 * Commits that webhooks are told of: beside each change that a notification of the bucket asks for,
 * in the same commit, an event goes into the outbox (edge/events/outbox.h), if the change is made.
 */
#pragma once

#include "edge/s3/call.h"
#include "wire/s3/event.h"

struct outbox;

/* In whose name, and where. */
struct s3_teller {
    struct store *store;
    struct outbox *outbox; /* NULL: nobody is told */
    const struct store_bucket *bucket;
    struct slice region;
    struct slice principal;
    struct slice source_ip;
    struct slice request_id;
    int64_t now_ms;
    const struct slice *amended_etag; /* of an AMEND: read once the change was decided on */
};

/* As store_commit. `event` is that of all the changes; of "…:Delete" those that put a marker are
 * told as "…:DeleteMarkerCreated". */
int s3_teller_commit(const struct s3_teller *teller, enum s3_event event,
                     struct store_change *changes, unsigned count);

/* The same for a request. `amended_etag` may be NULL. */
int s3_commit(struct s3_call *call, enum s3_event event, struct store_change *changes,
              unsigned count, const struct slice *amended_etag);

/* Those that a configuration names get the test message. */
void s3_tell_test(struct s3_call *call, const struct s3_notifications *notifications);
