/*
 * One request on its way through a group: what is known of it, and how a try ended. Shared by the
 * files that carry it: forward.c leads, take.c finds a member, response.c brings the answer back.
 */
#pragma once

#include "edge/forward/balance.h"
#include "edge/forward/forward.h"
#include "edge/forward/request.h"
#include "edge/forward/upload.h"
#include "edge/route/router.h"
#include "http/session.h"

enum verdict {
    VERDICT_DONE,
    VERDICT_RETRY_SAME,
    VERDICT_RETRY_OTHER,
    VERDICT_NOT_SENT, /* another may be asked, and it costs nobody a second request */
    VERDICT_FAILED
};

/* A token that a client sent. */
struct had {
    uint64_t token;
    bool is_there;
};

struct attempt {
    struct exchange *exchange;
    const struct forward_terms *terms; /* of another action's request; NULL: the client's own */
    enum http_method method;
    const struct conf_rule *rule;
    struct balancer *balancer;
    const struct conf_group *group; /* its settings, when the request met it */
    struct choice choice;
    struct member *tried[BALANCER_TRIES_MAX]; /* counted; the last one is the current one */
    unsigned tried_count, tries_max;
    struct member *member;
    struct call call;
    struct upload upload;
    struct kept_body kept;
    struct response_head response;
    int64_t began_us, answered_us; /* of this try; 0: no response's head yet */
    bool wants_latency, wants_pace;
    bool is_grpc;
    bool is_declined;         /* by the terms: the answer is not for the client */
    int64_t call_deadline_ms; /* of a gRPC call as a whole, however often it is tried; or never */
    struct own_cookies cookies;
    struct had split, own;  /* what the client's cookies say: of the group, and of the target */
    unsigned refusals;      /* by the current target: it has not looked at the request */
    unsigned retry_after_s; /* to tell the client; 0: nothing */
    unsigned status;        /* to answer with when it failed */
    const char *why;
};

static inline enum verdict attempt_fail(struct attempt *attempt, enum verdict verdict,
                                        unsigned status, const char *why)
{
    attempt->status = status;
    attempt->why = why;
    return verdict;
}

static inline bool attempt_is_idempotent(const struct attempt *attempt)
{
    return http_method_is_idempotent(attempt->method);
}

/* Nothing of the request's body is gone, and nothing of a response was sent. */
bool attempt_is_repeatable(const struct attempt *attempt);

/* The rule wants another try after this, and the request may be sent twice. */
bool attempt_wants_retry(const struct attempt *attempt, enum conf_retry_cause cause);

/* For a while others are asked before this target. */
void attempt_suspect(struct attempt *attempt);

/* The time that is left of a call: `timeout_ms` at most. */
static inline int64_t attempt_clamp(const struct attempt *attempt, int64_t timeout_ms)
{
    if (LIKELY(attempt->call_deadline_ms == FIBER_FOREVER))
        return timeout_ms;
    int64_t left_ms = attempt->call_deadline_ms - loop_now_ms();
    return left_ms < timeout_ms ? left_ms : timeout_ms;
}

/* What a broken connection means for the request. */
enum verdict attempt_judge_loss(struct attempt *attempt, int rc, const char *why);
