/*
 * One request and its answer: the only object that handlers see. Which version of HTTP it came by
 * does not matter to them. It lives on its fiber's stack, from a complete head to the response's
 * last byte; slices in it are borrowed from the received bytes or its arena.
 */
#pragma once

#include "base/arena.h"
#include "wire/grpc/grpc.h"
#include "wire/h1/serialise.h"
#include "wire/http/message.h"

struct exchange;
struct exchange_ops;
struct tls_connection;
struct series;
struct session;
struct stream;
struct inflow;
struct io;
struct relay_terms;

typedef void exchange_handler(struct exchange *exchange);

/* What a part of a response's body is, to those it passes. */
enum exchange_part {
    PART_MORE,
    PART_FLUSH, /* and the next one may take its time: nothing is to be held back */
    PART_LAST,
};

/*
 * Filters stand between an action and the client, whatever the action: what is written by
 * exchange_begin and exchange_send passes them in the order in which they were added. One is made
 * in the exchange's arena, as the first member of what it needs.
 */
struct exchange_filter {
    const struct exchange_filter_ops *ops;
    struct exchange_filter *next; /* the next one towards the client; NULL: the client */
    bool transforms;              /* the body passes `body`; set by what `head` returned */
};

/* Each may be NULL. */
struct exchange_filter_ops {
    /* Once exchange_begin was called: will `head` put a body of its own in the place of the other,
     * whatever that is? Nothing is changed yet. */
    bool (*replaces)(const struct exchange_filter *filter, const struct exchange *exchange);
    /*
     * Called once, just before the head leaves. It may look at exchange->status and ->length, and
     * edit the fields of exchange->head (http/head_edit.h) but those of the framing. Returns
     * whether the body has to pass `body`; then it has called exchange_set_length.
     */
    bool (*head)(struct exchange_filter *filter, struct exchange *exchange);
    /*
     * Part by part; what comes of it goes on by exchange_pass, which may wait. After PART_LAST
     * nothing follows. 0 or the error. Never called for responses without a body (HEAD, 304).
     */
    int (*body)(struct exchange_filter *filter, struct exchange *exchange, struct slice data,
                enum exchange_part part);
    /* At the exchange's end, before its log function, whatever has become of it. Must not wait. */
    void (*finish)(struct exchange_filter *filter, struct exchange *exchange);
};

/* How far the response has come. */
enum response_state {
    RESPONSE_NONE, /* nothing decided: the request may still be tried elsewhere */
    RESPONSE_HEAD, /* the head is written down but has not left */
    RESPONSE_BODY, /* bytes have left */
    RESPONSE_COMPLETE,
    RESPONSE_BROKEN,   /* the client is gone, or was told of a truncation: only log */
    RESPONSE_UPGRADED, /* the connection belongs to a relay now */
};

/* What came of one try at a target. */
enum try_outcome {
    TRY_UNDER_WAY,
    TRY_ANSWERED,        /* the whole response was relayed, whatever its status */
    TRY_CONNECT_FAILED,  /* refused, or no way to it */
    TRY_CONNECT_TIMEOUT, /* not accepted in time */
    TRY_NO_RESOURCES,    /* memory or descriptors of our own */
    TRY_STALE,           /* a connection kept open had died; tried again at once on a new one */
    TRY_BROKEN,          /* closed, reset, or no HTTP, before the response's head */
    TRY_TIMEOUT,         /* no response in time */
    TRY_CUT_SHORT,       /* broke off in the response's body */
    TRY_BAD_REQUEST,     /* the client's body was malformed, too large or too slow */
    TRY_CLIENT_LEFT,
};
#define TRY_OUTCOMES 11

/* One try. Times count from the exchange's start, in µs; 0: it did not come to that. */
struct exchange_try {
    struct slice target; /* its id, in the exchange's arena */
    const char *why;     /* what went wrong, static; NULL: nothing */
    uint64_t span;       /* its id in the trace; 0: it is not traced */
    uint32_t begun_us;
    uint32_t connected_us;
    uint32_t answered_us; /* the head of the response was there */
    uint32_t ended_us;
    uint16_t status; /* of the target's response; 0: there was none */
    uint8_t outcome; /* enum try_outcome */
    bool was_kept;   /* on a connection that was open already */
};

/* Where the configuration asks for traces: what the request is part of (wire/http/trace_context.h).
 * The exchange's id is its own span. */
struct exchange_trace {
    uint64_t high, low; /* the trace's id; both 0: none */
    uint64_t parent;    /* the caller's span; 0: the trace begins here */
    bool is_sampled;
    bool passes_state;
};

/* Later ones than these are counted, not told. */
#define EXCHANGE_TRIES_MAX 8

/* For the access log, `explain` and metrics; set by whoever knows. Slices outlive the exchange. */
struct exchange_notes {
    struct slice site;
    struct slice proxy; /* the forward proxy; empty: none, and then there may be a site */
    unsigned rule;      /* number in its site or proxy, 0: none */
    unsigned rule_line; /* in the file */
    const char *action; /* of the rule, static; NULL: none */
    struct slice group;
    struct slice target;
    unsigned tries;
    bool is_retry_denied;  /* the budget for retries was used up */
    bool is_tunnel;        /* its line comes when that ends */
    int64_t upstream_us;   /* from the request's first byte to the response's head */
    const char *reason;    /* why Weir itself answered with an error; NULL otherwise */
    struct series *series; /* the edge's: where it counts; borrowed until it was logged */
    bool has_grpc_status;
    uint8_t grpc_status;         /* of a gRPC call: the target's, or Weir's own */
    struct slice user;           /* who it is, once a password was checked */
    struct slice client_subject; /* of a certificate that was verified; of the exchange's arena */
    struct exchange_trace trace;
    struct exchange_try tried[EXCHANGE_TRIES_MAX]; /* each written before it is told */
};

struct exchange {
    const struct exchange_ops *ops; /* of the version of HTTP it came by */
    struct session *session;        /* its connection, perhaps one of many exchanges on it */
    struct stream *stream;          /* of HTTP/2; else NULL */
    struct server *server;          /* of its listener */
    struct arena arena;
    struct request_head request;
    struct slice host;  /* normalised, without port; empty when the client named none */
    unsigned port;      /* named beside the host; 0: none */
    struct slice path;  /* normalised, as rules match it; "*" for OPTIONS * */
    struct slice query; /* raw; NULL start when there is none */
    struct slice
        action_path; /* the same two for the rule's action, which may have them rewritten */
    struct slice action_query;
    struct slice action_prefix; /* what was taken off the front of `path`; empty: nothing */
    struct slice client;        /* its address without port, as text; "unix" */
    uint64_t id;                /* shown as 16 hexadecimal digits */
    int64_t started_us;         /* loop_now_us */
    int64_t timeout_idle_ms;    /* for reading and writing bodies on the client's side */
    uint64_t body_max;          /* of the request; exceeding it is -EFBIG */

    /* What trusted proxies told (http/trust.h), or what is so without them. */
    bool is_secure;              /* it came by TLS, to us or to one of them */
    struct slice via;            /* those between the client and us, ", " between; or empty */
    struct slice forwarded_host; /* what the client asked them for; empty: the same as us */
    unsigned forwarded_port;     /* where it found them; 0: nobody said */
    bool has_trusted_peer;       /* one of them sent it */

    enum response_state state;
    unsigned status;         /* 0 until decided */
    uint64_t request_bytes;  /* of body, received */
    uint64_t response_bytes; /* of body, sent */
    void *held; /* by the layer above, from its handler to its log function; NULL at first */

    struct slice upstream_host; /* the Host that targets get; a NULL start: the client's */

    /* Of the response, as the action has begun it. */
    uint64_t length; /* of the body; EXCHANGE_LENGTH_UNKNOWN */

    /* The session's own. */
    struct exchange_filter *filters; /* the first one after the action; NULL: none */
    bool has_filtered;               /* their `head` has been called */
    bool is_transformed;             /* the body passes filters */
    bool is_reframed;                /* the framing is still to be written */
    bool is_replaced;   /* set by a filter's `head` that sends a body of its own, whatever comes */
    uint64_t told_left; /* of `length`, for what comes to the filters */
    struct writer head; /* the response's head, in a pooled block */
    uint8_t head_block_size;
    enum body_kind response_kind;
    uint64_t response_left; /* of BODY_LENGTH */
    bool keep_alive;
    bool continue_sent;

    struct exchange_notes notes; /* the last: its tries are no part of what begins as 0 */
};

/*
 * The next part of the request's body; the slice is valid until the next call. Sends 100 Continue
 * first where the client waits for it. Returns 1, 0 at the end, -EFBIG over body_max, -ETIMEDOUT,
 * -EBADMSG, or the connection's error.
 */
int exchange_read_body(struct exchange *exchange, struct slice *ret_data);

/* The same, and where it can be the bytes are received in `room`, at most `len` of them: *ret_data
 * begins there then, else elsewhere. */
int exchange_receive_body(struct exchange *exchange, char *room, size_t len,
                          struct slice *ret_data);

/* The same without waiting: -EAGAIN too. */
int exchange_try_body(struct exchange *exchange, struct slice *ret_data);

/* The trailer fields of the request, once its body has ended: as inflow_trailers. */
void exchange_trailers(const struct exchange *exchange, struct fields *ret_fields);

/* NULL when it came by plain HTTP. Borrowed for the exchange's time. */
const struct tls_connection *exchange_tls(const struct exchange *exchange);

static inline bool exchange_has_body(const struct exchange *exchange)
{
    return exchange->request.framing.kind != BODY_NONE;
}

/*
 * Begins the response and writes its framing. `length` is the body's, or EXCHANGE_LENGTH_UNKNOWN;
 * for HEAD and 304 it is what the body would have. Write the other fields into the writer that is
 * returned (h1_write_field, h1_write_forwarded), never framing, Connection or X-Request-Id. NULL
 * when memory is used up: the caller just returns. May be called again until bytes have left: what
 * was begun before is forgotten.
 */
#define EXCHANGE_LENGTH_UNKNOWN UINT64_MAX
struct writer *exchange_begin(struct exchange *exchange, unsigned status, struct slice reason,
                              uint64_t length);

/* Date and Server, for responses that Weir itself makes. */
void exchange_write_own_fields(struct writer *head);

/* A whole response with a body from memory, its fields written by exchange_begin's caller: this is
 * begin, own fields, Content-Type and send in one. `reason` (may be NULL) goes to the notes. */
void exchange_respond(struct exchange *exchange, unsigned status, struct slice content_type,
                      struct slice body, const char *reason);

/*
 * Sends a part of the body, and the head before it. With `more` false it is the last part. Waits
 * for the client. Body bytes of a response that has none (HEAD, 304) are dropped. 0, or the error:
 * the caller then stops and returns.
 */
int exchange_send(struct exchange *exchange, struct slice data, bool more);

/* Sends the head at once, without waiting for the body's first bytes. */
int exchange_flush(struct exchange *exchange);

/*
 * Between two parts: the next one may take its time, so filters hold nothing back. Does nothing
 * before the first part has been sent.
 */
int exchange_pause(struct exchange *exchange);

/* Bytes of a file go to the client without being read: nothing looks at them or changes them. */
bool exchange_can_send_file(const struct exchange *exchange);

/* As exchange_send, with `len` bytes of an open file; only for bodies whose length was told. A file
 * that has become shorter is -EPROTO. */
int exchange_send_file(struct exchange *exchange, int file, uint64_t offset, uint64_t len,
                       bool more);

/* The end of the body, with trailer fields (may be none) where its length was not told. */
int exchange_end(struct exchange *exchange, const struct fields *trailers);

/* The body cannot be completed: the client must see a truncation, not a clean end. */
void exchange_break(struct exchange *exchange);

/* Between exchange_begin and the first part: nobody will see this body (filter_ops.replaces). */
bool exchange_will_be_replaced(const struct exchange *exchange);

/* Then this sends what the client gets instead. 0 or an error, as exchange_send. */
int exchange_send_replacement(struct exchange *exchange);

/* As exchange_break, but what filters hold back of it goes out before; and where a filter shows
 * something else in its place, the client gets that whole. */
void exchange_give_up(struct exchange *exchange);

/*
 * After 101, or 2xx to a CONNECT (begun with EXCHANGE_LENGTH_UNKNOWN and flushed): joins the client
 * with a target for good, as relay_start does; then state is to be set to RESPONSE_UPGRADED. 0 or
 * the error, and nothing was taken.
 */
int exchange_relay(struct exchange *exchange, struct io *target, struct inflow *from_target,
                   const struct relay_terms *terms);

/* Is it a call of gRPC? Errors of Weir's own are then told as gRPC tells them. */
static inline bool exchange_is_grpc(const struct exchange *exchange)
{
    return exchange->request.method == METHOD_POST &&
           grpc_is_content_type(fields_value(&exchange->request.fields, FIELD_CONTENT_TYPE));
}

/* The status of a call, for who looks at it later. */
void exchange_note_grpc(struct exchange *exchange, enum grpc_status status);

/* A whole response with a short text body. `reason` goes to the notes. */
void exchange_respond_error(struct exchange *exchange, unsigned status, const char *reason);

/* The same with header fields of its own, each a whole line. */
void exchange_refuse(struct exchange *exchange, unsigned status, const char *reason,
                     struct slice fields);

/* 1xx other than 101, passed on to a client, but not of 1.0, before the final response. */
int exchange_send_interim(struct exchange *exchange, const struct response_head *head);

/* Adds a filter, towards the client behind those already there. Before anything has left. */
void exchange_add_filter(struct exchange *exchange, struct exchange_filter *filter);

/* The same before those already there: next to the action. */
void exchange_add_first_filter(struct exchange *exchange, struct exchange_filter *filter);

/* For a filter's `head`: the length of what the client will get, or EXCHANGE_LENGTH_UNKNOWN. A body
 * that turns out to be whole in its first part is told with its length anyway. */
void exchange_set_length(struct exchange *exchange, uint64_t length);

/* For a filter's `body`: hands a part to the next filter or the client. 0 or the error. */
int exchange_pass(struct exchange_filter *filter, struct exchange *exchange, struct slice data,
                  enum exchange_part part);
