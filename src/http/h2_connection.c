/*
 * The connection: bytes in to the engine, frames of all its streams out in as few writes as
 * possible. What a turn of the loop brings is collected in a block and leaves at the turn's end.
 */
#include "base/cleanup.h"
#include "http/h2_internal.h"

#include <errno.h>

#define TURN_BYTES_MAX 65536

/* However many streams it has, a connection sends this before others have their turn. */
#define TURN_BYTES_OUT_MAX (2 * TURN_BYTES_MAX)

/* A client that has heard of the coming end may have sent more meanwhile. */
#define DRAIN_NOTICE_MS 1000

/* How long we wait for a client to leave that was told to. */
#define LEAVE_MS 2000

static void end_turn(struct task *task);
static void end_notice(struct timer *timer);

/* Three words, and neither a target nor a version behind the first: each form of a target has one
 * of "/:*", a version its slash. In a true request the search ends where the target begins. */
static bool is_foreign_line(struct slice received)
{
    unsigned blanks = 0;
    for (size_t i = 0; i < received.len; i++) {
        char c = received.at[i];
        if (c == '\n')
            return blanks >= 2;
        if (c == '/' || c == ':' || c == '*')
            return false;
        blanks += c == ' ' ? 1 : 0;
    }
    return false;
}

bool h2_is_meant(struct slice received)
{
    return slice_starts_with(received, SLICE(H2_PREFACE_HEAD)) || is_foreign_line(received);
}

static void destroy(struct h2_connection *connection)
{
    struct session *session = connection->session;
    list_remove(&connection->turn.link);
    timer_cancel(&connection->drain);
    h2_session_destroy(connection->engine);
    block_give(connection->block, BLOCK_LARGE);
    memory_free(connection);
    session->h2 = NULL;
    session_destroy(session);
}

static void hold(struct h2_connection *connection)
{
    connection->holds++;
}

/* What was held may go now. */
static void let_go(struct h2_connection *connection)
{
    connection->holds--;
    if (connection->is_over && connection->holds == 0 && connection->streams_count == 0)
        destroy(connection);
}

void h2_stream_gone(struct h2_connection *connection)
{
    if (connection->is_over && connection->holds == 0 && connection->streams_count == 0)
        destroy(connection);
    else
        h2_queue_turn(connection);
}

/* Nothing goes in or out any more. */
static void end(struct h2_connection *connection)
{
    if (connection->is_over)
        return;
    connection->is_over = true;
    io_close(&connection->session->io);
    timer_cancel(&connection->session->timer);
    timer_cancel(&connection->drain);
    h2_close_streams(connection);
}

void h2_queue_turn(struct h2_connection *connection)
{
    task_queue(&connection->turn);
}

/* Out. */

static void drop_block(struct h2_connection *connection)
{
    block_give(connection->block, BLOCK_LARGE);
    connection->block = NULL;
    connection->start = connection->end = 0;
}

/* Writes what was collected, as far as the kernel takes it: false when there is some left. */
static bool let_out(struct h2_connection *connection)
{
    while (connection->start < connection->end) {
        struct iovec part = {connection->block + connection->start,
                             connection->end - connection->start};
        ssize_t put = io_write(&connection->session->io, &part, 1);
        if (put < 0) {
            if (put != -EAGAIN)
                end(connection);
            return false;
        }
        connection->start += (uint32_t)put;
        connection->turn_bytes += (uint32_t)put;
        connection->moved += (uint64_t)put;
        connection->moved_ms = loop_now_ms();
    }
    connection->start = connection->end = 0;
    return true;
}

static bool take_block(struct h2_connection *connection)
{
    if (connection->block == NULL)
        connection->block = block_take(BLOCK_LARGE);
    return connection->block != NULL;
}

void h2_collect(struct h2_connection *connection)
{
    hold(connection);
    while (h2_is_live(connection) && h2_session_wants_write(connection->engine)) {
        if (!take_block(connection)) {
            end(connection);
            break;
        }
        ptrdiff_t got = h2_session_give(connection->engine, connection->block + connection->end,
                                        BLOCK_LARGE_BYTES - connection->end);
        if (got < 0) {
            end(connection);
            break;
        }
        connection->end += (uint32_t)got;
        if (h2_session_wants_write(connection->engine) &&
            (connection->turn_bytes >= TURN_BYTES_OUT_MAX || !let_out(connection)))
            break;
    }
    connection->holds--;
}

/* In. */

static void take(struct h2_connection *connection, struct slice bytes)
{
    int rc = h2_session_take(connection->engine, bytes, loop_now_ms());
    if (rc == -ENOMEM) {
        end(connection);
        return;
    }
    connection->is_refused |= rc < 0;
    h2_start_streams(connection);
}

/* Its half of the connection has ended: what it has asked for is still answered. */
static void note_end(struct h2_connection *connection)
{
    connection->has_ended = true;
    LIST_FOR_EACH (&connection->streams, link) {
        struct stream *stream = CONTAINER_OF(link, struct stream, link);
        if (stream->reading != NULL)
            fiber_wake(stream->reading);
    }
}

/* Until there is nothing more, or this connection's turn is over. */
static void read_frames(struct h2_connection *connection)
{
    struct io *io = &connection->session->io;
    size_t taken = 0;
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL) {
        end(connection);
        return;
    }
    while (!connection->is_over && taken < TURN_BYTES_MAX) {
        ssize_t got = io_read(io, block, BLOCK_LARGE_BYTES);
        if (got == -EAGAIN)
            break;
        if (got < 0 || (got == 0 && connection->is_leaving)) {
            end(connection);
            break;
        }
        if (got == 0) {
            note_end(connection);
            break;
        }
        taken += (size_t)got;
        if (!connection->is_leaving)
            take(connection, slice_of(block, (size_t)got));
    }
    block_give(block, BLOCK_LARGE);
}

/* Here, or in TLS. */
static bool has_unsent(const struct h2_connection *connection)
{
    const struct io *io = &connection->session->io;
    return connection->start < connection->end ||
           (io->layer != NULL && (io->ready & IO_WRITABLE) == 0);
}

/* No further request is taken, or none will come. */
static bool is_ending(const struct h2_connection *connection)
{
    return h2_is_live(connection) &&
           (connection->has_ended || !h2_session_wants_read(connection->engine));
}

void h2_run(struct session *session)
{
    struct h2_connection *connection = session->h2;
    hold(connection);
    if (!connection->has_ended)
        read_frames(connection);
    if (!connection->is_over && (session->io.ready & IO_READABLE) != 0 && !connection->has_ended)
        task_queue(&session->task);
    h2_queue_turn(connection);
    let_go(connection);
}

void h2_ready(struct session *session)
{
    struct h2_connection *connection = session->h2;
    hold(connection);
    if ((session->io.ready & IO_FAILED) != 0)
        end(connection);
    else if ((session->io.ready & IO_READABLE) != 0 && !connection->has_ended)
        task_queue(&session->task);
    if (connection->start < connection->end || is_ending(connection))
        h2_queue_turn(connection);
    let_go(connection);
}

/* The time that the session's timer stands for, armed when that begins. */
static void await(struct h2_connection *connection, enum h2_wait wait, uint64_t mark,
                  int64_t timeout_ms)
{
    struct timer *timer = &connection->session->timer;
    if (connection->wait == wait && connection->wait_mark == mark)
        return;
    connection->wait = wait;
    connection->wait_mark = mark;
    if (wait == H2_WAIT_NOTHING)
        timer_cancel(timer);
    else
        timer_arm(timer, loop_deadline(timeout_ms));
}

/* Idle it is since its last request, whatever else the client says meanwhile. */
static void await_request(struct h2_connection *connection, int64_t timeout_ms)
{
    if (connection->idle_until_ms == 0 || connection->idle_mark != connection->streams_begun) {
        connection->idle_mark = connection->streams_begun;
        connection->idle_until_ms = loop_deadline(timeout_ms);
    }
    int64_t left_ms = connection->idle_until_ms - loop_now_ms();
    await(connection, H2_WAIT_REQUEST, connection->idle_mark, left_ms > 0 ? left_ms : 0);
}

/* What is awaited of the client now. */
static void await_next(struct h2_connection *connection)
{
    const struct server *server = connection->session->server;
    uint64_t unit = h2_session_unit(connection->engine);
    bool takes_more = h2_session_wants_read(connection->engine);
    if (connection->is_leaving || connection->is_refused ||
        (!takes_more && !has_unsent(connection)))
        await(connection, H2_WAIT_LEAVING, connection->is_leaving, LEAVE_MS);
    else if (!takes_more)
        await(connection, H2_WAIT_LAST, connection->moved, server->idle_timeout_ms);
    else if (unit != 0)
        await(connection, H2_WAIT_HEAD, unit, server->head_timeout_ms);
    else if (connection->start < connection->end)
        await(connection, H2_WAIT_ROOM, connection->moved, server->idle_timeout_ms);
    else if (connection->streams_count == 0)
        await_request(connection, server->idle_timeout_ms);
    else
        await(connection, H2_WAIT_NOTHING, 0, 0);
}

/* Everything was said. The client reads it before a reset could take it away. */
static void leave(struct h2_connection *connection)
{
    h2_close_streams(connection);
    connection->is_leaving = true;
    io_shutdown_write(&connection->session->io);
    if (connection->has_ended)
        end(connection);
}

static bool is_done(const struct h2_connection *connection)
{
    if (connection->is_leaving || has_unsent(connection) ||
        h2_session_wants_write(connection->engine))
        return false;
    return !h2_session_wants_read(connection->engine) ||
           (connection->has_ended && connection->streams_count == 0);
}

static void end_turn(struct task *task)
{
    struct h2_connection *connection = CONTAINER_OF(task, struct h2_connection, turn);
    hold(connection);
    connection->turn_bytes = 0;
    if (!connection->is_over && let_out(connection))
        h2_collect(connection);
    if (!connection->is_over && let_out(connection)) {
        drop_block(connection);
        if (h2_is_live(connection) && h2_session_wants_write(connection->engine))
            h2_queue_turn(connection);
        if (is_done(connection))
            leave(connection);
    }
    if (!connection->is_over)
        await_next(connection);
    let_go(connection);
}

void h2_timed_out(struct session *session)
{
    struct h2_connection *connection = session->h2;
    enum h2_wait wait = connection->wait;
    hold(connection);
    if (wait == H2_WAIT_HEAD) {
        counter_add(&worker_current()->counters.head_timeouts, 1);
        connection->is_refused = true;
    }
    if (wait == H2_WAIT_HEAD || wait == H2_WAIT_REQUEST) {
        h2_session_end(connection->engine, H2_NO_ERROR);
        h2_queue_turn(connection);
    } else {
        end(connection);
    }
    let_go(connection);
}

/* Life. */

static struct h2_connection *create(struct session *session)
{
    struct h2_connection *connection = NEW(struct h2_connection);
    if (connection == NULL)
        return NULL;
    connection->session = session;
    list_init(&connection->streams);
    list_init(&connection->starting);
    task_init(&connection->turn, end_turn);
    timer_init(&connection->drain, end_notice);
    if (h2_session_create(&h2_stream_ops, connection, &worker_current()->h2_pool, loop_now_ms(),
                          &connection->engine) < 0) {
        memory_free(connection);
        return NULL;
    }
    return connection;
}

void h2_begin(struct session *session)
{
    struct h2_connection *connection = create(session);
    if (connection == NULL) {
        counter_add(&worker_current()->counters.sessions_refused, 1);
        session_destroy(session);
        return;
    }
    list_remove(&session->task.link);
    timer_cancel(&session->timer);
    session->state = SESSION_H2;
    session->h2 = connection;
    counter_add(&worker_current()->counters.h2_connections, 1);
    hold(connection);
    struct slice received = inflow_bytes(&session->inflow);
    if (received.len > 0)
        take(connection, received);
    session->inflow.start = session->inflow.end;
    inflow_trim(&session->inflow);
    if (session->is_draining)
        h2_drain(session, false);
    if (!connection->is_over && (session->io.ready & IO_READABLE) != 0)
        task_queue(&session->task);
    h2_queue_turn(connection);
    let_go(connection);
}

static void end_notice(struct timer *timer)
{
    struct h2_connection *connection = CONTAINER_OF(timer, struct h2_connection, drain);
    h2_session_finish(connection->engine, H2_NO_ERROR);
    h2_queue_turn(connection);
}

void h2_drain(struct session *session, bool closes_idle)
{
    struct h2_connection *connection = session->h2;
    if (!h2_is_live(connection))
        return;
    if (closes_idle && connection->streams_count == 0) {
        timer_cancel(&connection->drain);
        h2_session_end(connection->engine, H2_NO_ERROR);
    } else if (!timer_is_armed(&connection->drain)) {
        h2_session_announce_end(connection->engine);
        timer_arm(&connection->drain, loop_deadline(DRAIN_NOTICE_MS));
    }
    h2_queue_turn(connection);
}

void h2_abort(struct session *session)
{
    struct h2_connection *connection = session->h2;
    hold(connection);
    end(connection);
    let_go(connection);
}
