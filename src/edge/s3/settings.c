/* Damage is the store's to find; a length that does not fit ends the list. */
#include "edge/s3/settings.h"

#include "base/cleanup.h"

#include <stdio.h>

#define HEAD_BYTES 5

static bool take(struct slice *rest, unsigned *ret_kind, struct slice *ret_value)
{
    if (rest->len < HEAD_BYTES)
        return false;
    const unsigned char *head = (const unsigned char *)rest->at;
    size_t len = head[1] | (size_t)head[2] << 8 | (size_t)head[3] << 16 | (size_t)head[4] << 24;
    if (len > rest->len - HEAD_BYTES)
        return false;
    *ret_kind = head[0];
    *ret_value = slice_of(rest->at + HEAD_BYTES, len);
    *rest = slice_from(*rest, HEAD_BYTES + len);
    return true;
}

static int put(struct buffer *out, unsigned kind, struct slice value)
{
    unsigned char head[HEAD_BYTES] = {
        (unsigned char)kind, (unsigned char)value.len, (unsigned char)(value.len >> 8),
        (unsigned char)(value.len >> 16), (unsigned char)(value.len >> 24)};
    int rc = buffer_append(out, slice_of(head, sizeof head));
    return rc < 0 || value.len == 0 ? rc : buffer_append(out, value);
}

struct slice settings_get(struct slice settings, enum setting which)
{
    unsigned kind;
    struct slice value;
    while (take(&settings, &kind, &value)) {
        if (kind == (unsigned)which)
            return value;
    }
    return (struct slice){NULL, 0};
}

int settings_with(struct slice settings, enum setting which, struct slice value, struct buffer *out)
{
    unsigned kind;
    struct slice old;
    bool is_put = value.at == NULL;
    int rc = 0;
    while (rc == 0 && take(&settings, &kind, &old)) {
        if (!is_put && kind >= (unsigned)which) {
            rc = put(out, which, value);
            is_put = true;
        }
        if (rc == 0 && kind != (unsigned)which)
            rc = put(out, kind, old);
    }
    return rc < 0 || is_put ? rc : put(out, which, value);
}

int settings_with_all(struct slice settings, const struct setting_value *values, unsigned count,
                      struct buffer *out)
{
    struct buffer now, next;
    buffer_init(&now, SETTINGS_BYTES_MAX);
    buffer_init(&next, SETTINGS_BYTES_MAX);
    int rc = settings.len == 0 ? 0 : buffer_append(&now, settings);
    for (unsigned i = 0; rc == 0 && i < count; i++) {
        struct buffer swap = now;
        next.len = 0;
        rc = settings_with(buffer_slice(&now), values[i].which, values[i].value, &next);
        now = next;
        next = swap;
    }
    if (rc == 0 && now.len > 0)
        rc = buffer_append(out, buffer_slice(&now));
    buffer_finish(&now);
    buffer_finish(&next);
    return rc;
}

int settings_of_file(struct slice settings, const struct conf_bucket *conf, struct buffer *out)
{
    const struct slice none = {NULL, 0};
    char quota[24];
    int len = snprintf(quota, sizeof quota, "%llu", (unsigned long long)conf->quota_bytes);
    struct setting_value values[4] = {
        {SETTING_PUBLIC, conf->is_public ? SLICE("1") : none},
        {SETTING_QUOTA, conf->quota_bytes == UINT64_MAX ? none : slice_of(quota, (size_t)len)},
    };
    unsigned count = 2;
    /* What keeps versions is never taken away by leaving a word out. */
    if (conf->is_versioned)
        values[count++] = (struct setting_value){SETTING_VERSIONING, SLICE("Enabled")};
    if (conf->has_object_lock)
        values[count++] = (struct setting_value){SETTING_OBJECT_LOCK, SLICE("Enabled")};
    return settings_with_all(settings, values, count, out);
}
