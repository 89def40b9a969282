#include "edge/s3/quota.h"

#include "edge/s3/settings.h"

void s3_quota_apply(const struct store_bucket *bucket, struct store_change *change)
{
    struct slice text = settings_get(bucket->settings, SETTING_QUOTA);
    uint64_t bytes = 0;
    for (size_t i = 0; i < text.len && ascii_is_digit(text.at[i]); i++)
        bytes = bytes * 10 + (unsigned)(text.at[i] - '0');
    change->has_limit = text.len > 0;
    change->limit_bytes = bytes;
}
