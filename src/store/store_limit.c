/*
 * How much a bucket may take. The log thread asks for each change that has a limit; far below it a
 * bound is enough, and nobody waits for the index. What is deleted or replaced counts for the bound
 * as if it stayed, so near the limit the index is asked once it has everything.
 */
#include "store/store_internal.h"

#include <errno.h>

static bool is_within(uint64_t used, uint64_t more, uint64_t limit)
{
    return used <= limit && more <= limit - used;
}

int store_usage(struct store *store, uint32_t bucket, struct catalog_usage *ret_usage)
{
    struct catalog_reader *reader;
    int rc = store_take_reader(store, &reader);
    if (rc < 0)
        return rc;
    rc = catalog_usage_read(reader, bucket, ret_usage);
    store_give_reader(store, reader);
    return rc;
}

bool store_limit_is_far(struct store *store, const struct store_change *change,
                        uint64_t batch_growth)
{
    struct catalog_usage usage = {.bytes = 0};
    /* Before the index is read: what it takes over between the two is counted twice, never missed.
     */
    lock_take(&store->index_lock);
    uint64_t growth = store->pendings_growth;
    lock_release(&store->index_lock);
    return store_usage(store, change->put.version.bucket, &usage) == 0 &&
           is_within(growth, batch_growth, UINT64_MAX) &&
           is_within(usage.bytes, growth + batch_growth, change->limit_bytes) &&
           is_within(usage.bytes + growth + batch_growth, change->put.version.size,
                     change->limit_bytes);
}

/* What goes with the change: the key's version without a number, when this one has none. */
static int replaced_bytes(struct store *store, const struct version *version, uint64_t *ret_bytes)
{
    struct version replaced;
    *ret_bytes = 0;
    if (!version->is_null)
        return 0;
    struct catalog_reader *reader;
    int rc = store_take_reader(store, &reader);
    if (rc < 0)
        return rc;
    rc = catalog_find(reader, version->bucket, version->key, VERSION_NULL, 0, &store->log_room,
                      &replaced);
    store_give_reader(store, reader);
    if (rc == 0)
        *ret_bytes = replaced.size;
    return rc == -ENOENT ? 0 : rc;
}

int store_limit_check(struct store *store, const struct store_change *change)
{
    const struct version *version = &change->put.version;
    struct catalog_usage usage = {.bytes = 0};
    uint64_t replaced = 0;
    int rc = store_index_wait(store, atomic_load(&store->acknowledged));
    if (rc == 0)
        rc = store_usage(store, version->bucket, &usage);
    if (rc == 0)
        rc = replaced_bytes(store, version, &replaced);
    if (rc < 0)
        return rc;
    uint64_t kept = usage.bytes > replaced ? usage.bytes - replaced : 0;
    /* One that makes the bucket no larger is taken also when a lower limit came meanwhile. */
    bool grows = version->size > replaced;
    return !grows || is_within(kept, version->size, change->limit_bytes) ? 0 : -EDQUOT;
}
