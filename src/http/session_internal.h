/* The session as session.c, exchange.c and relay.c see it. Not for other layers. */
#pragma once

#include "http/inflow.h"
#include "http/session.h"

enum session_state {
    SESSION_IDLE,    /* between requests, nothing received */
    SESSION_HEAD,    /* a head is coming in */
    SESSION_ACTIVE,  /* a fiber has it */
    SESSION_CLOSING, /* the fiber is done with requests and waits for the client to leave */
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
    bool is_draining;
    uint8_t client_len;
    char client[]; /* its address as text, no longer than it is: most are short */
};

/* What a response that does not read the request's body lets go by, to keep the connection. */
#define SESSION_SKIP_BYTES_MAX ((size_t)256 * 1024)

static inline bool session_is_draining(const struct session *session)
{
    return session->is_draining;
}
