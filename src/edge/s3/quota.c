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

int s3_quota_check(struct s3_call *call, uint64_t bytes)
{
    uint64_t quota = quota_of(call->bucket);
    struct usage usage = {.bucket = call->bucket->id};
    if (quota == UINT64_MAX)
        return 0;
    int rc = store_read(call->store, read_usage, &usage);
    if (rc < 0)
        return s3_store_fault(call, rc);
    uint64_t after = usage.found.bytes + bytes;
    if (after <= quota || after - replaced_bytes(call) <= quota)
        return 0;
    return s3_store_fault(call, -EDQUOT);
}
