/* Streams: requests as their heads and bodies come in, each with its fiber. */
#include "base/cleanup.h"
#include "http/exchange_ops.h"
#include "http/h2_internal.h"
#include "http/h2_tunnel.h"
#include "http/trust.h"

#include <assert.h>
#include <errno.h>

/* Fibers of streams that were reset may still be ending; so many run besides what clients may
 * open. */
#define STREAMS_COUNT_MAX (2 * H2_STREAMS_MAX)

/* How long the rest of a request that was answered already may come. */
#define SKIP_MS 2000

static void destroy(struct stream *stream)
{
    struct h2_connection *connection = stream->connection;
    size_t unused = h2_inbox_drop(&stream->inbox);
    /* What nobody has looked at is not to narrow the connection's window. */
    if (unused > 0 && h2_is_live(connection))
        h2_session_consume(connection->engine, NULL, unused);
    list_remove(&stream->link);
    list_remove(&stream->starting);
    block_give(stream->head_block, BLOCK_LARGE);
    block_give((char *)stream, BLOCK_SMALL);
    connection->streams_count--;
    h2_stream_gone(connection);
}

void stream_release(struct stream *stream)
{
    if (stream->is_closed && stream->fiber == NULL && stream->tunnel == NULL)
        destroy(stream);
}

/* The request. */

static void run(void *arg);

static struct h2_stream *open_stream(void *owner)
{
    struct h2_connection *connection = owner;
    char *block = NULL;
    if (connection->streams_count < STREAMS_COUNT_MAX)
        block = block_take(BLOCK_SMALL);
    if (block == NULL) {
        counter_add(&worker_current()->counters.h2_streams_refused, 1);
        return NULL;
    }
    struct stream *stream = (struct stream *)block;
    /* All but the lines of the head, which are written before they are read. */
    memset(&stream->h2, 0, offsetof(struct h2_stream, head));
    memset((char *)stream + sizeof stream->h2, 0, sizeof *stream - sizeof stream->h2);
    h2_head_init(&stream->h2.head, stream->head, BLOCK_SMALL_BYTES - sizeof *stream);
    stream->connection = connection;
    list_init(&stream->starting);
    list_append(&connection->streams, &stream->link);
    connection->streams_count++;
    connection->streams_begun++;
    return &stream->h2;
}

static int extend_head(void *owner, struct h2_stream *h2)
{
    struct stream *stream = stream_of(h2);
    (void)owner;
    if (stream->head_block == NULL)
        stream->head_block = block_take(BLOCK_LARGE);
    else
        return -ENOMEM; /* it cannot need more */
    if (stream->head_block == NULL)
        return -ENOMEM;
    h2_head_extend(&h2->head, stream->head_block, BLOCK_LARGE_BYTES);
    return 0;
}

static void begin_request(void *owner, struct h2_stream *h2)
{
    struct h2_connection *connection = owner;
    list_append(&connection->starting, &stream_of(h2)->starting);
}

void h2_start_streams(struct h2_connection *connection)
{
    while (!list_is_empty(&connection->starting)) {
        struct stream *stream = CONTAINER_OF(connection->starting.next, struct stream, starting);
        list_remove(&stream->starting);
        if (fiber_start(run, stream, &stream->fiber) < 0) {
            counter_add(&worker_current()->counters.h2_streams_refused, 1);
            h2_session_reset(connection->engine, &stream->h2, H2_REFUSED_STREAM);
        }
    }
}

/* The body. */

static void wake_reader(struct stream *stream)
{
    if (stream->reading != NULL)
        fiber_wake(stream->reading);
    if (stream->tunnel != NULL)
        h2_tunnel_wake(stream->tunnel);
}

static int take_data(void *owner, struct h2_stream *h2, struct slice bytes)
{
    struct stream *stream = stream_of(h2);
    (void)owner;
    int rc = h2_inbox_append(&stream->inbox, bytes);
    wake_reader(stream);
    return rc;
}

static void end_request(void *owner, struct h2_stream *h2)
{
    (void)owner;
    wake_reader(stream_of(h2));
}

/* What a handler has looked at: the client may send as much again, or more where it is much. */
static void use_up(struct stream *stream)
{
    struct h2_connection *connection = stream->connection;
    size_t len = h2_inbox_use_up(&stream->inbox);
    if (len == 0 || !h2_is_live(connection))
        return;
    bool was_narrow = stream->used < H2_STREAM_WINDOW_BYTES / 2;
    stream->used += len;
    h2_session_consume(connection->engine, stream->is_closed ? NULL : &stream->h2, len);
    if (was_narrow && stream->used >= H2_STREAM_WINDOW_BYTES / 2 && !stream->is_closed &&
        !stream->h2.has_ended)
        h2_session_widen(connection->engine, &stream->h2);
    h2_queue_turn(connection);
}

int stream_try_body(struct stream *stream, struct slice *ret_data)
{
    use_up(stream);
    if (h2_inbox_lend(&stream->inbox, ret_data))
        return 1;
    if (stream->h2.has_ended)
        return 0;
    return stream->is_closed || stream->connection->has_ended ? -ECONNRESET : -EAGAIN;
}

/* The response. */

static void note_given(void *owner, struct h2_stream *h2)
{
    struct stream *stream = stream_of(h2);
    (void)owner;
    if (stream->writing != NULL)
        fiber_wake(stream->writing);
    if (stream->tunnel != NULL)
        h2_tunnel_wake(stream->tunnel);
}

/* The end. */

/* The engine has forgotten it, or is not asked any more. */
static void close(struct stream *stream)
{
    stream->is_closed = true;
    list_remove(&stream->starting);
    if (stream->fiber != NULL && !stream->h2.is_out)
        fiber_cancel(stream->fiber);
    wake_reader(stream);
    note_given(stream->connection, &stream->h2);
    stream_release(stream);
}

static void close_stream(void *owner, struct h2_stream *h2, uint32_t error)
{
    (void)owner;
    if (error != H2_NO_ERROR && !h2->is_out)
        counter_add(&worker_current()->counters.h2_streams_reset, 1);
    close(stream_of(h2));
}

void h2_close_streams(struct h2_connection *connection)
{
    connection->holds++;
    LIST_FOR_EACH (&connection->streams, link) {
        struct stream *stream = CONTAINER_OF(link, struct stream, link);
        if (!stream->is_closed)
            close(stream);
    }
    connection->holds--;
}

static void note_failure(void *owner, uint32_t error)
{
    struct worker_counters *counters = &worker_current()->counters;
    (void)owner;
    counter_add(error == H2_ENHANCE_YOUR_CALM ? &counters->h2_floods : &counters->h2_violations, 1);
}

const struct h2_session_ops h2_stream_ops = {
    .open = open_stream,
    .extend = extend_head,
    .request = begin_request,
    .data = take_data,
    .end = end_request,
    .given = note_given,
    .close = close_stream,
    .fail = note_failure,
};

/* The fiber. */

/* A body that is here as a whole is told with its length. */
static void settle_framing(const struct stream *stream, struct framing *framing)
{
    const struct h2_head *head = &stream->h2.head;
    if (!stream->h2.has_ended || framing->kind != BODY_CHUNKED || head->count > head->head_count)
        return;
    framing->has_content_length = stream->inbox.len > 0;
    framing->content_length = stream->inbox.len;
    framing->kind = stream->inbox.len > 0 ? BODY_LENGTH : BODY_NONE;
}

static int read_request(struct exchange *exchange, struct stream *stream)
{
    struct h1_refusal refusal = {0};
    bool has_no_body = stream->h2.has_ended && stream->inbox.len == 0 &&
                       stream->h2.head.count == stream->h2.head.head_count;
    int rc = h2_head_parse(&stream->h2.head, &exchange->arena, has_no_body, &exchange->request,
                           &refusal);
    if (rc == 0)
        settle_framing(stream, &exchange->request.framing);
    if (rc == 0 && UNLIKELY(stream->h2.head.pseudo[H2_PROTOCOL].at != NULL))
        rc = h2_tunnel_ask(exchange, stream, &refusal);
    if (rc == 0)
        rc = exchange_normalise(exchange, &refusal);
    if (rc == 0) {
        if (UNLIKELY(exchange->server->trusted_count > 0))
            trust_apply(exchange);
        return 0;
    }
    if (rc == -ENOMEM)
        refusal = (struct h1_refusal){503, "out of memory for this request"};
    exchange_refuse_request(exchange, refusal.status, refusal.text);
    return -EBADMSG;
}

/* There are clients that lose an answer for which a reset comes at once. */
static void skip_body(struct exchange *exchange, struct stream *stream)
{
    const struct framing *framing = &exchange->request.framing;
    int64_t deadline_ms = loop_deadline(SKIP_MS);
    size_t skipped = 0;
    struct slice data;
    int rc =
        framing->kind == BODY_LENGTH && framing->content_length > SESSION_SKIP_BYTES_MAX ? 0 : 1;
    while (rc == 1 && skipped < SESSION_SKIP_BYTES_MAX && loop_now_ms() < deadline_ms) {
        exchange->timeout_idle_ms = deadline_ms - loop_now_ms();
        rc = stream_try_body(stream, &data);
        skipped += rc == 1 ? data.len : 0;
        if (rc == -EAGAIN)
            rc = exchange->ops->await_body(exchange) < 0 ? 0 : 1;
    }
}

/* What is left of the request is not wanted (RFC 9113 §8.1), or the response broke off. */
static void end_stream(struct exchange *exchange, struct stream *stream)
{
    struct h2_connection *connection = stream->connection;
    bool is_whole = exchange->state == RESPONSE_COMPLETE;
    if (exchange->state == RESPONSE_UPGRADED)
        return;
    if (is_whole && !stream->h2.has_ended && !stream->is_closed)
        skip_body(exchange, stream);
    if (stream->is_closed || !h2_is_live(connection) || (is_whole && stream->h2.has_ended))
        return;
    h2_session_reset(connection->engine, &stream->h2, is_whole ? H2_NO_ERROR : H2_INTERNAL_ERROR);
    h2_queue_turn(connection);
}

static void run(void *arg)
{
    struct stream *stream = arg;
    UNINITIALISED struct exchange exchange;
    _Alignas(16) UNINITIALISED char memory[EXCHANGE_ARENA_BYTES];
    exchange_open(&exchange, stream->connection->session, &exchange_h2, memory);
    exchange.stream = stream;
    if (read_request(&exchange, stream) == 0)
        exchange.server->handle(&exchange);
    exchange_settle(&exchange);
    exchange_log(&exchange);
    end_stream(&exchange, stream);
    exchange_close(&exchange);
    stream->fiber = NULL;
    stream_release(stream);
}
