/*
 * Connections to targets by HTTP/2: bytes in to the engine, frames of all calls out in as few
 * writes as possible. What a turn of the loop brings is collected in a block and leaves at the
 * turn's end.
 */
#include "http/h2_upstream.h"

#include "base/cleanup.h"
#include "http/tls_io.h"

#include <errno.h>

#define TURN_BYTES_MAX 65536

/* A target that was asked whether it is there answers in this time, or is not. It is asked so
 * seldom because there are servers that count PINGs (gRPC's: one in five minutes). */
#define DOUBT_MS     5000
#define PING_EACH_MS 300000

static void destroy(struct h2_upstream *connection)
{
    list_remove(&connection->link);
    list_remove(&connection->turn.link);
    list_remove(&connection->reading.link);
    timer_cancel(&connection->timer);
    h2_client_destroy(connection->engine);
    block_give(connection->block, BLOCK_LARGE);
    memory_free(connection);
}

/* Nothing goes in or out any more. */
static void end(struct h2_upstream *connection, int error, const char *why)
{
    if (connection->is_over)
        return;
    connection->is_over = true;
    list_remove(&connection->link);
    connection->pool->h2_count--;
    io_close(&connection->io);
    timer_cancel(&connection->timer);
    h2_call_end_all(connection, error, why);
    h2_upstream_wake(connection->pool);
}

void h2_upstream_let_go(struct h2_upstream *connection)
{
    connection->holds--;
    if (connection->is_over && connection->holds == 0)
        destroy(connection);
}

void h2_upstream_queue_turn(struct h2_upstream *connection)
{
    task_queue(&connection->turn);
}

/* Out. */

static void drop_block(struct h2_upstream *connection)
{
    block_give(connection->block, BLOCK_LARGE);
    connection->block = NULL;
    connection->start = connection->end = 0;
}

/* Writes what was collected, as far as the kernel takes it: false when there is some left. */
static bool let_out(struct h2_upstream *connection)
{
    while (connection->start < connection->end) {
        struct iovec part = {connection->block + connection->start,
                             connection->end - connection->start};
        ssize_t put = io_write(&connection->io, &part, 1);
        if (put < 0) {
            /* What it said before it went is still to be read. */
            bool may_have_said = put != -EAGAIN && (connection->io.ready & IO_READABLE) != 0 &&
                                 !connection->has_ended;
            if (may_have_said)
                task_queue(&connection->reading);
            else if (put != -EAGAIN)
                end(connection, (int)put, NULL);
            return false;
        }
        connection->start += (uint32_t)put;
        connection->moved_ms = loop_now_ms();
    }
    connection->start = connection->end = 0;
    return true;
}

void h2_upstream_collect(struct h2_upstream *connection)
{
    h2_upstream_hold(connection);
    while (!connection->is_over && h2_client_wants_write(connection->engine)) {
        if (connection->block == NULL)
            connection->block = block_take(BLOCK_LARGE);
        ptrdiff_t got = -ENOMEM;
        if (connection->block != NULL)
            got = h2_client_give(connection->engine, connection->block + connection->end,
                                 BLOCK_LARGE_BYTES - connection->end);
        if (got < 0) {
            end(connection, (int)got, NULL);
            break;
        }
        connection->end += (uint32_t)got;
        if (h2_client_wants_write(connection->engine) && !let_out(connection))
            break;
    }
    connection->holds--;
}

/* In. */

/* All was said that can be: after a GOAWAY of either side. */
static bool is_done(const struct h2_upstream *connection)
{
    return connection->start == connection->end && !h2_client_wants_write(connection->engine) &&
           (!h2_client_wants_read(connection->engine) ||
            (connection->calls_count == 0 && h2_client_requests_max(connection->engine) == 0));
}

static void await_next(struct h2_upstream *connection)
{
    if (connection->calls_count > 0 && !connection->is_doubted)
        timer_cancel(&connection->timer);
    else if (!timer_is_armed(&connection->timer))
        timer_arm(&connection->timer, loop_deadline(CLIENT_IDLE_MS_MAX));
}

static void end_turn(struct task *task)
{
    struct h2_upstream *connection = CONTAINER_OF(task, struct h2_upstream, turn);
    h2_upstream_hold(connection);
    if (!connection->is_over && let_out(connection))
        h2_upstream_collect(connection);
    if (!connection->is_over && let_out(connection)) {
        drop_block(connection);
        if (is_done(connection))
            end(connection, connection->why == NULL ? -ECONNRESET : -EBADMSG, connection->why);
    }
    if (!connection->is_over)
        await_next(connection);
    h2_upstream_let_go(connection);
}

static void take(struct h2_upstream *connection, struct slice bytes)
{
    const char *why = NULL;
    connection->heard_ms = loop_now_ms();
    if (connection->is_doubted) {
        connection->is_doubted = false;
        timer_cancel(&connection->timer);
        h2_upstream_wake(connection->pool);
    }
    int rc = h2_client_take(connection->engine, bytes, loop_now_ms(), &why);
    if (why != NULL)
        connection->why = why;
    if (rc == 0)
        return;
    if (rc == -EPROTO) { /* the target is told why, as far as it takes it */
        h2_upstream_collect(connection);
        if (!connection->is_over)
            (void)let_out(connection);
    }
    end(connection, rc == -EPROTO ? -EBADMSG : rc, connection->why);
}

/* Until there is nothing more, or this connection's turn is over. */
static void read_frames(struct h2_upstream *connection)
{
    size_t taken = 0;
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL) {
        end(connection, -ENOMEM, NULL);
        return;
    }
    while (!connection->is_over && taken < TURN_BYTES_MAX) {
        ssize_t got = io_read(&connection->io, block, BLOCK_LARGE_BYTES);
        if (got == -EAGAIN)
            break;
        if (got <= 0) {
            connection->has_ended = true;
            end(connection, got == 0 ? -ECONNRESET : (int)got, connection->why);
            break;
        }
        taken += (size_t)got;
        take(connection, slice_of(block, (size_t)got));
    }
    block_give(block, BLOCK_LARGE);
}

static void read_turn(struct task *task)
{
    struct h2_upstream *connection = CONTAINER_OF(task, struct h2_upstream, reading);
    h2_upstream_hold(connection);
    if (!connection->is_over)
        read_frames(connection);
    if (!connection->is_over && (connection->io.ready & IO_READABLE) != 0)
        task_queue(&connection->reading);
    if (!connection->is_over)
        h2_upstream_queue_turn(connection);
    h2_upstream_let_go(connection);
}

static void target_ready(struct io *io)
{
    struct h2_upstream *connection = CONTAINER_OF(io, struct h2_upstream, io);
    if ((io->ready & (IO_READABLE | IO_FAILED | IO_PEER_DONE)) != 0)
        task_queue(&connection->reading);
    if (connection->start < connection->end)
        h2_upstream_queue_turn(connection);
}

/* Idle for too long, or not there. */
static void waited_enough(struct timer *timer)
{
    struct h2_upstream *connection = CONTAINER_OF(timer, struct h2_upstream, timer);
    h2_upstream_hold(connection);
    if (connection->is_doubted) {
        end(connection, -ECONNRESET, "the target stopped answering");
    } else if (connection->calls_count == 0) {
        h2_client_end(connection->engine, H2_NO_ERROR);
        h2_upstream_queue_turn(connection);
    }
    h2_upstream_let_go(connection);
}

void h2_upstream_doubt(struct h2_upstream *connection)
{
    int64_t now_ms = loop_now_ms();
    if (connection->is_over || connection->is_doubted || now_ms - connection->heard_ms < DOUBT_MS)
        return;
    if (now_ms - connection->pinged_ms < PING_EACH_MS)
        return;
    connection->pinged_ms = now_ms;
    connection->is_doubted = true;
    h2_client_ping(connection->engine);
    timer_arm(&connection->timer, loop_deadline(DOUBT_MS));
    h2_upstream_queue_turn(connection);
}

/* Life. */

static int begin(struct client_pool *pool, struct io *io)
{
    struct h2_upstream *connection = NEW(struct h2_upstream);
    if (connection == NULL)
        return -ENOMEM;
    connection->pool = pool;
    list_init(&connection->calls);
    task_init(&connection->turn, end_turn);
    task_init(&connection->reading, read_turn);
    timer_init(&connection->timer, waited_enough);
    connection->heard_ms = connection->moved_ms = loop_now_ms();
    connection->pinged_ms = INT64_MIN / 2;
    int rc = h2_client_create(&h2_call_ops, connection, &worker_current()->h2_pool, loop_now_ms(),
                              &connection->engine);
    if (rc < 0) {
        memory_free(connection);
        return rc;
    }
    io_move(&connection->io, io, target_ready);
    list_append(&pool->h2, &connection->link);
    pool->h2_count++;
    /* Our SETTINGS go with the first request; what the target has said already is read. */
    task_queue(&connection->reading);
    h2_upstream_queue_turn(connection);
    return 0;
}

int h2_upstream_connect(struct client_pool *pool, int64_t deadline_ms, const char **ret_why)
{
    struct upstream *upstream = NULL;
    const char *why = NULL;
    pool->is_connecting = true;
    int rc = client_connect(pool, deadline_ms, &upstream, &why);
    pool->is_connecting = false;
    if (rc == 0 && pool->tls != NULL && !tls_connection_is_h2(tls_io_connection(&upstream->io))) {
        why = "the target does not speak HTTP/2";
        rc = -EPROTO;
    }
    if (rc == 0)
        rc = begin(pool, &upstream->io);
    client_drop(upstream);
    if (ret_why != NULL)
        *ret_why = why;
    return rc;
}

static bool has_room(const struct h2_upstream *connection)
{
    return !connection->is_over && !connection->is_doubted &&
           connection->calls_count < h2_client_requests_max(connection->engine);
}

struct h2_upstream *h2_upstream_with_room(struct client_pool *pool)
{
    LIST_FOR_EACH (&pool->h2, link) {
        struct h2_upstream *connection = CONTAINER_OF(link, struct h2_upstream, link);
        if (has_room(connection))
            return connection;
    }
    return NULL;
}

bool h2_upstream_is_awaited(struct client_pool *pool)
{
    LIST_FOR_EACH (&pool->h2, link) {
        const struct h2_upstream *connection = CONTAINER_OF(link, struct h2_upstream, link);
        if (!connection->is_doubted && !h2_client_is_greeted(connection->engine))
            return true;
    }
    return false;
}

void h2_upstream_leave(struct h2_upstream *connection)
{
    connection->calls_count--;
    h2_upstream_wake(connection->pool);
    h2_upstream_queue_turn(connection);
}

void h2_upstream_close_all(struct client_pool *pool)
{
    while (!list_is_empty(&pool->h2)) {
        struct h2_upstream *connection = CONTAINER_OF(pool->h2.next, struct h2_upstream, link);
        h2_upstream_hold(connection);
        h2_client_end(connection->engine, H2_NO_ERROR);
        h2_upstream_collect(connection);
        if (!connection->is_over)
            (void)let_out(connection);
        end(connection, -ECONNRESET, NULL);
        h2_upstream_let_go(connection);
    }
}
