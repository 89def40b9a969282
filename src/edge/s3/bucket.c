/* Buckets: made, removed, listed, and what they are set to that is no document. */
#include "base/cleanup.h"
#include "edge/events/outbox.h"
#include "edge/s3/answer.h"
#include "edge/s3/body.h"
#include "edge/s3/operations.h"
#include "edge/s3/owners.h"
#include "edge/s3/settings.h"
#include "edge/view.h"
#include "wire/s3/fields.h"
#include "wire/s3/names.h"

#include <errno.h>

#define BUCKETS_PAGE_MAX 10000

struct listing {
    struct s3_call *call;
    struct xml_writer xml;
    struct slice prefix;
    struct slice after;  /* names behind this one */
    struct slice remote; /* the last one at another endpoint that had its turn */
    uint64_t max;
    uint64_t count;
    char last[S3_BUCKET_BYTES_MAX + 1];
    size_t last_len;
    bool is_truncated;
};

static int compare(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.at, b.at, len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* 0, or 1 when the page is full. */
static int add_bucket(struct listing *listing, struct slice name, int64_t made_ms)
{
    char room[S3_TIME_LEN];
    if (outbox_is_bucket(name) || !s3_key_may(listing->call->by, name, false) ||
        !slice_starts_with(name, listing->prefix) ||
        (listing->after.len > 0 && compare(name, listing->after) <= 0))
        return 0;
    if (listing->count == listing->max) {
        listing->is_truncated = true;
        return 1;
    }
    xml_open(&listing->xml, "Bucket");
    xml_element(&listing->xml, "Name", name);
    xml_element(&listing->xml, "CreationDate", s3_time(made_ms, room));
    xml_element(&listing->xml, "BucketRegion", listing->call->conf->region);
    xml_close(&listing->xml);
    memcpy(listing->last, name.at, name.len);
    listing->last_len = name.len;
    listing->count++;
    return 0;
}

/* The first of those at other endpoints behind this name; an empty one when there is none. */
static struct slice next_remote(const struct s3_call *call, struct slice after)
{
    const struct view *view = call->exchange->held;
    const struct snapshot *snapshot = view->plane->snapshot;
    struct slice next = {NULL, 0};
    for (unsigned i = 0; i < snapshot->buckets_count && snapshot->remotes_count > 0; i++) {
        const struct conf_bucket *bucket = &snapshot->buckets[i];
        if (conf_bucket_is_remote(bucket) && compare(bucket->name, after) > 0 &&
            (next.len == 0 || compare(bucket->name, next) < 0))
            next = bucket->name;
    }
    return next;
}

/* Those at other endpoints up to that name, or all. When one was made is not known here. */
static int add_remotes(struct listing *listing, struct slice until)
{
    int rc = 0;
    if (!slice_equal(listing->call->by->owner_id, SLICE(S3_OWNER_ID)))
        return 0;
    for (;;) {
        struct slice name = next_remote(listing->call, listing->remote);
        if (rc != 0 || name.len == 0 || (until.len > 0 && compare(name, until) > 0))
            return rc;
        listing->remote = name;
        rc = add_bucket(listing, name, 0);
    }
}

static int list_bucket(void *arg, struct store_bucket *bucket)
{
    struct listing *listing = arg;
    int rc = add_remotes(listing, bucket->name);
    bool is_hidden = slice_equal(listing->remote, bucket->name);
    return rc != 0 || is_hidden || !s3_is_bucket_owner(listing->call, bucket)
               ? rc
               : add_bucket(listing, bucket->name, bucket->made_ms);
}

static void list_all(struct listing *listing)
{
    int rc = listing->call->store == NULL
                 ? 0
                 : store_bucket_each(listing->call->store, list_bucket, listing);
    if (rc == 0)
        (void)add_remotes(listing, (struct slice){NULL, 0});
}

int s3_list_buckets(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer out;
    struct listing listing = {.call = call,
                              .prefix = s3_param(call, SLICE("prefix")),
                              .after = s3_param(call, SLICE("continuation-token")),
                              .max = BUCKETS_PAGE_MAX};
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    if (call->by == NULL)
        return s3_fault_set(&call->fault, S3_ACCESS_DENIED);
    int rc = s3_param_number(call, SLICE("max-buckets"), BUCKETS_PAGE_MAX, &listing.max);
    if (rc < 0)
        return rc;
    xml_writer_init(&listing.xml, &out);
    xml_open_root(&listing.xml, "ListAllMyBucketsResult", S3_NAME_SPACE);
    s3_put_owner(call, &listing.xml, "Owner", call->by->owner_id);
    xml_open(&listing.xml, "Buckets");
    list_all(&listing);
    xml_close(&listing.xml);
    if (listing.is_truncated)
        xml_element(&listing.xml, "ContinuationToken", slice_of(listing.last, listing.last_len));
    if (listing.prefix.len > 0)
        xml_element(&listing.xml, "Prefix", listing.prefix);
    xml_close(&listing.xml);
    return s3_answer_xml(call, 200, &listing.xml, &out);
}

/* One setting more. */
static int add_setting(struct s3_call *call, struct buffer *settings, enum setting which,
                       struct slice value)
{
    SCOPED(buffer_finish) struct buffer next;
    buffer_init(&next, SETTINGS_BYTES_MAX);
    int rc = value.at == NULL ? 0 : settings_with(buffer_slice(settings), which, value, &next);
    if (rc == 0 && value.at != NULL) {
        settings->len = 0;
        rc = buffer_append(settings, buffer_slice(&next));
    }
    return rc < 0 ? s3_fault_memory(&call->fault) : 0;
}

/* CreateBucketConfiguration: the region is checked, tags are kept, the rest is S3's own. */
static int read_configuration(struct s3_call *call, struct buffer *settings)
{
    SCOPED(buffer_finish) struct buffer body;
    SCOPED(buffer_finish) struct buffer tagging;
    SCOPED(arena_finish) struct arena arena;
    struct s3_create_bucket create = {.location = {NULL, 0}};
    buffer_init(&body, S3_CONFIGURATION_BYTES_MAX);
    buffer_init(&tagging, S3_CONFIGURATION_BYTES_MAX);
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES);
    int rc = s3_body_read(call, S3_CONFIGURATION_BYTES_MAX, &body);
    if (rc == 0)
        rc = s3_create_bucket_parse(buffer_slice(&body), &arena, &call->fault, &create);
    if (rc < 0)
        return rc;
    if (create.location.len > 0 && !slice_equal(create.location, call->conf->region) &&
        !slice_equal(create.location, SLICE("EU")))
        return s3_fault_set(&call->fault, S3_INVALID_LOCATION_CONSTRAINT);
    if (create.tags.count == 0)
        return 0;
    if (s3_tagging_write(&tagging, &create.tags) < 0)
        return s3_fault_memory(&call->fault);
    return add_setting(call, settings, SETTING_TAGGING, buffer_slice(&tagging));
}

static int add_ownership(struct s3_call *call, struct buffer *settings)
{
    SCOPED(buffer_finish) struct buffer document;
    enum s3_ownership ownership = S3_OBJECT_WRITER;
    struct slice word = s3_field(call, SLICE("x-amz-object-ownership"));
    struct slice access = {NULL, 0};
    buffer_init(&document, S3_CONFIGURATION_BYTES_MAX);
    if (word.at != NULL && s3_ownership_parse_word(word, &ownership) < 0)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "The x-amz-object-ownership is not one of S3's");
    int rc = s3_access_of_bucket(call, ownership, &access);
    if (rc == 0 && word.at != NULL && s3_ownership_write(&document, ownership) < 0)
        rc = s3_fault_memory(&call->fault);
    if (rc == 0 && word.at != NULL)
        rc = add_setting(call, settings, SETTING_OWNERSHIP, buffer_slice(&document));
    return rc < 0 ? rc : add_setting(call, settings, SETTING_ACL, access);
}

static int make_settings(struct s3_call *call, struct buffer *settings)
{
    bool is_locked = slice_equal_nocase(s3_field(call, SLICE("x-amz-bucket-object-lock-enabled")),
                                        SLICE("true"));
    struct slice on = is_locked ? SLICE("Enabled") : (struct slice){NULL, 0};
    int rc =
        add_setting(call, settings, SETTING_OWNER, call->by == NULL ? SLICE("") : call->by->name);
    if (rc == 0)
        rc = add_setting(call, settings, SETTING_VERSIONING, on);
    if (rc == 0)
        rc = add_setting(call, settings, SETTING_OBJECT_LOCK, on);
    return rc < 0 ? rc : add_ownership(call, settings);
}

int s3_create_bucket(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer settings;
    buffer_init(&settings, SETTINGS_BYTES_MAX);
    if (!s3_bucket_name_is_valid(call->bucket_name))
        return s3_fault_set(&call->fault, S3_INVALID_BUCKET_NAME);
    int rc = read_configuration(call, &settings);
    if (rc == 0 && call->bucket != NULL)
        rc = s3_fault_set(&call->fault, s3_is_bucket_owner(call, call->bucket)
                                            ? S3_BUCKET_ALREADY_OWNED_BY_YOU
                                            : S3_BUCKET_ALREADY_EXISTS);
    if (rc == 0)
        rc = make_settings(call, &settings);
    if (rc < 0)
        return rc;
    struct store_change change = {.kind = RECORD_BUCKET,
                                  .bucket = {.name = call->bucket_name,
                                             .settings = buffer_slice(&settings),
                                             .made_ms = call->now_ms}};
    rc = store_commit(call->store, &change, 1);
    if (rc == -EEXIST)
        return s3_fault_set(&call->fault, S3_BUCKET_ALREADY_OWNED_BY_YOU);
    if (rc < 0)
        return s3_store_fault(call, rc);
    struct writer *head = s3_begin(call, 200, 0);
    if (head == NULL)
        return 0;
    write_literal(head, "Location: /");
    write_slice(head, call->bucket_name);
    write_literal(head, "\r\n");
    (void)exchange_send(call->exchange, (struct slice){0}, false);
    return 0;
}

int s3_delete_bucket(struct s3_call *call)
{
    struct store_change change = {
        .kind = RECORD_BUCKET_GONE,
        .bucket = {.id = call->bucket->id, .name = call->bucket_name},
    };
    int rc = store_commit(call->store, &change, 1);
    if (rc == -ENOTEMPTY)
        return s3_fault_set(&call->fault, S3_BUCKET_NOT_EMPTY);
    return rc < 0 ? s3_store_fault(call, rc) : s3_answer_no_content(call);
}

int s3_head_bucket(struct s3_call *call)
{
    struct writer *head = s3_begin(call, 200, 0);
    if (head == NULL)
        return 0;
    h1_write_field(head, SLICE("x-amz-bucket-region"), call->conf->region);
    write_literal(head, "Content-Type: application/xml\r\n");
    (void)exchange_send(call->exchange, (struct slice){0}, false);
    return 0;
}

int s3_get_location(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer xml;
    /* S3's first region has no name here. */
    bool is_first = slice_equal(call->conf->region, SLICE("us-east-1"));
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    xml_writer_init(&xml, &out);
    xml_open_root(&xml, "LocationConstraint", S3_NAME_SPACE);
    xml_text(&xml, is_first ? SLICE("") : call->conf->region);
    xml_close(&xml);
    return s3_answer_xml(call, 200, &xml, &out);
}

int s3_get_versioning(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer xml;
    struct slice state = settings_get(call->bucket->settings, SETTING_VERSIONING);
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    xml_writer_init(&xml, &out);
    xml_open_root(&xml, "VersioningConfiguration", S3_NAME_SPACE);
    xml_element_if(&xml, "Status", state);
    xml_close(&xml);
    return s3_answer_xml(call, 200, &xml, &out);
}

static int try_set(struct s3_call *call, const struct setting_value *values, unsigned count)
{
    SCOPED(buffer_finish) struct buffer settings;
    buffer_init(&settings, SETTINGS_BYTES_MAX);
    int rc = settings_with_all(call->bucket->settings, values, count, &settings);
    if (rc < 0)
        return rc;
    struct store_change change = {.kind = RECORD_BUCKET,
                                  .expected = call->bucket->settings,
                                  .bucket = {.id = call->bucket->id,
                                             .name = call->bucket_name,
                                             .settings = buffer_slice(&settings),
                                             .made_ms = call->bucket->made_ms}};
    return store_commit(call->store, &change, 1);
}

int s3_set_all(struct s3_call *call, const struct setting_value *values, unsigned count)
{
    int rc;
    /* Somebody else has set something meanwhile: that is to stay. */
    while ((rc = try_set(call, values, count)) == -EAGAIN) {
        store_bucket_unref(call->bucket);
        call->bucket = NULL;
        rc = store_bucket_find(call->store, call->bucket_name, &call->bucket);
        if (rc < 0)
            break;
    }
    return s3_store_fault(call, rc == -EMSGSIZE ? -ENOMEM : rc);
}

int s3_set(struct s3_call *call, enum setting which, struct slice value)
{
    const struct setting_value one = {which, value};
    return s3_set_all(call, &one, 1);
}

static int read_versioning(struct s3_call *call, struct slice *ret_state)
{
    SCOPED(buffer_finish) struct buffer body;
    SCOPED(arena_finish) struct arena arena;
    const struct xml_element *root = NULL;
    buffer_init(&body, S3_CONFIGURATION_BYTES_MAX);
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES);
    int rc = s3_body_read(call, S3_CONFIGURATION_BYTES_MAX, &body);
    if (rc == 0)
        rc = s3_configuration_read(buffer_slice(&body), SLICE("VersioningConfiguration"), &arena,
                                   &call->fault, &root);
    if (rc < 0)
        return rc;
    struct slice state = s3_word(xml_child(root, SLICE("Status")));
    if (slice_equal(s3_word(xml_child(root, SLICE("MfaDelete"))), SLICE("Enabled")))
        return s3_fault_say(&call->fault, S3_NOT_IMPLEMENTED, "MFA Delete is not implemented");
    *ret_state = slice_equal(state, SLICE("Enabled")) ? SLICE("Enabled") : SLICE("Suspended");
    if (!slice_equal(state, *ret_state))
        return s3_fault_set(&call->fault, S3_ILLEGAL_VERSIONING_CONFIGURATION);
    return 0;
}

int s3_put_versioning(struct s3_call *call)
{
    struct slice state;
    int rc = read_versioning(call, &state);
    if (rc < 0)
        return rc;
    if (slice_equal(state, SLICE("Suspended")) &&
        settings_get(call->bucket->settings, SETTING_OBJECT_LOCK).at != NULL)
        return s3_fault_say(&call->fault, S3_INVALID_BUCKET_STATE,
                            "An Object Lock configuration is present on this bucket, so the "
                            "versioning state cannot be changed.");
    rc = s3_set(call, SETTING_VERSIONING, state);
    return rc < 0 ? rc : s3_answer_empty(call, 200);
}
