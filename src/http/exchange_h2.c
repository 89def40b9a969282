/* An exchange over a stream of HTTP/2. */
#include "base/cleanup.h"
#include "http/exchange_ops.h"
#include "http/h2_internal.h"
#include "http/h2_tunnel.h"

#include <errno.h>

/* In the time of a time-out a client takes so much at least, or all that is left of a part. */
#define PROGRESS_BYTES_MIN 1024

/* With a few connections a client can have answered what takes all of the budget for blocks, and
 * take nothing of it. While blocks are scarce an answer may stand still for this long. */
#define STILL_MS 1000

static int try_body(struct exchange *exchange, struct slice *ret_data)
{
    return stream_try_body(exchange->stream, ret_data);
}

static bool has_news(const struct stream *stream)
{
    return stream->inbox.len > 0 || stream->h2.has_ended || stream->is_closed ||
           stream->connection->has_ended;
}

static int await_body(struct exchange *exchange)
{
    struct stream *stream = exchange->stream;
    int64_t deadline_ms = loop_deadline(exchange->timeout_idle_ms);
    while (!has_news(stream)) {
        stream->reading = fiber_current();
        int rc = fiber_wait(deadline_ms);
        stream->reading = NULL;
        if (rc < 0 && !has_news(stream))
            return rc;
    }
    return 0;
}

static void trailers(const struct exchange *exchange, struct fields *ret_fields)
{
    const struct stream *stream = exchange->stream;
    *ret_fields = (struct fields){worker_current()->fields, 0, HTTP_FIELDS_MAX};
    h2_head_trailers(&stream->h2.head, ret_fields);
}

/* The stream's end tells it. */
static enum body_kind frame_open(struct exchange *exchange)
{
    (void)exchange;
    return BODY_CHUNKED;
}

/* What is about the connection is told by frames. */
static void write_connection(struct exchange *exchange, unsigned status)
{
    (void)exchange;
    (void)status;
}

static bool is_usable(const struct stream *stream)
{
    return !stream->is_closed && h2_is_live(stream->connection);
}

static int send_interim(struct exchange *exchange, struct slice head)
{
    struct stream *stream = exchange->stream;
    struct h2_connection *connection = stream->connection;
    if (!is_usable(stream))
        return -ECONNRESET;
    int rc = h2_session_respond_interim(connection->engine, &stream->h2, head);
    h2_queue_turn(connection);
    return rc;
}

static bool is_given(const struct stream *stream)
{
    const struct h2_stream *h2 = &stream->h2;
    return h2->heads_left == 0 && h2->out.len == 0 && (!h2->out_ends || h2->is_out);
}

/* Because of the client: it keeps its windows closed, or reads nothing at all. */
static bool stands_still(const struct stream *stream)
{
    const struct h2_connection *connection = stream->connection;
    return h2_session_is_stalled(connection->engine, &stream->h2) ||
           loop_now_ms() - connection->moved_ms >= STILL_MS;
}

/* Waits for the client's windows and the connection's own room. */
static int await_given(struct exchange *exchange, struct stream *stream)
{
    int64_t timeout_ms = exchange->timeout_idle_ms;
    struct h2_connection *connection = stream->connection;
    int64_t deadline_ms = loop_deadline(timeout_ms);
    size_t left = stream->h2.out.len;
    for (;;) {
        int64_t look_ms = loop_deadline(STILL_MS);
        if (stream->h2.heads_left == 0)
            exchange_free_head(exchange);
        stream->writing = fiber_current();
        int rc = fiber_wait(look_ms < deadline_ms ? look_ms : deadline_ms);
        stream->writing = NULL;
        if (is_given(stream))
            return 0;
        if (rc == -ECANCELED || !is_usable(stream))
            return rc < 0 ? rc : -ECONNRESET;
        if (left - stream->h2.out.len >= PROGRESS_BYTES_MIN) {
            left = stream->h2.out.len;
            deadline_ms = loop_deadline(timeout_ms);
        } else if (rc == -ETIMEDOUT && blocks_are_scarce() && stands_still(stream)) {
            return -ENOBUFS;
        } else if (rc == -ETIMEDOUT && loop_now_ms() >= deadline_ms) {
            /* Others of the connection may have had their turn before. */
            bool is_busy = loop_now_ms() - connection->moved_ms < timeout_ms;
            if (!is_busy || h2_session_is_stalled(connection->engine, &stream->h2))
                return rc;
            deadline_ms = loop_deadline(timeout_ms);
        }
    }
}

/* What was borrowed of us must not be looked at again. */
static void forget(struct stream *stream, int rc)
{
    if (is_usable(stream))
        h2_session_reset(stream->connection->engine, &stream->h2,
                         rc == -ETIMEDOUT || rc == -ECANCELED ? H2_CANCEL
                         : rc == -ENOBUFS                     ? H2_ENHANCE_YOUR_CALM
                                                              : H2_INTERNAL_ERROR);
    stream->h2.out = (struct slice){0};
    stream->h2.trailers = NULL;
}

static int give(struct exchange *exchange, struct slice data, bool more,
                const struct fields *fields)
{
    struct stream *stream = exchange->stream;
    struct h2_connection *connection = stream->connection;
    if (!is_usable(stream))
        return -ECONNRESET;
    /* To an extended CONNECT it would say that there is a tunnel. */
    if (UNLIKELY(stream->wants_tunnel) && exchange->status / 100 == 2) {
        forget(stream, -EPROTO);
        return -EPROTO;
    }
    stream->h2.out = data;
    stream->h2.out_ends = !more;
    stream->h2.trailers = fields;
    int rc = exchange_has_head(exchange) ? h2_session_respond(connection->engine, &stream->h2,
                                                              writer_slice(&exchange->head))
                                         : h2_session_resume(connection->engine, &stream->h2);
    if (rc == 0) {
        h2_collect(connection);
        h2_queue_turn(connection);
        rc = is_given(stream) ? 0 : await_given(exchange, stream);
    }
    if (rc < 0)
        forget(stream, rc);
    return rc;
}

static int send_part(struct exchange *exchange, struct slice data, bool more)
{
    if (data.len == 0 && more && !exchange_has_head(exchange))
        return 0;
    return give(exchange, data, more, NULL);
}

static int send_trailers(struct exchange *exchange, const struct fields *fields)
{
    return give(exchange, (struct slice){0}, false, fields);
}

static int relay(struct exchange *exchange, struct io *target, struct inflow *from_target,
                 const struct relay_terms *terms)
{
    return h2_tunnel_start(exchange->stream, target, from_target, terms);
}

const struct exchange_ops exchange_h2 = {
    .try_body = try_body,
    .await_body = await_body,
    .trailers = trailers,
    .frame_open = frame_open,
    .write_connection = write_connection,
    .send_interim = send_interim,
    .send = send_part,
    .send_trailers = send_trailers,
    .relay = relay,
};
