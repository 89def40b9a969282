/* The steps of a request as its exchange's notes keep them. */
#include "edge/explain/notes.h"

#include "base/cleanup.h"
#include "edge/forward/target.h"
#include "edge/state.h"
#include "edge/trace/trace.h"
#include "os/loop.h"

const char *notes_action_name(enum conf_action_kind kind)
{
    switch (kind) {
    case CONF_ACTION_FORWARD:
        return "forward";
    case CONF_ACTION_FILES:
        return "files";
    case CONF_ACTION_REDIRECT:
        return "redirect";
    case CONF_ACTION_RESPOND:
        return "respond";
    case CONF_ACTION_BUCKET:
        return "bucket";
    case CONF_ACTION_S3:
        return "s3";
    }
    return "unknown";
}

const char *try_outcome_name(enum try_outcome outcome)
{
    static const char *const names[TRY_OUTCOMES] = {
        "under_way", "answered", "connect_failed", "connect_timeout", "no_resources", "stale",
        "broken",    "timeout",  "cut_short",      "bad_request",     "client_left",
    };
    return names[outcome];
}

void notes_rule(struct exchange *exchange, const struct conf_rule *rule)
{
    exchange->notes.rule = rule->number;
    exchange->notes.rule_line = rule->place.line;
    exchange->notes.action = notes_action_name(rule->action);
}

/* The last one is overwritten when there are too many. */
static struct exchange_try *current_try(struct exchange *exchange)
{
    unsigned tries = exchange->notes.tries;
    return &exchange->notes.tried[(tries < EXCHANGE_TRIES_MAX ? tries : EXCHANGE_TRIES_MAX) - 1];
}

/* At least 1, so that 0 stays "never". */
static uint32_t now_us(const struct exchange *exchange)
{
    int64_t us = loop_now_us() - exchange->started_us;
    return us < 1 ? 1 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

void notes_try_begin(struct exchange *exchange, const struct target *target)
{
    struct exchange_notes *notes = &exchange->notes;
    notes->tries++;
    /* A copy: the target may go before the exchange is logged. */
    if (!slice_equal(notes->target, target->id))
        notes->target = arena_copy(&exchange->arena, target->id);
    *current_try(exchange) =
        (struct exchange_try){.target = notes->target, .begun_us = now_us(exchange)};
    if (UNLIKELY(trace_is_on(exchange)))
        current_try(exchange)->span = prng_next(&worker_current()->prng) | 1;
}

void notes_try_connected(struct exchange *exchange, bool was_kept)
{
    struct exchange_try *now = current_try(exchange);
    now->was_kept = was_kept;
    now->connected_us = now_us(exchange);
}

void notes_try_answered(struct exchange *exchange, unsigned status)
{
    struct exchange_try *now = current_try(exchange);
    now->status = (uint16_t)status;
    now->answered_us = now_us(exchange);
    exchange->notes.upstream_us = loop_now_us() - exchange->started_us;
}

static enum try_outcome judge(const struct exchange_try *now, unsigned status, bool is_stale)
{
    if (LIKELY(status == 0))
        return TRY_ANSWERED;
    if (is_stale)
        return TRY_STALE;
    if (status == 499)
        return TRY_CLIENT_LEFT;
    if (status == 503)
        return TRY_NO_RESOURCES;
    if (now->connected_us == 0)
        return status == 504 ? TRY_CONNECT_TIMEOUT : TRY_CONNECT_FAILED;
    if (status < 500 && now->status == 0)
        return TRY_BAD_REQUEST;
    if (now->answered_us != 0)
        return TRY_CUT_SHORT;
    return status == 504 ? TRY_TIMEOUT : TRY_BROKEN;
}

void notes_try_end(struct exchange *exchange, struct target *target, unsigned status, bool is_stale,
                   const char *why)
{
    struct edge_worker *worker = edge_worker_current();
    struct exchange_try *now = current_try(exchange);
    now->ended_us = now_us(exchange);
    now->outcome = (uint8_t)judge(now, status, is_stale);
    now->why = status == 0 ? NULL : why;
    series_count_try(series_of(&target->series, worker->edge->series, SERIES_TARGET,
                               exchange->notes.group, 0, target->id),
                     worker->http.number, now);
}
