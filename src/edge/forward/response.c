/*
 * A target's response on its way to the client: its head serialised anew, its body part by part, or
 * the connection as a whole after an upgrade.
 */
#include "edge/forward/response.h"

#include "base/cleanup.h"
#include "edge/explain/notes.h"
#include "edge/forward/slot.h"
#include "edge/forward/sticky.h"
#include "edge/policy/limiter.h"
#include "http/relay.h"

#include <errno.h>

/* Of a body that nobody will see. */
#define REPLACED_PARTS_MAX 16

/* One side may wait for the other's head before it says more. */
static bool is_stream(const struct attempt *attempt)
{
    return attempt->is_grpc ||
           slice_starts_with(fields_value(&attempt->response.fields, FIELD_CONTENT_TYPE),
                             SLICE("text/event-stream"));
}

static void note_grpc_status(struct exchange *exchange, const struct fields *fields)
{
    const struct field *field = fields_find_name(fields, SLICE("grpc-status"));
    if (field != NULL)
        exchange_note_grpc(exchange, grpc_parse_status(field->value));
}

/* Fields of the response that Weir sets itself. */
static const struct field_set own_fields = {{FIELD_BIT(X_REQUEST_ID)}};

/* With a ttl it is renewed by each response, else told when it is new. */
static void write_cookie(struct writer *head, const struct exchange *exchange,
                         const struct conf_sticky *sticky, const struct had *had, uint64_t token)
{
    if (sticky->ttl_ms > 0 || !had->is_there || had->token != token)
        sticky_write(head, exchange, sticky, token);
}

static void write_cookies(struct writer *head, const struct attempt *attempt)
{
    const struct exchange *exchange = attempt->exchange;
    const struct conf_group *group = attempt->group;
    const struct conf_sticky *split = &attempt->rule->forward.sticky;
    if (split->enabled)
        write_cookie(head, exchange, split, &attempt->split, sticky_token(split, group->name));
    if (group->sticky.enabled)
        write_cookie(head, exchange, &group->sticky, &attempt->own, attempt->member->token);
}

static struct writer *begin_response(struct attempt *attempt)
{
    const struct response_head *response = &attempt->response;
    uint64_t length = response->framing.has_content_length ? response->framing.content_length
                                                           : EXCHANGE_LENGTH_UNKNOWN;
    if (response->framing.kind == BODY_NONE && !response->framing.has_content_length &&
        attempt->exchange->request.method != METHOD_HEAD && !attempt->is_grpc)
        length = 0;
    struct writer *head =
        exchange_begin(attempt->exchange, response->status, response->reason, length);
    if (head == NULL)
        return NULL;
    h1_write_forwarded(head, &response->fields, &own_fields);
    if (fields_find(&response->fields, FIELD_DATE) == NULL)
        h1_write_field(head, field_name(FIELD_DATE), worker_date());
    if (LIKELY(attempt->call.connection != NULL))
        write_literal(head, "Via: 1.1 weir\r\n");
    else
        write_literal(head, "Via: 2.0 weir\r\n");
    if (UNLIKELY(attempt->cookies.count > 0))
        write_cookies(head, attempt);
    return head;
}

static int end_body(const struct attempt *attempt)
{
    struct exchange *exchange = attempt->exchange;
    if (exchange->state == RESPONSE_COMPLETE)
        return 0;
    struct fields trailers;
    call_trailers(&attempt->call, &trailers);
    if (UNLIKELY(attempt->is_grpc))
        note_grpc_status(exchange, &trailers);
    return exchange_end(exchange, &trailers);
}

/* The call's time is over while its answer is under way: its end tells so. */
static enum verdict end_late(struct attempt *attempt)
{
    static struct field fields[] = {
        {SLICE("grpc-status"), SLICE("4"), FIELD_OTHER},
        {SLICE("grpc-message"), SLICE("the deadline has passed"), FIELD_OTHER}};
    const struct fields trailers = {fields, COUNT_OF(fields), COUNT_OF(fields)};
    exchange_note_grpc(attempt->exchange, GRPC_DEADLINE_EXCEEDED);
    if (exchange_end(attempt->exchange, &trailers) < 0)
        return attempt_fail(attempt, VERDICT_FAILED, 499, "the client left");
    return attempt_fail(attempt, VERDICT_FAILED, attempt->exchange->status,
                        "the call's deadline has passed");
}

static bool is_late(const struct attempt *attempt, int rc)
{
    return rc == -ETIMEDOUT && attempt->call_deadline_ms <= loop_now_ms() &&
           attempt->exchange->state == RESPONSE_BODY;
}

/* The next part of the response's body. What only a close ends has not ended when the connection
 * broke: the upload may have been told of a reset that the reader sees as an end. */
static int read_part(struct attempt *attempt, struct slice *ret_data)
{
    struct exchange *exchange = attempt->exchange;
    int rc = -EAGAIN;
    /* What may be a stream is not held back by filters while the target takes its time. */
    if (UNLIKELY(exchange->is_transformed) && attempt->response.framing.kind != BODY_LENGTH) {
        rc = call_try_body(&attempt->call, ret_data);
        if (rc == -EAGAIN && exchange_pause(exchange) < 0)
            return -ECANCELED;
    }
    if (rc == -EAGAIN)
        rc = call_read_body(&attempt->call, attempt_clamp(attempt, attempt->rule->timeouts.idle_ms),
                            ret_data);
    bool is_closed = rc == 0 && attempt->response.framing.kind == BODY_UNTIL_CLOSE;
    return is_closed && attempt->upload.target_error < 0 ? attempt->upload.target_error : rc;
}

/* Sending ended before the response did: the client has left, or got an error in its place, since
 * the header was too large. */
static enum verdict end_early(struct attempt *attempt)
{
    if (attempt->exchange->state != RESPONSE_COMPLETE)
        return attempt_fail(attempt, VERDICT_FAILED, 499, "the client left");
    attempt->response.keep_alive = false;
    return VERDICT_DONE;
}

/* Nobody will see the body: what is there of it is taken, so that the connection may be kept, and
 * what is not is not waited for. */
static enum verdict send_replacement(struct attempt *attempt)
{
    struct slice data;
    int rc = 1;
    for (unsigned i = 0; rc == 1 && i < REPLACED_PARTS_MAX; i++)
        rc = call_try_body(&attempt->call, &data);
    attempt->response.keep_alive &= rc == 0;
    return exchange_send_replacement(attempt->exchange) < 0 ? end_early(attempt) : VERDICT_DONE;
}

/* The body, part by part. The head waits for the first one, but for event streams. */
static enum verdict relay_body(struct attempt *attempt, bool head_first)
{
    struct exchange *exchange = attempt->exchange;
    struct slice data;
    int rc = head_first ? exchange_flush(exchange) : 0;
    while (rc == 0) {
        rc = read_part(attempt, &data);
        if (rc == 0) {
            rc = end_body(attempt);
            return rc < 0 ? end_early(attempt) : VERDICT_DONE;
        }
        if (exchange->state == RESPONSE_BROKEN)
            break;
        if (UNLIKELY(is_late(attempt, rc)))
            return end_late(attempt);
        if (rc < 0) {
            const char *why = rc == -ETIMEDOUT ? "the target stalled in the response's body"
                                               : "the target broke off in the response's body";
            if (exchange->state == RESPONSE_HEAD)
                return attempt_judge_loss(attempt, rc, why);
            if (rc == -ECANCELED)
                exchange_break(exchange);
            else
                exchange_give_up(exchange);
            return attempt_fail(attempt, VERDICT_FAILED, exchange->status, why);
        }
        rc = exchange_send(exchange, data, !call_at_last_part(&attempt->call));
    }
    return end_early(attempt);
}

/* What an upgraded connection holds for as long as it lasts. */
struct upgraded {
    struct target_group *group; /* counted */
    struct member *member;      /* counted */
    struct limiter_hold *hold;  /* owned; what the request was counted for, or NULL */
};

static void end_upgraded(void *arg, const struct relay_result *result)
{
    struct upgraded *upgraded = arg;
    (void)result;
    limiter_let_go(upgraded->hold);
    target_leave(upgraded->group, upgraded->member->target);
    member_unref(upgraded->member);
    target_group_unref(upgraded->group);
    memory_free(upgraded);
}

static int begin_relay(struct attempt *attempt)
{
    struct upgraded *upgraded = NEW(struct upgraded);
    if (upgraded == NULL)
        return -ENOMEM;
    const struct relay_terms terms = {
        .idle_ms = attempt->rule->timeouts.idle_ms, .on_end = end_upgraded, .arg = upgraded};
    struct limiter_hold *hold = NULL;
    int rc = limiter_keep(attempt->exchange, &hold);
    if (rc == 0)
        rc = exchange_relay(attempt->exchange, &attempt->call.connection->io,
                            &attempt->call.connection->inflow, &terms);
    if (rc < 0) {
        limiter_let_go(hold);
        memory_free(upgraded);
        return rc;
    }
    *upgraded =
        (struct upgraded){target_group_ref(attempt->balancer->group), attempt->member, hold};
    attempt->member->references++;
    return 0;
}

static enum verdict upgrade(struct attempt *attempt)
{
    struct exchange *exchange = attempt->exchange;
    struct writer *head =
        exchange_begin(exchange, 101, attempt->response.reason, EXCHANGE_LENGTH_UNKNOWN);
    if (head == NULL)
        return attempt_fail(attempt, VERDICT_FAILED, 503, "out of memory for this request");
    write_literal(head, "Connection: Upgrade\r\n");
    h1_write_field(head, field_name(FIELD_UPGRADE),
                   fields_value(&attempt->response.fields, FIELD_UPGRADE));
    h1_write_forwarded(head, &attempt->response.fields, &own_fields);
    if (UNLIKELY(attempt->cookies.count > 0))
        write_cookies(head, attempt);
    if (exchange_flush(exchange) < 0)
        return end_early(attempt);
    if (begin_relay(attempt) < 0) {
        exchange_break(exchange);
        return attempt_fail(attempt, VERDICT_FAILED, 503, "out of memory for this request");
    }
    exchange->state = RESPONSE_UPGRADED;
    return VERDICT_DONE;
}

enum verdict response_relay(struct attempt *attempt)
{
    struct exchange *exchange = attempt->exchange;
    notes_try_answered(exchange, attempt->response.status);
    if (UNLIKELY(attempt->is_grpc))
        note_grpc_status(exchange, &attempt->response.fields);
    if (attempt->response.status == 101)
        return upgrade(attempt);
    if (begin_response(attempt) == NULL)
        return attempt_fail(attempt, VERDICT_FAILED, 503, "out of memory for this request");
    if (attempt->response.framing.kind == BODY_NONE)
        return exchange_send(exchange, (struct slice){0}, false) < 0 ? end_early(attempt)
                                                                     : VERDICT_DONE;
    if (UNLIKELY(attempt->response.status >= 400) && exchange_will_be_replaced(exchange))
        return send_replacement(attempt);
    return relay_body(attempt, is_stream(attempt));
}
