/*
 * The request is passed on as its sender wrote it, but for what belongs to one connection and Via:
 * nothing of who asked goes out, no X-Forwarded-For. Its path is the raw one unless rules look at
 * paths: then it is the one they have seen.
 */
#include "edge/proxy/outbound.h"

#include "base/cleanup.h"
#include "edge/forward/request.h"
#include "edge/forward/upload.h"
#include "edge/proxy/answer.h"
#include "edge/proxy/parent.h"
#include "edge/proxy/rules.h"
#include "edge/proxy/tunnel.h"
#include "edge/state.h"
#include "http/exchange.h"
#include "http/relay.h"

#include <errno.h>

/* A destination may be closing a connection that idled for longer: not for requests that act. */
#define FRESH_MS 1000

struct outbound {
    struct exchange *exchange;
    struct passage *passage;
    struct usage **usage;
    struct destination *destination; /* counted */
    struct call call;
    struct upload upload;
    struct kept_body kept;
    struct response_head response; /* its fields until the next wait */
    bool is_personal;              /* the connection, from now on */
};

enum outcome {
    OUTCOME_DONE,  /* it has been answered, well or not */
    OUTCOME_STALE, /* a kept connection had died, and the request may be sent again */
    OUTCOME_FAILED,
};

/* Kept connections. */

static bool is_idempotent(const struct outbound *outbound)
{
    return http_method_is_idempotent(outbound->exchange->request.method);
}

static bool take_kept(struct outbound *outbound, const struct passage_addresses *addresses)
{
    struct destinations *destinations = &edge_worker_current()->destinations;
    int64_t only_fresh_ms = is_idempotent(outbound) ? 0 : FRESH_MS;
    for (unsigned i = 0; i < addresses->count; i++) {
        struct destination *destination = destination_find(destinations, &addresses->at[i]);
        if (destination == NULL)
            continue;
        struct upstream *upstream = client_take_idle(&destination->pool, only_fresh_ms);
        if (upstream != NULL) {
            outbound->destination = destination;
            outbound->call.connection = upstream;
            outbound->passage->address = addresses->at[i];
            outbound->passage->rule = addresses->rules[i];
            outbound->passage->dialled_us = outbound->passage->connected_us = loop_now_us();
            outbound->passage->was_kept = true;
            return true;
        }
        destination_release(destination);
    }
    return false;
}

static enum passage_result connect_anew(struct outbound *outbound,
                                        const struct passage_addresses *addresses,
                                        int64_t deadline_ms)
{
    struct passage *passage = outbound->passage;
    struct io io;
    io_init(&io, NULL);
    enum passage_result result = passage_dial(passage, addresses, deadline_ms, &io);
    if (result != PASSAGE_OPEN)
        return result;
    struct destination *destination =
        destination_take(&edge_worker_current()->destinations, &passage->address);
    if (destination == NULL ||
        client_adopt(&destination->pool, &io, &outbound->call.connection) < 0) {
        if (destination != NULL)
            destination_release(destination);
        io_close(&io);
        return PASSAGE_NO_RESOURCES;
    }
    outbound->destination = destination;
    return PASSAGE_OPEN;
}

/* Where a connection has shown who its user is, by Negotiate or NTLM, it is his alone (RFC 4559
 * §6). Said while the fields are there: they are in the worker's room. */
static bool are_personal(const struct fields *fields, enum field_id id)
{
    static const struct slice schemes[] = {SLICE("Negotiate"), SLICE("NTLM")};
    for (unsigned i = 0; i < fields->count; i++) {
        struct slice value = fields->at[i].value;
        for (size_t k = 0; fields->at[i].id == id && k < COUNT_OF(schemes); k++) {
            if (slice_equal_nocase(slice_first(value, schemes[k].len), schemes[k]))
                return true;
        }
    }
    return false;
}

static void release(struct outbound *outbound, bool is_whole)
{
    bool upload_ended = upload_end(&outbound->upload);
    if (is_whole && upload_ended && !outbound->is_personal && outbound->response.keep_alive &&
        call_is_open(&outbound->call))
        call_give_back(&outbound->call);
    else
        call_drop(&outbound->call);
    destination_release(outbound->destination);
    outbound->destination = NULL;
}

/* The request. */

/* Fields that are written here, beside those of the framing. */
static const struct field_set replaced = {{FIELD_BIT(VIA) | FIELD_BIT(EXPECT)}};

static const struct field_set replaced_with_id = {
    {FIELD_BIT(VIA) | FIELD_BIT(EXPECT) | FIELD_BIT(X_REQUEST_ID)}};

static void write_target(struct writer *writer, const struct outbound *outbound)
{
    const struct request_head *request = &outbound->exchange->request;
    bool has_parent = outbound->passage->proxy->conf->parent.enabled;
    bool is_judged = proxy_rules_look_at_paths(outbound->passage->proxy->rules);
    struct slice path = is_judged ? outbound->exchange->action_path : request->path;
    write_slice(writer, request->method_name);
    write_char(writer, ' ');
    if (UNLIKELY(has_parent)) {
        write_literal(writer, "http://");
        write_slice(writer, request->authority);
    }
    /* "OPTIONS *" is an authority alone to the next proxy (RFC 9112 §3.2.4). */
    if (!has_parent || request->form != TARGET_ASTERISK)
        write_slice(writer, path);
    if (request->query.at != NULL) {
        write_char(writer, '?');
        write_slice(writer, request->query);
    }
    write_literal(writer, " HTTP/1.1\r\nHost: ");
    write_slice(writer, request->authority);
    write_literal(writer, "\r\n");
}

static void write_request(struct writer *writer, const struct outbound *outbound)
{
    const struct exchange *exchange = outbound->exchange;
    const struct request_head *request = &exchange->request;
    bool has_id = fields_find(&request->fields, FIELD_X_REQUEST_ID) != NULL;
    write_target(writer, outbound);
    if (request->wants_upgrade) {
        write_literal(writer, "Connection: Upgrade\r\n");
        h1_write_field(writer, field_name(FIELD_UPGRADE),
                       fields_value(&request->fields, FIELD_UPGRADE));
    }
    parent_write_credentials(writer, &outbound->passage->proxy->conf->parent);
    forward_write_framing(writer, &request->framing);
    h1_write_forwarded(writer, &request->fields, has_id ? &replaced : &replaced_with_id);
    if (!has_id) {
        write_literal(writer, "X-Request-Id: ");
        write_hex(writer, exchange->id, 16);
        write_literal(writer, "\r\n");
    }
    forward_write_via(writer, exchange);
    h1_write_end(writer);
}

static enum passage_result result_of_loss(int rc)
{
    return rc == -ETIMEDOUT                 ? PASSAGE_SLOW
           : rc == -ECANCELED               ? PASSAGE_CLIENT_LEFT
           : rc == -ENOMEM || rc == -EMFILE ? PASSAGE_NO_RESOURCES
                                            : PASSAGE_BROKEN;
}

/* What a broken connection means before the response's head. */
static enum outcome judge_loss(const struct outbound *outbound, int rc,
                               enum passage_result *ret_result)
{
    const struct exchange *exchange = outbound->exchange;
    bool is_repeatable = call_is_reused(&outbound->call) && is_idempotent(outbound) &&
                         kept_body_is_whole(&outbound->kept, exchange->request_bytes);
    *ret_result = result_of_loss(rc);
    if (outbound->upload.error < 0)
        return OUTCOME_FAILED;
    return is_repeatable && *ret_result == PASSAGE_BROKEN && rc != -EBADMSG ? OUTCOME_STALE
                                                                            : OUTCOME_FAILED;
}

static int64_t pace(void *arg, uint64_t bytes)
{
    const struct outbound *outbound = arg;
    return usage_spend(*outbound->usage, bytes, loop_now_us());
}

static int send_request(struct outbound *outbound)
{
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL)
        return -ENOMEM;
    struct writer head;
    writer_init(&head, block, BLOCK_LARGE_BYTES);
    write_request(&head, outbound);
    outbound->upload = (struct upload){.pace = usage_has_bandwidth(*outbound->usage) ? pace : NULL,
                                       .pace_arg = outbound};
    int rc = head.overflown
                 ? -ENOMEM
                 : upload_begin(&outbound->upload, outbound->exchange, &outbound->call,
                                writer_slice(&head),
                                outbound->passage->proxy->conf->timeouts.idle_ms, &outbound->kept);
    block_give(block, BLOCK_LARGE);
    return rc;
}

/* The final response's head, or 101; interim ones are passed on. */
static int read_response(struct outbound *outbound)
{
    struct exchange *exchange = outbound->exchange;
    struct response_head *response = &outbound->response;
    int64_t deadline_ms = loop_deadline(outbound->passage->proxy->conf->timeouts.response_ms);
    for (;;) {
        const char *why = NULL;
        response->fields = (struct fields){worker_current()->fields, 0, HTTP_FIELDS_MAX};
        int rc =
            call_read_head(&outbound->call, exchange->request.method, deadline_ms, response, &why);
        if (rc < 0)
            return rc;
        if (response->status == 101)
            return exchange->request.wants_upgrade ? 0 : -EBADMSG;
        if (response->status >= 200)
            return 0;
        if (response->status != 100 && exchange_send_interim(exchange, response) < 0)
            return -ECANCELED;
    }
}

/* The response. */

static const struct field_set own_fields = {{FIELD_BIT(X_REQUEST_ID)}};

static struct writer *begin_response(const struct outbound *outbound)
{
    const struct response_head *response = &outbound->response;
    uint64_t length = response->framing.has_content_length ? response->framing.content_length
                                                           : EXCHANGE_LENGTH_UNKNOWN;
    if (response->framing.kind == BODY_NONE && !response->framing.has_content_length &&
        outbound->exchange->request.method != METHOD_HEAD && response->status >= 200)
        length = 0;
    struct writer *head =
        exchange_begin(outbound->exchange, response->status, response->reason, length);
    if (head == NULL)
        return NULL;
    if (response->status == 101) {
        write_literal(head, "Connection: Upgrade\r\n");
        h1_write_field(head, field_name(FIELD_UPGRADE),
                       fields_value(&response->fields, FIELD_UPGRADE));
    }
    h1_write_forwarded(head, &response->fields, &own_fields);
    write_literal(head, "Via: 1.1 weir\r\n");
    return head;
}

static bool upgrade(struct outbound *outbound)
{
    struct exchange *exchange = outbound->exchange;
    struct upstream *upstream = outbound->call.connection;
    if (exchange_flush(exchange) == 0 && tunnel_begin(exchange, outbound->passage, *outbound->usage,
                                                      &upstream->io, &upstream->inflow) == 0)
        *outbound->usage = NULL;
    else
        exchange_break(exchange);
    return false;
}

/* What only a close ends has not ended when the connection broke. */
static int read_part(struct outbound *outbound, struct slice *ret_data)
{
    int rc =
        call_read_body(&outbound->call, outbound->passage->proxy->conf->timeouts.idle_ms, ret_data);
    bool is_closed = rc == 0 && outbound->response.framing.kind == BODY_UNTIL_CLOSE;
    return is_closed && outbound->upload.target_error < 0 ? outbound->upload.target_error : rc;
}

static int end_body(const struct outbound *outbound)
{
    struct fields trailers;
    if (outbound->exchange->state == RESPONSE_COMPLETE)
        return 0;
    call_trailers(&outbound->call, &trailers);
    return exchange_end(outbound->exchange, &trailers);
}

/* To the client, as it comes. True: the whole of it went. */
static bool relay_body(struct outbound *outbound)
{
    struct exchange *exchange = outbound->exchange;
    struct usage *usage = *outbound->usage;
    struct slice data;
    int rc;
    while ((rc = read_part(outbound, &data)) == 1) {
        int64_t pause_us = usage_spend(usage, data.len, loop_now_us());
        if (exchange_send(exchange, data, !call_at_last_part(&outbound->call)) < 0)
            return false;
        if (UNLIKELY(pause_us > 0) && fiber_sleep((pause_us + 999) / 1000) < 0)
            return false;
    }
    if (rc == 0)
        return end_body(outbound) == 0;
    exchange->notes.reason = rc == -ETIMEDOUT ? "the destination stalled in the response's body"
                                              : "the destination broke off in the response's body";
    exchange_give_up(exchange);
    return false;
}

static bool relay_response(struct outbound *outbound)
{
    struct exchange *exchange = outbound->exchange;
    exchange->notes.upstream_us = loop_now_us() - exchange->started_us;
    outbound->is_personal = are_personal(&exchange->request.fields, FIELD_AUTHORIZATION) ||
                            are_personal(&outbound->response.fields, FIELD_WWW_AUTHENTICATE);
    if (begin_response(outbound) == NULL)
        return false;
    if (UNLIKELY(outbound->response.status == 101))
        return upgrade(outbound);
    if (outbound->response.framing.kind == BODY_NONE)
        return exchange_send(exchange, (struct slice){0}, false) == 0;
    return relay_body(outbound);
}

/* A connection, the request, its answer. */
static enum outcome try_once(struct outbound *outbound, const struct passage_addresses *addresses,
                             bool must_be_new, int64_t deadline_ms, enum passage_result *ret_result)
{
    enum outcome outcome = OUTCOME_DONE;
    outbound->passage->was_kept = false;
    if (must_be_new || !take_kept(outbound, addresses)) {
        *ret_result = connect_anew(outbound, addresses, deadline_ms);
        if (*ret_result != PASSAGE_OPEN)
            return OUTCOME_FAILED;
    }
    int rc = send_request(outbound);
    if (rc == 0)
        rc = read_response(outbound);
    if (rc < 0)
        outcome = judge_loss(outbound, rc, ret_result);
    else if (UNLIKELY(outbound->response.status == 407)) /* is between us and the parent */
        rc = -EACCES;
    if (rc == -EACCES) {
        *ret_result = PASSAGE_PARENT;
        outcome = OUTCOME_FAILED;
    }
    bool is_whole = rc == 0 && relay_response(outbound);
    release(outbound, is_whole);
    return outcome;
}

/* A body that the client did not send as it should is not the destination's fault. */
static void answer_bad_body(const struct outbound *outbound)
{
    struct exchange *exchange = outbound->exchange;
    int error = outbound->upload.error;
    exchange->keep_alive = false;
    if (error == -EBADMSG)
        exchange_respond_error(exchange, 400, "the request's body is malformed");
    else if (error == -ETIMEDOUT)
        exchange_respond_error(exchange, 408, "the request's body did not arrive in time");
    else
        answer_end(exchange, outbound->passage, PASSAGE_CLIENT_LEFT);
}

void outbound_run(struct exchange *exchange, struct passage *passage, struct usage **usage)
{
    struct outbound outbound = {.exchange = exchange, .passage = passage, .usage = usage};
    struct passage_addresses addresses;
    int64_t deadline_ms = passage_deadline(passage);
    enum passage_result result = passage_find(passage, deadline_ms, &addresses);
    enum outcome outcome = OUTCOME_FAILED;
    if (result == PASSAGE_OPEN) {
        outbound.kept.is_wanted = is_idempotent(&outbound);
        outcome = try_once(&outbound, &addresses, false, deadline_ms, &result);
        if (outcome == OUTCOME_STALE)
            outcome = try_once(&outbound, &addresses, true, deadline_ms, &result);
        kept_body_finish(&outbound.kept);
    }
    if (outcome == OUTCOME_DONE)
        return;
    if (outbound.upload.error < 0 && exchange->state == RESPONSE_NONE)
        answer_bad_body(&outbound);
    else
        answer_end(exchange, passage, result);
}
