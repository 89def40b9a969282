/* Calls: requests as their frames are made, and responses as they come in. */
#include "http/h2_call.h"

#include "base/cleanup.h"
#include "http/h2_upstream.h"

#include <errno.h>

/* In the time of a time-out a target takes so much at least, or all that is left of a part. */
#define PROGRESS_BYTES_MIN 1024

/* Finding a stream. */

struct waiting {
    struct list link; /* in its pool's */
    struct fiber *fiber;
    int error; /* of the connection that it waited for */
    const char *why;
};

void h2_upstream_wake(struct client_pool *pool)
{
    LIST_FOR_EACH (&pool->h2_waiting, link)
        fiber_wake(CONTAINER_OF(link, struct waiting, link)->fiber);
}

/* All who wait for the same connection fail with it, but for one reason: the one who made it left.
 */
static void tell_failure(struct client_pool *pool, int error, const char *why)
{
    LIST_FOR_EACH (&pool->h2_waiting, link) {
        struct waiting *waiting = CONTAINER_OF(link, struct waiting, link);
        if (error != -ECANCELED) {
            waiting->error = error;
            waiting->why = why;
        }
    }
}

static int await_room(struct client_pool *pool, bool is_new, int64_t deadline_ms,
                      const char **ret_why)
{
    struct waiting waiting = {.fiber = fiber_current()};
    list_append(&pool->h2_waiting, &waiting.link);
    int rc = fiber_wait(deadline_ms);
    list_remove(&waiting.link);
    if (rc == -ECANCELED)
        return rc;
    if (waiting.error < 0) {
        *ret_why = waiting.why;
        return waiting.error;
    }
    return rc == -ETIMEDOUT && !is_new ? -EBUSY : rc;
}

static struct h2_call *create(struct h2_upstream *connection)
{
    struct h2_call *call = (struct h2_call *)block_take(BLOCK_SMALL);
    if (call == NULL)
        return NULL;
    memset(call, 0, sizeof *call);
    h2_response_init(&call->h2.response, call->head, BLOCK_SMALL_BYTES - sizeof *call);
    call->connection = connection;
    call->is_reused = connection->has_served;
    connection->has_served = true;
    list_append(&connection->calls, &call->link);
    connection->calls_count++;
    if (call->is_reused)
        counter_add(&worker_current()->counters.upstream_reuses, 1);
    return call;
}

int h2_call_open(struct client_pool *pool, int64_t deadline_ms, struct h2_call **ret_call,
                 const char **ret_why)
{
    const char *why = NULL;
    for (;;) {
        struct h2_upstream *connection = h2_upstream_with_room(pool);
        if (connection != NULL) {
            *ret_call = create(connection);
            return *ret_call == NULL ? -ENOMEM : 0;
        }
        int rc;
        bool is_new = pool->is_connecting || h2_upstream_is_awaited(pool);
        if (!is_new && pool->h2_count < H2_UPSTREAMS_MAX) {
            rc = h2_upstream_connect(pool, deadline_ms, &why);
            if (rc < 0)
                tell_failure(pool, rc, why);
            h2_upstream_wake(pool);
        } else {
            rc = await_room(pool, is_new, deadline_ms, &why);
        }
        if (rc < 0) {
            if (ret_why != NULL)
                *ret_why = why;
            return rc;
        }
    }
}

bool h2_call_is_reused(const struct h2_call *call)
{
    return call->is_reused;
}

/* The request. */

static bool is_usable(const struct h2_call *call)
{
    return !call->is_closed && h2_upstream_is_live(call->connection);
}

static int error_of(const struct h2_call *call)
{
    return call->error < 0 ? call->error : -ECONNRESET;
}

/* What is left of the request is not wanted (RFC 9113 §8.1). */
static bool is_answered(const struct h2_call *call)
{
    return call->h2.has_ended && call->error == 0;
}

/* For who has something to send: why it need not, or cannot. */
static int verdict_of(const struct h2_call *call)
{
    return is_answered(call) ? 0 : error_of(call);
}

static bool is_given(const struct h2_call *call)
{
    const struct h2_request *h2 = &call->h2;
    return h2->is_begun && h2->out.len == 0 && (!h2->out_ends || h2->is_out);
}

/* Waits for the target's windows and the connection's own room. */
static int await_given(struct h2_call *call, int64_t timeout_ms)
{
    int64_t deadline_ms = loop_deadline(timeout_ms);
    size_t left = call->h2.out.len;
    for (;;) {
        call->writing = fiber_current();
        int rc = fiber_wait(deadline_ms);
        call->writing = NULL;
        if (is_given(call))
            return 0;
        if (rc == -ECANCELED)
            return rc;
        if (is_answered(call) || !is_usable(call))
            return verdict_of(call);
        if (left - call->h2.out.len >= PROGRESS_BYTES_MIN) {
            left = call->h2.out.len;
            deadline_ms = loop_deadline(timeout_ms);
        } else if (rc == -ETIMEDOUT) {
            /* Others of the connection may have had their turn before. */
            const struct h2_upstream *connection = call->connection;
            bool is_busy = loop_now_ms() - connection->moved_ms < timeout_ms;
            if (!is_busy || h2_client_is_stalled(connection->engine, &call->h2)) {
                h2_upstream_doubt(call->connection);
                return rc;
            }
            deadline_ms = loop_deadline(timeout_ms);
        }
    }
}

/* What was borrowed of the caller must not be looked at again. */
static void forget_parts(struct h2_call *call)
{
    call->h2.out = (struct slice){0};
    call->h2.out_ends &= call->h2.is_out;
    call->h2.trailers = NULL;
}

/* Lets the engine go on with what stands in the call. */
static int give(struct h2_call *call, int rc, int64_t timeout_ms)
{
    struct h2_upstream *connection = call->connection;
    if (rc == 0) {
        h2_upstream_hold(connection);
        h2_upstream_collect(connection);
        if (!connection->is_over)
            h2_upstream_queue_turn(connection);
        h2_upstream_let_go(connection);
        if (!is_given(call))
            rc = is_usable(call) ? await_given(call, timeout_ms) : verdict_of(call);
    }
    if (rc < 0 && is_usable(call) && !is_given(call))
        h2_call_break(call);
    forget_parts(call);
    return rc;
}

bool h2_call_takes(const struct h2_call *call, size_t len)
{
    return !is_usable(call) || len <= h2_client_first_window(call->connection->engine);
}

int h2_call_begin(struct h2_call *call, struct slice head, struct slice data, bool more,
                  int64_t timeout_ms)
{
    if (!is_usable(call))
        return error_of(call);
    const struct client_pool *pool = call->connection->pool;
    call->h2.out = data;
    call->h2.out_ends = !more;
    int rc = h2_client_submit(call->connection->engine, &call->h2, head,
                              pool->tls != NULL ? SLICE("https") : SLICE("http"));
    if (rc < 0) {
        forget_parts(call);
        return rc == -E2BIG ? -EMSGSIZE : rc;
    }
    return give(call, 0, timeout_ms);
}

int h2_call_send(struct h2_call *call, struct slice data, bool more, const struct fields *trailers,
                 int64_t timeout_ms)
{
    if (data.len == 0 && more)
        return 0;
    if (!is_usable(call))
        return verdict_of(call);
    call->h2.out = data;
    call->h2.out_ends = !more;
    call->h2.trailers = trailers;
    return give(call, h2_client_resume(call->connection->engine, &call->h2), timeout_ms);
}

static void wake_reader(struct h2_call *call)
{
    if (call->reading != NULL)
        fiber_wake(call->reading);
}

/* The call is over on our side: the engine forgets it. */
static void leave(struct h2_call *call, enum h2_error error)
{
    struct h2_upstream *connection = call->connection;
    if (connection == NULL)
        return;
    list_remove(&call->link);
    call->connection = NULL;
    if (!call->is_closed && !connection->is_over)
        h2_client_forget(connection->engine, &call->h2, error);
    call->is_closed = true;
    h2_upstream_leave(connection);
}

void h2_call_break(struct h2_call *call)
{
    if (call->connection == NULL)
        return;
    if (call->error == 0)
        call->error = -ECONNRESET;
    leave(call, call->h2.has_ended ? H2_NO_ERROR : H2_CANCEL);
    wake_reader(call);
}

/* The response. */

static int extend_head(void *owner, struct h2_request *h2)
{
    struct h2_call *call = h2_call_of(h2);
    (void)owner;
    if (call->head_block == NULL)
        call->head_block = block_take(BLOCK_LARGE);
    else
        return -ENOMEM; /* it cannot need more */
    if (call->head_block == NULL)
        return -ENOMEM;
    h2_response_extend(&h2->response, call->head_block, BLOCK_LARGE_BYTES);
    return 0;
}

static void take_news(void *owner, struct h2_request *h2)
{
    (void)owner;
    wake_reader(h2_call_of(h2));
}

static int take_data(void *owner, struct h2_request *h2, struct slice bytes)
{
    struct h2_call *call = h2_call_of(h2);
    (void)owner;
    int rc = h2_inbox_append(&call->inbox, bytes);
    if (rc < 0)
        call->why = "out of memory for this response";
    wake_reader(call);
    return rc;
}

static void note_given(void *owner, struct h2_request *h2)
{
    struct h2_call *call = h2_call_of(h2);
    (void)owner;
    if (call->writing != NULL)
        fiber_wake(call->writing);
}

static const char *why_reset(uint32_t error)
{
    switch (error) {
    case H2_HTTP_1_1_REQUIRED:
        return "the target wants HTTP/1.1 for this request";
    case H2_ENHANCE_YOUR_CALM:
        return "the target finds there are too many requests";
    case H2_PROTOCOL_ERROR:
        return "the target's response breaks the rules of HTTP/2";
    default:
        return "the target reset the request";
    }
}

static void close_with(struct h2_call *call, int error, const char *why)
{
    call->is_closed = true;
    if (!call->h2.has_ended || call->h2.response.why != NULL) {
        call->error = call->h2.response.why != NULL ? -EBADMSG : error;
        if (call->why == NULL)
            call->why = call->h2.response.why != NULL ? call->h2.response.why : why;
    }
    wake_reader(call);
    note_given(NULL, &call->h2);
}

static void close_call(void *owner, struct h2_request *h2, uint32_t error)
{
    (void)owner;
    if (error == H2_REFUSED_STREAM)
        close_with(h2_call_of(h2), -ENOLINK, "the target refused the request");
    else
        close_with(h2_call_of(h2), error == H2_PROTOCOL_ERROR ? -EBADMSG : -ECONNRESET,
                   why_reset(error));
}

static void note_room(void *owner)
{
    struct h2_upstream *connection = owner;
    if (h2_client_requests_max(connection->engine) == 0)
        h2_call_refuse_unsent(connection);
    h2_upstream_wake(connection->pool);
}

const struct h2_client_ops h2_call_ops = {
    .extend = extend_head,
    .news = take_news,
    .data = take_data,
    .given = note_given,
    .close = close_call,
    .room = note_room,
};

void h2_call_refuse_unsent(struct h2_upstream *connection)
{
    LIST_FOR_EACH (&connection->calls, link) {
        struct h2_call *call = CONTAINER_OF(link, struct h2_call, link);
        if (call->is_closed || call->h2.is_begun)
            continue;
        h2_client_forget(connection->engine, &call->h2, H2_CANCEL);
        close_with(call, -ENOLINK, "the target takes no more requests on this connection");
    }
}

void h2_call_end_all(struct h2_upstream *connection, int error, const char *why)
{
    while (!list_is_empty(&connection->calls)) {
        struct h2_call *call = CONTAINER_OF(connection->calls.next, struct h2_call, link);
        list_remove(&call->link);
        connection->calls_count--;
        call->connection = NULL;
        if (!call->is_closed)
            close_with(call, call->h2.is_begun ? error : -ENOLINK, why);
    }
}

int h2_call_read_head(struct h2_call *call, enum http_method method, int64_t deadline_ms,
                      struct response_head *ret_head, const char **ret_why)
{
    for (;;) {
        bool is_empty = call->h2.has_ended && call->inbox.len == 0 &&
                        !h2_response_has_trailers(&call->h2.response);
        int rc = h2_response_next(&call->h2.response, method, is_empty, ret_head, ret_why);
        if (rc != 0)
            return rc < 0 ? rc : 0;
        *ret_why = call->why;
        if (call->is_closed || call->connection == NULL)
            return error_of(call);
        if (call->h2.response.why != NULL) {
            *ret_why = call->h2.response.why;
            return -EBADMSG;
        }
        call->reading = fiber_current();
        rc = fiber_wait(deadline_ms);
        call->reading = NULL;
        if (rc == -ETIMEDOUT && call->connection != NULL)
            h2_upstream_doubt(call->connection);
        if (rc < 0)
            return rc;
    }
}

/* What the caller has looked at: the target may send as much again, or more where it is much. */
static void use_up(struct h2_call *call)
{
    size_t len = h2_inbox_use_up(&call->inbox);
    if (len == 0 || !is_usable(call))
        return;
    bool was_narrow = call->used < H2_CALL_WINDOW_BYTES / 2;
    call->used += len;
    h2_client_consume(call->connection->engine, &call->h2, len);
    if (was_narrow && call->used >= H2_CALL_WINDOW_BYTES / 2 && !call->h2.has_ended)
        h2_client_widen(call->connection->engine, &call->h2);
    h2_upstream_queue_turn(call->connection);
}

int h2_call_try_body(struct h2_call *call, struct slice *ret_data)
{
    use_up(call);
    if (h2_inbox_lend(&call->inbox, ret_data))
        return 1;
    if (call->h2.has_ended && call->error == 0)
        return 0;
    return call->is_closed || call->connection == NULL ? error_of(call) : -EAGAIN;
}

int h2_call_read_body(struct h2_call *call, int64_t timeout_ms, struct slice *ret_data)
{
    int64_t deadline_ms = loop_deadline(timeout_ms);
    for (;;) {
        int rc = h2_call_try_body(call, ret_data);
        if (rc != -EAGAIN)
            return rc;
        call->reading = fiber_current();
        rc = fiber_wait(deadline_ms);
        call->reading = NULL;
        if (rc == -ETIMEDOUT && call->connection != NULL)
            h2_upstream_doubt(call->connection);
        if (rc < 0)
            return rc;
    }
}

bool h2_call_at_last_part(const struct h2_call *call)
{
    return call->h2.has_ended && call->inbox.len == 0 && call->error == 0 &&
           !h2_response_has_trailers(&call->h2.response);
}

void h2_call_trailers(const struct h2_call *call, struct fields *ret_fields)
{
    *ret_fields = (struct fields){worker_current()->fields, 0, HTTP_FIELDS_MAX};
    h2_response_trailers(&call->h2.response, ret_fields);
}

void h2_call_drop(struct h2_call *call)
{
    if (call == NULL)
        return;
    leave(call, call->h2.has_ended ? H2_NO_ERROR : H2_CANCEL);
    (void)h2_inbox_drop(&call->inbox);
    block_give(call->head_block, BLOCK_LARGE);
    block_give((char *)call, BLOCK_SMALL);
}
