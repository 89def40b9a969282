/*
 * The action `bucket`: the objects of a bucket, served as a site. Called by handle.c. A name is
 * looked up as it is asked for; of a folder's name the index, or a redirect to it; then the
 * fallback, for navigations; then the error page. What a client of S3 has set by PutBucketWebsite
 * comes before what the file says: index, error page, redirects.
 */
#include "edge/bucket/bucket.h"

#include "base/cleanup.h"
#include "edge/bucket/path.h"
#include "edge/bucket/remote.h"
#include "edge/files/condition.h"
#include "edge/files/path.h"
#include "edge/files/types.h"
#include "edge/objects.h"
#include "edge/respond.h"
#include "edge/s3/log_request.h"
#include "edge/s3/seal.h"
#include "edge/s3/send.h"
#include "edge/s3/settings.h"
#include "edge/state.h"
#include "http/exchange.h"
#include "os/clock.h"
#include "wire/http/date.h"
#include "wire/http/range.h"
#include "wire/s3/website.h"

#include <errno.h>

struct visit {
    struct exchange *exchange;
    const struct conf_bucket_site *site;
    struct objects *objects;
    struct store *store;
    bool is_outside; /* of it: objects_step_out */
    uint32_t bucket;
    const struct s3_website *website; /* of PutBucketWebsite; NULL: none */
    struct slice index;
    unsigned status; /* of the answer, when it is a whole one: 200, or 404 for an error page */
    struct slice extra;
    struct s3_seal seal; /* of the object that was found */
    struct slice key;    /* that was looked for first, and what is told of it to the bucket's log */
    uint64_t size;
};

static void refuse_method(struct exchange *exchange)
{
    exchange->notes.reason = "a bucket's site answers GET and HEAD only";
    struct writer *head = exchange_begin(exchange, 405, (struct slice){0}, 0);
    if (head == NULL)
        return;
    exchange_write_own_fields(head);
    h1_write_field(head, field_name(FIELD_ALLOW), SLICE("GET, HEAD"));
    (void)exchange_send(exchange, (struct slice){0}, false);
}

static int find(struct visit *visit, struct slice path, struct object **ret_object)
{
    struct slice key;
    int rc = bucket_key_of(visit->exchange, visit->site, path, visit->index, &key);
    if (rc == 0) {
        if (visit->key.at == NULL)
            visit->key = key;
        rc = store_find(visit->store, visit->bucket, key, VERSION_LATEST, 0, ret_object);
    }
    if (rc == 0 && (*ret_object)->version.is_marker) {
        object_unref(*ret_object);
        rc = -ENOENT;
    }
    if (rc < 0)
        return rc;
    rc = s3_seal_open_own(objects_service_key(visit->objects), (*ret_object)->version.seal,
                          &visit->seal);
    if (rc < 0)
        object_unref(*ret_object);
    return rc;
}

/* Does the path with a slash behind have an index? */
static bool is_folder(struct visit *visit, struct slice path)
{
    struct object *object = NULL;
    struct slice folder = arena_format(&visit->exchange->arena, "%.*s/", SLICE_ARG(path));
    if (folder.at == NULL || slice_ends_with(path, SLICE("/")) || find(visit, folder, &object) < 0)
        return false;
    object_unref(object);
    return true;
}

static bool line_is(struct slice line, struct slice name)
{
    return slice_equal_nocase(slice_first(line, name.len), name);
}

/* The object's lines that are about its content. A type that says nothing gives way to the one of
 * the name: clients that do not look at names send it. */
static void write_fields(struct writer *head, const struct version *version)
{
    struct slice rest = version->fields, line;
    while (slice_cut(&rest, '\n', &line)) {
        if (line.len == 0 || line_is(line, SLICE("x-amz-")))
            continue;
        if (line_is(line, SLICE("Content-Type: binary/octet-stream")) &&
            content_type_is_known(version->key)) {
            h1_write_field(head, field_name(FIELD_CONTENT_TYPE), content_type_of(version->key));
            continue;
        }
        write_slice(head, line);
        write_char(head, '\n');
    }
}

static void write_validators(struct writer *head, const struct validators *validators)
{
    char date[HTTP_DATE_BYTES];
    http_date_write(date, validators->modified_s);
    h1_write_field(head, field_name(FIELD_ETAG), validators->etag);
    h1_write_field(head, field_name(FIELD_LAST_MODIFIED), slice_of(date, sizeof date));
}

static struct writer *begin(struct visit *visit, unsigned status, uint64_t length)
{
    struct writer *head = exchange_begin(visit->exchange, status, (struct slice){0}, length);
    if (!visit->is_outside)
        objects_step_out(visit->objects, false);
    visit->is_outside = true;
    if (head == NULL)
        return NULL;
    exchange_write_own_fields(head);
    write_slice(head, visit->extra);
    return head;
}

static void send_not_modified(struct visit *visit, const struct validators *validators)
{
    struct writer *head = begin(visit, 304, EXCHANGE_LENGTH_UNKNOWN);
    if (head == NULL)
        return;
    write_validators(head, validators);
    (void)exchange_send(visit->exchange, (struct slice){0}, false);
}

static void send_unsatisfiable(struct visit *visit, uint64_t size)
{
    visit->exchange->notes.reason = "the object has none of the ranges asked for";
    struct writer *head = begin(visit, 416, 0);
    if (head == NULL)
        return;
    write_literal(head, "Content-Range: bytes */");
    write_u64(head, size);
    write_literal(head, "\r\n");
    (void)exchange_send(visit->exchange, (struct slice){0}, false);
}

static void send_bytes(struct visit *visit, struct object *object, uint64_t offset, uint64_t length)
{
    struct exchange *exchange = visit->exchange;
    if (exchange->request.method == METHOD_HEAD) {
        (void)exchange_send(exchange, (struct slice){0}, false);
        return;
    }
    int rc = object_send(exchange, visit->store, object, offset, length, &visit->seal);
    if (rc == -ENOMEM)
        exchange_respond_error(exchange, 503, "no memory is left for the object");
    else if (rc < 0)
        exchange_respond_error(exchange, 500, "the object's content is damaged or cannot be read");
}

/* All of it, or one range: of several the client gets all (RFC 9110 §14.2). */
static void send_content(struct visit *visit, struct object *object,
                         const struct validators *validators, const struct byte_range *range)
{
    const struct version *version = &object->version;
    uint64_t offset = range == NULL ? 0 : range->first;
    uint64_t length = range == NULL ? version->size : range->last - range->first + 1;
    struct writer *head = begin(visit, range == NULL ? visit->status : 206, length);
    if (head == NULL)
        return;
    write_validators(head, validators);
    write_fields(head, version);
    if (visit->status == 200)
        write_literal(head, "Accept-Ranges: bytes\r\n");
    if (range != NULL) {
        write_literal(head, "Content-Range: bytes ");
        write_u64(head, range->first);
        write_char(head, '-');
        write_u64(head, range->last);
        write_char(head, '/');
        write_u64(head, version->size);
        write_literal(head, "\r\n");
    }
    send_bytes(visit, object, offset, length);
}

static struct slice quote(struct arena *arena, struct slice etag)
{
    return arena_format(arena, "\"%.*s\"", SLICE_ARG(etag));
}

/* The object is a sign to another place (x-amz-website-redirect-location)? */
static bool send_sign(struct visit *visit, const struct version *version)
{
    const struct slice name = SLICE("x-amz-website-redirect-location: ");
    ptrdiff_t at = slice_search(version->fields, name);
    struct slice rest, place;
    if (at < 0)
        return false;
    rest = slice_from(version->fields, (size_t)at + name.len);
    (void)slice_cut(&rest, '\r', &place);
    struct writer *head = begin(visit, 301, 0);
    if (head == NULL)
        return true;
    h1_write_field(head, field_name(FIELD_LOCATION), place);
    (void)exchange_send(visit->exchange, (struct slice){0}, false);
    return true;
}

static void send_object(struct visit *visit, struct object *object)
{
    const struct request_head *request = &visit->exchange->request;
    const struct validators validators = {quote(&visit->exchange->arena, object->version.etag),
                                          object->version.modified_ms / 1000};
    struct byte_range ranges[HTTP_RANGES_MAX];
    int64_t now_s = clock_wall_us() / 1000000;
    visit->size = object->version.size;
    if (send_sign(visit, &object->version))
        return;
    bool is_asked = visit->status == 200 && condition_is_asked(request);
    unsigned status = is_asked ? condition_status(request, &validators, now_s) : 200;
    if (status == 304) {
        send_not_modified(visit, &validators);
        return;
    }
    if (status == 412) {
        exchange_respond_error(visit->exchange, 412,
                               "the object is not the one that the request is about");
        return;
    }
    struct slice asked =
        is_asked ? condition_range(request, &validators, now_s) : (struct slice){0};
    int count = asked.len == 0 ? 0 : http_range_parse(asked, object->version.size, ranges);
    if (count < 0)
        send_unsatisfiable(visit, object->version.size);
    else
        send_content(visit, object, &validators, count == 1 ? &ranges[0] : NULL);
}

static void answer_failure(struct exchange *exchange, int code)
{
    if (code == -ENOENT)
        exchange_respond_error(exchange, 404, "no such object");
    else if (code == -EACCES)
        exchange_respond_error(exchange, 403, "the object is under a key of its client's");
    else if (code == -ENOMEM || code == -ETIMEDOUT || code == -ESHUTDOWN || code == -ENODEV)
        exchange_respond_error(exchange, 503, "the object store is not at hand");
    else
        exchange_respond_error(exchange, 500, "the object cannot be read");
}

/* Where there is no such object: a folder, the fallback, the error page. */
static int find_instead(struct visit *visit, struct object **ret_object)
{
    struct exchange *exchange = visit->exchange;
    const struct conf_bucket_site *site = visit->site;
    int rc = -ENOENT;
    if (site->fallback.len > 0 && files_wants_fallback(&exchange->request, exchange->action_path)) {
        visit->extra =
            SLICE("Cache-Control: " BUCKET_FALLBACK_CACHE "\r\nVary: " BUCKET_FALLBACK_VARY "\r\n");
        rc = find(visit, site->fallback, ret_object);
    }
    struct slice page = site->error_page;
    if (visit->website != NULL && visit->website->error_key.at != NULL)
        page = arena_format(&exchange->arena, "/%.*s", SLICE_ARG(visit->website->error_key));
    if (rc != -ENOENT || page.len == 0)
        return rc;
    visit->extra = (struct slice){0};
    visit->status = 404;
    exchange->notes.reason = "no such object";
    return find(visit, page, ret_object);
}

/* A redirect by the bucket's own rules: `status` is 0 before the object is looked for. True: it has
 * been answered. */
static bool redirect_by_rules(struct visit *visit, unsigned status)
{
    struct exchange *exchange = visit->exchange;
    struct slice key, prefix;
    SCOPED(buffer_finish) struct buffer place;
    buffer_init(&place, HTTP_LINE_BYTES_MAX);
    if (visit->website == NULL)
        return false;
    int rc = bucket_key_of(exchange, visit->site, exchange->action_path, (struct slice){0}, &key);
    if (rc == -ENOENT)
        key = SLICE("");
    const struct s3_redirect *redirect =
        rc == -ENOMEM ? NULL : s3_website_redirect(visit->website, key, status, &prefix);
    if (redirect == NULL ||
        s3_website_location(&place, redirect, key, prefix, exchange->request.authority,
                            exchange->is_secure) < 0)
        return false;
    struct writer *head = begin(visit, redirect->status, 0);
    if (head == NULL)
        return true;
    h1_write_field(head, field_name(FIELD_LOCATION), buffer_slice(&place));
    (void)exchange_send(exchange, (struct slice){0}, false);
    return true;
}

static void serve(struct visit *visit)
{
    struct exchange *exchange = visit->exchange;
    struct object *object = NULL;
    if (redirect_by_rules(visit, 0))
        return;
    int rc = find(visit, exchange->action_path, &object);
    if (rc == -ENOENT && is_folder(visit, exchange->action_path)) {
        respond_with_folder(exchange);
        return;
    }
    if (rc == -ENOENT && redirect_by_rules(visit, 404))
        return;
    if (rc == -ENOENT)
        rc = find_instead(visit, &object);
    if (rc < 0) {
        answer_failure(exchange, rc);
        return;
    }
    send_object(visit, object);
    object_unref(object);
}

/* With what the bucket itself says of its website, if anything. */
static void serve_bucket(struct visit *visit, const struct store_bucket *bucket)
{
    SCOPED(arena_finish) struct arena arena;
    struct s3_website website;
    struct s3_fault fault;
    struct slice text = settings_get(bucket->settings, SETTING_WEBSITE);
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES);
    visit->bucket = bucket->id;
    if (text.at != NULL && s3_website_parse(text, &arena, &fault, &website) == 0) {
        visit->website = &website;
        if (website.index_suffix.at != NULL)
            visit->index = website.index_suffix;
    }
    serve(visit);
    visit->website = NULL;
}

/* The bucket of a site, when it lies at another endpoint; else NULL. */
static const struct conf_bucket *remote_of(const struct exchange *exchange,
                                           const struct conf_bucket_site *site)
{
    const struct view *view = exchange->held;
    const struct conf_bucket *bucket = &view->plane->snapshot->buckets[site->bucket];
    return conf_bucket_is_remote(bucket) ? bucket : NULL;
}

void bucket_run(struct exchange *exchange, const struct conf_rule *rule)
{
    const struct conf_bucket_site *site = &rule->bucket;
    const struct conf_bucket *remote = remote_of(exchange, site);
    struct objects *objects = edge_worker_current()->edge->objects;
    struct visit visit = {
        .exchange = exchange,
        .site = site,
        .objects = objects,
        .index = site->index,
        .status = 200,
        .size = UINT64_MAX,
    };
    struct store_bucket *bucket = NULL;
    enum http_method method = exchange->request.method;
    if (method != METHOD_GET && method != METHOD_HEAD) {
        refuse_method(exchange);
        return;
    }
    if (remote != NULL) {
        bucket_remote_run(exchange, rule, remote);
        return;
    }
    int rc = objects_enter(objects, &visit.store);
    if (rc < 0) {
        answer_failure(exchange, rc == -ENOENT ? -EIO : rc);
        return;
    }
    rc = store_bucket_find(visit.store, site->name, &bucket);
    if (rc == 0) {
        serve_bucket(&visit, bucket);
        s3_log_site(exchange, objects, bucket, visit.key, visit.size);
    } else {
        answer_failure(exchange, rc);
    }
    s3_seal_wipe(&visit.seal);
    store_bucket_unref(bucket);
    if (visit.is_outside)
        objects_leave_outside(objects, false);
    else
        objects_leave(objects);
}
