/* An HTTP/2 connection and its streams, as h2_connection.c, h2_stream.c, h2_tunnel.c and
 * exchange_h2.c see them. */
#pragma once

#include "http/h2.h"
#include "http/h2_inbox.h"
#include "http/session_internal.h"
#include "wire/h2/session.h"

/* What the one timer of the session stands for. */
enum h2_wait {
    H2_WAIT_NOTHING, /* streams are under way; their fibers have time-outs of their own */
    H2_WAIT_HEAD,    /* the preface, or the rest of a header block */
    H2_WAIT_ROOM,    /* what is to leave does not */
    H2_WAIT_REQUEST, /* idle */
    H2_WAIT_LAST,    /* the last answers are to leave */
    H2_WAIT_LEAVING, /* the client is to see them, and leave */
};

struct h2_connection {
    struct session *session;   /* which owns this */
    struct h2_session *engine; /* owned */
    struct list streams;
    struct list starting; /* of them those whose fibers are to be started */
    unsigned streams_count;
    unsigned tunnels_count;
    unsigned holds; /* who is in the middle of it, and needs it afterwards */
    enum h2_wait wait;
    uint64_t wait_mark; /* of what is awaited: another one has its own time */
    uint64_t streams_begun;
    uint64_t idle_mark; /* of streams_begun: since then it is idle */
    int64_t idle_until_ms;
    char *block;         /* owned; frames that are to leave; NULL while there are none */
    uint32_t start, end; /* of it, what has not left */
    uint32_t turn_bytes; /* that have left since the last turn's end */
    struct task turn;    /* at a turn's end: lets go what was collected, and looks what is next */
    struct timer drain;
    uint64_t moved;   /* bytes that have left */
    int64_t moved_ms; /* and when */
    bool is_over;     /* nothing is read or written any more; the engine is not asked again */
    bool is_leaving;  /* all was said: only the client's end is awaited */
    bool has_ended;   /* the client's half has */
    bool is_refused;  /* for what the client has sent, or has not in time: it is not waited for */
};

/* In a block of its own, with its request's head behind it. */
struct stream {
    struct h2_stream h2; /* first: the engine's part */
    struct h2_connection *connection;
    struct list link;                /* in the connection's streams */
    struct list starting;            /* in the connection's list of those */
    struct fiber *fiber;             /* borrowed; NULL before its start and after its end */
    struct fiber *reading, *writing; /* borrowed while they wait */
    struct h2_tunnel *tunnel;        /* owned; NULL but after an upgrade */
    char *head_block;                /* owned; what the head needed besides; or NULL */
    struct h2_inbox inbox;           /* of the body */
    uint64_t used;                   /* of the body what handlers have looked at */
    bool is_closed;                  /* the engine has forgotten it */
    bool wants_tunnel;               /* an extended CONNECT */
    char head[];
};

/* May the engine be asked? */
static inline bool h2_is_live(const struct h2_connection *connection)
{
    return !connection->is_over && !connection->is_leaving;
}

/* The engine's events. */
extern const struct h2_session_ops h2_stream_ops;

static inline struct stream *stream_of(struct h2_stream *h2)
{
    return (struct stream *)h2;
}

/* Runs the requests whose heads have come in. */
void h2_start_streams(struct h2_connection *connection);

/* Ends all streams as if the client had reset them. */
void h2_close_streams(struct h2_connection *connection);

/* No fiber and no tunnel has it any more: it is freed, as soon as the engine has forgotten it. */
void stream_release(struct stream *stream);

/* Collects what the engine has to say, writing only when there is no more room for it. */
void h2_collect(struct h2_connection *connection);

/* At this turn's end it leaves. */
void h2_queue_turn(struct h2_connection *connection);

/* A stream is gone: the connection may be, too. */
void h2_stream_gone(struct h2_connection *connection);

extern const struct exchange_ops exchange_h2;

/* Of exchange_h2.c, for the tunnel: as exchange_ops has it. */
int stream_try_body(struct stream *stream, struct slice *ret_data);
