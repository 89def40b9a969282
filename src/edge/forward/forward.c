/*
 * One request's way to a target and back, as straight-line code on the session's fiber. Only a body
 * that does not fit the first write gets a second fiber, so that an early response is seen while it
 * is still going up.
 */
#include "edge/forward/forward.h"

#include "base/cleanup.h"
#include "edge/explain/notes.h"
#include "edge/forward/balance.h"
#include "edge/forward/request.h"
#include "edge/forward/upload.h"
#include "http/relay.h"
#include "http/session_internal.h"

#include <errno.h>

/* A target may be closing a connection that idled for longer: not for requests that act. */
#define FRESH_MS 1000

/* After a failed connect, or a lost connection that was new, others are asked first for so long. */
#define SUSPECT_MS 1000

/* How long a request waits for the first word on who can take it. */
#define UNDECIDED_MS 2000

enum verdict {
    VERDICT_DONE,
    VERDICT_RETRY_SAME,
    VERDICT_RETRY_OTHER,
    VERDICT_NOT_SENT, /* another may be asked, and it costs nobody a second request */
    VERDICT_FAILED
};

struct attempt {
    struct exchange *exchange;
    const struct conf_rule *rule;
    const struct conf_group *group;
    struct member *member;
    struct upstream *upstream;
    struct upload upload;
    struct response_head response;
    unsigned status; /* to answer with when it failed */
    const char *why;
};

static enum verdict fail(struct attempt *attempt, enum verdict verdict, unsigned status,
                         const char *why)
{
    attempt->status = status;
    attempt->why = why;
    return verdict;
}

static bool is_idempotent(const struct attempt *attempt)
{
    return http_method_is_idempotent(attempt->exchange->request.method);
}

/* Nothing of the request's body is gone, and nothing of a response was sent. */
static bool is_repeatable(const struct attempt *attempt)
{
    const struct exchange *exchange = attempt->exchange;
    return exchange->request_bytes == 0 &&
           (exchange->state == RESPONSE_NONE || exchange->state == RESPONSE_HEAD);
}

static void suspect_target(struct attempt *attempt)
{
    atomic_store(&attempt->member->target->suspect_until_ms, loop_now_ms() + SUSPECT_MS);
}

/* A connection that begins with one client's address is not for another. */
static bool is_private(const struct attempt *attempt)
{
    return UNLIKELY(attempt->group->proxy_protocol != PROXY_NONE);
}

static enum verdict obtain_connection(struct attempt *attempt, bool must_be_new)
{
    struct client_pool *pool = &attempt->member->pool;
    if (!must_be_new && !is_private(attempt))
        attempt->upstream = client_take_idle(pool, is_idempotent(attempt) ? 0 : FRESH_MS);
    if (attempt->upstream != NULL)
        return VERDICT_DONE;
    int64_t deadline_ms = loop_deadline(attempt->rule->timeouts.connect_ms);
    int rc = client_connect(pool, deadline_ms, &attempt->upstream);
    if (rc == 0)
        return VERDICT_DONE;
    if (rc == -ECANCELED)
        return fail(attempt, VERDICT_FAILED, 499, "the client left");
    if (rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE)
        return fail(attempt, VERDICT_FAILED, 503, "no memory or descriptor for a connection");
    suspect_target(attempt);
    return fail(attempt, VERDICT_NOT_SENT, rc == -ETIMEDOUT ? 504 : 502,
                rc == -ETIMEDOUT ? "the target did not accept in time"
                                 : "the target refused the connection");
}

/* What a broken connection means for the request. */
static enum verdict judge_loss(struct attempt *attempt, int rc, const char *why)
{
    if (rc == -ECANCELED)
        return fail(attempt, VERDICT_FAILED, 499, "the client left");
    if (attempt->upload.error == -EFBIG)
        return fail(attempt, VERDICT_FAILED, 413, "the request's body is larger than body_max");
    if (attempt->upload.error == -EBADMSG)
        return fail(attempt, VERDICT_FAILED, 400, "the request's body is malformed");
    if (attempt->upload.error == -ETIMEDOUT)
        return fail(attempt, VERDICT_FAILED, 408, "the request's body did not arrive in time");
    if (attempt->upload.error < 0)
        return fail(attempt, VERDICT_FAILED, 499, "the client left");
    if (rc == -ETIMEDOUT)
        return fail(attempt, VERDICT_FAILED, 504, "the target did not answer in time");
    bool was_untouched =
        attempt->upstream->is_reused && rc != -EBADMSG && attempt->exchange->state == RESPONSE_NONE;
    if (!was_untouched)
        suspect_target(attempt);
    if (is_repeatable(attempt) && is_idempotent(attempt))
        return fail(attempt, was_untouched ? VERDICT_RETRY_SAME : VERDICT_RETRY_OTHER, 502, why);
    return fail(attempt, VERDICT_FAILED, 502, why);
}

static enum verdict send_request(struct attempt *attempt)
{
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL)
        return fail(attempt, VERDICT_FAILED, 503, "out of memory for this request");
    struct writer head;
    writer_init(&head, block, BLOCK_LARGE_BYTES);
    forward_write_request(&head, attempt->exchange, attempt->group);
    int rc = head.overflown ? -EMSGSIZE
                            : upload_begin(&attempt->upload, attempt->exchange, attempt->upstream,
                                           writer_slice(&head), attempt->rule->timeouts.idle_ms);
    block_give(block, BLOCK_LARGE);
    if (rc == -EMSGSIZE)
        return fail(attempt, VERDICT_FAILED, 431, "the request's head is too large to pass on");
    if (rc < 0)
        return judge_loss(attempt, rc, "the connection to the target broke");
    return VERDICT_DONE;
}

/* The final response's head, or 101; interim ones are passed on. */
static enum verdict read_response(struct attempt *attempt)
{
    struct exchange *exchange = attempt->exchange;
    int64_t deadline_ms = loop_deadline(attempt->rule->timeouts.response_ms);
    for (;;) {
        struct response_head *response = &attempt->response;
        response->fields = (struct fields){worker_current()->fields, 0, HTTP_FIELDS_MAX};
        const char *why = NULL;
        int rc = client_read_head(attempt->upstream, exchange->request.method, deadline_ms,
                                  response, &why);
        if (rc < 0)
            return judge_loss(
                attempt, rc,
                rc == -EBADMSG && why != NULL ? why : "the target closed before it answered");
        if (response->status == 101 && !exchange->request.wants_upgrade)
            return fail(attempt, VERDICT_FAILED, 502, "the target upgraded without being asked");
        if (response->status >= 200 || response->status == 101)
            return VERDICT_DONE;
        if (response->status == 100)
            continue;
        rc = exchange_send_interim(exchange, response);
        if (rc < 0)
            return fail(attempt, VERDICT_FAILED, 499, "the client left");
    }
}

static bool is_event_stream(const struct response_head *response)
{
    return slice_starts_with(fields_value(&response->fields, FIELD_CONTENT_TYPE),
                             SLICE("text/event-stream"));
}

/* Fields of the response that Weir sets itself. */
static const struct field_set own_fields = {{FIELD_BIT(X_REQUEST_ID)}};

static struct writer *begin_response(struct attempt *attempt)
{
    const struct response_head *response = &attempt->response;
    uint64_t length = response->framing.has_content_length ? response->framing.content_length
                                                           : EXCHANGE_LENGTH_UNKNOWN;
    if (response->framing.kind == BODY_NONE && !response->framing.has_content_length &&
        attempt->exchange->request.method != METHOD_HEAD)
        length = 0;
    struct writer *head =
        exchange_begin(attempt->exchange, response->status, response->reason, length);
    if (head == NULL)
        return NULL;
    h1_write_forwarded(head, &response->fields, &own_fields);
    if (fields_find(&response->fields, FIELD_DATE) == NULL)
        h1_write_field(head, field_name(FIELD_DATE), worker_date());
    write_literal(head, "Via: 1.1 weir\r\n");
    return head;
}

static int end_body(struct exchange *exchange, const struct inflow *inflow)
{
    if (exchange->state == RESPONSE_COMPLETE)
        return 0;
    struct fields trailers;
    inflow_trailers(inflow, &trailers);
    return exchange_end(exchange, &trailers);
}

/* The next part of the response's body. What only a close ends has not ended when the connection
 * broke: the upload may have been told of a reset that the reader sees as an end. */
static int read_part(struct attempt *attempt, struct slice *ret_data)
{
    struct upstream *upstream = attempt->upstream;
    struct exchange *exchange = attempt->exchange;
    int rc = -EAGAIN;
    /* What may be a stream is not held back by filters while the target takes its time. */
    if (UNLIKELY(exchange->is_transformed) && attempt->response.framing.kind != BODY_LENGTH) {
        rc = inflow_try_body(&upstream->inflow, &upstream->io, ret_data);
        if (rc == -EAGAIN && exchange_pause(exchange) < 0)
            return -ECANCELED;
    }
    if (rc == -EAGAIN)
        rc = inflow_read_body(&upstream->inflow, &upstream->io, attempt->rule->timeouts.idle_ms,
                              ret_data);
    bool is_closed = rc == 0 && attempt->response.framing.kind == BODY_UNTIL_CLOSE;
    return is_closed && attempt->upload.target_error < 0 ? attempt->upload.target_error : rc;
}

/* The body, part by part. The head waits for the first one, but for event streams. */
static enum verdict relay_body(struct attempt *attempt, bool head_first)
{
    struct exchange *exchange = attempt->exchange;
    struct upstream *upstream = attempt->upstream;
    struct slice data;
    int rc = head_first ? exchange_flush(exchange) : 0;
    while (rc == 0) {
        rc = read_part(attempt, &data);
        if (rc == 0) {
            rc = end_body(exchange, &upstream->inflow);
            return rc < 0 ? fail(attempt, VERDICT_FAILED, 499, "the client left") : VERDICT_DONE;
        }
        if (exchange->state == RESPONSE_BROKEN)
            break;
        if (rc < 0) {
            const char *why = rc == -ETIMEDOUT ? "the target stalled in the response's body"
                                               : "the target broke off in the response's body";
            if (exchange->state == RESPONSE_HEAD)
                return judge_loss(attempt, rc, why);
            exchange_break(exchange);
            return fail(attempt, VERDICT_FAILED, exchange->status, why);
        }
        rc = exchange_send(exchange, data, !inflow_at_last_part(&upstream->inflow));
    }
    return fail(attempt, VERDICT_FAILED, 499, "the client left");
}

static enum verdict upgrade(struct attempt *attempt)
{
    struct exchange *exchange = attempt->exchange;
    struct session *session = exchange->session;
    struct writer *head =
        exchange_begin(exchange, 101, attempt->response.reason, EXCHANGE_LENGTH_UNKNOWN);
    if (head == NULL)
        return fail(attempt, VERDICT_FAILED, 503, "out of memory for this request");
    write_literal(head, "Connection: Upgrade\r\n");
    h1_write_field(head, field_name(FIELD_UPGRADE),
                   fields_value(&attempt->response.fields, FIELD_UPGRADE));
    h1_write_forwarded(head, &attempt->response.fields, &own_fields);
    if (exchange_flush(exchange) < 0)
        return fail(attempt, VERDICT_FAILED, 499, "the client left");
    const struct relay_terms terms = {.idle_ms = attempt->rule->timeouts.idle_ms};
    int rc = relay_start(&session->io, &session->inflow, &attempt->upstream->io,
                         &attempt->upstream->inflow, &terms);
    if (rc < 0) {
        exchange_break(exchange);
        return fail(attempt, VERDICT_FAILED, 503, "out of memory for this request");
    }
    exchange->state = RESPONSE_UPGRADED;
    return VERDICT_DONE;
}

static enum verdict relay_response(struct attempt *attempt)
{
    struct exchange *exchange = attempt->exchange;
    notes_try_answered(exchange, attempt->response.status);
    if (attempt->response.status == 101)
        return upgrade(attempt);
    if (begin_response(attempt) == NULL)
        return fail(attempt, VERDICT_FAILED, 503, "out of memory for this request");
    if (attempt->response.framing.kind == BODY_NONE)
        return exchange_send(exchange, (struct slice){0}, false) < 0
                   ? fail(attempt, VERDICT_FAILED, 499, "the client left")
                   : VERDICT_DONE;
    return relay_body(attempt, is_event_stream(&attempt->response));
}

static void release_connection(struct attempt *attempt, enum verdict verdict)
{
    bool upload_ended = upload_end(&attempt->upload);
    if (verdict == VERDICT_DONE && upload_ended && attempt->response.keep_alive &&
        attempt->upstream != NULL && !is_private(attempt))
        client_give_back(attempt->upstream);
    else
        client_drop(attempt->upstream);
    attempt->upstream = NULL;
}

static enum verdict try_member(struct attempt *attempt, bool must_be_new)
{
    struct target *target = attempt->member->target;
    attempt->upload = (struct upload){0};
    notes_try_begin(attempt->exchange, target);
    atomic_fetch_add_explicit(&target->in_flight, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&target->requests, 1, memory_order_relaxed);
    enum verdict verdict = obtain_connection(attempt, must_be_new);
    if (verdict == VERDICT_DONE) {
        notes_try_connected(attempt->exchange, attempt->upstream->is_reused);
        verdict = send_request(attempt);
    }
    if (verdict == VERDICT_DONE)
        verdict = read_response(attempt);
    if (verdict == VERDICT_DONE)
        verdict = relay_response(attempt);
    release_connection(attempt, verdict);
    atomic_fetch_sub_explicit(&target->in_flight, 1, memory_order_relaxed);
    if (verdict != VERDICT_DONE && attempt->status != 499)
        atomic_fetch_add_explicit(&target->failures, 1, memory_order_relaxed);
    notes_try_end(attempt->exchange, target, verdict == VERDICT_DONE ? 0 : attempt->status,
                  verdict == VERDICT_RETRY_SAME, attempt->why);
    return verdict;
}

/* Whether another member may be asked. Only what was sent twice draws on the budget. */
static bool goes_on(const struct attempt *attempt, struct balancer *balancer, enum verdict verdict)
{
    if (verdict == VERDICT_NOT_SENT)
        return is_repeatable(attempt);
    return verdict == VERDICT_RETRY_OTHER && is_repeatable(attempt) &&
           (balancer_may_retry(balancer) || notes_retry_denied(attempt->exchange));
}

/* No member took the request. */
static enum verdict refuse(struct attempt *attempt, const struct balancer *balancer)
{
    if (fiber_is_cancelled(fiber_current()))
        return fail(attempt, VERDICT_FAILED, 499, "the client left");
    bool is_unresolved = atomic_load(&balancer->group->unresolved) > 0;
    return fail(attempt, VERDICT_FAILED, 503,
                is_unresolved ? "no target can take requests: a host name of the group is not "
                                "resolved yet"
                              : "no target can take requests");
}

/*
 * Nobody can take the request, but that may be because nobody knows yet: an edge that has just
 * begun asks its targets first, and those who came to it meanwhile need not hear of that.
 */
static struct member *await_member(struct balancer *balancer)
{
    int64_t deadline_ms = loop_deadline(UNDECIDED_MS);
    struct target_group *group = balancer->group;
    struct member *member;
    unsigned version;
    do {
        version = atomic_load(&group->version);
        member = balancer_pick(balancer, &worker_current()->prng, loop_now_ms(), NULL, 0);
    } while (member == NULL && target_group_is_undecided(group) &&
             target_group_await(group, version, deadline_ms) == 0);
    return member;
}

/* Tries members in turn until one answers, trying again is not allowed or all were tried. */
static enum verdict try_members(struct attempt *attempt, struct balancer *balancer)
{
    struct member *tried[BALANCER_TRIES_MAX] = {0};
    unsigned tried_count = 0, tries_max = attempt->rule->retries + 1;
    struct worker *worker = worker_current();
    enum verdict verdict = VERDICT_FAILED;
    if (tries_max > BALANCER_TRIES_MAX)
        tries_max = BALANCER_TRIES_MAX;
    while (tried_count < tries_max) {
        struct member *member =
            balancer_pick(balancer, &worker->prng, loop_now_ms(), tried, tried_count);
        if (UNLIKELY(member == NULL && tried_count == 0))
            member = await_member(balancer);
        if (member == NULL || (tried_count > 0 && !goes_on(attempt, balancer, verdict))) {
            member_unref(member);
            break;
        }
        if (tried_count > 0)
            counter_add(&worker->counters.upstream_retries, 1);
        tried[tried_count++] = attempt->member = member;
        verdict = try_member(attempt, false);
        if (verdict == VERDICT_RETRY_SAME)
            verdict = try_member(attempt, true);
        if (verdict == VERDICT_DONE || verdict == VERDICT_FAILED)
            break;
    }
    if (tried_count == 0)
        return refuse(attempt, balancer);
    for (unsigned i = 0; i < tried_count; i++)
        member_unref(tried[i]);
    return verdict;
}

void forward_run(struct exchange *exchange, const struct conf_rule *rule, struct balancer *balancer)
{
    struct attempt attempt = {.exchange = exchange, .rule = rule, .group = balancer->conf};
    exchange->notes.group = balancer->conf->name;
    exchange->body_max = rule->body_max;
    if (exchange->request.framing.has_content_length &&
        exchange->request.framing.content_length > rule->body_max) {
        exchange->keep_alive = false;
        exchange_respond_error(exchange, 413, "the request's body is larger than body_max");
        return;
    }
    balancer_pay_in(balancer);
    enum verdict verdict = try_members(&attempt, balancer);
    if (verdict == VERDICT_DONE)
        return;
    exchange->notes.reason = attempt.why;
    /* What is left of a body that was refused, or given up, is never taken for a request. */
    if (attempt.upload.error < 0)
        exchange->keep_alive = false;
    if (attempt.status == 499)
        exchange_break(exchange);
    else if (exchange->state == RESPONSE_NONE || exchange->state == RESPONSE_HEAD)
        exchange_respond_error(exchange, attempt.status, attempt.why);
}
