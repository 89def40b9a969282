#include "edge/s3/answer.h"
#include "edge/s3/log_request.h"

#include "base/cleanup.h"

#include <errno.h>

#define FAULT_BYTES_MAX ((size_t)1 << 20)

struct writer *s3_begin(struct s3_call *call, unsigned status, uint64_t length)
{
    struct writer *head = exchange_begin(call->exchange, status, (struct slice){0}, length);
    s3_step_out(call, false);
    s3_log_note_begun(call);
    if (head == NULL)
        return NULL;
    exchange_write_own_fields(head);
    write_literal(head, "x-amz-request-id: ");
    write_bytes(head, call->request_id, sizeof call->request_id);
    write_literal(head, "\r\nx-amz-id-2: ");
    write_bytes(head, call->request_id, sizeof call->request_id);
    write_literal(head, "\r\n");
    write_slice(head, call->answer_fields);
    return head;
}

int s3_answer_empty(struct s3_call *call, unsigned status)
{
    if (s3_begin(call, status, 0) != NULL)
        (void)exchange_send(call->exchange, (struct slice){0}, false);
    return 0;
}

int s3_answer_no_content(struct s3_call *call)
{
    if (s3_begin(call, 204, EXCHANGE_LENGTH_UNKNOWN) != NULL)
        (void)exchange_send(call->exchange, (struct slice){0}, false);
    return 0;
}

int s3_answer_xml(struct s3_call *call, unsigned status, struct xml_writer *xml,
                  struct buffer *document)
{
    if (xml_writer_end(xml) < 0)
        return s3_fault_memory(&call->fault);
    struct writer *head = s3_begin(call, status, document->len);
    if (head == NULL)
        return 0;
    write_literal(head, "Content-Type: application/xml\r\n");
    (void)exchange_send(call->exchange, buffer_slice(document), false);
    return 0;
}

/* What a client's maker looks for when a signature does not match. */
static size_t signature_details(struct s3_call *call, struct s3_detail details[static 4])
{
    details[0] = (struct s3_detail){"AWSAccessKeyId", call->signature.access_key};
    details[1] = (struct s3_detail){"StringToSign", call->proof.to_sign};
    details[2] = (struct s3_detail){"SignatureProvided", call->signature.signature};
    details[3] = (struct s3_detail){"CanonicalRequest", call->proof.canonical};
    return 4;
}

static size_t fault_details(struct s3_call *call, struct s3_detail details[static 4])
{
    switch (call->fault.code) {
    case S3_SIGNATURE_DOES_NOT_MATCH:
        return signature_details(call, details);
    case S3_AUTHORIZATION_HEADER_MALFORMED:
        details[0] = (struct s3_detail){"Region", call->conf->region};
        return 1;
    case S3_INVALID_ACCESS_KEY_ID:
        details[0] = (struct s3_detail){"AWSAccessKeyId", call->signature.access_key};
        return 1;
    case S3_METHOD_NOT_ALLOWED:
        details[0] = (struct s3_detail){"Method", call->exchange->request.method_name};
        return 1;
    default:
        return 0;
    }
}

/* The key or the bucket that is not there, as S3 names them. */
static void fault_subjects(const struct s3_call *call, struct s3_error *error)
{
    if (call->fault.code == S3_NO_SUCH_KEY || call->fault.code == S3_NO_SUCH_VERSION)
        error->key = call->key.len > 0 ? call->key : (struct slice){0};
    if (call->fault.code == S3_NO_SUCH_BUCKET || call->fault.code == S3_BUCKET_NOT_EMPTY ||
        call->fault.code == S3_INVALID_BUCKET_NAME ||
        call->fault.code == S3_BUCKET_ALREADY_OWNED_BY_YOU)
        error->bucket = call->bucket_name;
}

void s3_answer_fault(struct s3_call *call)
{
    struct exchange *exchange = call->exchange;
    struct s3_detail details[4];
    SCOPED(buffer_finish) struct buffer body;
    buffer_init(&body, FAULT_BYTES_MAX);
    if (exchange->state != RESPONSE_NONE && exchange->state != RESPONSE_HEAD)
        return;
    struct s3_error error = {
        .fault = call->fault,
        .resource = exchange->request.path,
        .request_id = slice_of(call->request_id, sizeof call->request_id),
        .host_id = slice_of(call->request_id, sizeof call->request_id),
        .details = details,
    };
    fault_subjects(call, &error);
    error.details_count = fault_details(call, details);
    unsigned status = s3_code_status(call->fault.code);
    struct slice name = s3_code_name(call->fault.code);
    if (exchange->notes.reason == NULL)
        exchange->notes.reason = name.at;
    if (status == 304 || s3_error_write(&body, &error) < 0)
        body.len = 0;
    struct writer *head = s3_begin(call, status, body.len);
    if (head == NULL)
        return;
    if (call->fault.code == S3_SLOW_DOWN || call->fault.code == S3_SERVICE_UNAVAILABLE)
        write_literal(head, "Retry-After: 1\r\n");
    write_slice(head, call->fault_fields);
    if (body.len > 0)
        write_literal(head, "Content-Type: application/xml\r\n");
    (void)exchange_send(exchange, buffer_slice(&body), false);
}

void s3_write_version(struct s3_call *call, struct writer *head, const struct version *version)
{
    char room[S3_VERSION_ID_LEN];
    s3_log_note_version(call, version);
    if (s3_versioning_of(call->bucket) != S3_VERSIONING_NEVER)
        h1_write_field(head, SLICE("x-amz-version-id"), s3_version_id(version, room));
}

struct slice s3_time(int64_t time_ms, char room[static S3_TIME_LEN])
{
    char basic[S3_TIMESTAMP_LEN];
    struct writer writer;
    s3_timestamp_write(time_ms / 1000, basic);
    writer_init(&writer, room, S3_TIME_LEN);
    write_bytes(&writer, basic, 4);
    write_char(&writer, '-');
    write_bytes(&writer, basic + 4, 2);
    write_char(&writer, '-');
    write_bytes(&writer, basic + 6, 3);
    write_bytes(&writer, basic + 9, 2);
    write_char(&writer, ':');
    write_bytes(&writer, basic + 11, 2);
    write_char(&writer, ':');
    write_bytes(&writer, basic + 13, 2);
    write_char(&writer, '.');
    write_char(&writer, (char)('0' + time_ms / 100 % 10));
    write_char(&writer, (char)('0' + time_ms / 10 % 10));
    write_char(&writer, (char)('0' + time_ms % 10));
    write_char(&writer, 'Z');
    return writer_slice(&writer);
}

struct slice s3_quoted(struct slice etag, char room[static S3_ETAG_ROOM])
{
    struct writer writer;
    writer_init(&writer, room, S3_ETAG_ROOM);
    write_char(&writer, '"');
    write_slice(&writer, etag);
    write_char(&writer, '"');
    return writer_slice(&writer);
}

struct slice s3_location(const struct s3_call *call, struct arena *arena)
{
    const struct exchange *exchange = call->exchange;
    struct writer writer;
    size_t room = 3 * call->key.len + 1;
    char *escaped = arena_alloc(arena, room);
    if (escaped == NULL)
        return (struct slice){NULL, 0};
    writer_init(&writer, escaped, room);
    s3_escape(&writer, call->key, true);
    struct slice bucket = call->is_in_host ? SLICE("") : call->bucket_name;
    return arena_format(arena, "%s://%.*s/%.*s%s%.*s", exchange->is_secure ? "https" : "http",
                        SLICE_ARG(exchange->request.authority), SLICE_ARG(bucket),
                        bucket.len > 0 ? "/" : "", SLICE_ARG(writer_slice(&writer)));
}

void s3_put_text(struct s3_call *call, struct xml_writer *xml, const char *element,
                 struct slice text, bool is_encoded)
{
    enum { ROOM = 3 * VERSION_KEY_BYTES_MAX };
    char room[ROOM];
    struct writer writer;
    (void)call;
    if (!is_encoded) {
        xml_element(xml, element, text);
        return;
    }
    writer_init(&writer, room, sizeof room);
    s3_escape(&writer, text, true);
    xml_element(xml, element, writer_slice(&writer));
}
