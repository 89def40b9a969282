/* Files of S3 keys: what is taken is in its limits, and is the same once it is written and read. */
#include "fuzz.h"

#include "base/buffer.h"
#include "conf/bucket.h"
#include "conf/s3_keys.h"

#include <errno.h>

static void check_key(const struct s3_keys *keys, const struct s3_key *key)
{
    CHECK(s3_keys_find(keys, key->access_key) == key);
    CHECK(s3_keys_named(keys, key->name) == key);
    CHECK(key->secret_key.len >= S3_KEY_PART_LEN_MIN && key->secret_key.len <= S3_KEY_PART_LEN_MAX);
    CHECK(key->is_for_all == (key->buckets_count == 0));
    for (unsigned i = 0; i < key->buckets_count; i++) {
        CHECK(conf_is_bucket_name(key->buckets[i]));
        CHECK(s3_key_may(key, key->buckets[i], false));
    }
    CHECK(s3_key_may(key, SLICE("weir"), true) <= (key->rights == S3_RIGHTS_WRITE));
}

static void check_same(const struct s3_keys *a, const struct s3_keys *b)
{
    CHECK(a->count == b->count);
    for (unsigned i = 0; i < a->count; i++) {
        CHECK(slice_equal(a->at[i].name, b->at[i].name));
        CHECK(slice_equal(a->at[i].access_key, b->at[i].access_key));
        CHECK(slice_equal(a->at[i].secret_key, b->at[i].secret_key));
        CHECK(a->at[i].buckets_count == b->at[i].buckets_count);
        CHECK(a->at[i].rights == b->at[i].rights && a->at[i].created_s == b->at[i].created_s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct s3_keys *keys = NULL, *again = NULL;
    struct error error = {0};
    struct buffer out;
    int rc = s3_keys_parse(slice_of(data, len), &keys, &error);
    CHECK(rc == 0 || (rc == -EBADMSG && error.text[0] != '\0'));
    if (rc < 0)
        return 0;
    for (unsigned i = 0; i < keys->count; i++)
        check_key(keys, &keys->at[i]);
    buffer_init(&out, S3_KEYS_BYTES_MAX);
    if (s3_keys_write(keys->at, keys->count, &out) == 0) {
        CHECK(s3_keys_parse(buffer_slice(&out), &again, &error) == 0);
        check_same(keys, again);
    }
    buffer_finish(&out);
    s3_keys_unref(again);
    s3_keys_unref(keys);
    return 0;
}
