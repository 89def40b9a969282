/*
 * What a page is about was settled when its first line came; where it goes is looked up when it is
 * written: the bucket may have gone meanwhile, or take nothing any more.
 */
#include "edge/s3/log_deliver.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "edge/s3/encryption.h"
#include "edge/s3/log_book.h"
#include "edge/s3/owners.h"
#include "edge/s3/quota.h"
#include "edge/s3/receive.h"
#include "edge/s3/settings.h"
#include "edge/s3/tell.h"
#include "os/random.h"
#include "wire/s3/log_line.h"
#include "wire/s3/names.h"
#include "wire/s3/policy.h"

#include <errno.h>

#define SERVICE         "logging.s3.amazonaws.com"
#define ARN_START       "arn:aws:s3:::"
#define DAY_S           86400
#define ARENA_BYTES_MAX (S3_POLICY_ARENA_BYTES + ((size_t)4 << 20))

/* One failure is told in that time: others are mostly of the same cause. */
#define TELL_EVERY_MS 60000

/* Buckets that share an object. */
#define PAGES_MAX 64

/* Of the policy alone; without the source, as if it came from nowhere. */
static enum s3_policy_decision decide(const struct s3_policy *policy, struct slice bucket,
                                      struct slice key, const struct log_source *source,
                                      int64_t now_s)
{
    char arn[sizeof ARN_START + S3_BUCKET_BYTES_MAX];
    struct s3_policy_value values[2];
    struct writer writer;
    struct s3_policy_request request = {
        .action = SLICE("s3:PutObject"),
        .bucket = bucket,
        .key = key.at == NULL ? SLICE("") : key,
        .service = SLICE(SERVICE),
        .is_secure = true,
        .now_s = now_s,
        .values = values,
    };
    writer_init(&writer, arn, sizeof arn);
    write_literal(&writer, ARN_START);
    if (source != NULL) {
        write_slice(&writer, source->bucket);
        values[0] = (struct s3_policy_value){SLICE("aws:SourceArn"), writer_slice(&writer)};
        values[1] = (struct s3_policy_value){SLICE("aws:SourceAccount"), source->owner_id};
        request.values_count = 2;
    }
    return s3_policy_decide(policy, &request);
}

static bool list_allows(const struct store_bucket *target)
{
    struct s3_acl acl;
    s3_acl_of(target, NULL, &acl);
    for (unsigned i = 0; i < acl.count; i++) {
        if (acl.grants[i].grantee == S3_LOG_DELIVERY && (acl.grants[i].permission & S3_WRITE) != 0)
            return true;
    }
    return false;
}

bool log_may_deliver(const struct store_bucket *target, struct slice prefix,
                     const struct log_source *source, int64_t now_s)
{
    SCOPED(arena_finish) struct arena arena;
    const struct s3_policy *policy;
    struct s3_fault fault;
    struct slice text = settings_get(target->settings, SETTING_POLICY);
    bool is_same_owner = slice_equal(s3_bucket_owner(target), source->owner_id);
    bool may = is_same_owner && list_allows(target);
    arena_init(&arena, NULL, 0, S3_POLICY_ARENA_BYTES);
    if (text.at == NULL)
        return may;
    if (s3_policy_parse(text, target->name, &arena, &fault, &policy) < 0)
        return false;
    enum s3_policy_decision decision = decide(policy, target->name, prefix, source, now_s);
    if (decision == S3_POLICY_ALLOW && !is_same_owner)
        return decide(policy, target->name, prefix, NULL, now_s) == S3_POLICY_NONE;
    return decision == S3_POLICY_ALLOW || (may && decision == S3_POLICY_NONE);
}

/* What lets the prefix in may still deny some keys. */
static bool is_denied(const struct store_bucket *target, struct slice key,
                      const struct log_source *source, int64_t now_s)
{
    SCOPED(arena_finish) struct arena arena;
    const struct s3_policy *policy;
    struct s3_fault fault;
    struct slice text = settings_get(target->settings, SETTING_POLICY);
    arena_init(&arena, NULL, 0, S3_POLICY_ARENA_BYTES);
    return text.at != NULL && (s3_policy_parse(text, target->name, &arena, &fault, &policy) < 0 ||
                               decide(policy, target->name, key, source, now_s) == S3_POLICY_DENY);
}

/* An object under way. */
struct writing {
    struct log_delivery *delivery;
    struct store_bucket *target; /* counted */
    struct s3_logging logging;
    struct arena arena; /* of what follows */
    struct log_page *pages[PAGES_MAX];
    unsigned pages_count;
    unsigned chosen; /* the first of them, which may go there */
    struct s3_seal seal;
    struct s3_received received;
    struct slice key; /* in its room */
    char key_room[S3_LOG_KEY_BYTES_MAX];
};

static struct log_source source_of(const struct log_page *page)
{
    return (struct log_source){page->subject.bucket, page->subject.owner_id};
}

static void choose_pages(struct writing *writing, int64_t now_s)
{
    for (unsigned i = 0; i < writing->pages_count; i++) {
        struct log_page *page = writing->pages[i];
        const struct log_source source = source_of(page);
        if (!log_may_deliver(writing->target, writing->logging.prefix, &source, now_s))
            continue;
        writing->pages[i] = writing->pages[writing->chosen];
        writing->pages[writing->chosen++] = page;
    }
}

static int seal(struct writing *writing)
{
    struct s3_wish wish;
    struct s3_fault fault;
    writing->seal = (struct s3_seal){.is_on = false};
    if (s3_wish_of_bucket(writing->target, &writing->arena, &fault, &wish) < 0)
        return -EBADMSG;
    return wish.is_on ? s3_seal_make_own(writing->delivery->service_key, &wish, &writing->arena,
                                         &writing->seal)
                      : 0;
}

static int take_content(struct writing *writing)
{
    struct s3_received *received = &writing->received;
    struct s3_sealer sealer;
    struct s3_sum md5;
    int rc = s3_sum_begin(&md5, S3_CHECKSUM_MD5);
    if (rc < 0)
        return rc;
    rc = s3_sealer_begin(&sealer, &writing->seal);
    incoming_init(&received->incoming, writing->delivery->store);
    received->has_incoming = true;
    for (unsigned i = 0; rc == 0 && i < writing->chosen; i++) {
        struct slice lines = buffer_slice(&writing->pages[i]->lines);
        s3_sum_add(&md5, lines);
        received->length += lines.len;
        rc = s3_sealer_add(&sealer, &received->incoming, lines);
    }
    s3_sealer_finish(&sealer);
    received->etag =
        s3_hex_write(received->md5, s3_sum_end(&md5, received->md5), received->etag_room);
    if (s3_seal_hides_sum(&writing->seal))
        received->etag = s3_seal_etag(received->md5, received->etag_room);
    s3_sum_finish(&md5);
    if (rc == 0)
        rc = incoming_end(&received->incoming, received->content_room, &received->data,
                          &received->content);
    received->is_pinned = rc == 0 && received->content.len > 0;
    return rc;
}

/* The grants of the settings beside the owner's own right; nothing where there are none. */
static int write_access(struct writing *writing, struct buffer *out)
{
    struct s3_acl acl = {.owner_id = s3_bucket_owner(writing->target), .count = 1};
    if (!writing->logging.has_grants)
        return 0;
    acl.grants[0] = (struct s3_grant){S3_FULL_CONTROL, S3_ONE_OWNER, acl.owner_id};
    for (unsigned i = 0; i < writing->logging.grants.count && acl.count < S3_GRANTS_MAX; i++)
        acl.grants[acl.count++] = writing->logging.grants.grants[i];
    return s3_acl_keep(out, &acl);
}

static int name_object(struct writing *writing, int64_t now_ms)
{
    const struct log_page *first = writing->pages[0];
    const struct log_source source = source_of(first);
    struct s3_log_place place = {
        .owner_id = first->subject.owner_id,
        .region = first->subject.region,
        .bucket = first->subject.bucket,
        .event_s = first->day * DAY_S,
        .delivery_s = now_ms / 1000,
    };
    random_bytes(&place.unique, sizeof place.unique);
    writing->key = s3_log_key_write(&writing->logging, &place, writing->key_room);
    return is_denied(writing->target, writing->key, &source, now_ms / 1000) ? -EACCES : 0;
}

static int commit(struct writing *writing, int64_t now_ms)
{
    SCOPED(buffer_finish) struct buffer access;
    const struct log_page *first = writing->pages[0];
    struct log_delivery *delivery = writing->delivery;
    struct store_change change = {.kind = RECORD_PUT};
    struct version *version = &change.put.version;
    *version = (struct version){
        .bucket = writing->target->id,
        .key = writing->key,
        .modified_ms = now_ms,
        .is_null = s3_versioning_of(writing->target) != S3_VERSIONING_ENABLED,
        .fields = SLICE("Content-Type: text/plain\r\n"),
        .seal = s3_seal_of_version(&writing->seal),
    };
    buffer_init(&access, VERSION_ACCESS_BYTES_MAX);
    int rc = write_access(writing, &access);
    version->access = buffer_slice(&access);
    s3_received_use(&writing->received, &change, version);
    s3_quota_apply(writing->target, &change);
    const struct s3_teller teller = {
        .store = delivery->store,
        .outbox = delivery->outbox,
        .bucket = writing->target,
        .region = first->subject.region,
        .principal = SLICE(SERVICE),
        .source_ip = SLICE("127.0.0.1"),
        .request_id = SLICE(SERVICE),
        .now_ms = now_ms,
    };
    return rc < 0 ? rc : s3_teller_commit(&teller, S3_EVENT_CREATED_PUT, &change, 1);
}

static int write_object(struct writing *writing, int64_t now_ms)
{
    int rc = name_object(writing, now_ms);
    if (rc == 0)
        rc = seal(writing);
    if (rc == 0)
        rc = take_content(writing);
    if (rc == 0)
        rc = commit(writing, now_ms);
    s3_received_finish(&writing->received, rc);
    s3_seal_wipe(&writing->seal);
    return rc;
}

static void drop(struct writing *writing, const struct log_page *page, int64_t now_ms, int rc)
{
    struct log_delivery *delivery = writing->delivery;
    log_book_drop(delivery->book, page);
    if (delivery->has_told && now_ms - delivery->told_ms < TELL_EVERY_MS)
        return;
    delivery->has_told = true;
    delivery->told_ms = now_ms;
    log_warn("the log of the bucket \"%.*s\" cannot be written to \"%.*s\": %s; its lines are lost",
             SLICE_ARG(page->subject.bucket), SLICE_ARG(writing->logging.target),
             rc == -EACCES   ? "that bucket does not let " SERVICE " put objects there"
             : rc == -ENOENT ? "there is no such bucket"
             : rc == -EDQUOT ? "that bucket has reached its quota"
                             : strerror(-rc));
}

static void gather_alike(struct writing *writing, int64_t now_ms)
{
    struct log_page *page;
    if (writing->logging.keys == S3_LOG_KEYS_BY_EVENT ||
        writing->logging.keys == S3_LOG_KEYS_BY_DELIVERY)
        return;
    while (writing->pages_count < PAGES_MAX &&
           (page = log_book_take(writing->delivery->book, now_ms, false, writing->pages[0])) !=
               NULL)
        writing->pages[writing->pages_count++] = page;
}

static void deliver_page(struct writing *writing, struct log_page *page, int64_t now_ms)
{
    struct s3_fault fault;
    struct log_delivery *delivery = writing->delivery;
    writing->pages[writing->pages_count++] = page;
    int rc = s3_logging_parse(page->subject.logging, &writing->arena, &fault, &writing->logging);
    if (rc == 0) {
        gather_alike(writing, now_ms);
        rc = store_bucket_find(delivery->store, writing->logging.target, &writing->target);
    }
    int refused = rc < 0 ? rc : -EACCES;
    if (rc == 0) {
        int64_t wall_ms = clock_wall_us() / 1000;
        choose_pages(writing, wall_ms / 1000);
        rc = writing->chosen == 0 ? 0 : write_object(writing, wall_ms);
    }
    for (unsigned i = 0; i < writing->pages_count; i++) {
        int result = i < writing->chosen ? rc : refused;
        if (result < 0)
            drop(writing, writing->pages[i], now_ms, result);
        log_page_destroy(writing->pages[i]);
    }
    store_bucket_unref(writing->target);
}

void log_deliver(struct log_delivery *delivery, int64_t now_ms, bool takes_all)
{
    struct log_page *page;
    while ((page = log_book_take(delivery->book, now_ms, takes_all, NULL)) != NULL) {
        SCOPED_FREE struct writing *writing = memory_alloc(sizeof *writing);
        if (writing == NULL) {
            log_book_drop(delivery->book, page);
            log_page_destroy(page);
            continue;
        }
        memset(writing, 0, sizeof *writing);
        writing->delivery = delivery;
        arena_init(&writing->arena, NULL, 0, ARENA_BYTES_MAX);
        deliver_page(writing, page, now_ms);
        arena_finish(&writing->arena);
    }
}
