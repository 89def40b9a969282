/*
 * One request's way to a target and back, as straight-line code on the session's fiber. Only a body
 * that does not fit the first write gets a second fiber, so that an early response is seen while it
 * is still going up.
 */
#include "edge/forward/forward.h"

#include "base/cleanup.h"
#include "edge/explain/notes.h"
#include "edge/forward/attempt.h"
#include "edge/forward/ejection.h"
#include "edge/forward/ewma.h"
#include "edge/forward/mirror.h"
#include "edge/forward/pace.h"
#include "edge/forward/response.h"
#include "edge/forward/slot.h"
#include "edge/forward/sticky.h"
#include "edge/forward/take.h"
#include "edge/view.h"
#include "http/worker.h"

#include <errno.h>

/* A target may be closing a connection that idled for longer: not for requests that act. */
#define FRESH_MS 1000

/* What a failed try counts as among the latencies of a target, at least. */
#define FAILURE_LATENCY_US 1000000

/* Of a body that nobody gets. */
#define DECLINED_PARTS_MAX 16

/* A connection that begins with one client's address is not for another. */
static bool is_private(const struct attempt *attempt)
{
    return UNLIKELY(attempt->group->proxy_protocol != PROXY_NONE);
}

static enum verdict obtain_connection(struct attempt *attempt, bool must_be_new)
{
    struct client_pool *pool = &attempt->member->pool;
    int64_t deadline_ms = loop_deadline(attempt_clamp(attempt, attempt->rule->timeouts.connect_ms));
    const char *why = NULL;
    int rc = call_open(&attempt->call, pool, attempt_is_idempotent(attempt) ? 0 : FRESH_MS,
                       must_be_new || is_private(attempt), deadline_ms, &why);
    if (rc == 0)
        return VERDICT_DONE;
    if (rc == -ECANCELED)
        return attempt_fail(attempt, VERDICT_FAILED, 499, "the client left");
    if (rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE)
        return attempt_fail(attempt, VERDICT_FAILED, 503,
                            "no memory or descriptor for a connection");
    if (rc != -EBUSY)
        attempt_suspect(attempt);
    bool may_retry = (attempt->rule->retries.causes & CONF_RETRY_CONNECT) != 0;
    return attempt_fail(attempt, may_retry ? VERDICT_NOT_SENT : VERDICT_FAILED,
                        rc == -ETIMEDOUT ? 504
                        : rc == -EBUSY   ? 503
                                         : 502,
                        why != NULL        ? why
                        : rc == -ETIMEDOUT ? "the target did not accept in time"
                        : rc == -EBUSY     ? "as many requests are under way as the target takes"
                                           : "the target refused the connection");
}

static enum verdict send_request(struct attempt *attempt)
{
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL)
        return attempt_fail(attempt, VERDICT_FAILED, 503, "out of memory for this request");
    struct writer head;
    writer_init(&head, block, BLOCK_LARGE_BYTES);
    if (LIKELY(attempt->terms == NULL))
        forward_write_request(&head, attempt->exchange, attempt->group, &attempt->cookies);
    else
        write_slice(&head, attempt->terms->head);
    int rc = head.overflown ? -EMSGSIZE
                            : upload_begin(&attempt->upload, attempt->exchange, &attempt->call,
                                           writer_slice(&head), attempt->rule->timeouts.idle_ms,
                                           &attempt->kept);
    block_give(block, BLOCK_LARGE);
    if (rc == -EMSGSIZE)
        return attempt_fail(attempt, VERDICT_FAILED, 431,
                            "the request's head is too large to pass on");
    if (rc < 0)
        return attempt_judge_loss(attempt, rc, "the connection to the target broke");
    return VERDICT_DONE;
}

static int64_t response_deadline(const struct attempt *attempt)
{
    const struct conf_rule *rule = attempt->rule;
    int64_t timeout_ms = rule->timeouts.response_ms, try_ms = rule->retries.timeout_ms;
    return loop_deadline(
        attempt_clamp(attempt, try_ms > 0 && try_ms < timeout_ms ? try_ms : timeout_ms));
}

/* The final response's head, or 101; interim ones are passed on. */
static enum verdict read_response(struct attempt *attempt)
{
    struct exchange *exchange = attempt->exchange;
    int64_t deadline_ms = response_deadline(attempt);
    for (;;) {
        struct response_head *response = &attempt->response;
        response->fields = (struct fields){worker_current()->fields, 0, HTTP_FIELDS_MAX};
        const char *why = NULL;
        int rc = call_read_head(&attempt->call, attempt->method, deadline_ms, response, &why);
        if (rc < 0)
            return attempt_judge_loss(
                attempt, rc,
                rc == -EBADMSG && why != NULL ? why : "the target closed before it answered");
        bool wants_upgrade = attempt->terms == NULL && exchange->request.wants_upgrade;
        if (response->status == 101 && !wants_upgrade)
            return attempt_fail(attempt, VERDICT_FAILED, 502,
                                "the target upgraded without being asked");
        if (response->status >= 200 || response->status == 101)
            return VERDICT_DONE;
        if (response->status == 100 || attempt->terms != NULL)
            continue;
        rc = exchange_send_interim(exchange, response);
        if (rc < 0)
            return attempt_fail(attempt, VERDICT_FAILED, 499, "the client left");
    }
}

static void release_connection(struct attempt *attempt, enum verdict verdict)
{
    bool upload_ended = upload_end(&attempt->upload);
    if (verdict == VERDICT_DONE && upload_ended && attempt->response.keep_alive &&
        call_is_open(&attempt->call) && !is_private(attempt))
        call_give_back(&attempt->call);
    else
        call_drop(&attempt->call);
}

/* An answer that the rule wants another one for, while there is somebody to give it. */
static enum verdict judge_status(struct attempt *attempt)
{
    unsigned status = attempt->response.status;
    enum conf_retry_cause cause = status == 429   ? CONF_RETRY_429
                                  : status == 500 ? CONF_RETRY_500
                                  : status == 502 ? CONF_RETRY_502
                                  : status == 503 ? CONF_RETRY_503
                                  : status == 504 ? CONF_RETRY_504
                                                  : CONF_RETRY_NEVER;
    if (!attempt_wants_retry(attempt, cause) || !take_is_possible(attempt))
        return VERDICT_DONE;
    return attempt_fail(attempt, VERDICT_RETRY_OTHER, status, http_status_reason(status));
}

/* Nobody gets this answer: what is left of it is read, so that its connection may be kept. */
static enum verdict decline(struct attempt *attempt)
{
    struct slice data;
    int64_t deadline_ms = response_deadline(attempt);
    int rc = attempt->response.framing.kind == BODY_NONE ? 0 : 1;
    for (unsigned i = 0; rc == 1 && i < DECLINED_PARTS_MAX && loop_now_ms() < deadline_ms; i++)
        rc = call_read_body(&attempt->call, attempt->rule->timeouts.idle_ms, &data);
    attempt->response.keep_alive &= rc == 0;
    attempt->is_declined = true;
    return VERDICT_DONE;
}

/* The answer's way to the client; or to nobody. */
static enum verdict pass_back(struct attempt *attempt)
{
    const struct forward_terms *terms = attempt->terms;
    if (UNLIKELY(terms != NULL) && terms->accept != NULL &&
        !terms->accept(terms->arg, &attempt->response))
        return decline(attempt);
    return response_relay(attempt);
}

/* A target that fails at once is not a fast one. */
static void observe_latency(const struct attempt *attempt, enum verdict verdict)
{
    int64_t until_us = attempt->answered_us, least_us = 0;
    if (until_us == 0) {
        if (verdict == VERDICT_DONE || attempt->status == 499)
            return;
        until_us = loop_now_us();
        least_us = FAILURE_LATENCY_US;
    }
    int64_t latency_us = until_us - attempt->began_us;
    ewma_observe(&attempt->member->target->latency,
                 (uint64_t)(latency_us > least_us ? latency_us : least_us), loop_now_ms());
}

static void observe_pace(const struct attempt *attempt)
{
    if (attempt->answered_us != 0 && attempt->response.status < 400)
        pace_observe(&attempt->member->target->pace,
                     (uint64_t)(attempt->answered_us - attempt->began_us), loop_now_ms());
}

/* What the try says about the target, for its ejection. */
static void record_result(const struct attempt *attempt, enum verdict verdict)
{
    const struct balancer *balancer = attempt->balancer;
    bool is_answered = attempt->answered_us != 0;
    bool has_failed = verdict != VERDICT_DONE && attempt->status != 499 &&
                      attempt->status != attempt->response.status;
    unsigned status = is_answered ? attempt->response.status : attempt->status;
    enum result result = RESULT_GOOD;
    if (!is_answered && status != 502 && status != 504)
        return; /* not the target's fault */
    if (has_failed || (status >= 502 && status <= 504))
        result = RESULT_GATEWAY_ERROR;
    else if (status >= 500)
        result = RESULT_ERROR;
    ejection_record(balancer->group, &balancer->conf->ejection, attempt->member->target, result,
                    loop_now_ms());
}

static enum verdict try_member(struct attempt *attempt, bool must_be_new)
{
    struct target *target = attempt->member->target;
    attempt->upload =
        (struct upload){.source = LIKELY(attempt->terms == NULL) ? NULL : attempt->terms->body};
    attempt->began_us = loop_now_us();
    attempt->answered_us = 0;
    notes_try_begin(attempt->exchange, target);
    atomic_fetch_add_explicit(&target->requests, 1, memory_order_relaxed);
    enum verdict verdict = obtain_connection(attempt, must_be_new);
    if (verdict == VERDICT_DONE) {
        notes_try_connected(attempt->exchange, call_is_reused(&attempt->call));
        verdict = send_request(attempt);
    }
    if (verdict == VERDICT_DONE)
        verdict = read_response(attempt);
    if (verdict == VERDICT_DONE) {
        attempt->answered_us = loop_now_us();
        verdict = UNLIKELY(attempt->response.status >= 429) ? judge_status(attempt) : VERDICT_DONE;
    }
    if (verdict == VERDICT_DONE)
        verdict = pass_back(attempt);
    if (attempt->wants_latency)
        observe_latency(attempt, verdict);
    if (attempt->wants_pace)
        observe_pace(attempt);
    if (UNLIKELY(attempt->balancer->conf->ejection.enabled))
        record_result(attempt, verdict);
    release_connection(attempt, verdict);
    if (verdict != VERDICT_DONE && attempt->status != 499)
        atomic_fetch_add_explicit(&target->failures, 1, memory_order_relaxed);
    notes_try_end(attempt->exchange, target, verdict == VERDICT_DONE ? 0 : attempt->status,
                  verdict == VERDICT_RETRY_SAME, attempt->why);
    return verdict;
}

/* On one member, and where its idle connection had died on a new one. */
static enum verdict try_fully(struct attempt *attempt)
{
    attempt->refusals = 0;
    enum verdict verdict = try_member(attempt, false);
    if (verdict == VERDICT_RETRY_SAME)
        verdict = try_member(attempt, true);
    /* An upgraded connection keeps its slot until it ends. */
    if (attempt->exchange->state != RESPONSE_UPGRADED)
        target_leave(attempt->balancer->group, attempt->member->target);
    return verdict;
}

/* A body that is known to be larger is not copied in vain. */
static bool may_be_kept(const struct exchange *exchange)
{
    const struct framing *framing = &exchange->request.framing;
    return !framing->has_content_length || framing->content_length <= KEPT_BODY_BYTES_MAX;
}

static void count_tries(struct attempt *attempt)
{
    unsigned tries_max = attempt->rule->retries.max + 1;
    attempt->tries_max = tries_max < BALANCER_TRIES_MAX ? tries_max : BALANCER_TRIES_MAX;
    /* What may be sent again is kept, as far as it is small; targets of HTTP/2 refuse streams. */
    bool may_repeat =
        attempt_is_idempotent(attempt) || attempt->group->protocol == CONF_PROTOCOL_H2;
    attempt->kept.is_wanted |= tries_max > 1 && may_repeat && may_be_kept(attempt->exchange);
}

static void end_tries(struct attempt *attempt)
{
    for (unsigned i = 0; i < attempt->tried_count; i++)
        member_unref(attempt->tried[i]);
}

/* Tries members in turn until one answers, trying again is not allowed or all were tried. */
static enum verdict try_members(struct attempt *attempt)
{
    enum verdict verdict = VERDICT_FAILED;
    count_tries(attempt);
    take_begin(attempt);
    while (attempt->tried_count < attempt->tries_max) {
        bool is_first = attempt->tried_count == 0;
        struct member *member = is_first ? take_first(attempt) : take_next(attempt, verdict);
        if (member == NULL)
            break;
        if (!is_first)
            counter_add(&worker_current()->counters.upstream_retries, 1);
        attempt->tried[attempt->tried_count++] = attempt->member = member;
        verdict = try_fully(attempt);
        if (verdict == VERDICT_DONE || verdict == VERDICT_FAILED)
            break;
    }
    if (attempt->tried_count == 0)
        return take_refuse(attempt);
    end_tries(attempt);
    return verdict;
}

/* By weight, or the one that the client had: the number of the share. */
static unsigned choose_share(struct attempt *attempt)
{
    const struct exchange *exchange = attempt->exchange;
    const struct conf_forward *forward = &attempt->rule->forward;
    const struct conf_sticky *sticky = &forward->sticky;
    struct had *had = &attempt->split;
    had->is_there = sticky->enabled && sticky_read(exchange, sticky, &had->token);
    for (unsigned i = 0; had->is_there && i < forward->shares_count; i++) {
        const struct conf_share *share = &forward->shares[i];
        if (share->weight > 0 && sticky_token(sticky, share->group) == had->token)
            return i;
    }
    uint64_t point = prng_below(&worker_current()->prng, forward->weights_sum);
    unsigned chosen = 0;
    while (point >= forward->shares[chosen].weight)
        point -= forward->shares[chosen++].weight;
    return chosen;
}

static void add_cookie(struct own_cookies *cookies, const struct conf_sticky *sticky)
{
    if (sticky->enabled)
        cookies->names[cookies->count++] = sticky->cookie;
}

static void use_group(struct attempt *attempt, unsigned number, const struct view *view)
{
    /* The balancer may follow newer settings by now; those of the view stay as long as it does. */
    attempt->balancer = &view->balancers[number]->balancer;
    attempt->group = view->plane->groups[number].conf;
    attempt->wants_latency = balancer_wants_latency(attempt->balancer);
    attempt->wants_pace = balancer_wants_pace(attempt->balancer);
    attempt->exchange->notes.group = attempt->group->name;
}

static void choose_group(struct attempt *attempt, const struct route *route,
                         const struct view *view)
{
    unsigned number = route->group;
    if (UNLIKELY(route->groups != NULL)) {
        number = route->groups[choose_share(attempt)];
        add_cookie(&attempt->cookies, &attempt->rule->forward.sticky);
    }
    use_group(attempt, number, view);
    const struct conf_sticky *sticky = &attempt->group->sticky;
    add_cookie(&attempt->cookies, sticky);
    attempt->own.is_there =
        sticky->enabled && sticky_read(attempt->exchange, sticky, &attempt->own.token);
}

/* A call has a deadline as a whole, which its client tells and the rule may shorten. */
static void begin_grpc(struct attempt *attempt)
{
    const struct exchange *exchange = attempt->exchange;
    const struct field *field = fields_find_name(&exchange->request.fields, SLICE("grpc-timeout"));
    int64_t max_ms = attempt->rule->timeouts.grpc_ms, timeout_ms = INT64_MAX, client_ms;
    attempt->is_grpc = true;
    if (max_ms > 0)
        timeout_ms = max_ms;
    if (field != NULL && grpc_parse_timeout(field->value, &client_ms) == 0 &&
        client_ms < timeout_ms)
        timeout_ms = client_ms;
    if (timeout_ms < INT64_MAX)
        attempt->call_deadline_ms = exchange->started_us / 1000 + timeout_ms;
}

/* With a hint when to come again (RFC 9110 §10.2.3). */
static void refuse_for_now(struct exchange *exchange, const struct attempt *attempt)
{
    char fields[40];
    struct writer writer;
    writer_init(&writer, fields, sizeof fields);
    write_literal(&writer, "Retry-After: ");
    write_u64(&writer, attempt->retry_after_s);
    write_literal(&writer, "\r\n");
    exchange_refuse(exchange, attempt->status, attempt->why, writer_slice(&writer));
}

void forward_run(struct exchange *exchange, const struct route *route, struct view *view)
{
    const struct conf_rule *rule = route->rule;
    struct attempt attempt = {.exchange = exchange,
                              .method = exchange->request.method,
                              .rule = rule,
                              .call_deadline_ms = FIBER_FOREVER};
    choose_group(&attempt, route, view);
    if (UNLIKELY(exchange_is_grpc(exchange)))
        begin_grpc(&attempt);
    exchange->body_max = rule->body_max;
    if (exchange->request.framing.has_content_length &&
        exchange->request.framing.content_length > rule->body_max) {
        exchange->keep_alive = false;
        exchange_respond_error(exchange, 413, "the request's body is larger than body_max");
        return;
    }
    bool is_mirrored = UNLIKELY(route->mirror > 0) && mirror_draws(&rule->mirror);
    attempt.kept.is_wanted = is_mirrored && may_be_kept(exchange);
    balancer_pay_in(attempt.balancer);
    enum verdict verdict = try_members(&attempt);
    if (is_mirrored)
        mirror_send(exchange, route, view, &attempt.kept, &attempt.cookies);
    kept_body_finish(&attempt.kept);
    if (verdict == VERDICT_DONE)
        return;
    exchange->notes.reason = attempt.why;
    /* What is left of a body that was refused, or given up, is never taken for a request. */
    if (attempt.upload.error < 0)
        exchange->keep_alive = false;
    if (attempt.status == 499)
        exchange_break(exchange);
    else if (attempt.retry_after_s > 0 && attempt.status == 503)
        refuse_for_now(exchange, &attempt);
    else if (exchange->state == RESPONSE_NONE || exchange->state == RESPONSE_HEAD)
        exchange_respond_error(exchange, attempt.status, attempt.why);
}

static enum forward_end end_of(const struct attempt *attempt, enum verdict verdict)
{
    const struct exchange *exchange = attempt->exchange;
    if (verdict == VERDICT_DONE)
        return attempt->is_declined ? FORWARD_DECLINED : FORWARD_ANSWERED;
    bool may_answer = exchange->state == RESPONSE_NONE || exchange->state == RESPONSE_HEAD;
    return may_answer && attempt->status != 499 ? FORWARD_FAILED : FORWARD_ANSWERED;
}

void forward_send(struct exchange *exchange, const struct forward_terms *terms, struct view *view,
                  struct forward_outcome *ret_outcome)
{
    struct attempt attempt = {.exchange = exchange,
                              .terms = terms,
                              .method = terms->method,
                              .rule = terms->rule,
                              .call_deadline_ms = FIBER_FOREVER};
    use_group(&attempt, terms->group, view);
    balancer_pay_in(attempt.balancer);
    enum verdict verdict = try_members(&attempt);
    kept_body_finish(&attempt.kept);
    if (attempt.upload.error < 0)
        exchange->keep_alive = false;
    if (verdict != VERDICT_DONE)
        exchange->notes.reason = attempt.why;
    if (verdict != VERDICT_DONE && attempt.status == 499)
        exchange_break(exchange);
    *ret_outcome = (struct forward_outcome){
        .end = end_of(&attempt, verdict),
        .status = verdict == VERDICT_DONE ? attempt.response.status : attempt.status,
        .why = attempt.why,
    };
}
