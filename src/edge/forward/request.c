/*
 * X-Forwarded-* are set from what the exchange knows: what a client claims about itself is not
 * passed on, what a listener's trusted proxies say about it is.
 */
#include "edge/forward/request.h"

#include "base/cleanup.h"
#include "conf/snapshot.h"
#include "edge/trace/trace.h"
#include "http/origin.h"
#include "http/session.h"
#include "wire/http/cookie.h"
#include "wire/http/forwarded.h"

#define REPLACED                                                                                   \
    (FIELD_BIT(X_FORWARDED_FOR) | FIELD_BIT(X_FORWARDED_HOST) | FIELD_BIT(X_FORWARDED_PORT) |      \
     FIELD_BIT(X_FORWARDED_PREFIX) | FIELD_BIT(X_FORWARDED_PROTO) | FIELD_BIT(FORWARDED) |         \
     FIELD_BIT(X_REQUEST_ID) | FIELD_BIT(EXPECT) | FIELD_BIT(VIA))

static const struct field_set replaced = {{REPLACED}};

/* Where Weir takes part in traces it names its own span as the parent. */
static const struct field_set replaced_traced = {
    {REPLACED | FIELD_BIT(TRACEPARENT) | FIELD_BIT(TRACESTATE)}};

void forward_leave_out_claims(const struct exchange *exchange, struct field_set *leave_out)
{
    if (UNLIKELY(exchange->has_trusted_peer))
        return;
    field_set_add(leave_out, FIELD_CLIENT_CERT);
    field_set_add(leave_out, FIELD_CLIENT_CERT_CHAIN);
    field_set_add(leave_out, FIELD_X_CLIENT_CERT);
    field_set_add(leave_out, FIELD_X_FORWARDED_CLIENT_CERT);
}

static void write_target(struct writer *writer, const struct exchange *exchange)
{
    write_slice(writer, exchange->request.method_name);
    write_char(writer, ' ');
    write_slice(writer, exchange->action_path);
    if (exchange->action_query.at != NULL) {
        write_char(writer, '?');
        write_slice(writer, exchange->action_query);
    }
    write_literal(writer, " HTTP/1.1\r\n");
}

void forward_write_framing(struct writer *writer, const struct framing *framing)
{
    if (framing->kind == BODY_CHUNKED)
        write_literal(writer, "Transfer-Encoding: chunked\r\n");
    else if (framing->has_content_length)
        h1_write_length(writer, framing->content_length);
}

struct slice forward_proto(const struct exchange *exchange)
{
    return exchange->is_secure ? SLICE("https") : SLICE("http");
}

struct slice forward_host(const struct exchange *exchange)
{
    return exchange->forwarded_host.len > 0 ? exchange->forwarded_host
                                            : exchange->request.authority;
}

/* RFC 7239: the client with what it had asked for, then the proxies between, as their addresses. */
static void write_forwarded(struct writer *writer, const struct exchange *exchange)
{
    struct slice rest = exchange->via, proxy;
    write_literal(writer, "Forwarded: ");
    forwarded_write_for(writer, exchange->client);
    if (forward_host(exchange).len > 0) {
        write_literal(writer, ";host=");
        forwarded_write_value(writer, forward_host(exchange));
    }
    write_literal(writer, ";proto=");
    write_slice(writer, forward_proto(exchange));
    while (rest.len > 0 && slice_cut(&rest, ',', &proxy)) {
        write_literal(writer, ", ");
        forwarded_write_for(writer, slice_trim(proxy));
    }
    write_literal(writer, "\r\n");
}

void forward_write_origin(struct writer *writer, const struct exchange *exchange)
{
    write_literal(writer, "X-Forwarded-For: ");
    write_slice(writer, exchange->client);
    if (UNLIKELY(exchange->via.len > 0)) {
        write_literal(writer, ", ");
        write_slice(writer, exchange->via);
    }
    write_literal(writer, "\r\nX-Forwarded-Proto: ");
    write_slice(writer, forward_proto(exchange));
    if (forward_host(exchange).len > 0) {
        write_literal(writer, "\r\nX-Forwarded-Host: ");
        write_slice(writer, forward_host(exchange));
    }
    write_literal(writer, "\r\nX-Forwarded-Port: ");
    write_u64(writer,
              exchange->forwarded_port > 0 ? exchange->forwarded_port : exchange->server->port);
    if (exchange->action_prefix.len > 0) {
        write_literal(writer, "\r\nX-Forwarded-Prefix: ");
        write_slice(writer, exchange->action_prefix);
    }
    write_literal(writer, "\r\nX-Request-Id: ");
    write_hex(writer, exchange->id, 16);
    write_literal(writer, "\r\n");
}

void forward_write_via(struct writer *writer, const struct exchange *exchange)
{
    const struct fields *fields = &exchange->request.fields;
    write_literal(writer, "Via: ");
    for (unsigned i = 0; i < fields->count; i++) {
        if (fields->at[i].id == FIELD_VIA) {
            write_slice(writer, fields->at[i].value);
            write_literal(writer, ", ");
        }
    }
    write_slice(writer, slice_from(http_version_name(&exchange->request), strlen("HTTP/")));
    write_literal(writer, " weir\r\n");
}

/* The client's cookies without our own. */
static void write_cookies(struct writer *writer, const struct fields *fields,
                          const struct own_cookies *own)
{
    for (unsigned i = 0; i < fields->count; i++) {
        if (fields->at[i].id != FIELD_COOKIE)
            continue;
        char *before = writer->at;
        write_literal(writer, "Cookie: ");
        if (cookie_write_others(writer, fields->at[i].value, own->names, own->count))
            write_literal(writer, "\r\n");
        else
            writer->at = before;
    }
}

static void write_proxy_header(struct writer *writer, const struct exchange *exchange,
                               enum proxy_version version)
{
    struct proxy_header origin;
    exchange_origin(exchange, &origin);
    proxy_write(writer, version, &origin);
}

void forward_write_request(struct writer *writer, const struct exchange *exchange,
                           const struct conf_group *group, const struct own_cookies *own)
{
    const struct request_head *request = &exchange->request;
    bool is_private = group->proxy_protocol != PROXY_NONE;
    if (UNLIKELY(is_private))
        write_proxy_header(writer, exchange, group->proxy_protocol);
    write_target(writer, exchange);
    write_literal(writer, "Host: ");
    write_slice(writer,
                exchange->upstream_host.at == NULL ? request->authority : exchange->upstream_host);
    write_literal(writer, "\r\n");
    if (UNLIKELY(group->protocol == CONF_PROTOCOL_H2)) {
        /* An Upgrade is for HTTP/1.1 and may be ignored (RFC 9110 §7.8); trailers are passed on. */
        if (http_list_has(fields_value(&request->fields, FIELD_TE), SLICE("trailers")))
            write_literal(writer, "TE: trailers\r\n");
    } else if (request->wants_upgrade) {
        write_literal(writer, "Connection: Upgrade\r\n");
        h1_write_field(writer, field_name(FIELD_UPGRADE),
                       fields_value(&request->fields, FIELD_UPGRADE));
    } else if (UNLIKELY(is_private)) {
        write_literal(writer, "Connection: close\r\n");
    }
    forward_write_framing(writer, &request->framing);
    bool is_traced = trace_is_on(exchange);
    struct field_set leave_out = is_traced ? replaced_traced : replaced;
    if (UNLIKELY(own->count > 0))
        field_set_add(&leave_out, FIELD_COOKIE);
    forward_leave_out_claims(exchange, &leave_out);
    h1_write_forwarded(writer, &request->fields, &leave_out);
    if (UNLIKELY(own->count > 0))
        write_cookies(writer, &request->fields, own);
    forward_write_origin(writer, exchange);
    if (UNLIKELY(group->sends_forwarded))
        write_forwarded(writer, exchange);
    forward_write_via(writer, exchange);
    if (is_traced)
        trace_write_fields(writer, exchange);
    h1_write_end(writer);
}
