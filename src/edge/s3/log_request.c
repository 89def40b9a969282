/* The operations' names are S3's: REST, the method, and what it is about. */
#include "edge/s3/log_request.h"

#include "base/cleanup.h"
#include "edge/events/outbox.h"
#include "edge/objects.h"
#include "edge/redact.h"
#include "edge/s3/owners.h"
#include "edge/s3/settings.h"
#include "edge/view.h"
#include "os/loop.h"
#include "wire/s3/log_line.h"
#include "wire/tls/connection.h"

#define DAY_S 86400

#define SITE_ARENA_BYTES ((size_t)1 << 20)

/* By the parameter of the request, the first that it has. */
struct resource {
    struct slice parameter; /* empty: none is needed */
    struct slice name;
};

static const struct resource of_buckets[] = {
    {SLICE("location"), SLICE("LOCATION")},
    {SLICE("versioning"), SLICE("VERSIONING")},
    {SLICE("policy"), SLICE("BUCKETPOLICY")},
    {SLICE("policyStatus"), SLICE("POLICY_STATUS")},
    {SLICE("cors"), SLICE("CORS")},
    {SLICE("lifecycle"), SLICE("LIFECYCLE")},
    {SLICE("website"), SLICE("WEBSITE")},
    {SLICE("tagging"), SLICE("TAGGING")},
    {SLICE("notification"), SLICE("NOTIFICATION")},
    {SLICE("publicAccessBlock"), SLICE("PUBLIC_ACCESS_BLOCK")},
    {SLICE("ownershipControls"), SLICE("OWNERSHIP_CONTROLS")},
    {SLICE("object-lock"), SLICE("OBJECT_LOCK_CONFIGURATION")},
    {SLICE("acl"), SLICE("ACL")},
    {SLICE("logging"), SLICE("LOGGING_STATUS")},
    {SLICE("accelerate"), SLICE("ACCELERATE")},
    {SLICE("requestPayment"), SLICE("REQUEST_PAYMENT")},
    {SLICE("encryption"), SLICE("ENCRYPTION")},
    {SLICE("replication"), SLICE("REPLICATION")},
    {SLICE("versions"), SLICE("BUCKETVERSIONS")},
    {SLICE("uploads"), SLICE("UPLOADS")},
    {SLICE("delete"), SLICE("MULTI_OBJECT_DELETE")},
    {SLICE(""), SLICE("BUCKET")},
};

static const struct resource of_objects[] = {
    {SLICE("tagging"), SLICE("OBJECT_TAGGING")},
    {SLICE("retention"), SLICE("OBJECT_LOCK_RETENTION")},
    {SLICE("legal-hold"), SLICE("OBJECT_LOCK_LEGALHOLD")},
    {SLICE("acl"), SLICE("ACL")},
    {SLICE("attributes"), SLICE("OBJECT_ATTRIBUTES")},
    {SLICE("uploads"), SLICE("UPLOADS")},
    {SLICE("uploadId"), SLICE("UPLOAD")},
    {SLICE(""), SLICE("OBJECT")},
};

static struct slice resource_of(struct s3_call *call)
{
    bool is_object = call->key.len > 0;
    enum http_method method = call->exchange->request.method;
    const struct resource *rows = is_object ? of_objects : of_buckets;
    if (method == METHOD_OPTIONS)
        return SLICE("PREFLIGHT");
    if (is_object && method == METHOD_PUT && s3_has_param(call, SLICE("uploadId")))
        return SLICE("PART");
    while (rows->parameter.len > 0 && !s3_has_param(call, rows->parameter))
        rows++;
    return rows->name;
}

static struct slice operation_of(struct s3_call *call)
{
    const struct request_head *request = &call->exchange->request;
    bool is_copy = request->method == METHOD_PUT && call->key.len > 0 &&
                   s3_field(call, SLICE("x-amz-copy-source")).at != NULL;
    return arena_format(&call->arena, "REST.%.*s.%.*s",
                        SLICE_ARG(is_copy ? SLICE("COPY") : request->method_name),
                        SLICE_ARG(resource_of(call)));
}

/* The bucket's words may go away before the line is written. */
static int fill_subject(struct s3_call *call, const struct store_bucket *bucket,
                        struct slice logging, struct log_subject *ret_subject)
{
    *ret_subject = (struct log_subject){
        .bucket = arena_copy(&call->arena, bucket->name),
        .owner_id = arena_copy(&call->arena, s3_bucket_owner(bucket)),
        .region = call->conf->region,
        .logging = arena_copy(&call->arena, logging),
    };
    return ret_subject->bucket.at != NULL && ret_subject->owner_id.at != NULL &&
                   ret_subject->logging.at != NULL
               ? 0
               : -1;
}

void s3_log_note(struct s3_call *call, const struct store_bucket *bucket)
{
    struct slice logging = settings_get(bucket->settings, SETTING_LOGGING);
    if (logging.at == NULL || call->logged != NULL)
        return;
    struct s3_logged *logged = arena_alloc(&call->arena, sizeof *logged);
    if (logged == NULL)
        return;
    *logged = (struct s3_logged){.size = UINT64_MAX, .received_us = call->exchange->started_us};
    if (fill_subject(call, bucket, logging, &logged->subject) == 0)
        call->logged = logged;
}

void s3_log_note_refused(struct s3_call *call)
{
    struct store *store;
    struct store_bucket *bucket = NULL;
    if (call->objects == NULL || call->bucket_name.len == 0 ||
        outbox_is_bucket(call->bucket_name) || s3_remote_named(call, call->bucket_name) != NULL ||
        objects_enter(call->objects, &store) < 0)
        return;
    if (store_bucket_find(store, call->bucket_name, &bucket) == 0)
        s3_log_note(call, bucket);
    store_bucket_unref(bucket);
    objects_leave(call->objects);
}

void s3_log_note_version(struct s3_call *call, const struct version *version)
{
    char room[S3_VERSION_ID_LEN];
    struct s3_logged *logged = call->logged;
    if (logged == NULL)
        return;
    if (version->etag.len > 0)
        logged->size = version->size;
    if (s3_versioning_of(call->bucket) == S3_VERSIONING_NEVER)
        return;
    struct slice id = s3_version_id(version, room);
    memcpy(logged->version_id, id.at, id.len);
    logged->version_id_len = id.len;
}

void s3_log_note_size(struct s3_call *call, uint64_t bytes)
{
    if (call->logged != NULL)
        call->logged->size = bytes;
}

void s3_log_note_received(struct s3_call *call)
{
    if (call->logged != NULL)
        call->logged->received_us = loop_now_us();
}

void s3_log_note_begun(struct s3_call *call)
{
    if (call->logged != NULL)
        call->logged->begun_us = loop_now_us();
}

/* Without what is a secret by the file's access_log.redact. */
static void put_part(struct writer *writer, struct slice part)
{
    write_slice(writer, part);
}

static struct slice redacted(struct s3_call *call, struct slice url)
{
    const struct view *view = call->exchange->held;
    struct writer writer;
    size_t room = 4 * url.len + 64;
    char *text = url.len == 0 ? NULL : arena_alloc(&call->arena, room);
    if (text == NULL)
        return (struct slice){NULL, 0};
    writer_init(&writer, text, room);
    redact_url(&writer, &view->plane->snapshot->access_log.redact, url, put_part);
    return writer.overflown ? (struct slice){NULL, 0} : writer_slice(&writer);
}

/* What is the same of all lines of a request. */
static void begin_line(struct s3_call *call, const struct log_subject *subject,
                       struct s3_log_line *line)
{
    const struct exchange *exchange = call->exchange;
    const struct request_head *request = &exchange->request;
    const struct tls_connection *tls = exchange_tls(exchange);
    bool is_signed = call->by != NULL && call->signature.form != S3_SIGNED_NOT;
    *line = (struct s3_log_line){
        .bucket_owner = subject->owner_id,
        .bucket = subject->bucket,
        .time_s = call->now_ms / 1000,
        .remote_ip = exchange->client,
        .request_id = slice_of(call->request_id, sizeof call->request_id),
        .method = request->method_name,
        .target = redacted(call, request->target),
        .version = http_version_name(request),
        .bytes_sent = UINT64_MAX,
        .object_size = UINT64_MAX,
        .total_ms = UINT64_MAX,
        .turn_around_ms = UINT64_MAX,
        .referrer = redacted(call, fields_value(&request->fields, FIELD_REFERER)),
        .user_agent = fields_value(&request->fields, FIELD_USER_AGENT),
        .host_id = slice_of(call->request_id, sizeof call->request_id),
        .host = request->authority,
    };
    if (call->by != NULL) {
        line->requester = call->by->name;
        line->account = call->by->owner_id;
        line->signature = SLICE("SigV4");
    }
    if (is_signed)
        line->authentication =
            call->signature.form == S3_SIGNED_QUERY ? SLICE("QueryString") : SLICE("AuthHeader");
    if (tls != NULL) {
        line->tls = slice_of_cstr(tls_connection_version(tls));
        line->cipher = slice_of_cstr(tls_connection_cipher(tls));
    }
}

static void add_line(struct s3_call *call, const struct log_subject *subject,
                     const struct s3_log_line *line)
{
    struct log_book *book = objects_log_book(call->objects);
    struct writer writer;
    size_t room = s3_log_line_bytes(line);
    char *text = arena_alloc(&call->arena, room);
    if (text == NULL)
        return;
    writer_init(&writer, text, room);
    s3_log_line_write(&writer, line);
    if (!writer.overflown)
        log_book_add(book, subject, line->time_s / DAY_S, writer_slice(&writer), clock_now_ms());
}

static uint64_t ms_between(int64_t from_us, int64_t to_us)
{
    return to_us <= from_us ? 0 : (uint64_t)(to_us - from_us) / 1000;
}

void s3_log_request(struct s3_call *call, bool has_failed)
{
    const struct s3_logged *logged = call->logged;
    const struct exchange *exchange = call->exchange;
    struct s3_log_line line;
    if (logged == NULL)
        return;
    begin_line(call, &logged->subject, &line);
    line.operation = operation_of(call);
    line.key = call->key;
    line.status = exchange->status;
    if (has_failed)
        line.error = s3_code_name(call->fault.code);
    if (exchange->response_bytes > 0)
        line.bytes_sent = exchange->response_bytes;
    line.object_size = logged->size;
    line.total_ms = ms_between(exchange->started_us, loop_now_us());
    line.turn_around_ms = ms_between(logged->received_us, logged->begun_us);
    line.version_id = slice_of(logged->version_id, logged->version_id_len);
    if (line.version_id.len == 0)
        line.version_id = s3_param(call, SLICE("versionId"));
    line.needed_a_list = call->needed_a_list && !has_failed;
    add_line(call, &logged->subject, &line);
}

void s3_log_part(struct s3_call *call, const struct store_bucket *bucket,
                 const struct s3_log_part *part)
{
    struct slice logging = settings_get(bucket->settings, SETTING_LOGGING);
    struct log_subject subject;
    struct s3_log_line line;
    if (logging.at == NULL || fill_subject(call, bucket, logging, &subject) < 0)
        return;
    begin_line(call, &subject, &line);
    line.operation = part->operation;
    line.key = part->key;
    line.version_id = part->version_id;
    line.object_size = part->size;
    line.status = part->status;
    if (part->code != S3_NO_FAULT)
        line.error = s3_code_name(part->code);
    add_line(call, &subject, &line);
}

/* What S3 would call it. */
static struct slice error_of_status(unsigned status)
{
    return status == 404   ? s3_code_name(S3_NO_SUCH_KEY)
           : status == 403 ? s3_code_name(S3_ACCESS_DENIED)
           : status == 412 ? s3_code_name(S3_PRECONDITION_FAILED)
           : status == 416 ? s3_code_name(S3_INVALID_RANGE)
           : status >= 500 ? s3_code_name(S3_SERVICE_UNAVAILABLE)
                           : (struct slice){NULL, 0};
}

void s3_log_site(struct exchange *exchange, struct objects *objects,
                 const struct store_bucket *bucket, struct slice key, uint64_t size)
{
    const struct view *view = exchange->held;
    const struct conf_s3 conf = {.region = view->plane->snapshot->store.region};
    struct slice logging = settings_get(bucket->settings, SETTING_LOGGING);
    struct log_subject subject;
    struct s3_log_line line;
    struct writer writer;
    if (logging.at == NULL)
        return;
    struct s3_call call = {
        .exchange = exchange, .conf = &conf, .objects = objects, .now_ms = clock_wall_us() / 1000};
    writer_init(&writer, call.request_id, sizeof call.request_id);
    write_hex(&writer, exchange->id, 16);
    arena_init(&call.arena, NULL, 0, SITE_ARENA_BYTES);
    if (fill_subject(&call, bucket, logging, &subject) == 0) {
        begin_line(&call, &subject, &line);
        line.operation = arena_format(&call.arena, "WEBSITE.%.*s.OBJECT",
                                      SLICE_ARG(exchange->request.method_name));
        line.key = key;
        line.status = exchange->status;
        line.error = error_of_status(exchange->status);
        if (exchange->response_bytes > 0)
            line.bytes_sent = exchange->response_bytes;
        line.object_size = size;
        line.total_ms = ms_between(exchange->started_us, loop_now_us());
        add_line(&call, &subject, &line);
    }
    arena_finish(&call.arena);
}
