/*
 * HTTP/1 connections of clients. An idle one holds no block and no fiber; a fiber starts when a
 * request's head is complete.
 */
#pragma once

#include "http/exchange.h"
#include "os/io.h"
#include "os/network.h"

#include <stdatomic.h>

struct tls_listener;

/*
 * What the sessions of one listener and worker share. Only that worker's thread touches it; the
 * owner may change times and limits between two requests.
 */
struct server {
    exchange_handler *handle;
    void (*log)(const struct exchange *exchange); /* after the last byte; may be NULL */
    struct tls_listener *tls; /* counted by the owner; NULL: connections are plain */
    bool is_uncounted;        /* its requests are not traffic: the admin API */
    uint16_t port;            /* of the listener */
    int64_t head_timeout_ms;  /* from a head's first byte to its last */
    int64_t idle_timeout_ms;  /* between requests, and without progress in bodies */
    uint64_t body_max;
    struct slice name;             /* of the listener; borrowed */
    bool expects_proxy_header;     /* before anything else on each connection */
    const struct network *senders; /* who may send it; borrowed; none: anybody */
    unsigned senders_count;
    const struct network *trusted; /* proxies whose word about clients is taken; borrowed */
    unsigned trusted_count;
    /* In place of requests, on the connection's fiber; what it does not take is closed then. */
    void (*serve)(struct session *session, struct server *server);
    /* The same for a connection whose first byte says that it speaks SOCKS 5, which no request
     * begins with; NULL: that is a bad request. */
    void (*serve_socks)(struct session *session, struct server *server);
    unsigned sessions;
    bool is_retired;                         /* its sessions end as if they drained */
    void (*on_empty)(struct server *server); /* the last session has ended; may be NULL */
};

/* For an acceptor: takes over the descriptor, on this thread's worker. */
void session_accept(struct server *server, int fd, const struct address *peer);

/*
 * This worker's sessions come to their end: each answers with Connection: close. Idle ones are
 * closed with `closes_idle`; else they may send one more request, which was perhaps on its way.
 * Returns how many are still open.
 */
size_t sessions_drain(bool closes_idle);

/* The sessions of one server may send one more request; `on_empty` tells the end of the last. */
void server_retire(struct server *server);

/* Closes all that are left, busy ones by cancellation. */
void sessions_close(void);
