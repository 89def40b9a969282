/*
 * The session as session.c, exchange.c and relay.c see it, and the edge where it takes one over or
 * only pretends that a request came.
 */
#pragma once

#include "http/inflow.h"
#include "http/origin.h"
#include "http/session.h"

enum session_state {
    SESSION_GREETING,  /* a PROXY header is awaited */
    SESSION_HANDSHAKE, /* of TLS */
    SESSION_IDLE,      /* between requests, nothing received */
    SESSION_HEAD,      /* a head is coming in */
    SESSION_ACTIVE,    /* a fiber has it */
    SESSION_H2,        /* it speaks HTTP/2: see `h2` */
    SESSION_CLOSING,   /* the fiber is done with requests and waits for the client to leave */
};

struct session {
    struct io io;
    struct list link;      /* in the worker's sessions */
    struct server *server; /* borrowed; outlives its sessions */
    struct fiber *fiber;   /* borrowed; while ACTIVE or CLOSING */
    struct timer timer;    /* idle, or the head's */
    struct task task;      /* to read a head, after what is under way had its turn */
    struct inflow inflow;
    struct h1_refusal refusal; /* status 0: none */
    enum session_state state;
    struct h2_connection *h2; /* owned; NULL but in SESSION_H2 */
    bool is_draining;
    bool has_served;   /* a request of HTTP/1 */
    bool has_requests; /* else its listener serves it in another way */
    bool has_socks;    /* it speaks SOCKS */
    uint8_t client_len;
    uint8_t origin_len;
    char client[]; /* its address as text, no longer than it is: most are short; then what
                      origin_pack kept of a PROXY header */
};

/*
 * A request's head, complete up to its empty line, into exchange->request, and then into the one
 * form of host and path that all later decisions see. 0, -ENOMEM, or -EBADMSG with what to answer.
 */
int exchange_parse(struct exchange *exchange, struct slice head, struct h1_refusal *ret_refusal);
int exchange_normalise(struct exchange *exchange, struct h1_refusal *ret_refusal);

/* Ends it, whatever its state. */
void session_destroy(struct session *session);

/* What a response that does not read the request's body lets go by, to keep the connection. */
#define SESSION_SKIP_BYTES_MAX ((size_t)256 * 1024)

/* May this peer send a PROXY header? */
bool greeting_may_come_from(const struct server *server, const struct address *peer);

/*
 * Takes a PROXY header off the front of what comes in. 0 with what it says; -EAGAIN while it is not
 * complete; -EBADMSG for anything else, or what the connection's end means.
 */
int greeting_read(struct session *session, struct proxy_header *ret_origin);

static inline bool session_is_draining(const struct session *session)
{
    return session->is_draining;
}
