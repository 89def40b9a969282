/*
 * HTTP/1 connections of clients. An idle one holds no block and no fiber; a fiber starts when a
 * request's head is complete.
 */
#pragma once

#include "http/exchange.h"
#include "os/io.h"

#include <stdatomic.h>

/* What the sessions of one listener share. Immutable but for the counters and `is_draining`. */
struct server {
    exchange_handler *handle;
    void (*log)(const struct exchange *exchange); /* after the last byte; may be NULL */
    bool is_secure;
    bool is_uncounted;       /* its requests are not traffic: the admin API */
    uint16_t port;           /* of the listener */
    int64_t head_timeout_ms; /* from a head's first byte to its last */
    int64_t idle_timeout_ms; /* between requests, and without progress in bodies */
    uint64_t body_max;
    struct slice name; /* of the listener; borrowed */
};

/* For an acceptor: takes over the descriptor, on this thread's worker. */
void session_accept(const struct server *server, int fd, const struct address *peer);

/*
 * No further requests on this worker's sessions: idle ones are closed, busy ones answer with
 * Connection: close. Returns how many are still open.
 */
size_t sessions_drain(void);

/* Closes all that are left, busy ones by cancellation. */
void sessions_close(void);
