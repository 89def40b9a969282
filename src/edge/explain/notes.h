/*
 * What the data plane writes down about a request while it is under way, in the exchange's notes:
 * a few stores each, for the access log, the metrics, traces and `weir explain`.
 */
#pragma once

#include "conf/snapshot.h"
#include "http/exchange.h"

struct target;

/* The rule that answers. */
void notes_rule(struct exchange *exchange, const struct conf_rule *rule);

/* "forward", "files" and so on: the key of the action in the file. */
const char *notes_action_name(enum conf_action_kind kind);

/* The steps of a try at a target, in their order; `end` always comes. */
void notes_try_begin(struct exchange *exchange, const struct target *target);
void notes_try_connected(struct exchange *exchange, bool was_kept);
void notes_try_answered(struct exchange *exchange, unsigned status);

/*
 * `status` is what Weir would answer with because of what went wrong, 499 when the client left; 0:
 * nothing went wrong. `is_stale`: a kept connection had died, and a new one is tried. `why` is
 * static.
 */
void notes_try_end(struct exchange *exchange, struct target *target, unsigned status, bool is_stale,
                   const char *why);

/* A retry that would have been safe, but for the budget. False, for the caller's condition. */
static inline bool notes_retry_denied(struct exchange *exchange)
{
    exchange->notes.is_retry_denied = true;
    return false;
}

/* "answered", "connect_failed" and so on: for metrics and JSON. */
const char *try_outcome_name(enum try_outcome outcome);
