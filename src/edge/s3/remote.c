/*
 * The client's fields go along but for those of its connection, of its signature and of its body's
 * coding. Documents that name the bucket pass a filter (wire/s3/rename.h).
 */
#include "edge/s3/remote.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "edge/s3/answer.h"
#include "edge/s3/remote_body.h"
#include "edge/s3/remote_head.h"
#include "edge/s3/source.h"
#include "edge/state.h"
#include "http/head_edit.h"
#include "wire/s3/rename.h"

#include <errno.h>

#define TELL_EVERY_MS 10000

/* A part of a document with its names made longer. */
#define RENAMED_BYTES_MAX ((size_t)16 << 20)

static bool may_tell(void)
{
    struct edge_worker *worker = edge_worker_current();
    int64_t now_ms = loop_now_ms();
    if (worker->remote_told_ms != 0 && now_ms - worker->remote_told_ms < TELL_EVERY_MS)
        return false;
    worker->remote_told_ms = now_ms;
    return true;
}

void remote_tell_failure(const struct conf_bucket *bucket, const char *why)
{
    if (may_tell())
        log_warn("the bucket \"%.*s\" is not at hand: %.*s: %s", SLICE_ARG(bucket->name),
                 SLICE_ARG(bucket->backend.s3.endpoint.authority), why);
}

bool remote_has_key(const struct conf_bucket *bucket)
{
    const struct conf_remote *remote = &bucket->backend.s3;
    bool is_there = remote->access_key.value.len > 0 && remote->secret_key.value.len > 0;
    if (!is_there)
        remote_tell_failure(bucket, "the key for it cannot be read: see `weir check`");
    return is_there;
}

void remote_tell_refusal(const struct conf_bucket *bucket, const char *code)
{
    if (may_tell())
        log_warn("the bucket \"%.*s\" is not at hand: %.*s refuses the key that the file has for "
                 "it: %s",
                 SLICE_ARG(bucket->name), SLICE_ARG(bucket->backend.s3.endpoint.authority), code);
}

/* The answer's document, on its way to the client. In the exchange's arena. */
struct renaming {
    struct exchange_filter filter;
    struct s3_rename rename;
    const struct conf_bucket *bucket;
    bool is_content; /* of an object: nothing in it is a name */
    bool is_own;     /* the answer is Weir's */
};

static bool rename_head(struct exchange_filter *filter, struct exchange *exchange)
{
    struct renaming *renaming = (struct renaming *)filter;
    struct slice type = head_value(&exchange->head, field_name(FIELD_CONTENT_TYPE));
    bool is_content = renaming->is_content && exchange->status < 300;
    if (renaming->is_own || is_content || exchange->request.method == METHOD_HEAD ||
        slice_search(type, SLICE("/xml")) < 0)
        return false;
    exchange_set_length(exchange, EXCHANGE_LENGTH_UNKNOWN);
    return true;
}

static bool is_about_key(const char *code)
{
    return strcmp(code, "InvalidAccessKeyId") == 0 || strcmp(code, "SignatureDoesNotMatch") == 0 ||
           strcmp(code, "RequestTimeTooSkewed") == 0 ||
           strcmp(code, "AuthorizationHeaderMalformed") == 0;
}

static int rename_body(struct exchange_filter *filter, struct exchange *exchange, struct slice data,
                       enum exchange_part part)
{
    SCOPED(buffer_finish) struct buffer out;
    struct renaming *renaming = (struct renaming *)filter;
    buffer_init(&out, RENAMED_BYTES_MAX);
    int rc = s3_rename_feed(&renaming->rename, data, part == PART_LAST, &out);
    if (rc < 0)
        return rc;
    if (part == PART_LAST && exchange->status >= 400 && is_about_key(renaming->rename.code))
        remote_tell_refusal(renaming->bucket, renaming->rename.code);
    return exchange_pass(filter, exchange, buffer_slice(&out), part);
}

static const struct exchange_filter_ops rename_ops = {.head = rename_head, .body = rename_body};

static int add_renaming(struct s3_call *call, struct renaming **ret_renaming)
{
    struct exchange *exchange = call->exchange;
    struct renaming *renaming = arena_alloc_zero(&exchange->arena, sizeof *renaming);
    if (renaming == NULL)
        return s3_fault_memory(&call->fault);
    enum http_method method = exchange->request.method;
    bool is_complete = method == METHOD_POST && s3_has_param(call, SLICE("uploadId"));
    bool is_get = method == METHOD_GET || method == METHOD_HEAD;
    renaming->filter.ops = &rename_ops;
    renaming->bucket = call->remote;
    renaming->is_content = is_get && call->key.len > 0 && !s3_has_param(call, SLICE("uploadId"));
    renaming->rename = (struct s3_rename){
        .from = call->remote->backend.s3.bucket,
        .to = call->remote->name,
        .location = is_complete ? s3_location(call, &exchange->arena) : (struct slice){NULL, 0},
    };
    exchange_add_first_filter(exchange, &renaming->filter);
    *ret_renaming = renaming;
    return 0;
}

/* The request. */

/* Beside the hop-by-hop ones: what is said anew, and what the other endpoint has no use for. */
static const struct field_set own_fields = {
    {FIELD_BIT(HOST) | FIELD_BIT(CONTENT_LENGTH) | FIELD_BIT(AUTHORIZATION) | FIELD_BIT(EXPECT) |
     FIELD_BIT(TRAILER) | FIELD_BIT(DATE) | FIELD_BIT(COOKIE) | FIELD_BIT(FORWARDED) |
     FIELD_BIT(VIA) | FIELD_BIT(X_FORWARDED_FOR) | FIELD_BIT(X_FORWARDED_HOST) |
     FIELD_BIT(X_FORWARDED_PORT) | FIELD_BIT(X_FORWARDED_PREFIX) | FIELD_BIT(X_FORWARDED_PROTO) |
     FIELD_BIT(X_REQUEST_ID) | FIELD_BIT(CLIENT_CERT) | FIELD_BIT(CLIENT_CERT_CHAIN) |
     FIELD_BIT(X_CLIENT_CERT) | FIELD_BIT(X_FORWARDED_CLIENT_CERT)}};

static bool is_named(struct slice name, const struct slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_equal_nocase(name, names[i]))
            return true;
    }
    return false;
}

/* A body that is coded anew is told of as the client did; without its trailer nothing is told of
 * the sum that was there. */
static bool is_own(const struct s3_call *call, const struct field *field, bool is_coded)
{
    static const struct slice signing[] = {SLICE("x-amz-date"), SLICE("x-amz-content-sha256"),
                                           SLICE("x-amz-security-token")};
    static const struct slice coding[] = {SLICE("x-amz-decoded-content-length"),
                                          SLICE("x-amz-trailer")};
    static const struct slice sum = SLICE("x-amz-sdk-checksum-algorithm");
    if (field->id != FIELD_OTHER)
        return field_is_hop_by_hop(field->id) || field_set_has(&own_fields, field->id);
    if (is_named(field->name, signing, COUNT_OF(signing)))
        return true;
    return !is_coded &&
           (is_named(field->name, coding, COUNT_OF(coding)) ||
            (is_named(field->name, &sum, 1) && s3_field(call, SLICE("x-amz-trailer")).at != NULL));
}

/* Without aws-chunked; empty: none is left. */
static struct slice other_codings(struct s3_call *call, struct slice value)
{
    struct slice rest = value, coding;
    struct writer writer;
    char *room = arena_alloc(&call->arena, value.len + 1);
    if (room == NULL)
        return (struct slice){NULL, 0};
    writer_init(&writer, room, value.len + 1);
    while (http_list_next(&rest, &coding)) {
        if (slice_equal_nocase(coding, SLICE("aws-chunked")))
            continue;
        if (writer.at > writer.start)
            write_char(&writer, ',');
        write_slice(&writer, coding);
    }
    return writer_slice(&writer);
}

/* As the other endpoint knows it. What is not there in the same way is refused. */
static int map_source(struct s3_call *call, struct slice *ret_value)
{
    struct s3_source source = {.bucket = NULL};
    int rc = s3_source_read(call, &source);
    if (rc < 0)
        return rc;
    const struct conf_bucket *target = call->remote;
    const struct conf_bucket *from = s3_remote_named(call, source.bucket_name);
    if (from == NULL ||
        !slice_equal(from->backend.s3.endpoint.authority, target->backend.s3.endpoint.authority))
        return s3_fault_say(&call->fault, S3_NOT_IMPLEMENTED,
                            "%.*s does not lie at the endpoint of %.*s: nothing is copied between "
                            "them; get the object and put it",
                            SLICE_ARG(source.bucket_name), SLICE_ARG(target->name));
    call->remote = from;
    call->bucket_name = from->name;
    rc = s3_may(call, SLICE("s3:GetObject"), NULL, source.key, false);
    call->remote = target;
    call->bucket_name = target->name;
    struct writer writer;
    size_t bytes = 3 * source.key.len + 64;
    char *room = rc < 0 ? NULL : arena_alloc(&call->arena, bytes);
    if (room == NULL)
        return rc < 0 ? rc : s3_fault_memory(&call->fault);
    writer_init(&writer, room, bytes);
    s3_escape(&writer, source.key, true);
    bool has_version = source.version_id.at != NULL;
    *ret_value = arena_format(&call->arena, "/%.*s/%.*s%s%.*s", SLICE_ARG(from->backend.s3.bucket),
                              SLICE_ARG(writer_slice(&writer)), has_version ? "?versionId=" : "",
                              SLICE_ARG(source.version_id));
    return ret_value->at == NULL ? s3_fault_memory(&call->fault) : 0;
}

static int change_field(struct s3_call *call, bool is_coded, struct field *field)
{
    if (field->id == FIELD_CONTENT_ENCODING && !is_coded) {
        field->value = other_codings(call, field->value);
        return field->value.at == NULL ? s3_fault_memory(&call->fault) : 0;
    }
    if (slice_equal_nocase(field->name, SLICE("x-amz-copy-source")))
        return map_source(call, &field->value);
    return 0;
}

static int gather_fields(struct s3_call *call, bool is_coded, struct fields *ret_fields)
{
    const struct fields *from = &call->exchange->request.fields;
    struct fields all = {arena_alloc_array(&call->arena, from->count + 1, sizeof *from->at),
                         from->count, from->count + 1};
    if (all.at == NULL)
        return s3_fault_memory(&call->fault);
    if (from->count > 0)
        memcpy(all.at, from->at, from->count * sizeof *from->at);
    if (!h1_drop_named(&all))
        return s3_fault_set(&call->fault, S3_BAD_REQUEST);
    unsigned count = 0;
    for (unsigned i = 0; i < all.count; i++) {
        struct field field = all.at[i];
        if (is_own(call, &field, is_coded))
            continue;
        int rc = change_field(call, is_coded, &field);
        if (rc < 0)
            return rc;
        if (field.id != FIELD_CONTENT_ENCODING || field.value.len > 0)
            all.at[count++] = field;
    }
    *ret_fields = (struct fields){all.at, count, count};
    return 0;
}

/* Nobody between can change what TLS carries; else what the client has signed of it is kept. */
static struct slice payload_of(const struct s3_call *call, bool is_coded)
{
    const struct s3_signature *signature = &call->signature;
    if (is_coded)
        return SLICE("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    bool is_hashed =
        signature->form != S3_SIGNED_NOT && signature->payload_kind == S3_PAYLOAD_HASHED;
    return call->remote->backend.s3.endpoint.is_secure || !is_hashed ? SLICE(S3_UNSIGNED_PAYLOAD)
                                                                     : signature->payload;
}

static int write_request(struct s3_call *call, const struct remote_body *body,
                         struct slice *ret_head)
{
    struct fields fields;
    int rc = gather_fields(call, body->is_coded, &fields);
    if (rc < 0)
        return rc;
    const struct remote_head head = {
        .remote = &call->remote->backend.s3,
        .method = call->exchange->request.method_name,
        .key = call->key,
        .query = &call->query,
        .fields = &fields,
        .framing = &body->source.framing,
        .payload = payload_of(call, body->is_coded),
        .now_s = call->now_ms / 1000,
    };
    return remote_head_write(&head, &call->arena, ret_head) < 0 ? s3_fault_memory(&call->fault) : 0;
}

/* Clients sign for the region that they are told. */
static bool take_answer(void *arg, struct response_head *response)
{
    const struct s3_call *call = arg;
    for (unsigned i = 0; i < response->fields.count; i++) {
        struct field *field = &response->fields.at[i];
        if (slice_equal_nocase(field->name, SLICE("x-amz-bucket-region")))
            field->value = call->conf->region;
    }
    return true;
}

static int answer_failure(struct s3_call *call, const struct forward_outcome *outcome)
{
    if (call->fault.code != S3_NO_FAULT) /* the client's own body */
        return -EBADMSG;
    if (outcome->status == 413)
        return s3_fault_set(&call->fault, S3_ENTITY_TOO_LARGE);
    if (outcome->status == 431)
        return s3_fault_say(&call->fault, S3_BAD_REQUEST, "%s", outcome->why);
    remote_tell_failure(call->remote, outcome->why);
    return s3_fault_say(&call->fault, S3_SERVICE_UNAVAILABLE,
                        "The endpoint of this bucket does not answer: %s", outcome->why);
}

static int send_on(struct s3_call *call, struct remote_body *body)
{
    struct forward_outcome outcome;
    struct renaming *renaming = NULL;
    struct forward_terms terms = {
        .rule = call->rule,
        .group = call->remote->backend.s3.group,
        .method = call->exchange->request.method,
        .body = &body->source,
        .accept = take_answer,
        .arg = call,
    };
    int rc = write_request(call, body, &terms.head);
    if (rc == 0)
        rc = add_renaming(call, &renaming);
    if (rc < 0)
        return rc;
    forward_send(call->exchange, &terms, call->exchange->held, &outcome);
    renaming->is_own = outcome.end == FORWARD_FAILED;
    return renaming->is_own ? answer_failure(call, &outcome) : 0;
}

/* Of a text that was accepted before, what it names may be gone since. */
static int check_key(struct s3_call *call)
{
    if (remote_has_key(call->remote))
        return 0;
    return s3_fault_say(&call->fault, S3_SERVICE_UNAVAILABLE,
                        "The key for the endpoint of this bucket cannot be read");
}

int s3_remote_run(struct s3_call *call)
{
    struct remote_body *body = arena_alloc_zero(&call->arena, sizeof *body);
    if (body == NULL)
        return s3_fault_memory(&call->fault);
    int rc = check_key(call);
    if (rc == 0)
        rc = remote_body_init(body, call);
    if (rc == 0)
        rc = send_on(call, body);
    remote_body_finish(body);
    return rc;
}
