/*
 * One GET at the other endpoint where the object is there; where it is not, its folder is asked
 * for, then the fallback, then the error page. What is not an object's content is never shown.
 */
#include "edge/bucket/remote.h"

#include "base/cleanup.h"
#include "edge/bucket/path.h"
#include "edge/files/path.h"
#include "edge/files/types.h"
#include "edge/forward/upload.h"
#include "edge/respond.h"
#include "edge/s3/remote.h"
#include "edge/s3/remote_head.h"
#include "os/clock.h"

#include <errno.h>

#define ARENA_BYTES_MAX ((size_t)256 << 10)
#define FIELDS_MAX      8

struct visit {
    struct exchange *exchange;
    const struct conf_rule *rule;
    const struct conf_bucket_site *site;
    const struct conf_bucket *bucket;
    struct arena arena;
    struct slice key; /* that is asked for */
    bool is_fallback, is_error_page;
    bool is_probe; /* only whether it is there */
    /* Of an answer that was not the client's: */
    unsigned status;
    struct slice place; /* where it leads to; a NULL start: nowhere */
    struct slice range; /* Content-Range */
};

/* The fields that tell of a content and whether it is wanted. A server that does not know If-Range
 * would send parts of different contents: with it all is asked for. */
static void gather_fields(const struct visit *visit, struct fields *fields)
{
    static const enum field_id ids[] = {FIELD_IF_MATCH, FIELD_IF_NONE_MATCH,
                                        FIELD_IF_MODIFIED_SINCE, FIELD_IF_UNMODIFIED_SINCE,
                                        FIELD_RANGE};
    const struct fields *from = &visit->exchange->request.fields;
    bool has_if_range = fields_find(from, FIELD_IF_RANGE) != NULL;
    for (size_t i = 0; i < COUNT_OF(ids) && !visit->is_error_page && !visit->is_probe; i++) {
        const struct field *field = fields_find(from, ids[i]);
        if (field != NULL && !(ids[i] == FIELD_RANGE && has_if_range))
            fields->at[fields->count++] = *field;
    }
}

static int write_head(struct visit *visit, const struct upload_source *body, struct slice *ret_head)
{
    static const struct s3_query no_query = {.count = 0};
    struct field room[FIELDS_MAX];
    struct fields fields = {room, 0, FIELDS_MAX};
    bool is_head = visit->is_probe || visit->exchange->request.method == METHOD_HEAD;
    gather_fields(visit, &fields);
    const struct remote_head head = {
        .remote = &visit->bucket->backend.s3,
        .method = is_head ? SLICE("HEAD") : SLICE("GET"),
        .key = visit->key,
        .query = &no_query,
        .fields = &fields,
        .framing = &body->framing,
        .payload = SLICE(S3_UNSIGNED_PAYLOAD),
        .now_s = clock_wall_us() / 1000000,
    };
    return remote_head_write(&head, &visit->arena, ret_head);
}

/* Those that are the endpoint's own, not the content's. */
static bool is_of_endpoint(const struct field *field)
{
    return field->id == FIELD_SERVER ||
           slice_equal_nocase(slice_first(field->name, 6), SLICE("x-amz-"));
}

static void add_field(struct fields *fields, enum field_id id, struct slice value)
{
    if (fields->count < fields->max)
        fields->at[fields->count++] = (struct field){field_name(id), value, id};
}

/* A type that says nothing gives way to the one of the name, as in bucket.c. */
static void change_fields(const struct visit *visit, struct fields *fields)
{
    unsigned count = 0;
    for (unsigned i = 0; i < fields->count; i++) {
        struct field field = fields->at[i];
        if (is_of_endpoint(&field))
            continue;
        if (field.id == FIELD_CONTENT_TYPE && content_type_is_known(visit->key) &&
            slice_equal(field.value, SLICE("binary/octet-stream")))
            field.value = content_type_of(visit->key);
        fields->at[count++] = field;
    }
    fields->count = count;
    if (visit->is_fallback) {
        add_field(fields, FIELD_CACHE_CONTROL, SLICE(BUCKET_FALLBACK_CACHE));
        add_field(fields, FIELD_VARY, SLICE(BUCKET_FALLBACK_VARY));
    }
}

static bool is_content(unsigned status)
{
    return status == 200 || status == 206 || status == 304;
}

static bool take_answer(void *arg, struct response_head *response)
{
    struct visit *visit = arg;
    const struct field *sign =
        fields_find_name(&response->fields, SLICE("x-amz-website-redirect-location"));
    visit->status = response->status;
    if (visit->is_probe)
        return false;
    if (sign != NULL)
        visit->place = arena_copy(&visit->arena, sign->value);
    if (response->status == 416)
        visit->range =
            arena_copy(&visit->arena, fields_value(&response->fields, FIELD_CONTENT_RANGE));
    if (!is_content(response->status) || sign != NULL)
        return false;
    change_fields(visit, &response->fields);
    if (visit->is_error_page) {
        response->status = 404;
        response->reason = (struct slice){NULL, 0};
    }
    return true;
}

/* 1: the client has been answered. 0: `status` and what goes with it tell what there is instead. Or
 * an error. */
static int ask(struct visit *visit, struct slice path, struct slice index)
{
    struct upload_source body = {.framing = {.kind = BODY_NONE}};
    struct forward_outcome outcome;
    struct forward_terms terms = {
        .rule = visit->rule,
        .group = visit->bucket->backend.s3.group,
        .method = visit->is_probe ? METHOD_HEAD : visit->exchange->request.method,
        .body = &body,
        .accept = take_answer,
        .arg = visit,
    };
    int rc = bucket_key_of(visit->exchange, visit->site, path, index, &visit->key);
    if (rc == -ENOENT) {
        visit->status = 404;
        return 0;
    }
    if (rc == 0)
        rc = write_head(visit, &body, &terms.head);
    if (rc < 0)
        return rc;
    forward_send(visit->exchange, &terms, visit->exchange->held, &outcome);
    if (outcome.end == FORWARD_FAILED) {
        remote_tell_failure(visit->bucket, outcome.why);
        return -EIO;
    }
    return outcome.end == FORWARD_ANSWERED ? 1 : 0;
}

/* Does the path with a slash behind have an index? 1, 0 or an error. */
static int is_folder(struct visit *visit)
{
    struct slice path = visit->exchange->action_path;
    if (slice_ends_with(path, SLICE("/")))
        return 0;
    struct slice folder = arena_format(&visit->arena, "%.*s/", SLICE_ARG(path));
    if (folder.at == NULL)
        return -ENOMEM;
    visit->is_probe = true;
    int rc = ask(visit, folder, visit->site->index);
    visit->is_probe = false;
    return rc < 0 || rc == 1 ? rc : visit->status == 200;
}

static void answer_error(struct exchange *exchange, int rc)
{
    exchange_respond_error(exchange, 503,
                           rc == -ENOMEM ? "out of memory for this request"
                                         : "the bucket's endpoint does not answer");
}

static void send_sign(const struct visit *visit)
{
    struct exchange *exchange = visit->exchange;
    struct writer *head = exchange_begin(exchange, 301, (struct slice){0}, 0);
    if (head == NULL)
        return;
    exchange_write_own_fields(head);
    h1_write_field(head, field_name(FIELD_LOCATION), visit->place);
    (void)exchange_send(exchange, (struct slice){0}, false);
}

static void send_unsatisfiable(const struct visit *visit)
{
    struct exchange *exchange = visit->exchange;
    exchange->notes.reason = "the object has none of the ranges asked for";
    struct writer *head = exchange_begin(exchange, 416, (struct slice){0}, 0);
    if (head == NULL)
        return;
    exchange_write_own_fields(head);
    if (visit->range.len > 0)
        h1_write_field(head, field_name(FIELD_CONTENT_RANGE), visit->range);
    (void)exchange_send(exchange, (struct slice){0}, false);
}

/* What there is instead of a content, but for 404. */
static void answer_status(const struct visit *visit)
{
    struct exchange *exchange = visit->exchange;
    if (visit->place.at != NULL) {
        send_sign(visit);
    } else if (visit->status == 416) {
        send_unsatisfiable(visit);
    } else if (visit->status == 412) {
        exchange_respond_error(exchange, 412,
                               "the object is not the one that the request is about");
    } else if (visit->status == 401 || visit->status == 403) {
        remote_tell_refusal(visit->bucket, "AccessDenied, or an unknown key");
        exchange_respond_error(exchange, 502, "the bucket's endpoint refuses Weir's key");
    } else {
        remote_tell_failure(visit->bucket, http_status_reason(visit->status));
        exchange_respond_error(exchange, 503, "the bucket's endpoint answers with an error");
    }
}

/* The object at the path. True: it is not there. */
static bool is_missing(struct visit *visit, struct slice path)
{
    int rc = ask(visit, path, visit->site->index);
    if (rc < 0)
        answer_error(visit->exchange, rc);
    else if (rc == 0 && visit->status != 404)
        answer_status(visit);
    return rc == 0 && visit->status == 404;
}

static void serve_instead(struct visit *visit)
{
    struct exchange *exchange = visit->exchange;
    const struct conf_bucket_site *site = visit->site;
    visit->is_fallback = true;
    if (site->fallback.len > 0 && files_wants_fallback(&exchange->request, exchange->action_path) &&
        !is_missing(visit, site->fallback))
        return;
    visit->is_fallback = false;
    visit->is_error_page = true;
    exchange->notes.reason = "no such object";
    if (site->error_page.len > 0 && !is_missing(visit, site->error_page))
        return;
    exchange_respond_error(exchange, 404, "no such object");
}

static void serve(struct visit *visit)
{
    if (!is_missing(visit, visit->exchange->action_path))
        return;
    int rc = is_folder(visit);
    if (rc < 0)
        answer_error(visit->exchange, rc);
    else if (rc == 1 && visit->exchange->state == RESPONSE_NONE)
        respond_with_folder(visit->exchange);
    else if (rc == 0)
        serve_instead(visit);
}

void bucket_remote_run(struct exchange *exchange, const struct conf_rule *rule,
                       const struct conf_bucket *bucket)
{
    struct visit visit = {
        .exchange = exchange, .rule = rule, .site = &rule->bucket, .bucket = bucket};
    if (!remote_has_key(bucket)) {
        exchange_respond_error(exchange, 503, "the key for the bucket's endpoint cannot be read");
        return;
    }
    arena_init(&visit.arena, NULL, 0, ARENA_BYTES_MAX);
    serve(&visit);
    arena_finish(&visit.arena);
}
