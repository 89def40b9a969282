/* How an exchange begins and ends, whatever version of HTTP it came by. */
#include "base/cleanup.h"
#include "http/exchange_ops.h"
#include "http/session_internal.h"
#include "wire/http/uri.h"

#include <errno.h>

#define ARENA_BYTES_MAX (256 * 1024)

/* Fields are parsed into the worker's room, then kept in the arena at their true number. */
int exchange_parse(struct exchange *exchange, struct slice head, struct h1_refusal *ret_refusal)
{
    struct field *fields = worker_current()->fields;
    struct request_head *request = &exchange->request;
    request->fields = (struct fields){fields, 0, HTTP_FIELDS_MAX};
    int rc = h1_parse_request(head, request, ret_refusal);
    if (rc < 0)
        return rc;
    size_t bytes = request->fields.count * sizeof *fields;
    struct field *kept = arena_alloc(&exchange->arena, bytes);
    if (kept == NULL)
        return -ENOMEM;
    if (bytes > 0)
        memcpy(kept, fields, bytes);
    request->fields.at = kept;
    request->fields.max = request->fields.count;
    return 0;
}

static int match_escapes(struct exchange *exchange)
{
    char *matched = arena_alloc(&exchange->arena, exchange->path.len);
    if (matched == NULL)
        return -ENOMEM;
    uri_matched_path(exchange->path, matched, &exchange->path);
    return 0;
}

/* The one form of host and path that all later decisions see. */
int exchange_normalise(struct exchange *exchange, struct h1_refusal *ret_refusal)
{
    struct request_head *request = &exchange->request;
    char *host = arena_alloc(&exchange->arena, request->authority.len + 1);
    char *path = arena_alloc(&exchange->arena, request->path.len * 3 + 1);
    if (host == NULL || path == NULL)
        return -ENOMEM;
    *ret_refusal = (struct h1_refusal){400, "Host is not a host"};
    if (request->authority.len > 0 &&
        uri_split_authority(request->authority, host, &exchange->host, &exchange->port) < 0)
        return -EBADMSG;
    *ret_refusal = (struct h1_refusal){400, "the path is malformed or leaves the root"};
    exchange->path = request->path;
    exchange->query = request->query;
    int rc = 0;
    if (request->form == TARGET_ORIGIN || request->form == TARGET_ABSOLUTE)
        rc = uri_normalise_path(request->path, path, &exchange->path);
    exchange->action_path = exchange->path;
    exchange->action_query = exchange->query;
    if (rc == 0 && UNLIKELY(slice_find(exchange->path, '%') >= 0))
        rc = match_escapes(exchange);
    return rc;
}

void exchange_open(struct exchange *exchange, struct session *session,
                   const struct exchange_ops *ops, void *memory)
{
    /* Without the tries: seven lines of the cache, of which a request writes one. */
    memset(exchange, 0, offsetof(struct exchange, notes.tried));
    exchange->ops = ops;
    exchange->session = session;
    exchange->server = session->server;
    exchange->client = slice_of(session->client, session->client_len);
    exchange->is_secure = session->io.layer != NULL; /* its listener may have changed since */
    exchange->id = prng_next(&worker_current()->prng);
    exchange->started_us = loop_now_us();
    exchange->timeout_idle_ms = session->server->idle_timeout_ms;
    exchange->body_max = session->server->body_max;
    exchange->request.version_major = exchange->request.version_minor = 1;
    arena_init(&exchange->arena, memory, EXCHANGE_ARENA_BYTES, ARENA_BYTES_MAX);
}

void exchange_refuse_request(struct exchange *exchange, unsigned status, const char *reason)
{
    counter_add(&worker_current()->counters.requests_refused, 1);
    exchange_respond_error(exchange, status, reason);
}

static void end_filters(struct exchange *exchange)
{
    for (struct exchange_filter *filter = exchange->filters; filter != NULL;
         filter = filter->next) {
        if (filter->ops->finish != NULL)
            filter->ops->finish(filter, exchange);
    }
    exchange->filters = NULL;
}

void exchange_settle(struct exchange *exchange)
{
    switch (exchange->state) {
    case RESPONSE_NONE:
        exchange_respond_error(exchange, 500, "no action answered");
        break;
    case RESPONSE_HEAD:
    case RESPONSE_BODY:
        exchange_break(exchange);
        break;
    case RESPONSE_COMPLETE:
    case RESPONSE_BROKEN:
    case RESPONSE_UPGRADED:
        break;
    }
    if (UNLIKELY(exchange->filters != NULL))
        end_filters(exchange);
}

static void count(const struct exchange *exchange)
{
    struct worker_counters *counters = &worker_current()->counters;
    unsigned hundreds = exchange->status / 100;
    if (exchange->server->is_uncounted)
        return;
    counter_add(&counters->requests, 1);
    counter_add(&counters->responses[hundreds < COUNT_OF(counters->responses) ? hundreds : 0], 1);
    if (UNLIKELY(exchange->notes.has_grpc_status))
        counter_add(&counters->grpc_calls[exchange->notes.grpc_status], 1);
    counter_add(&counters->bytes_received, exchange->request_bytes);
    counter_add(&counters->bytes_sent, exchange->response_bytes);
}

void exchange_log(struct exchange *exchange)
{
    count(exchange);
    if (exchange->server->log != NULL)
        exchange->server->log(exchange);
}

void exchange_close(struct exchange *exchange)
{
    arena_finish(&exchange->arena);
}
