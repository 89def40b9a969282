/*
 * One function for each field, in a table by the numbers of conf/snapshot.h. A field of which
 * nothing is known writes nothing; those that are always known always write.
 */
#include "edge/access_json.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "edge/redact.h"
#include "http/exchange.h"
#include "http/session.h"
#include "wire/tls/connection.h"

/* A member's name with what stands around it. All of it is copied, which is quicker than to copy
 * only what counts. */
#define KEY_BYTES 24
struct key {
    char text[KEY_BYTES]; /* ,"name": */
    size_t len;
};

struct line {
    struct writer *out;
    const struct conf_access_log *conf;
    const struct exchange *exchange;
    const struct access_clock *clock;
    int64_t wall_us;
    int64_t duration_us;
};

/* The comma before the first one becomes the brace. */
static void put_key(struct line *line, const struct key *key)
{
    struct writer *out = line->out;
    if (LIKELY(out->end - out->at >= KEY_BYTES)) {
        memcpy(out->at, key->text, KEY_BYTES);
        out->at += key->len;
    } else {
        write_bytes(out, key->text, key->len);
    }
}

static void put_text(struct line *line, const struct key *key, struct slice text)
{
    put_key(line, key);
    write_json_text(line->out, text);
}

/* What needs no escape. */
static void put_plain(struct line *line, const struct key *key, struct slice text)
{
    put_key(line, key);
    write_char(line->out, '"');
    write_slice(line->out, text);
    write_char(line->out, '"');
}

static void put_text_if_any(struct line *line, const struct key *key, struct slice text)
{
    if (text.len > 0)
        put_text(line, key, text);
}

static void put_number(struct line *line, const struct key *key, uint64_t value)
{
    put_key(line, key);
    write_u64(line->out, value);
}

/* 12.345 for 12345 µs. */
static void put_ms(struct line *line, const struct key *key, int64_t us)
{
    uint64_t value = us < 0 ? 0 : (uint64_t)us;
    unsigned part = (unsigned)(value % 1000);
    char digits[4] = {'.', (char)('0' + part / 100), (char)('0' + part / 10 % 10),
                      (char)('0' + part % 10)};
    put_key(line, key);
    write_u64(line->out, value / 1000);
    write_bytes(line->out, digits, sizeof digits);
}

static void put_url(struct line *line, const struct key *key, struct slice url)
{
    put_key(line, key);
    write_char(line->out, '"');
    redact_url(line->out, &line->conf->redact, url, write_json_part);
    write_char(line->out, '"');
}

static void put_time(struct line *line, const struct key *key)
{
    put_key(line, key);
    write_char(line->out, '"');
    access_clock_write(line->clock, line->out, line->wall_us);
    write_char(line->out, '"');
}

static void put_id(struct line *line, const struct key *key)
{
    put_key(line, key);
    write_char(line->out, '"');
    write_hex(line->out, line->exchange->id, 16);
    write_char(line->out, '"');
}

static void put_client(struct line *line, const struct key *key)
{
    put_plain(line, key, line->exchange->client);
}

static void put_method(struct line *line, const struct key *key)
{
    put_text(line, key, line->exchange->request.method_name);
}

static void put_host(struct line *line, const struct key *key)
{
    put_text(line, key, line->exchange->request.authority);
}

static void put_path(struct line *line, const struct key *key)
{
    put_url(line, key, line->exchange->request.target);
}

static void put_protocol(struct line *line, const struct key *key)
{
    put_plain(line, key, http_version_name(&line->exchange->request));
}

static void put_status(struct line *line, const struct key *key)
{
    put_number(line, key, line->exchange->status);
}

static void put_bytes(struct line *line, const struct key *key)
{
    put_number(line, key, line->exchange->response_bytes);
}

static void put_request_bytes(struct line *line, const struct key *key)
{
    put_number(line, key, line->exchange->request_bytes);
}

static void put_duration_ms(struct line *line, const struct key *key)
{
    put_ms(line, key, line->duration_us);
}

static void put_site(struct line *line, const struct key *key)
{
    put_text_if_any(line, key, line->exchange->notes.site);
}

static void put_proxy(struct line *line, const struct key *key)
{
    put_text_if_any(line, key, line->exchange->notes.proxy);
}

static void put_rule(struct line *line, const struct key *key)
{
    if (line->exchange->notes.rule > 0)
        put_number(line, key, line->exchange->notes.rule);
}

static void put_user(struct line *line, const struct key *key)
{
    put_text_if_any(line, key, line->exchange->notes.user);
}

static void put_group(struct line *line, const struct key *key)
{
    put_text_if_any(line, key, line->exchange->notes.group);
}

static void put_target(struct line *line, const struct key *key)
{
    put_text_if_any(line, key, line->exchange->notes.target);
}

static void put_tries(struct line *line, const struct key *key)
{
    if (line->exchange->notes.tries > 0)
        put_number(line, key, line->exchange->notes.tries);
}

static void put_upstream_ms(struct line *line, const struct key *key)
{
    if (line->exchange->notes.tries > 0)
        put_ms(line, key, line->exchange->notes.upstream_us);
}

static void put_reason(struct line *line, const struct key *key)
{
    put_text_if_any(line, key, slice_of_cstr(line->exchange->notes.reason));
}

static void put_trace_id(struct line *line, const struct key *key)
{
    const struct exchange_trace *trace = &line->exchange->notes.trace;
    if ((trace->high | trace->low) == 0)
        return;
    put_key(line, key);
    write_char(line->out, '"');
    write_hex(line->out, trace->high, 16);
    write_hex(line->out, trace->low, 16);
    write_char(line->out, '"');
}

static void put_grpc_status(struct line *line, const struct key *key)
{
    const struct exchange_notes *notes = &line->exchange->notes;
    if (notes->has_grpc_status)
        put_number(line, key, notes->grpc_status);
}

static void put_referer(struct line *line, const struct key *key)
{
    struct slice value = fields_value(&line->exchange->request.fields, FIELD_REFERER);
    if (value.len > 0)
        put_url(line, key, value);
}

static void put_user_agent(struct line *line, const struct key *key)
{
    put_text_if_any(line, key, fields_value(&line->exchange->request.fields, FIELD_USER_AGENT));
}

static void put_tls_version(struct line *line, const struct key *key)
{
    const struct tls_connection *connection = exchange_tls(line->exchange);
    if (connection != NULL)
        put_plain(line, key, slice_of_cstr(tls_connection_version(connection)));
}

static void put_tls_cipher(struct line *line, const struct key *key)
{
    const struct tls_connection *connection = exchange_tls(line->exchange);
    if (connection != NULL)
        put_plain(line, key, slice_of_cstr(tls_connection_cipher(connection)));
}

static void put_tls_server_name(struct line *line, const struct key *key)
{
    const struct tls_connection *connection = exchange_tls(line->exchange);
    if (connection != NULL)
        put_text_if_any(line, key, tls_connection_server_name(connection));
}

static void put_client_subject(struct line *line, const struct key *key)
{
    put_text_if_any(line, key, line->exchange->notes.client_subject);
}

static void put_listener(struct line *line, const struct key *key)
{
    put_text(line, key, line->exchange->server->name);
}

static const struct key keys[] = {
#define KEY(id, name, meaning) {",\"" name "\":", sizeof(",\"" name "\":") - 1},
    CONF_LOG_FIELD_TABLE(KEY)
#undef KEY
};

static void (*const putters[CONF_LOG_FIELDS_COUNT])(struct line *line, const struct key *key) = {
    [CONF_LOG_FIELD_TIME] = put_time,
    [CONF_LOG_FIELD_ID] = put_id,
    [CONF_LOG_FIELD_CLIENT] = put_client,
    [CONF_LOG_FIELD_METHOD] = put_method,
    [CONF_LOG_FIELD_HOST] = put_host,
    [CONF_LOG_FIELD_PATH] = put_path,
    [CONF_LOG_FIELD_PROTOCOL] = put_protocol,
    [CONF_LOG_FIELD_STATUS] = put_status,
    [CONF_LOG_FIELD_BYTES] = put_bytes,
    [CONF_LOG_FIELD_REQUEST_BYTES] = put_request_bytes,
    [CONF_LOG_FIELD_DURATION_MS] = put_duration_ms,
    [CONF_LOG_FIELD_SITE] = put_site,
    [CONF_LOG_FIELD_PROXY] = put_proxy,
    [CONF_LOG_FIELD_RULE] = put_rule,
    [CONF_LOG_FIELD_USER] = put_user,
    [CONF_LOG_FIELD_GROUP] = put_group,
    [CONF_LOG_FIELD_TARGET] = put_target,
    [CONF_LOG_FIELD_TRIES] = put_tries,
    [CONF_LOG_FIELD_UPSTREAM_MS] = put_upstream_ms,
    [CONF_LOG_FIELD_REASON] = put_reason,
    [CONF_LOG_FIELD_GRPC_STATUS] = put_grpc_status,
    [CONF_LOG_FIELD_TRACE_ID] = put_trace_id,
    [CONF_LOG_FIELD_REFERER] = put_referer,
    [CONF_LOG_FIELD_USER_AGENT] = put_user_agent,
    [CONF_LOG_FIELD_TLS_VERSION] = put_tls_version,
    [CONF_LOG_FIELD_TLS_CIPHER] = put_tls_cipher,
    [CONF_LOG_FIELD_TLS_SERVER_NAME] = put_tls_server_name,
    [CONF_LOG_FIELD_CLIENT_SUBJECT] = put_client_subject,
    [CONF_LOG_FIELD_LISTENER] = put_listener,
};

/* "headers":{"X-Tenant":"a"}; of a repeated field the first value. */
static void put_headers(struct line *line)
{
    char separator = '{';
    for (unsigned i = 0; i < line->conf->headers_count; i++) {
        struct slice name = line->conf->headers[i];
        const struct field *field = fields_find_name(&line->exchange->request.fields, name);
        if (field == NULL)
            continue;
        if (separator == '{')
            write_literal(line->out, ",\"headers\":");
        write_char(line->out, separator);
        separator = ',';
        write_json_text(line->out, name);
        write_char(line->out, ':');
        write_json_text(line->out, redact_is_secret_header(&line->conf->redact, name)
                                       ? REDACTED
                                       : field->value);
    }
    if (separator == ',')
        write_char(line->out, '}');
}

void access_json_write(struct writer *writer, const struct conf_access_log *conf,
                       const struct exchange *exchange, const struct access_clock *clock,
                       int64_t wall_us, int64_t duration_us)
{
    struct line line = {writer, conf, exchange, clock, wall_us, duration_us};
    char *start = writer->at;
    unsigned count = conf->fields_count > 0 ? conf->fields_count : CONF_LOG_FIELDS_COUNT;
    for (unsigned i = 0; i < count; i++) {
        unsigned id = conf->fields_count > 0 ? conf->fields[i] : i;
        putters[id](&line, &keys[id]);
    }
    if (conf->headers_count > 0)
        put_headers(&line);
    if (writer->at > start)
        *start = '{';
    else
        write_char(writer, '{');
    write_literal(writer, "}\n");
}
