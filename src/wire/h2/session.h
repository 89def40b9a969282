/*
 * An HTTP/2 connection as its server sees it, without I/O: bytes in, events out; responses in,
 * bytes out. nghttp2 does framing, HPACK, stream states, flow control and priorities (RFC 9113,
 * RFC 7541, RFC 9218); guard.h looks at each frame before it does. All memory comes from
 * base/memory.h.
 *
 * Nothing here waits or suspends: events may submit responses but must not call take or give.
 */
#pragma once

#include "wire/h2/guard.h"
#include "wire/h2/head.h"
#include "wire/h2/pool.h"

/* What we tell clients in our SETTINGS. */
#define H2_STREAMS_MAX             128
#define H2_STREAM_WINDOW_BYTES     65535
#define H2_CONNECTION_WINDOW_BYTES (1024 * 1024)

#define H2_TABLE_BYTES 4096

struct h2_session;

/* The first member of what the owner keeps for a stream. */
struct h2_stream {
    uint32_t id;
    /* The response, for h2_session_give. */
    struct slice out;              /* borrowed until it was taken */
    bool out_ends;                 /* the body ends with it */
    const struct fields *trailers; /* borrowed likewise, or NULL */
    uint8_t heads_left;            /* of responses, submitted and not yet given */
    bool is_deferred;              /* nothing to send, and nghttp2 knows */
    bool has_ended;                /* the client has sent all of the request */
    bool is_out;                   /* all of the response has been given */
    struct h2_head head;           /* of the request; the last one, since it is large */
};

struct h2_session_ops {
    /* A stream for a request that begins, with its head initialised; NULL: it is refused. */
    struct h2_stream *(*open)(void *owner);
    /* More memory for its head: calls h2_head_extend. 0 or -ENOMEM. */
    int (*extend)(void *owner, struct h2_stream *stream);
    /* The head is complete. */
    void (*request)(void *owner, struct h2_stream *stream);
    /* A part of the body; what is kept is told to h2_session_consume later. -ENOMEM resets it. */
    int (*data)(void *owner, struct h2_stream *stream, struct slice bytes);
    /* The request has ended; its trailers are in the head. */
    void (*end)(void *owner, struct h2_stream *stream);
    /* Something of `out`, or the head, was given. */
    void (*given)(void *owner, struct h2_stream *stream);
    /* The stream is over, for whatever reason; the memory is the owner's alone. */
    void (*close)(void *owner, struct h2_stream *stream, uint32_t error);
    /* The connection ends because of what the client did: a GOAWAY says so. */
    void (*fail)(void *owner, uint32_t error);
};

/* `pool` is borrowed. 0 or -ENOMEM. Our SETTINGS are the first thing to be given. */
int h2_session_create(const struct h2_session_ops *ops, void *owner, struct h2_pool *pool,
                      int64_t now_ms, struct h2_session **ret_session);

/* Streams that are left are the owner's to end. NULL is fine. */
void h2_session_destroy(struct h2_session *session);

/*
 * Takes what was received, from the client's preface on. 0, or an error after which nothing more
 * can be taken: -EPROTO, with a GOAWAY to give; -ENOMEM.
 */
int h2_session_take(struct h2_session *session, struct slice bytes, int64_t now_ms);

/* Writes what is to be sent, up to `len` bytes: how many there are, or -ENOMEM. */
ptrdiff_t h2_session_give(struct h2_session *session, char *room, size_t len);

/* Is there something to give that windows let pass? Does it still take anything? */
bool h2_session_wants_write(const struct h2_session *session);
bool h2_session_wants_read(const struct h2_session *session);

/*
 * Of what a client must not take its time for, the preface with its SETTINGS, a header block or a
 * frame without body bytes, a part has come: its number. 0: there is no such thing under way.
 */
uint64_t h2_session_unit(const struct h2_session *session);

/*
 * A final or interim response: its head in the form of HTTP/1. That of a final one is changed, and
 * must stay until no heads_left. A final one is followed by `out`, up to out_ends, and `trailers`.
 * 0, -E2BIG or -ENOMEM.
 */
int h2_session_respond(struct h2_session *session, struct h2_stream *stream, struct slice head);
int h2_session_respond_interim(struct h2_session *session, struct h2_stream *stream,
                               struct slice head);

/* `out`, out_ends or trailers have changed. 0 or -ENOMEM. */
int h2_session_resume(struct h2_session *session, struct h2_stream *stream);

/* Resets it, if it is still there. What of it was not given is forgotten. */
void h2_session_reset(struct h2_session *session, struct h2_stream *stream, enum h2_error error);

/* These bytes of a body have been used up: the client may send as many more. `stream` is NULL when
 * it is over. */
void h2_session_consume(struct h2_session *session, const struct h2_stream *stream, size_t len);

/* From now on the client may send H2_WIDE_WINDOW_BYTES before they are used up. */
void h2_session_widen(struct h2_session *session, const struct h2_stream *stream);

/* May the client's windows be what a stream waits for? */
bool h2_session_is_stalled(const struct h2_session *session, const struct h2_stream *stream);

/* The client is told that no more requests are wanted; after h2_session_finish, none is taken. */
void h2_session_announce_end(struct h2_session *session);
void h2_session_finish(struct h2_session *session, enum h2_error error);

/* Ends it at once; only a GOAWAY is still to be given. */
void h2_session_end(struct h2_session *session, enum h2_error error);
