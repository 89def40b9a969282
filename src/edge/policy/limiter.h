/*
 * Limits of rates and of requests at one time, strict over all workers. A limiter is counted and
 * found again by its identity (site, rule and settings), so that a reload which does not change it
 * forgets nothing.
 */
#pragma once

#include "conf/policy.h"

struct exchange;
struct limiter;

/* Keys that one limiter keeps at most. */
#define LIMITER_KEYS_MAX 65536

/* The one there is of that identity, or a new one; a reference for the caller. NULL: no memory. */
struct limiter *limiter_take_rate(struct slice site, unsigned rule,
                                  const struct conf_rate_limit *conf);
struct limiter *limiter_take_concurrency(struct slice site, unsigned rule,
                                         const struct conf_concurrency *conf);
void limiter_unref(struct limiter *limiter); /* NULL is fine */

/*
 * Counts the request. True when it may go on; else it has been answered (429, or 503 for what is
 * counted over all clients or could not be counted). What a limiter of concurrency counts it gives
 * back at the exchange's end by itself.
 */
bool limiter_admit(struct limiter *limiter, struct exchange *exchange);

/*
 * What an exchange is counted for outlives it where its connection becomes a relay: the count goes
 * over to the caller. NULL when it is not counted. 0 or -ENOMEM: nothing has changed.
 */
struct limiter_hold;
int limiter_keep(struct exchange *exchange, struct limiter_hold **ret_hold);

/* The relay has ended; NULL is fine. On the loop of a worker. */
void limiter_let_go(struct limiter_hold *hold);

/* How many keys are kept now: of concurrency, those with requests under way. */
uint32_t limiter_keys(struct limiter *limiter);

/* What the request counts under, into `room`; cut to its size, which no key of sense reaches. */
#define LIMITER_KEY_BYTES 512
struct slice limiter_key(const struct exchange *exchange, const struct conf_limit_key *conf,
                         char room[static LIMITER_KEY_BYTES]);
