/* From the records of decisions.h to the JSON that collectors take. */
#include "edge/trace/otlp.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "edge/explain/notes.h"

/* Of the protocol: SpanKind, and Status.StatusCode. */
#define KIND_SERVER  2
#define KIND_CLIENT  3
#define STATUS_ERROR 2

#define TEXT_BYTES 640

static const struct decision *record_at(struct slice *records)
{
    const struct decision *record = (const struct decision *)(const void *)records->at;
    *records = slice_from(*records, record->bytes);
    return record;
}

static void open_attribute(struct json_writer *json, const char *key)
{
    json_open_object(json, NULL);
    json_put_text(json, "key", slice_of_cstr(key));
    json_open_object(json, "value");
}

static void close_attribute(struct json_writer *json)
{
    json_close_object(json);
    json_close_object(json);
}

static void put_text(struct json_writer *json, const char *key, struct slice text)
{
    if (text.len == 0)
        return;
    open_attribute(json, key);
    json_put_text(json, "stringValue", text);
    close_attribute(json);
}

/* Numbers of 64 bits are strings in this encoding. */
static void put_decimal(struct json_writer *json, const char *name, uint64_t value)
{
    char digits[24];
    struct writer writer;
    writer_init(&writer, digits, sizeof digits);
    write_u64(&writer, value);
    json_put_text(json, name, writer_slice(&writer));
}

static void put_number(struct json_writer *json, const char *key, uint64_t value)
{
    open_attribute(json, key);
    put_decimal(json, "intValue", value);
    close_attribute(json);
}

static void put_hex(struct json_writer *json, const char *name, uint64_t high, uint64_t low,
                    bool is_long)
{
    char digits[32];
    struct writer writer;
    writer_init(&writer, digits, sizeof digits);
    if (is_long)
        write_hex(&writer, high, 16);
    write_hex(&writer, low, 16);
    json_put_text(json, name, writer_slice(&writer));
}

/* "name:80" or "[::1]:80" into its parts; a name alone is one too. */
static void put_server(struct json_writer *json, struct slice authority)
{
    ptrdiff_t colon = -1;
    for (size_t i = 0; i < authority.len; i++) {
        if (authority.at[i] == ':')
            colon = (ptrdiff_t)i;
        else if (authority.at[i] == ']')
            colon = -1;
    }
    uint64_t port;
    if (colon < 0 || slice_parse_u64(slice_from(authority, (size_t)colon + 1), &port) < 0) {
        put_text(json, "server.address", authority);
        return;
    }
    put_text(json, "server.address", slice_first(authority, (size_t)colon));
    put_number(json, "server.port", port);
}

static bool is_known_method(struct slice method)
{
    return http_method_of(method) != METHOD_OTHER;
}

static void put_method(struct json_writer *json, struct slice method)
{
    bool is_known = is_known_method(method);
    put_text(json, "http.request.method", is_known ? method : SLICE("_OTHER"));
    if (!is_known)
        put_text(json, "http.request.method_original", method);
}

/* A status as `error.type` wants it. */
static void put_error_status(struct json_writer *json, unsigned status)
{
    char digits[8];
    struct writer writer;
    writer_init(&writer, digits, sizeof digits);
    write_u64(&writer, status);
    put_text(json, "error.type", writer_slice(&writer));
}

static void put_status(struct json_writer *json, bool is_error, struct slice message)
{
    json_open_object(json, "status");
    if (is_error)
        json_put_u64(json, "code", STATUS_ERROR);
    if (is_error && message.len > 0)
        json_put_text(json, "message", message);
    json_close_object(json);
}

static void open_span(struct json_writer *json, const struct decision *record, uint64_t span,
                      uint64_t parent, unsigned kind)
{
    struct slice method = decision_text(record, DECISION_METHOD);
    json_open_object(json, NULL);
    put_hex(json, "traceId", record->trace_high, record->trace_low, true);
    put_hex(json, "spanId", 0, span, false);
    if (parent != 0)
        put_hex(json, "parentSpanId", 0, parent, false);
    json_put_text(json, "name", is_known_method(method) ? method : SLICE("HTTP"));
    json_put_u64(json, "kind", kind);
}

/* `us` count from the request's begin. */
static void put_times(struct json_writer *json, const struct decision *record, uint64_t begun_us,
                      uint64_t ended_us)
{
    uint64_t start_us = (uint64_t)record->wall_us - record->duration_us;
    put_decimal(json, "startTimeUnixNano", (start_us + begun_us) * 1000);
    put_decimal(json, "endTimeUnixNano", (start_us + ended_us) * 1000);
}

static void put_request_attributes(struct json_writer *json, const struct decision *record)
{
    put_method(json, decision_text(record, DECISION_METHOD));
    put_text(json, "url.scheme", record->is_secure ? SLICE("https") : SLICE("http"));
    put_text(json, "url.path", decision_text(record, DECISION_PATH));
    put_server(json, decision_text(record, DECISION_HOST));
    put_text(json, "client.address", decision_text(record, DECISION_CLIENT));
    if (record->status > 0)
        put_number(json, "http.response.status_code", record->status);
    put_number(json, "http.request.body.size", record->request_bytes);
    put_number(json, "http.response.body.size", record->response_bytes);
    if (record->status >= 500)
        put_error_status(json, record->status);
    put_text(json, "weir.listener", decision_text(record, DECISION_LISTENER));
    put_text(json, "weir.site", decision_text(record, DECISION_SITE));
    if (record->rule > 0)
        put_number(json, "weir.rule", record->rule);
    put_text(json, "weir.group", decision_text(record, DECISION_GROUP));
}

static void put_request(struct json_writer *json, const struct decision *record)
{
    open_span(json, record, record->id, record->trace_parent, KIND_SERVER);
    put_times(json, record, 0, record->duration_us);
    json_open_list(json, "attributes");
    put_request_attributes(json, record);
    json_close_list(json);
    put_status(json, record->status >= 500, decision_text(record, DECISION_REASON));
    json_close_object(json);
}

static void put_url(struct json_writer *json, const struct decision *record, struct slice target)
{
    char text[TEXT_BYTES];
    struct writer writer;
    writer_init(&writer, text, sizeof text);
    write_literal(&writer, "http://");
    write_slice(&writer, target);
    write_slice(&writer, decision_text(record, DECISION_PATH));
    put_text(json, "url.full", writer_slice(&writer));
}

static void put_try(struct json_writer *json, const struct decision *record, unsigned number)
{
    const struct decision_try *tried = &decision_tries(record)[number];
    struct slice target = decision_try_target(record, number);
    const char *outcome = try_outcome_name((enum try_outcome)tried->outcome);
    bool has_failed = tried->outcome != TRY_ANSWERED;
    open_span(json, record, tried->span, record->id, KIND_CLIENT);
    put_times(json, record, tried->begun_us, tried->ended_us);
    json_open_list(json, "attributes");
    put_method(json, decision_text(record, DECISION_METHOD));
    put_url(json, record, target);
    put_server(json, target);
    if (tried->status > 0)
        put_number(json, "http.response.status_code", tried->status);
    if (number > 0)
        put_number(json, "http.request.resend_count", number);
    if (has_failed)
        put_text(json, "error.type", slice_of_cstr(outcome));
    else if (tried->status >= 400)
        put_error_status(json, tried->status);
    put_text(json, "weir.target", target);
    if (tried->connected_us > 0)
        put_text(json, "weir.connection", tried->was_kept ? SLICE("kept") : SLICE("new"));
    json_close_list(json);
    put_status(json, has_failed || tried->status >= 400, decision_try_why(record, number));
    json_close_object(json);
}

static void put_resource(struct json_writer *json, struct slice service)
{
    json_open_object(json, "resource");
    json_open_list(json, "attributes");
    put_text(json, "service.name", service);
    put_text(json, "service.version", SLICE(WEIR_VERSION));
    json_close_list(json);
    json_close_object(json);
}

unsigned otlp_write(struct writer *writer, struct slice service, struct slice records)
{
    struct json_writer json;
    unsigned spans = 0;
    json_writer_init(&json, writer);
    json_open_object(&json, NULL);
    json_open_list(&json, "resourceSpans");
    json_open_object(&json, NULL);
    put_resource(&json, service);
    json_open_list(&json, "scopeSpans");
    json_open_object(&json, NULL);
    json_open_object(&json, "scope");
    json_put_text(&json, "name", SLICE("weir"));
    json_put_text(&json, "version", SLICE(WEIR_VERSION));
    json_close_object(&json);
    json_open_list(&json, "spans");
    while (records.len > 0) {
        const struct decision *record = record_at(&records);
        put_request(&json, record);
        for (unsigned i = 0; i < record->tries_told; i++)
            put_try(&json, record, i);
        spans += 1u + record->tries_told;
    }
    json_close_list(&json);
    json_close_object(&json);
    json_close_list(&json);
    json_close_object(&json);
    json_close_list(&json);
    json_close_object(&json);
    return spans;
}

unsigned otlp_count(struct slice records)
{
    unsigned spans = 0;
    while (records.len > 0)
        spans += 1u + record_at(&records)->tries_told;
    return spans;
}
