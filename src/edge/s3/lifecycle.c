/*
 * Versions of a key come latest first, so all that a rule asks is known when the next key begins:
 * each is judged then. A page ends with a key.
 */
#include "edge/s3/lifecycle.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "edge/s3/delete.h"
#include "edge/s3/settings.h"
#include "edge/s3/tell.h"
#include "wire/s3/lifecycle_decide.h"
#include "wire/s3/tagging.h"
#include "wire/s3/time.h"

#include <errno.h>

#define PAGE_VERSIONS   2000
#define DOOMED_MAX      1000
#define ARENA_BYTES_MAX ((size_t)16 << 20)
#define LIFECYCLE_ARENA ((size_t)16 << 20)

struct walk {
    const struct s3_lifecycle_pass *pass;
    struct store_bucket *bucket;
    const struct s3_lifecycle *lifecycle;
    int64_t now_ms;
    struct arena arena; /* of what is doomed */
    struct buffer from; /* where the next page begins */
    bool is_over;
    unsigned visited;
    struct deletion *doomed; /* DOOMED_MAX */
    unsigned doomed_count;

    /* Of the key that is being gathered. */
    struct buffer key;
    unsigned versions;
    int64_t newer_ms;    /* when the version before in this walk was written */
    bool waits_for_next; /* its current version is a marker that goes when it is alone */
    uint64_t marker;     /* its sequence */
    bool marker_is_null;
};

static int doom(struct walk *walk, struct slice key, const struct version *version,
                enum s3_lifecycle_action action)
{
    struct deletion *deletion = &walk->doomed[walk->doomed_count];
    struct slice copy = arena_copy(&walk->arena, key);
    if (copy.at == NULL)
        return -ENOMEM;
    *deletion = (struct deletion){
        .key = copy, .now_ms = walk->pass->now_ms, .only_sequence = version->sequence};
    if (action != S3_LIFECYCLE_EXPIRE) {
        deletion->which = version->is_null ? VERSION_NULL : VERSION_SEQUENCE;
        deletion->sequence = version->sequence;
    }
    walk->doomed_count++;
    return 0;
}

/* A marker that was the key's only version? */
static int end_key(struct walk *walk)
{
    if (!walk->waits_for_next || walk->versions != 1)
        return 0;
    const struct version version = {.sequence = walk->marker, .is_null = walk->marker_is_null};
    return doom(walk, buffer_slice(&walk->key), &version, S3_LIFECYCLE_DELETE_MARKER);
}

static int read_tags(struct walk *walk, const struct version *version, struct s3_tags *ret_tags)
{
    struct s3_fault fault;
    *ret_tags = (struct s3_tags){.count = 0};
    if (version->tags.len == 0)
        return 0;
    struct slice copy = arena_copy(&walk->arena, version->tags);
    return copy.at == NULL ? -ENOMEM : s3_tags_parse_query(copy, &walk->arena, &fault, ret_tags);
}

static int judge(struct walk *walk, const struct version *version, bool is_only)
{
    struct s3_lifecycle_facts facts = {
        .key = version->key,
        .bytes = version->size,
        .made_s = version->modified_ms / 1000,
        .is_marker = version->is_marker,
        .is_current = walk->versions == 0,
        .is_only = is_only,
        .newer_noncurrent = walk->versions == 0 ? 0 : walk->versions - 1,
        .noncurrent_since_s = walk->newer_ms / 1000,
    };
    int rc = read_tags(walk, version, &facts.tags);
    if (rc == -ENOMEM)
        return rc;
    const struct s3_lifecycle_clock clock = {walk->pass->now_ms / 1000, S3_DAY_S};
    struct s3_lifecycle_decision decision = s3_lifecycle_decide(walk->lifecycle, &facts, clock);
    if (decision.action == S3_LIFECYCLE_KEEP)
        return 0;
    if (decision.action == S3_LIFECYCLE_DELETE_MARKER) {
        walk->waits_for_next = true;
        walk->marker = version->sequence;
        walk->marker_is_null = version->is_null;
        return 0;
    }
    return doom(walk, version->key, version, decision.action);
}

static int begin_key(struct walk *walk, struct slice key)
{
    walk->key.len = 0;
    walk->versions = 0;
    walk->waits_for_next = false;
    return buffer_append(&walk->key, key);
}

static int visit(void *arg, const struct version *version, bool is_latest, struct buffer *seek)
{
    struct walk *walk = arg;
    (void)is_latest;
    (void)seek;
    int rc = 0;
    bool is_next = walk->key.len == 0 || !slice_equal(version->key, buffer_slice(&walk->key));
    if (is_next) {
        rc = end_key(walk);
        /* Room for one more of each kind is kept: a key may have many versions, which then go on
         * with the next pass. */
        if (rc == 0 && (walk->visited >= PAGE_VERSIONS || walk->doomed_count + 2 > DOOMED_MAX)) {
            walk->from.len = 0;
            walk->is_over = false;
            walk->key.len = 0;
            rc = buffer_append(&walk->from, version->key);
            return rc < 0 ? rc : CATALOG_END;
        }
        if (rc == 0)
            rc = begin_key(walk, version->key);
    }
    if (rc == 0 && walk->doomed_count + 2 <= DOOMED_MAX)
        rc = judge(walk, version, walk->versions == 0);
    walk->newer_ms = version->modified_ms;
    walk->versions++;
    walk->visited++;
    return rc;
}

static int read_page(void *arg, struct catalog_reader *reader)
{
    struct walk *walk = arg;
    walk->is_over = true;
    walk->visited = walk->doomed_count = 0;
    walk->key.len = 0;
    walk->waits_for_next = false;
    int rc = catalog_list(reader, walk->bucket->id, buffer_slice(&walk->from), 0, visit, walk);
    if (rc == CATALOG_END)
        return 0;
    return rc < 0 ? rc : end_key(walk);
}

/* What was written since, or is locked, stays. */
static int64_t carry_out(struct walk *walk)
{
    const struct s3_teller teller = {.store = walk->pass->store,
                                     .outbox = walk->pass->outbox,
                                     .bucket = walk->bucket,
                                     .region = walk->pass->region,
                                     .principal = SLICE("lifecycle"),
                                     .now_ms = walk->pass->now_ms};
    int64_t gone = 0;
    for (unsigned i = 0; i < walk->doomed_count; i++) {
        struct store_change change;
        deletion_prepare(&walk->doomed[i], walk->bucket, &change);
        if (s3_teller_commit(&teller, S3_EVENT_EXPIRATION_DELETE, &change, 1) == 0)
            gone++;
    }
    return gone;
}

struct stale {
    struct walk *walk;
    char ids[DOOMED_MAX][UPLOAD_ID_BYTES];
    unsigned count;
};

static int visit_upload(void *arg, const struct change_upload *upload)
{
    struct stale *stale = arg;
    int64_t due_s;
    const struct s3_lifecycle_rule *rule =
        s3_lifecycle_abort(stale->walk->lifecycle, upload->version.key,
                           upload->version.modified_ms / 1000, S3_DAY_S, &due_s);
    if (rule == NULL || due_s > stale->walk->pass->now_ms / 1000)
        return 0;
    memcpy(stale->ids[stale->count++], upload->id.at, UPLOAD_ID_BYTES);
    return stale->count == DOOMED_MAX ? CATALOG_END : 0;
}

static int read_uploads(void *arg, struct catalog_reader *reader)
{
    struct stale *stale = arg;
    int rc = catalog_list_uploads(reader, stale->walk->bucket->id, (struct slice){0},
                                  (struct slice){0}, visit_upload, stale);
    return rc == CATALOG_END ? 0 : rc;
}

static int64_t abort_uploads(struct walk *walk)
{
    int64_t gone = 0;
    SCOPED_FREE struct stale *stale = memory_alloc(sizeof *stale);
    if (stale == NULL)
        return -ENOMEM;
    stale->walk = walk;
    stale->count = 0;
    int rc = store_read(walk->pass->store, read_uploads, stale);
    for (unsigned i = 0; rc == 0 && i < stale->count; i++) {
        struct store_change change = {.kind = RECORD_UPLOAD_GONE, .needs_upload = true};
        change.upload.id = slice_of(stale->ids[i], UPLOAD_ID_BYTES);
        if (store_commit(walk->pass->store, &change, 1) == 0)
            gone++;
    }
    return rc < 0 ? rc : gone;
}

static int64_t walk_bucket(struct walk *walk)
{
    int64_t gone = abort_uploads(walk);
    do {
        arena_init(&walk->arena, NULL, 0, ARENA_BYTES_MAX);
        int rc = gone < 0 ? (int)gone : store_read(walk->pass->store, read_page, walk);
        if (rc == 0)
            gone += carry_out(walk);
        arena_finish(&walk->arena);
        if (rc < 0)
            return rc;
    } while (!walk->is_over && !walk->pass->must_stop(walk->pass->arg));
    return gone;
}

static int64_t run_bucket(const struct s3_lifecycle_pass *pass, struct store_bucket *bucket)
{
    SCOPED(arena_finish) struct arena arena;
    struct s3_lifecycle lifecycle;
    struct s3_fault fault;
    struct walk walk = {.pass = pass, .bucket = bucket, .lifecycle = &lifecycle};
    arena_init(&arena, NULL, 0, LIFECYCLE_ARENA);
    int64_t rc = s3_lifecycle_parse(settings_get(bucket->settings, SETTING_LIFECYCLE), &arena,
                                    &fault, &lifecycle);
    if (rc < 0)
        return rc;
    walk.doomed = memory_alloc_array(DOOMED_MAX, sizeof *walk.doomed);
    if (walk.doomed == NULL)
        return -ENOMEM;
    buffer_init(&walk.from, VERSION_KEY_BYTES_MAX);
    buffer_init(&walk.key, VERSION_KEY_BYTES_MAX);
    rc = walk_bucket(&walk);
    buffer_finish(&walk.from);
    buffer_finish(&walk.key);
    memory_free(walk.doomed);
    return rc;
}

#define BUCKETS_MAX 4096

struct gathering {
    struct store_bucket *at[BUCKETS_MAX]; /* counted */
    unsigned count;
};

static int gather(void *arg, struct store_bucket *bucket)
{
    struct gathering *gathering = arg;
    if (settings_get(bucket->settings, SETTING_LIFECYCLE).at == NULL)
        return 0;
    atomic_fetch_add(&bucket->references, 1);
    gathering->at[gathering->count++] = bucket;
    return gathering->count == BUCKETS_MAX ? 1 : 0;
}

int64_t s3_lifecycle_run(const struct s3_lifecycle_pass *pass)
{
    SCOPED_FREE struct gathering *gathering = memory_alloc(sizeof *gathering);
    int64_t gone = 0, failed = 0;
    if (gathering == NULL)
        return -ENOMEM;
    gathering->count = 0;
    (void)store_bucket_each(pass->store, gather, gathering);
    for (unsigned i = 0; i < gathering->count; i++) {
        struct store_bucket *bucket = gathering->at[i];
        int64_t rc = pass->must_stop(pass->arg) ? 0 : run_bucket(pass, bucket);
        if (rc > 0)
            log_info("the lifecycle rules of the bucket \"%.*s\" have ended %lld versions and "
                     "uploads",
                     SLICE_ARG(bucket->name), (long long)rc);
        gone += rc > 0 ? rc : 0;
        failed = rc < 0 ? rc : failed;
        store_bucket_unref(bucket);
    }
    return failed < 0 ? failed : gone;
}
