/* Direct-mapped; a secret that has changed makes an entry another one's. */
#include "edge/s3/signing_keys.h"

#include "base/cleanup.h"

#define ENTRIES    64
#define DAY_LEN    8
#define REGION_MAX 32

struct entry {
    char secret[S3_KEY_PART_LEN_MAX];
    size_t secret_len;
    char day[DAY_LEN];
    char region[REGION_MAX];
    size_t region_len;
    unsigned char key[S3_SIGNING_KEY_BYTES];
};

struct signing_keys {
    struct entry at[ENTRIES];
};

static bool is_of(const struct entry *entry, struct slice secret, struct slice day,
                  struct slice region)
{
    return slice_equal(slice_of(entry->secret, entry->secret_len), secret) &&
           slice_equal(slice_of(entry->day, DAY_LEN), day) &&
           slice_equal(slice_of(entry->region, entry->region_len), region);
}

int signing_keys_find(struct signing_keys **keys, const struct s3_key *key, struct slice day,
                      struct slice region, unsigned char ret_key[static S3_SIGNING_KEY_BYTES])
{
    struct slice secret = key->secret_key;
    if (*keys == NULL)
        *keys = memory_alloc(sizeof **keys);
    if (*keys == NULL || secret.len > S3_KEY_PART_LEN_MAX || day.len != DAY_LEN ||
        region.len > REGION_MAX)
        return s3_signing_key(secret, day, region, ret_key);
    uint64_t hash = hash_bytes((struct hash_key){0, 0}, key->access_key);
    struct entry *entry = &(*keys)->at[hash % ENTRIES];
    if (!is_of(entry, secret, day, region)) {
        entry->secret_len = 0;
        int rc = s3_signing_key(secret, day, region, entry->key);
        if (rc < 0)
            return rc;
        memcpy(entry->secret, secret.at, secret.len);
        entry->secret_len = secret.len;
        memcpy(entry->day, day.at, DAY_LEN);
        memcpy(entry->region, region.at, region.len);
        entry->region_len = region.len;
    }
    memcpy(ret_key, entry->key, sizeof entry->key);
    return 0;
}

void signing_keys_destroy(struct signing_keys *keys)
{
    if (keys != NULL)
        explicit_bzero(keys, sizeof *keys);
    memory_free(keys);
}
