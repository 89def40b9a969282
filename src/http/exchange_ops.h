/*
 * What a version of HTTP does for an exchange: exchange.c decides what is sent and when, this moves
 * it. One table for each version, in exchange_h1.c and exchange_h2.c. All functions run on the
 * exchange's fiber, those that read a request's body perhaps on another one.
 */
#pragma once

#include "http/exchange.h"

struct exchange_ops {
    /* The next part of the request's body, as inflow_try_body tells it. */
    int (*try_body)(struct exchange *exchange, struct slice *ret_data);
    /* The same, perhaps into `room`, as inflow_receive_body. NULL: it is copied there by who needs
     * it. */
    int (*receive_body)(struct exchange *exchange, char *room, size_t len, struct slice *ret_data);
    /* Waits until try_body is worth another call. 0 or more, or the error. */
    int (*await_body)(struct exchange *exchange);
    void (*trailers)(const struct exchange *exchange, struct fields *ret_fields);

    /* Writes what frames a body whose length is not known, and returns its kind. */
    enum body_kind (*frame_open)(struct exchange *exchange);
    /* Writes what the client is told about the connection. */
    void (*write_connection)(struct exchange *exchange, unsigned status);

    /* A whole head with a status of 1xx, in the form of HTTP/1. */
    int (*send_interim)(struct exchange *exchange, struct slice head);
    /*
     * A part of the body, before it exchange->head where that is not gone yet: it is complete, and
     * may be changed. Waits for the client; what it was given is the caller's again afterwards.
     * Without `more` the body has ended. 0 or the error, after which nothing more is sent.
     */
    int (*send)(struct exchange *exchange, struct slice data, bool more);
    /* The end of a body of unknown length, with trailer fields. */
    int (*send_trailers)(struct exchange *exchange, const struct fields *trailers);
    /* From an open file, as far as it goes without another turn: bytes sent, or the error. NULL:
     * files are read and sent. */
    int (*send_file)(struct exchange *exchange, int file, int64_t *offset, size_t len);
    /* As exchange_relay. */
    int (*relay)(struct exchange *exchange, struct io *target, struct inflow *from_target,
                 const struct relay_terms *terms);
};

extern const struct exchange_ops exchange_h1;
extern const struct exchange_ops exchange_h1_layered; /* where TLS must see all bytes */

/* Filters may hold the first bytes of a body back, and the head with them. */
static inline bool exchange_has_head(const struct exchange *exchange)
{
    return exchange->head.start != NULL;
}

/* Its block is not held while the body waits for the client. */
void exchange_free_head(struct exchange *exchange);

/* Memory of an exchange that comes with its fiber's stack; more is taken from the heap. */
#define EXCHANGE_ARENA_BYTES 1024

/*
 * The life of an exchange, for what owns the fiber: open, then perhaps refuse, or the handler; then
 * settle, log, close. `memory` holds EXCHANGE_ARENA_BYTES.
 */
void exchange_open(struct exchange *exchange, struct session *session,
                   const struct exchange_ops *ops, void *memory);

/* The answer to a request that the handler does not see. */
void exchange_refuse_request(struct exchange *exchange, unsigned status, const char *reason);

/* A handler may have returned without a response, or in its middle. Ends the filters too. */
void exchange_settle(struct exchange *exchange);

/* Counts it and calls the log function. */
void exchange_log(struct exchange *exchange);

void exchange_close(struct exchange *exchange);
