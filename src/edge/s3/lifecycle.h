/* Lifecycle rules carried out: objects that expire, old versions, uploads that were left behind.
 * Blocking, for a thread of its own. */
#pragma once

#include "store/store.h"

struct outbox;

/*
 * Goes through all buckets that have rules, a page at a time. `must_stop` is asked between pages.
 * Returns how many versions and uploads have gone, or -errno of a bucket that could not be looked
 * at, after the others. Webhooks are told by way of the outbox; NULL: nobody is.
 */
int64_t s3_lifecycle_run(struct store *store, struct outbox *outbox, int64_t now_ms,
                         bool (*must_stop)(void *arg), void *arg);
