/* A stream on one side, a target's connection on the other; each way holds one block at most. */
#include "http/h2_tunnel.h"

#include "base/cleanup.h"
#include "http/h2_internal.h"

#include <errno.h>

#define TURN_BYTES_MAX 65536

struct h2_tunnel {
    struct stream *stream; /* which owns this */
    struct io io;          /* of the target */
    struct task task;
    struct timer timer;
    struct relay_terms terms;
    struct slice rest; /* of what came from the client: lent by the stream */
    char *block;       /* owned; what came from the target, in stream->h2.out; NULL: nothing */
    bool client_ended, target_ended;
    bool is_paused; /* until the timer fires, which is the idle time-out's else */
    uint64_t to_target_bytes, to_client_bytes;
};

/* Sixteen bytes in base64 (RFC 6455 §4.1). The target's answer to it is not looked at: a target
 * that is not one for WebSockets does not answer 101. */
static void make_key(char ret_key[static 24])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct prng *prng = &worker_current()->prng;
    uint64_t bits = prng_next(prng);
    for (int i = 0; i < 21; i++) {
        if (i == 10)
            bits = prng_next(prng);
        ret_key[i] = digits[bits & 63];
        bits >>= 6;
    }
    memcpy(ret_key + 21, "A==", 3); /* 128 bits: the last digit holds two, here none */
}

int h2_tunnel_ask(struct exchange *exchange, struct stream *stream, struct h1_refusal *ret_refusal)
{
    struct request_head *request = &exchange->request;
    if (request->method != METHOD_CONNECT || !h2_head_wants_websocket(&stream->h2.head)) {
        *ret_refusal = (struct h1_refusal){501, "a protocol that is not websocket"};
        return -EBADMSG;
    }
    struct field *fields = request->fields.at;
    char *key = arena_alloc(&exchange->arena, 24);
    if (key == NULL)
        return -ENOMEM;
    make_key(key);
    _Static_assert(H2_FIELDS_SPARE >= 2, "there is room for two");
    fields[request->fields.count++] =
        (struct field){SLICE("Upgrade"), SLICE("websocket"), FIELD_UPGRADE};
    fields[request->fields.count++] =
        (struct field){SLICE("Sec-WebSocket-Key"), slice_of(key, 24), FIELD_OTHER};
    request->method = METHOD_GET;
    request->method_name = SLICE("GET");
    request->framing = (struct framing){.kind = BODY_NONE};
    request->expects_continue = false;
    request->wants_upgrade = true;
    stream->wants_tunnel = true;
    return 0;
}

static void drop_block(struct h2_tunnel *tunnel)
{
    block_give(tunnel->block, BLOCK_LARGE);
    tunnel->block = NULL;
}

static void destroy(struct h2_tunnel *tunnel, int error)
{
    struct stream *stream = tunnel->stream;
    struct h2_connection *connection = stream->connection;
    const struct relay_result result = {tunnel->to_target_bytes, tunnel->to_client_bytes, error};
    list_remove(&tunnel->task.link);
    timer_cancel(&tunnel->timer);
    if (tunnel->terms.on_end != NULL)
        tunnel->terms.on_end(tunnel->terms.arg, &result);
    if (error < 0 && error != -ETIMEDOUT)
        io_reset(&tunnel->io);
    else
        io_close(&tunnel->io);
    if (!stream->is_closed && h2_is_live(connection) && !stream->h2.is_out) {
        h2_session_reset(connection->engine, &stream->h2, H2_CANCEL);
        h2_queue_turn(connection);
    } else if (!stream->is_closed && h2_is_live(connection) && !stream->h2.has_ended) {
        h2_session_reset(connection->engine, &stream->h2, H2_NO_ERROR);
        h2_queue_turn(connection);
    }
    stream->h2.out = (struct slice){0};
    drop_block(tunnel);
    memory_free(tunnel);
    stream->tunnel = NULL;
    stream_release(stream);
}

/* From the client: 0 when one side is not ready, 1 after a turn's share, or the error. */
static int pump_up(struct h2_tunnel *tunnel)
{
    size_t moved = 0;
    while (moved < TURN_BYTES_MAX && !tunnel->client_ended) {
        if (tunnel->rest.len == 0) {
            int rc = stream_try_body(tunnel->stream, &tunnel->rest);
            if (rc == 0) {
                tunnel->client_ended = true;
                io_shutdown_write(&tunnel->io);
            }
            if (rc <= 0)
                return rc == -EAGAIN ? 0 : rc;
        }
        struct iovec part = {(void *)(uintptr_t)tunnel->rest.at, tunnel->rest.len};
        ssize_t put = io_write(&tunnel->io, &part, 1);
        if (put < 0)
            return put == -EAGAIN ? 0 : (int)put;
        tunnel->rest = slice_from(tunnel->rest, (size_t)put);
        tunnel->to_target_bytes += (uint64_t)put;
        moved += (size_t)put;
    }
    return tunnel->client_ended ? 0 : 1;
}

static int give(struct h2_tunnel *tunnel, struct slice data, bool ends)
{
    struct stream *stream = tunnel->stream;
    struct h2_connection *connection = stream->connection;
    stream->h2.out = data;
    stream->h2.out_ends = ends;
    int rc = h2_session_resume(connection->engine, &stream->h2);
    if (rc == 0) {
        h2_collect(connection);
        h2_queue_turn(connection);
    }
    return rc;
}

/* From the target, the same. */
static int pump_down(struct h2_tunnel *tunnel)
{
    struct stream *stream = tunnel->stream;
    size_t moved = 0;
    while (moved < TURN_BYTES_MAX) {
        if (stream->h2.out.len > 0)
            return 0;
        if (tunnel->target_ended)
            return 0;
        if (tunnel->block == NULL)
            tunnel->block = block_take(BLOCK_LARGE);
        if (tunnel->block == NULL)
            return -ENOMEM;
        ssize_t got = io_read(&tunnel->io, tunnel->block, BLOCK_LARGE_BYTES);
        if (got <= 0)
            drop_block(tunnel);
        if (got < 0)
            return got == -EAGAIN ? 0 : (int)got;
        tunnel->target_ended = got == 0;
        tunnel->to_client_bytes += (uint64_t)got;
        moved += (size_t)got;
        int rc = give(tunnel, slice_of(tunnel->block, (size_t)got), got == 0);
        if (rc < 0)
            return rc;
    }
    return 1;
}

/* As a relay does (relay.c). */
static bool pause(struct h2_tunnel *tunnel, uint64_t bytes)
{
    const struct relay_terms *terms = &tunnel->terms;
    int64_t pause_us = terms->pace == NULL || bytes == 0 ? 0 : terms->pace(terms->arg, bytes);
    if (pause_us <= 0)
        return false;
    tunnel->is_paused = true;
    timer_arm(&tunnel->timer, loop_deadline((pause_us + 999) / 1000));
    return true;
}

static void run_tunnel(struct task *task)
{
    struct h2_tunnel *tunnel = CONTAINER_OF(task, struct h2_tunnel, task);
    struct stream *stream = tunnel->stream;
    bool is_whole = stream->h2.is_out && tunnel->client_ended;
    if (!is_whole && (stream->is_closed || !h2_is_live(stream->connection))) {
        destroy(tunnel, -ECONNRESET);
        return;
    }
    uint64_t before = tunnel->to_target_bytes + tunnel->to_client_bytes;
    if (UNLIKELY(tunnel->is_paused))
        return;
    int down = pump_down(tunnel);
    int up = down < 0 ? down : pump_up(tunnel);
    if (up < 0 || down < 0 || (stream->h2.is_out && tunnel->client_ended)) {
        destroy(tunnel, down < 0 ? down : up < 0 ? up : 0);
        return;
    }
    if (UNLIKELY(pause(tunnel, tunnel->to_target_bytes + tunnel->to_client_bytes - before)))
        return;
    timer_arm(&tunnel->timer, loop_deadline(tunnel->terms.idle_ms));
    if (up == 1 || down == 1)
        task_queue(task);
}

void h2_tunnel_wake(struct h2_tunnel *tunnel)
{
    task_queue(&tunnel->task);
}

static void target_ready(struct io *io)
{
    task_queue(&CONTAINER_OF(io, struct h2_tunnel, io)->task);
}

static void timed_out(struct timer *timer)
{
    struct h2_tunnel *tunnel = CONTAINER_OF(timer, struct h2_tunnel, timer);
    if (!tunnel->is_paused) {
        destroy(tunnel, -ETIMEDOUT);
        return;
    }
    tunnel->is_paused = false;
    task_queue(&tunnel->task);
}

/* What the target sent behind its head goes first. */
static int take_received(struct h2_tunnel *tunnel, struct inflow *inflow)
{
    struct slice bytes = inflow_bytes(inflow);
    if (bytes.len == 0)
        return 0;
    tunnel->block = bytes.len <= BLOCK_LARGE_BYTES ? block_take(BLOCK_LARGE) : NULL;
    if (tunnel->block == NULL)
        return -ENOMEM;
    memcpy(tunnel->block, bytes.at, bytes.len);
    tunnel->to_client_bytes = bytes.len;
    return give(tunnel, slice_of(tunnel->block, bytes.len), false);
}

int h2_tunnel_start(struct stream *stream, struct io *target, struct inflow *from_target,
                    const struct relay_terms *terms)
{
    if (stream->is_closed || !h2_is_live(stream->connection))
        return -ECONNRESET;
    struct h2_tunnel *tunnel = NEW(struct h2_tunnel);
    if (tunnel == NULL)
        return -ENOMEM;
    tunnel->stream = stream;
    tunnel->terms = *terms;
    task_init(&tunnel->task, run_tunnel);
    timer_init(&tunnel->timer, timed_out);
    int rc = take_received(tunnel, from_target);
    if (rc < 0 || stream->is_closed) {
        stream->h2.out = (struct slice){0};
        drop_block(tunnel);
        memory_free(tunnel);
        return rc < 0 ? rc : -ECONNRESET;
    }
    from_target->start = from_target->end;
    stream->tunnel = tunnel;
    io_move(&tunnel->io, target, target_ready);
    task_queue(&tunnel->task);
    return 0;
}
