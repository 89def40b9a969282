/*
 * Connections to targets, and the pool of idle ones that each worker keeps for each target. HTTP/1;
 * those of HTTP/2 are in http/h2_upstream.h, of the same pool. Requests go by http/call.h.
 */
#pragma once

#include "http/inflow.h"
#include "os/io.h"
#include "wire/http/message.h"

/* A connection without a request is closed after this time. */
#define CLIENT_IDLE_MS_MAX 60000

/* Connections of one worker to one target: the idle ones. */
struct client_pool {
    struct list idle; /* newest first */
    unsigned idle_count;
    unsigned idle_max;
    struct address address;
    struct address other;   /* tried where `address` refuses; len 0: none */
    struct tls_client *tls; /* borrowed, as the next; outlives the pool; NULL: plain */
    struct slice host;      /* what the target's certificate must be for */

    /* Where the target speaks HTTP/2: its connections, in the order in which they take requests. */
    bool is_h2;
    bool is_connecting; /* one of them is being made */
    struct list h2;
    unsigned h2_count;
    struct list h2_waiting; /* for a stream */
};

struct tls_client;

struct upstream {
    struct io io;
    struct list link;         /* in its pool while idle */
    struct client_pool *pool; /* borrowed; outlives it */
    struct timer timer;       /* idle */
    struct inflow inflow;
    int64_t idle_since_ms;
    bool is_reused;
};

/* `other` is what is tried where `address` refuses; its len may be 0. */
void client_pool_init(struct client_pool *pool, const struct address *address,
                      const struct address *other, unsigned idle_max);

/* Closes the idle ones. */
void client_pool_finish(struct client_pool *pool);

/*
 * An idle connection, or NULL. With `only_fresh_ms` above 0, none that was idle for longer: a
 * target may just be closing it.
 */
struct upstream *client_take_idle(struct client_pool *pool, int64_t only_fresh_ms);

/* A new connection; waits. 0 or the error; of a handshake that failed *ret_why (may be NULL) tells
 * more: -EPROTO, or -EACCES when the target's certificate was refused. */
int client_connect(struct client_pool *pool, int64_t deadline_ms, struct upstream **ret_upstream,
                   const char **ret_why);

/* The same with a connection that somebody else has made, which is taken over. 0 or -ENOMEM, and
 * then nothing was taken. */
int client_adopt(struct client_pool *pool, struct io *io, struct upstream **ret_upstream);

/* Back to the pool; only after a complete response that keeps the connection. */
void client_give_back(struct upstream *upstream);

/* Closes it. NULL is fine. */
void client_drop(struct upstream *upstream);

/*
 * Waits for and parses the next response head, an interim one too. Fields are parsed into
 * ret_head->fields.at, which the caller provides; slices live until the body is read. Returns 0,
 * -ETIMEDOUT, -ECONNRESET when the connection ended before the first byte, -EBADMSG for what is not
 * HTTP or was cut short, or another error.
 */
int client_read_head(struct upstream *upstream, enum http_method method, int64_t deadline_ms,
                     struct response_head *ret_head, const char **ret_why);
