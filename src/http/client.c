/* Taking, making and keeping connections to targets. */
#include "http/client.h"

#include "base/cleanup.h"
#include "http/h2_upstream.h"
#include "http/tls_io.h"

#include <errno.h>

void client_pool_init(struct client_pool *pool, const struct address *address,
                      const struct address *other, unsigned idle_max)
{
    *pool = (struct client_pool){.idle_max = idle_max, .address = *address, .other = *other};
    list_init(&pool->idle);
    list_init(&pool->h2);
    list_init(&pool->h2_waiting);
}

static void leave_pool(struct upstream *upstream)
{
    if (list_is_empty(&upstream->link))
        return;
    list_remove(&upstream->link);
    upstream->pool->idle_count--;
}

void client_drop(struct upstream *upstream)
{
    if (upstream == NULL)
        return;
    leave_pool(upstream);
    timer_cancel(&upstream->timer);
    inflow_finish(&upstream->inflow);
    io_close(&upstream->io);
    memory_free(upstream);
}

void client_pool_finish(struct client_pool *pool)
{
    while (!list_is_empty(&pool->idle))
        client_drop(CONTAINER_OF(pool->idle.next, struct upstream, link));
    h2_upstream_close_all(pool);
}

static bool is_idle(const struct upstream *upstream)
{
    return !list_is_empty(&upstream->link);
}

/* An idle connection that says something, or ends, is of no more use. */
static void upstream_ready(struct io *io)
{
    struct upstream *upstream = CONTAINER_OF(io, struct upstream, io);
    if (is_idle(upstream) && !tls_io_is_quiet(io))
        client_drop(upstream);
}

/* The timer stays armed while a request has the connection: it is moved on when that gives it back.
 */
static void idle_too_long(struct timer *timer)
{
    struct upstream *upstream = CONTAINER_OF(timer, struct upstream, timer);
    if (is_idle(upstream))
        client_drop(upstream);
}

struct upstream *client_take_idle(struct client_pool *pool, int64_t only_fresh_ms)
{
    if (list_is_empty(&pool->idle))
        return NULL;
    struct upstream *upstream = CONTAINER_OF(pool->idle.next, struct upstream, link);
    if (only_fresh_ms > 0 && loop_now_ms() - upstream->idle_since_ms > only_fresh_ms)
        return NULL;
    leave_pool(upstream);
    upstream->is_reused = true;
    counter_add(&worker_current()->counters.upstream_reuses, 1);
    return upstream;
}

static int connect_either(struct upstream *upstream, const struct client_pool *pool,
                          int64_t deadline_ms)
{
    io_init(&upstream->io, upstream_ready);
    int rc = io_connect_wait(&upstream->io, &pool->address, deadline_ms);
    if (rc != -ECONNREFUSED || pool->other.len == 0)
        return rc;
    io_init(&upstream->io, upstream_ready);
    rc = io_connect_wait(&upstream->io, &pool->other, deadline_ms);
    return rc == 0 ? 0 : -ECONNREFUSED;
}

static int connect_by_tls(struct upstream *upstream, const struct client_pool *pool,
                          int64_t deadline_ms, const char **ret_why)
{
    int rc = connect_either(upstream, pool, deadline_ms);
    if (rc < 0 || pool->tls == NULL)
        return rc;
    const char *why = NULL;
    rc = tls_io_connect(&upstream->io, pool->tls, pool->host);
    if (rc == 0)
        rc = tls_io_handshake_wait(&upstream->io, deadline_ms, &why);
    if (ret_why != NULL)
        *ret_why = why;
    if (rc < 0)
        io_close(&upstream->io);
    return rc;
}

static struct upstream *create(struct client_pool *pool)
{
    struct upstream *upstream = memory_alloc_raw(sizeof *upstream);
    if (upstream == NULL)
        return NULL;
    *upstream = (struct upstream){.pool = pool};
    list_init(&upstream->link);
    timer_init(&upstream->timer, idle_too_long);
    inflow_init(&upstream->inflow, BLOCK_LARGE);
    counter_add(&worker_current()->counters.upstream_connects, 1);
    return upstream;
}

int client_adopt(struct client_pool *pool, struct io *io, struct upstream **ret_upstream)
{
    struct upstream *upstream = create(pool);
    if (upstream == NULL)
        return -ENOMEM;
    io_move(&upstream->io, io, upstream_ready);
    *ret_upstream = upstream;
    return 0;
}

int client_connect(struct client_pool *pool, int64_t deadline_ms, struct upstream **ret_upstream,
                   const char **ret_why)
{
    struct upstream *upstream = create(pool);
    if (upstream == NULL)
        return -ENOMEM;
    int rc = connect_by_tls(upstream, pool, deadline_ms, ret_why);
    if (rc < 0) {
        memory_free(upstream);
        return rc;
    }
    *ret_upstream = upstream;
    return 0;
}

void client_give_back(struct upstream *upstream)
{
    struct client_pool *pool = upstream->pool;
    bool is_clean = inflow_is_empty(&upstream->inflow) && io_is_open(&upstream->io) &&
                    (upstream->io.ready & IO_PEER_DONE) == 0 && tls_io_is_quiet(&upstream->io);
    if (!is_clean || pool->idle_count >= pool->idle_max) {
        client_drop(upstream);
        return;
    }
    inflow_trim(&upstream->inflow);
    upstream->idle_since_ms = loop_now_ms();
    list_prepend(&pool->idle, &upstream->link);
    pool->idle_count++;
    timer_arm(&upstream->timer, loop_deadline(CLIENT_IDLE_MS_MAX));
}

/* Receives until a head is complete: its length, or an error. */
static int receive_head(struct upstream *upstream, int64_t deadline_ms,
                        struct h1_refusal *ret_refusal)
{
    struct inflow *inflow = &upstream->inflow;
    for (;;) {
        int rc = inflow_is_empty(inflow) ? 0 : inflow_scan_head(inflow, ret_refusal);
        if (rc != 0)
            return rc;
        if ((upstream->io.ready & IO_READABLE) == 0) {
            rc = io_wait(&upstream->io, IO_READABLE, deadline_ms);
            if (rc < 0)
                return rc;
        }
        ssize_t got = inflow_fill(inflow, &upstream->io);
        bool is_first = inflow_is_empty(inflow);
        *ret_refusal = (struct h1_refusal){502, "the target cut its response's head short"};
        if (got == 0)
            return is_first ? -ECONNRESET : -EBADMSG;
        if (got == -EAGAIN)
            inflow_trim(inflow);
        else if (got < 0)
            return is_first && got == -EPIPE ? -ECONNRESET : (int)got;
    }
}

int client_read_head(struct upstream *upstream, enum http_method method, int64_t deadline_ms,
                     struct response_head *ret_head, const char **ret_why)
{
    struct inflow *inflow = &upstream->inflow;
    struct h1_refusal refusal = {0};
    int len = receive_head(upstream, deadline_ms, &refusal);
    *ret_why = refusal.text;
    if (len < 0)
        return len;
    struct slice head = slice_first(inflow_bytes(inflow), (size_t)len);
    int rc = h1_parse_response(head, method, ret_head, &refusal);
    *ret_why = refusal.text;
    if (rc < 0)
        return rc;
    inflow_begin_body(inflow, head.len, &ret_head->framing);
    return 0;
}
