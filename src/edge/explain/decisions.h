/*
 * What a worker remembers of the requests that ended last, and of the connections of listeners with
 * protocol tcp: a ring of records of fixed memory, and a
 * second one for those that failed or were slow, so that a flood of good ones does not push them
 * out. Both belong to the worker's thread; others ask by edge/explain/lookup.h.
 */
#pragma once

#include "base/slice.h"
#include "http/exchange.h"

struct access_connection;
struct decisions;

enum decision_text {
    DECISION_LISTENER,
    DECISION_SITE,
    DECISION_PROXY, /* the forward proxy that was asked, then there is no site */
    DECISION_METHOD,
    DECISION_HOST,   /* as the client named it */
    DECISION_PATH,   /* in its normal form, without the query: that may hold secrets */
    DECISION_CLIENT, /* its address */
    DECISION_GROUP,
    DECISION_REASON, /* why Weir itself answered as it did */
    DECISION_TEXTS
};

struct decision_try {
    uint64_t span;     /* 0: it is not traced */
    uint32_t begun_us; /* this and the next as in struct exchange_try */
    uint32_t connected_us;
    uint32_t answered_us;
    uint32_t ended_us;
    uint16_t status;
    uint8_t outcome;
    bool was_kept;
    uint8_t target_len; /* of texts behind the record's own */
    uint8_t why_len;
};

/* A record: this, the tries, then all texts without anything between them. */
struct decision {
    uint32_t bytes; /* of the whole, a multiple of 8 */
    uint16_t status;
    uint8_t state;      /* enum response_state */
    uint8_t tries_told; /* struct decision_try that follow */
    uint64_t id;
    uint64_t trace_high; /* this and the next both 0: it is part of no trace */
    uint64_t trace_low;
    uint64_t trace_parent; /* 0: the trace began here */
    int64_t wall_us;       /* when it ended */
    uint64_t duration_us;
    uint64_t request_bytes;
    uint64_t response_bytes;
    const char *protocol; /* static, as "HTTP/1.1" */
    const char *action;   /* static; NULL: no rule */
    uint32_t rule;        /* 0: none */
    uint32_t rule_line;
    uint16_t tries;
    bool is_retry_denied;
    bool is_path_cut;
    bool is_secure;
    bool is_connection; /* passed on as it was: no status, site, method, host or path, no rule; of
                           the tries only the last is told */
    uint8_t lens[DECISION_TEXTS];
};

/* No record is longer. */
#define DECISION_BYTES_MAX 4096

int decisions_create(struct decisions **ret_decisions);
void decisions_destroy(struct decisions *decisions); /* NULL is fine */

/* Remembers an exchange that has ended after `duration_us`. The record is valid until the next. */
const struct decision *decisions_add(struct decisions *decisions, const struct exchange *exchange,
                                     int64_t duration_us);

/* Remembers a connection that was passed on, and has ended. */
void decisions_add_connection(struct decisions *decisions,
                              const struct access_connection *connection);

/* The record of that request, valid until the next one is added; NULL when there is none. */
const struct decision *decisions_find(const struct decisions *decisions, uint64_t id);

/* Calls fn for each of the failed and slow ones, the oldest first. */
void decisions_each_kept(const struct decisions *decisions,
                         void (*fn)(void *arg, const struct decision *decision), void *arg);

/* Parts of a record. */
const struct decision_try *decision_tries(const struct decision *decision);
struct slice decision_text(const struct decision *decision, enum decision_text which);

/* Of the try's target, and of what went wrong (empty: nothing). */
struct slice decision_try_target(const struct decision *decision, unsigned number);
struct slice decision_try_why(const struct decision *decision, unsigned number);
