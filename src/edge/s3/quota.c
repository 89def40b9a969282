#include "edge/s3/quota.h"

#include "edge/s3/settings.h"

#include <errno.h>

struct usage {
    uint32_t bucket;
    struct catalog_usage found;
};

static int read_usage(void *arg, struct catalog_reader *reader)
{
    struct usage *usage = arg;
    return catalog_usage_read(reader, usage->bucket, &usage->found);
}

static uint64_t quota_of(const struct store_bucket *bucket)
{
    struct slice text = settings_get(bucket->settings, SETTING_QUOTA);
    uint64_t bytes = 0;
    if (text.len == 0)
        return UINT64_MAX;
    for (size_t i = 0; i < text.len && ascii_is_digit(text.at[i]); i++)
        bytes = bytes * 10 + (unsigned)(text.at[i] - '0');
    return bytes;
}

/* What goes when the key is written anew. */
static uint64_t replaced_bytes(struct s3_call *call)
{
    struct object *object = NULL;
    if (s3_versioning_of(call->bucket) == S3_VERSIONING_ENABLED ||
        store_find(call->store, call->bucket->id, call->key, VERSION_NULL, 0, &object) < 0)
        return 0;
    uint64_t bytes = object->version.size;
    object_unref(object);
    return bytes;
}

/* By how much it would be exceeded: 0, or -errno. */
static int find_excess(struct store *store, const struct store_bucket *bucket, uint64_t bytes,
                       uint64_t *ret_excess)
{
    uint64_t quota = quota_of(bucket);
    struct usage usage = {.bucket = bucket->id};
    *ret_excess = 0;
    if (quota == UINT64_MAX)
        return 0;
    int rc = store_read(store, read_usage, &usage);
    if (rc == 0 && usage.found.bytes + bytes > quota)
        *ret_excess = usage.found.bytes + bytes - quota;
    return rc;
}

int s3_quota_check_new(struct store *store, const struct store_bucket *bucket, uint64_t bytes)
{
    uint64_t excess;
    int rc = find_excess(store, bucket, bytes, &excess);
    return rc < 0 ? rc : excess > 0 ? -EDQUOT : 0;
}

int s3_quota_check(struct s3_call *call, uint64_t bytes)
{
    uint64_t excess;
    int rc = find_excess(call->store, call->bucket, bytes, &excess);
    if (rc == 0 && (excess == 0 || excess <= replaced_bytes(call)))
        return 0;
    return s3_store_fault(call, rc < 0 ? rc : -EDQUOT);
}
