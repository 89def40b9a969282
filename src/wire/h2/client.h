/*
 * An HTTP/2 connection to a target as its client sees it, without I/O: bytes in, events out;
 * requests in, bytes out. The counterpart of session.h, with the same engine and the same guard.
 *
 * Nothing here waits or suspends: events must not call take or give.
 */
#pragma once

#include "wire/h2/frame.h"
#include "wire/h2/pool.h"
#include "wire/h2/response.h"

/* What we tell targets in our SETTINGS. */
#define H2_CALL_WINDOW_BYTES      65535
#define H2_CALLS_CONNECTION_BYTES (16 * 1024 * 1024)
#define H2_CALLS_MAX              256 /* of one connection, whatever the target allows */
#define H2_CLIENT_TABLE_BYTES     4096

struct h2_client;

/* The first member of what the owner keeps for a stream. */
struct h2_request {
    uint32_t id; /* 0: it was not submitted */
    /* What is to be sent, for h2_client_give. */
    struct slice out;              /* borrowed until it was taken */
    bool out_ends;                 /* the body ends with it */
    const struct fields *trailers; /* borrowed likewise, or NULL */
    bool is_deferred;              /* nothing to send, and nghttp2 knows */
    bool is_begun;                 /* the head has been given: the target may have seen it */
    bool is_out;                   /* all of the request has been given */
    bool has_ended;                /* the target has sent all of the response */
    struct h2_response response;
};

struct h2_client_ops {
    /* More memory for the response's heads: calls h2_response_extend. 0 or -ENOMEM. */
    int (*extend)(void *owner, struct h2_request *request);
    /* A head is complete, or the response has ended. */
    void (*news)(void *owner, struct h2_request *request);
    /* A part of the body; what is kept is told to h2_client_consume later. -ENOMEM resets it. */
    int (*data)(void *owner, struct h2_request *request, struct slice bytes);
    /* The head, or something of `out`, was given. */
    void (*given)(void *owner, struct h2_request *request);
    /* The stream is over, for whatever reason; the memory is the owner's alone. */
    void (*close)(void *owner, struct h2_request *request, uint32_t error);
    /* The target takes no more requests here, or its settings have changed. */
    void (*room)(void *owner);
};

/* 0 or -ENOMEM. The preface and our SETTINGS are the first thing to be given. `pool` is borrowed.
 */
int h2_client_create(const struct h2_client_ops *ops, void *owner, struct h2_pool *pool,
                     int64_t now_ms, struct h2_client **ret_client);

/* Requests that are left are the owner's to end. NULL is fine. */
void h2_client_destroy(struct h2_client *client);

/*
 * Takes what was received. 0, or an error after which nothing more can be taken: -EPROTO, with
 * *ret_why (static) and a GOAWAY to give; -ENOMEM.
 */
int h2_client_take(struct h2_client *client, struct slice bytes, int64_t now_ms,
                   const char **ret_why);

/* Writes what is to be sent, up to `len` bytes: how many there are, or -ENOMEM, -EPROTO. */
ptrdiff_t h2_client_give(struct h2_client *client, char *room, size_t len);

/* Is there something to give that windows let pass? Does it still take anything? */
bool h2_client_wants_write(const struct h2_client *client);
bool h2_client_wants_read(const struct h2_client *client);

/* Have the target's SETTINGS come? */
bool h2_client_is_greeted(const struct h2_client *client);

/* How many requests may be under way at the same time: one before the target has said it; 0: it
 * takes no new ones. */
unsigned h2_client_requests_max(const struct h2_client *client);

/*
 * A request, its head in the form of HTTP/1 and changed, followed by `out`, up to out_ends, and
 * `trailers`. 0, -E2BIG, -ENOMEM, or -ENOLINK when the connection takes no more.
 */
int h2_client_submit(struct h2_client *client, struct h2_request *request, struct slice head,
                     struct slice scheme);

/* `out`, out_ends or trailers have changed. 0 or an error. */
int h2_client_resume(struct h2_client *client, struct h2_request *request);

/* Forgets a request: its stream, if it is still there, is reset, and no event comes of it. */
void h2_client_forget(struct h2_client *client, struct h2_request *request, enum h2_error error);

/* These bytes of a body have been used up: the target may send as many more. */
void h2_client_consume(struct h2_client *client, const struct h2_request *request, size_t len);

/* From now on the target may send H2_WIDE_WINDOW_BYTES before they are used up. */
void h2_client_widen(struct h2_client *client, const struct h2_request *request);

/* May the target's windows be what a request waits for? */
bool h2_client_is_stalled(const struct h2_client *client, const struct h2_request *request);

/* How much of its body a request may send before the target has said anything to it. */
size_t h2_client_first_window(const struct h2_client *client);

/* Asks whether the target is there; its answer is bytes like any other. */
void h2_client_ping(struct h2_client *client);

/* Ends it at once; only a GOAWAY is still to be given. */
void h2_client_end(struct h2_client *client, enum h2_error error);
