/* Reading what is there and comparing: all of it when asked, a part now and then by itself. */
#include "base/log.h"
#include "base/memory.h"
#include "store/store_internal.h"

#include <errno.h>
#include <stdio.h>

struct verifying {
    struct store *store;
    struct catalog_reader *reader;
    struct slice bucket;
    void (*tell)(void *arg, const char *what);
    void *arg;
    int64_t found;
    uint64_t bytes;
    char *room; /* owned */
};

static void note(void *arg, const char *what)
{
    struct verifying *verifying = arg;
    verifying->found++;
    verifying->tell(verifying->arg, what);
}

static void note_key(struct verifying *verifying, const struct version *version, const char *why)
{
    char what[512];
    (void)snprintf(what, sizeof what, "%.*s/%.*s: %s", SLICE_ARG(verifying->bucket),
                   version->key.len > 300 ? 300 : (int)version->key.len, version->key.at, why);
    note(verifying, what);
}

static int verify_version(void *arg, const struct version *version, bool is_latest,
                          struct buffer *seek)
{
    struct verifying *verifying = arg;
    struct slice content = version->content;
    struct content_segment segment;
    struct blob *blob = NULL;
    int rc;
    (void)is_latest;
    (void)seek;
    while ((rc = content_take(&content, &segment)) == 1) {
        if (segment.kind == CONTENT_PACK) {
            rc = packs_read(verifying->store->packs, &segment, true, verifying->room);
            verifying->bytes += segment.length;
        } else {
            rc = blobs_find(verifying->store->blobs, segment.hash, segment.length, &blob);
            blob_close(blob);
            blob = NULL;
        }
        if (rc == -ENOMEM)
            return rc;
        if (rc < 0)
            note_key(verifying, version,
                     rc == -EBADMSG ? "its content is not what was written"
                                    : "its content is not there");
    }
    if (rc < 0)
        note_key(verifying, version, "what it says of its content cannot be read");
    return 0;
}

static int verify_bucket(void *arg, struct store_bucket *bucket)
{
    struct verifying *verifying = arg;
    verifying->bucket = bucket->name;
    return catalog_list(verifying->reader, bucket->id, (struct slice){"", 0}, 0, verify_version,
                        verifying);
}

static int verify_blob(void *arg, const unsigned char hash[CONTENT_HASH_BYTES])
{
    struct verifying *verifying = arg;
    int rc = blob_verify(verifying->store->blobs, hash, &verifying->bytes);
    /* It may have been removed meanwhile. */
    if (rc == -ENOENT || rc == 0)
        return 0;
    if (rc != -EBADMSG && rc != -EIO)
        return rc;
    char what[128];
    (void)snprintf(what, sizeof what, "the blob %02x%02x%02x%02x… is not what was written", hash[0],
                   hash[1], hash[2], hash[3]);
    note(verifying, what);
    return 0;
}

int64_t store_verify(struct store *store, void (*tell)(void *arg, const char *what), void *arg,
                     uint64_t *ret_bytes)
{
    struct verifying verifying = {.store = store, .tell = tell, .arg = arg};
    int rc = store_index_wait(store, atomic_load(&store->acknowledged));
    if (rc < 0)
        return rc;
    verifying.room = memory_alloc_raw(CONTENT_SMALL_BYTES_MAX);
    if (verifying.room == NULL)
        return -ENOMEM;
    rc = store_take_reader(store, &verifying.reader);
    if (rc == 0) {
        int64_t found = catalog_check(verifying.reader, note, &verifying);
        rc = found < 0 ? (int)found : store_bucket_each(store, verify_bucket, &verifying);
        /* The index itself is damaged: that was told above. */
        if (rc == -EBADMSG || rc == -EIO)
            rc = 0;
        store_give_reader(store, verifying.reader);
    }
    for (unsigned folder = 0; rc == 0 && folder < 256; folder++)
        rc = blobs_each(store->blobs, folder, verify_blob, &verifying);
    memory_free(verifying.room);
    *ret_bytes = verifying.bytes;
    return rc < 0 ? rc : verifying.found;
}

struct scrub {
    struct store *store;
    uint32_t pack;
};

static int stay_in_pack(void *arg, const struct record *record, struct packs_place place)
{
    const struct scrub *scrub = arg;
    (void)record;
    return place.pack != scrub->pack;
}

static void tell_log(void *arg, const char *what)
{
    struct store *store = arg;
    atomic_fetch_add(&store->damaged, 1);
    log_error("the store: %s", what);
}

struct next_pack {
    uint32_t from;
    uint32_t found;
};

static int choose_pack(void *arg, uint32_t pack, uint64_t bytes)
{
    struct next_pack *next = arg;
    (void)bytes;
    if (pack < next->from)
        return 0;
    next->found = pack;
    return 1;
}

void store_scrub_step(struct store *store)
{
    struct verifying verifying = {.store = store, .tell = tell_log, .arg = store};
    struct next_pack next = {.from = store->scrub_pack};
    struct packs_replay replay;
    struct error error;
    (void)blobs_each(store->blobs, store->scrub_folder++ % 256, verify_blob, &verifying);
    if (packs_each_sealed(store->packs, choose_pack, &next) != 1) {
        store->scrub_pack = 0;
        return;
    }
    struct scrub scrub = {store, next.found};
    if (packs_replay(store->packs, (struct packs_place){next.found, 0}, false, stay_in_pack, &scrub,
                     &replay, &error) >= 0 &&
        replay.damaged_bytes > 0) {
        atomic_fetch_add(&store->damaged, 1);
        log_error("the store: %llu bytes of pack %08x are not what was written",
                  (unsigned long long)replay.damaged_bytes, next.found);
    }
    store->scrub_pack = next.found + 1;
}
