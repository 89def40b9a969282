/*
 * Connections to targets by HTTP/2 (RFC 9113): objects on the loop, each carrying the calls
 * (http/h2_call.h) of many requests. A worker has as many to a target as its limit of concurrent
 * streams asks for. docs/http2.md tells the limits.
 */
#pragma once

#include "http/client.h"
#include "http/h2_inbox.h"
#include "wire/h2/client.h"

/* Of one worker to one target. */
#define H2_UPSTREAMS_MAX 8

struct h2_upstream {
    struct client_pool *pool; /* borrowed; outlives it */
    struct list link;         /* in its pool's */
    struct io io;
    struct h2_client *engine; /* owned */
    struct list calls;
    unsigned calls_count;
    unsigned holds; /* who is in the middle of it, and needs it afterwards */
    bool has_served;
    bool is_over;        /* nothing is read or written any more; the engine is not asked again */
    bool is_doubted;     /* it did not answer: nobody new is sent there until it says something */
    bool has_ended;      /* the target's half has */
    char *block;         /* owned; frames that are to leave; NULL while there are none */
    uint32_t start, end; /* of it, what has not left */
    struct task turn;    /* at a turn's end: lets go what was collected */
    struct task reading;
    struct timer timer; /* idle, or in doubt */
    int64_t moved_ms;   /* when bytes left last */
    int64_t heard_ms;   /* when some came last */
    int64_t pinged_ms;
    const char *why; /* it ended; static */
};

/* In a block of its own, with the heads of its response behind it. */
struct h2_call {
    struct h2_request h2;            /* first: the engine's part */
    struct h2_upstream *connection;  /* NULL: it has ended */
    struct list link;                /* in the connection's calls */
    struct fiber *reading, *writing; /* borrowed while they wait */
    char *head_block;                /* owned; what the heads needed besides; or NULL */
    struct h2_inbox inbox;           /* of the body */
    uint64_t used;                   /* of it what the caller has looked at */
    int error;                       /* it is over: 0 while it is not, or when it ended well */
    const char *why;                 /* static, or NULL */
    bool is_closed;                  /* the engine has forgotten it */
    bool is_reused;
    char head[];
};

static inline struct h2_call *h2_call_of(struct h2_request *h2)
{
    return (struct h2_call *)h2;
}

/* The engine's events. */
extern const struct h2_client_ops h2_call_ops;

/* Of the pool, with room for another call; NULL: there is none. */
struct h2_upstream *h2_upstream_with_room(struct client_pool *pool);

/* Is there one whose target has yet to say how many calls it takes? */
bool h2_upstream_is_awaited(struct client_pool *pool);

/* Makes one; waits. As client_connect. Its pool is not connecting meanwhile otherwise. */
int h2_upstream_connect(struct client_pool *pool, int64_t deadline_ms, const char **ret_why);

/* May its engine be asked? */
static inline bool h2_upstream_is_live(const struct h2_upstream *connection)
{
    return connection != NULL && !connection->is_over;
}

/* Collects what the engine has to say, writing only when there is no more room for it. The
 * connection may end in it, but stays for whoever holds it. */
void h2_upstream_collect(struct h2_upstream *connection);

/* At this turn's end it leaves. */
void h2_upstream_queue_turn(struct h2_upstream *connection);

static inline void h2_upstream_hold(struct h2_upstream *connection)
{
    connection->holds++;
}

void h2_upstream_let_go(struct h2_upstream *connection);

/* Somebody got no answer in time: is anybody there? */
void h2_upstream_doubt(struct h2_upstream *connection);

/* A call less: others may have its place. */
void h2_upstream_leave(struct h2_upstream *connection);

/* Lets those go on who wait for a stream: as many as there may be room for. */
void h2_upstream_wake(struct client_pool *pool);

/* All of a pool, which ends; there are no calls. */
void h2_upstream_close_all(struct client_pool *pool);

/* The connection has ended: tells its calls, and forgets them. */
void h2_call_end_all(struct h2_upstream *connection, int error, const char *why);
/* The connection takes no more of those that were not sent yet. */
void h2_call_refuse_unsent(struct h2_upstream *connection);
