/*
 * One request to a target and its answer, whichever version of HTTP carries them: a connection of
 * HTTP/1 that it has for itself (http/client.h), or a stream of HTTP/2 (http/h2_call.h). Heads of
 * requests are written in the form of HTTP/1 for both.
 *
 * One fiber sends and another one may read at the same time: neither side waits for the other.
 */
#pragma once

#include "base/cleanup.h"
#include "http/client.h"
#include "http/h2_call.h"

struct call {
    struct upstream *connection; /* owned; of HTTP/1 */
    struct h2_call *stream;      /* owned; of HTTP/2. Both NULL: it is not open */
    bool is_chunked;             /* of HTTP/1: how the body's end is told */
};

static inline bool call_is_open(const struct call *call)
{
    return call->connection != NULL || call->stream != NULL;
}

/* On a connection that has carried others before? */
bool call_is_reused(const struct call *call);

/*
 * A way to the target: an idle connection that was used within `only_fresh_ms` (0: any), or a new
 * one; of HTTP/2 a stream of a connection that others may share. With `must_be_new` HTTP/1 takes no
 * idle one. As client_connect; -EBUSY when all streams of HTTP/2 were taken until the deadline.
 */
int call_open(struct call *call, struct client_pool *pool, int64_t only_fresh_ms, bool must_be_new,
              int64_t deadline_ms, const char **ret_why);

/*
 * The request's head, up to its empty line, and the first part of its body. Without `more` it ends
 * with that; a chunked body ends by call_end in any case. `timeout_ms` is the longest time without
 * progress, here and below. 0, -EMSGSIZE, or the error of writing. The head is changed.
 */
int call_begin(struct call *call, struct slice head, const struct framing *framing,
               struct slice data, bool more, int64_t timeout_ms);

/*
 * May call_begin send so much of a body? Else it could wait for a target that wants its response
 * read first; the body is then for another fiber.
 */
static inline bool call_takes(const struct call *call, size_t len)
{
    return LIKELY(call->connection != NULL) || h2_call_takes(call->stream, len);
}

/* The next part, which is the caller's again afterwards. 0 or the error. */
int call_send(struct call *call, struct slice data, bool more, int64_t timeout_ms);

/* The end of a chunked body, with trailers; `trailers` may have no fields. */
int call_end(struct call *call, const struct fields *trailers, int64_t timeout_ms);

/* The request cannot be completed: whoever reads is told of a broken connection. */
void call_break(struct call *call);

/*
 * As client_read_head. Of HTTP/2 the end of a body without a length counts as BODY_CHUNKED.
 * -ENOLINK: the target has not looked at the request (RFC 9113 §8.7), which may be sent again
 * whatever its method is.
 */
static inline int call_read_head(struct call *call, enum http_method method, int64_t deadline_ms,
                                 struct response_head *ret_head, const char **ret_why)
{
    if (LIKELY(call->connection != NULL))
        return client_read_head(call->connection, method, deadline_ms, ret_head, ret_why);
    return h2_call_read_head(call->stream, method, deadline_ms, ret_head, ret_why);
}

/* As inflow_try_body and the others of http/inflow.h. */
static inline int call_try_body(struct call *call, struct slice *ret_data)
{
    if (LIKELY(call->connection != NULL))
        return inflow_try_body(&call->connection->inflow, &call->connection->io, ret_data);
    return h2_call_try_body(call->stream, ret_data);
}

static inline int call_read_body(struct call *call, int64_t timeout_ms, struct slice *ret_data)
{
    if (LIKELY(call->connection != NULL))
        return inflow_read_body(&call->connection->inflow, &call->connection->io, timeout_ms,
                                ret_data);
    return h2_call_read_body(call->stream, timeout_ms, ret_data);
}

static inline bool call_at_last_part(const struct call *call)
{
    if (LIKELY(call->connection != NULL))
        return inflow_at_last_part(&call->connection->inflow);
    return h2_call_at_last_part(call->stream);
}

static inline void call_trailers(const struct call *call, struct fields *ret_fields)
{
    if (LIKELY(call->connection != NULL))
        inflow_trailers(&call->connection->inflow, ret_fields);
    else
        h2_call_trailers(call->stream, ret_fields);
}

/* After a whole request and a whole answer that keeps the connection: others may use it. */
void call_give_back(struct call *call);

/* Ends it, whatever has come of it; of HTTP/2 only the stream. Harmless when it is not open. */
void call_drop(struct call *call);
