/* Lifecycle rules carried out: objects that expire, old versions, uploads that were left behind.
 * Blocking, for a thread of its own. */
#pragma once

#include "store/store.h"

struct outbox;

/* All borrowed. */
struct s3_lifecycle_pass {
    struct store *store;
    struct outbox *outbox; /* tells webhooks; NULL: nobody is told */
    struct slice region;   /* that they are told */
    int64_t now_ms;
    bool (*must_stop)(void *arg); /* asked between pages */
    void *arg;
};

/*
 * Goes through all buckets that have rules, a page at a time. Returns how many versions and uploads
 * have gone, or -errno of a bucket that could not be looked at, after the others.
 */
int64_t s3_lifecycle_run(const struct s3_lifecycle_pass *pass);
