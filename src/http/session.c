/*
 * The life of a client's connection: idle, a head coming in, a fiber that answers one request after
 * another, and the lingering close that lets the client read the last answer.
 */
#include "http/session.h"

#include "base/cleanup.h"
#include "http/exchange_ops.h"
#include "http/h2.h"
#include "http/session_internal.h"
#include "http/tls_io.h"
#include "http/trust.h"

#include <errno.h>

#define REQUESTS_A_TURN 16
#define LINGER_MS       2000
#define SHIELD_MS       5000
#define SOCKS_5         5 /* the first byte of RFC 1928 */

static void session_main(void *arg);
static void serve_main(void *arg);

void session_destroy(struct session *session)
{
    timer_cancel(&session->timer);
    list_remove(&session->task.link);
    inflow_finish(&session->inflow);
    list_remove(&session->link);
    counter_subtract(&worker_current()->counters.connections_open, 1);
    io_close(&session->io);
    struct server *server = session->server;
    memory_free(session);
    if (--server->sessions == 0 && server->on_empty != NULL)
        server->on_empty(server);
}

/* Nothing is received, or a head in part. The timer is not cancelled by a request, but moved on. */
static void await_request(struct session *session)
{
    session->state = inflow_is_empty(&session->inflow) ? SESSION_IDLE : SESSION_HEAD;
    inflow_trim(&session->inflow);
    int64_t timeout_ms = session->state == SESSION_IDLE ? session->server->idle_timeout_ms
                                                        : session->server->head_timeout_ms;
    timer_arm(&session->timer, loop_deadline(timeout_ms));
}

static void start_fiber(struct session *session)
{
    list_remove(&session->task.link);
    session->state = SESSION_ACTIVE;
    fiber_main *run = session->has_requests && !session->has_socks ? session_main : serve_main;
    if (fiber_start(run, session, &session->fiber) < 0) {
        counter_add(&worker_current()->counters.sessions_refused, 1);
        session_destroy(session);
    }
}

/* What has come is a whole head, or will never be one. Only a plain connection's first can be
 * HTTP/2's: by TLS, ALPN has decided (RFC 9113 §3.2). */
static void begin_request(struct session *session)
{
    if (UNLIKELY(!session->has_served && session->io.layer == NULL &&
                 h2_is_meant(inflow_bytes(&session->inflow))))
        h2_begin(session);
    else
        start_fiber(session);
}

/* Only a connection's first byte can tell, and something was received. */
static bool begin_socks(struct session *session)
{
    if (LIKELY(session->server->serve_socks == NULL) || session->has_served ||
        (unsigned char)inflow_bytes(&session->inflow).at[0] != SOCKS_5)
        return false;
    session->has_socks = true;
    start_fiber(session);
    return true;
}

/* Reads until a head is complete, refused, or there is no more. */
static void read_head(struct session *session)
{
    for (;;) {
        ssize_t got = inflow_fill(&session->inflow, &session->io);
        if (got == -EAGAIN) {
            inflow_trim(&session->inflow);
            return;
        }
        if (got <= 0) {
            session_destroy(session);
            return;
        }
        if (begin_socks(session))
            return;
        int rc = inflow_scan_head(&session->inflow, &session->refusal);
        if (rc != 0) {
            if (rc > 0)
                session->refusal.status = 0;
            begin_request(session);
            return;
        }
        if (session->state == SESSION_IDLE)
            await_request(session);
    }
}

/* 1: the next head is there. 0: it is not yet. */
static int next_head(struct session *session)
{
    if (inflow_is_empty(&session->inflow))
        return 0;
    int rc = inflow_scan_head(&session->inflow, &session->refusal);
    if (rc > 0)
        session->refusal.status = 0;
    return rc != 0;
}

/* On the connection as it is from now on, by TLS or plain. */
static void begin_service(struct session *session)
{
    if (!session->has_requests) {
        timer_cancel(&session->timer);
        start_fiber(session);
        return;
    }
    await_request(session);
    if (!inflow_is_empty(&session->inflow) && begin_socks(session))
        return;
    if (next_head(session))
        begin_request(session);
    else if ((session->io.ready & IO_READABLE) != 0)
        task_queue(&session->task);
}

/* A client that speaks HTTP to a port for TLS is told so, as it can be told: in plain text. */
static void refuse_plain(struct session *session)
{
    tls_io_strip(&session->io);
    session->refusal = (struct h1_refusal){400, "plain HTTP was sent to an HTTPS port"};
    if (session->has_requests)
        start_fiber(session);
    else
        session_destroy(session);
}

static enum handshake_failure failure_of(int rc)
{
    switch (rc) {
    case -EPROTONOSUPPORT:
        return HANDSHAKE_PLAIN;
    case -EACCES:
        return HANDSHAKE_REFUSED;
    case -EPROTO:
        return HANDSHAKE_FOREIGN;
    default:
        return HANDSHAKE_BROKEN;
    }
}

static void shake_hands(struct session *session)
{
    struct worker_counters *counters = &worker_current()->counters;
    const char *why = NULL;
    int rc = tls_io_handshake(&session->io, &why);
    if (rc == -EAGAIN)
        return;
    if (rc == 1) {
        counter_add(&counters->handshakes, 1);
        if (tls_connection_was_resumed(tls_io_connection(&session->io)))
            counter_add(&counters->handshakes_resumed, 1);
        if (session->has_requests && tls_connection_is_h2(tls_io_connection(&session->io)))
            h2_begin(session);
        else
            begin_service(session);
        return;
    }
    counter_add(&counters->handshakes_failed[failure_of(rc)], 1);
    if (rc == -EPROTONOSUPPORT)
        refuse_plain(session);
    else
        session_destroy(session);
}

/* What came behind a PROXY header belongs to the handshake. */
static int begin_handshake(struct session *session)
{
    int rc = tls_io_accept(&session->io, session->server->tls, inflow_bytes(&session->inflow));
    session->inflow.start = session->inflow.end;
    inflow_trim(&session->inflow);
    session->state = SESSION_HANDSHAKE;
    timer_arm(&session->timer, loop_deadline(session->server->head_timeout_ms));
    if (rc == 0 && (session->io.ready & IO_READABLE) != 0)
        task_queue(&session->task);
    return rc;
}

/* From its first byte, or behind a PROXY header, which may have more behind it. */
static void begin(struct session *session)
{
    /* Once for all: the listener may become another before the next request. */
    session->has_requests = session->server->serve == NULL;
    if (session->server->tls == NULL) {
        begin_service(session);
    } else if (begin_handshake(session) < 0) {
        counter_add(&worker_current()->counters.sessions_refused, 1);
        session_destroy(session);
    }
}

static void session_ready(struct io *io);
static void session_timed_out(struct timer *timer);
static void run_session(struct task *task);

static struct session *create(struct slice client, const struct proxy_header *origin,
                              struct server *server)
{
    char packed[ORIGIN_PACKED_BYTES];
    size_t packed_len = origin_pack(origin, packed);
    struct session *session = memory_alloc_raw(sizeof *session + client.len + packed_len);
    if (session == NULL)
        return NULL;
    *session = (struct session){
        .server = server, .client_len = (uint8_t)client.len, .origin_len = (uint8_t)packed_len};
    memcpy(session->client, client.at, client.len);
    memcpy(session->client + client.len, packed, packed_len);
    io_init(&session->io, session_ready);
    inflow_init(&session->inflow, BLOCK_SMALL);
    timer_init(&session->timer, session_timed_out);
    task_init(&session->task, run_session);
    list_init(&session->link);
    return session;
}

/* The client is another than the peer: a session of the true length takes this one's place. */
static int take_place(struct session **session, const struct proxy_header *origin)
{
    struct session *old = *session;
    struct address client;
    char text[ADDRESS_TEXT_BYTES];
    if (origin_source(origin, &client) < 0)
        return 0; /* the peer speaks for itself */
    size_t len = address_format_host(&client, text);
    struct session *new = create(slice_of(text, len), origin, old->server);
    if (new == NULL)
        return -ENOMEM;
    io_move(&new->io, &old->io, session_ready);
    new->inflow = old->inflow;
    new->is_draining = old->is_draining;
    list_append(&old->link, &new->link);
    list_remove(&old->link);
    list_remove(&old->task.link);
    timer_cancel(&old->timer);
    memory_free(old);
    *session = new;
    return 0;
}

static void read_greeting(struct session *session)
{
    struct worker_counters *counters = &worker_current()->counters;
    struct proxy_header origin;
    int rc = greeting_read(session, &origin);
    if (rc == -EAGAIN)
        return;
    if (rc == 0)
        rc = take_place(&session, &origin);
    if (rc == 0) {
        begin(session);
        return;
    }
    if (rc == -EBADMSG)
        counter_add(&counters->proxy_headers_refused, 1);
    else if (rc == -ENOMEM)
        counter_add(&counters->sessions_refused, 1);
    session_destroy(session);
}

static void run_session(struct task *task)
{
    struct session *session = CONTAINER_OF(task, struct session, task);
    if (session->state == SESSION_GREETING)
        read_greeting(session);
    else if (session->state == SESSION_HANDSHAKE)
        shake_hands(session);
    else if (session->state == SESSION_H2)
        h2_run(session);
    else
        read_head(session);
}

static void session_ready(struct io *io)
{
    struct session *session = CONTAINER_OF(io, struct session, io);
    switch (session->state) {
    case SESSION_GREETING:
    case SESSION_HANDSHAKE:
    case SESSION_IDLE:
    case SESSION_HEAD:
        if ((io->ready & IO_READABLE) != 0)
            task_queue(&session->task);
        break;
    case SESSION_ACTIVE:
        if ((io->ready & IO_FAILED) != 0)
            fiber_cancel(session->fiber);
        break;
    case SESSION_H2:
        h2_ready(session);
        break;
    case SESSION_CLOSING:
        break;
    }
}

static void session_timed_out(struct timer *timer)
{
    struct session *session = CONTAINER_OF(timer, struct session, timer);
    if (session->state == SESSION_ACTIVE || session->state == SESSION_CLOSING)
        return;
    if (session->state == SESSION_H2) {
        h2_timed_out(session);
        return;
    }
    if (session->state == SESSION_IDLE) {
        session_destroy(session);
        return;
    }
    counter_add(&worker_current()->counters.head_timeouts, 1);
    if (session->state == SESSION_HANDSHAKE)
        counter_add(&worker_current()->counters.handshakes_failed[HANDSHAKE_SLOW], 1);
    if (session->state == SESSION_GREETING || session->state == SESSION_HANDSHAKE) {
        session_destroy(session);
        return;
    }
    session->refusal = (struct h1_refusal){408, "the head did not arrive in time"};
    start_fiber(session);
}

void session_accept(struct server *server, int fd, const struct address *peer)
{
    struct worker *worker = worker_current();
    static const struct proxy_header none;
    if (UNLIKELY(server->expects_proxy_header) && !greeting_may_come_from(server, peer)) {
        counter_add(&worker->counters.proxy_headers_refused, 1);
        io_discard(fd);
        return;
    }
    char client[ADDRESS_TEXT_BYTES];
    size_t len = address_format_host(peer, client);
    struct session *session = create(slice_of(client, len), &none, server);
    if (session == NULL) {
        counter_add(&worker->counters.sessions_refused, 1);
        io_discard(fd);
        return;
    }
    counter_add(&worker->counters.connections_accepted, 1);
    counter_add(&worker->counters.connections_open, 1);
    session->is_draining = server->is_retired;
    server->sessions++;
    list_append(&worker->sessions, &session->link);
    if (io_open(&session->io, fd) < 0) {
        io_discard(fd);
        session_destroy(session);
        return;
    }
    if (!server->expects_proxy_header) {
        begin(session);
        return;
    }
    session->state = SESSION_GREETING;
    timer_arm(&session->timer, loop_deadline(server->head_timeout_ms));
}

static int read_request(struct exchange *exchange)
{
    struct session *session = exchange->session;
    struct h1_refusal refusal = session->refusal;
    if (refusal.status == 0) {
        struct slice head =
            slice_of(session->inflow.block + session->inflow.start, session->inflow.scan.scanned);
        int rc = exchange_parse(exchange, head, &refusal);
        if (rc == 0) {
            inflow_begin_body(&session->inflow, head.len, &exchange->request.framing);
            inflow_pin(&session->inflow);
            /* Bytes behind a tunnel that was refused are never taken for a request. */
            exchange->keep_alive = exchange->request.keep_alive &&
                                   exchange->request.method != METHOD_CONNECT &&
                                   !exchange->request.wants_upgrade;
            rc = exchange_normalise(exchange, &refusal);
        }
        if (rc == 0) {
            if (UNLIKELY(session->server->trusted_count > 0))
                trust_apply(exchange);
            return 0;
        }
        if (rc == -ENOMEM)
            refusal = (struct h1_refusal){503, "out of memory for this request"};
    }
    exchange->keep_alive = false;
    exchange_refuse_request(exchange, refusal.status, refusal.text);
    return -EBADMSG;
}

/* After an early response: what is left of the request's body goes by within bounds, or we close.
 */
static bool skip_body(struct exchange *exchange)
{
    struct session *session = exchange->session;
    int64_t deadline_ms = loop_deadline(LINGER_MS);
    struct slice data;
    size_t skipped = 0;
    int rc = 1;
    while (rc == 1 && skipped < SESSION_SKIP_BYTES_MAX && loop_now_ms() < deadline_ms) {
        rc = inflow_read_body(&session->inflow, &session->io, deadline_ms - loop_now_ms(), &data);
        skipped += rc == 1 ? data.len : 0;
    }
    return rc == 0;
}

/* TLS may still hold the answer's end, which would be lost with the io. */
static bool has_unsent(const struct session *session)
{
    return session->io.layer != NULL && (session->io.ready & IO_WRITABLE) == 0;
}

static void await_sent(struct session *session)
{
    if (has_unsent(session))
        (void)io_wait(&session->io, IO_WRITABLE, loop_deadline(session->server->idle_timeout_ms));
}

/* Returns whether the connection goes on to the next request. */
static bool serve_one(struct session *session)
{
    UNINITIALISED struct exchange exchange;
    _Alignas(16) UNINITIALISED char memory[EXCHANGE_ARENA_BYTES];
    exchange_open(&exchange, session,
                  session->io.layer == NULL ? &exchange_h1 : &exchange_h1_layered, memory);
    if (read_request(&exchange) == 0)
        session->server->handle(&exchange);
    exchange_settle(&exchange);
    if (exchange.state == RESPONSE_BROKEN && exchange.response_kind == BODY_UNTIL_CLOSE)
        io_reset(&session->io); /* an orderly end would pass for the body's (RFC 9112 §8) */
    exchange_log(&exchange);
    bool goes_on = exchange.state == RESPONSE_COMPLETE && exchange.keep_alive &&
                   (session->inflow.body_ended || skip_body(&exchange));
    bool is_last = exchange.state == RESPONSE_COMPLETE && !goes_on;
    exchange_close(&exchange);
    inflow_unpin(&session->inflow);
    if (is_last)
        await_sent(session);
    return goes_on;
}

/* Lets the client read the answer before a reset could take it away (RFC 9112 §9.6). */
static int linger(void *arg)
{
    struct session *session = arg;
    io_shutdown_write(&session->io);
    int64_t deadline_ms = loop_deadline(LINGER_MS);
    char *block = block_take(BLOCK_LARGE);
    size_t left = block == NULL ? 0 : SESSION_SKIP_BYTES_MAX;
    while (left > 0) {
        ssize_t got = io_read_wait(&session->io, block, BLOCK_LARGE_BYTES, deadline_ms);
        if (got <= 0)
            break;
        left -= (size_t)got < left ? (size_t)got : left;
    }
    block_give(block, BLOCK_LARGE);
    return 0;
}

static void part(struct session *session)
{
    if (io_is_open(&session->io)) {
        session->state = SESSION_CLOSING;
        (void)fiber_shield(linger, session, loop_deadline(SHIELD_MS));
    }
    session_destroy(session);
}

static void session_main(void *arg)
{
    struct session *session = arg;
    unsigned served = 0;
    session->has_served = true;
    while (serve_one(session)) {
        if (!next_head(session)) {
            if (session->is_draining) {
                await_sent(session);
                break; /* a request may be under way: closed at once, it would reset the answer */
            }
            session->fiber = NULL;
            await_request(session);
            if ((session->io.ready & IO_READABLE) != 0)
                task_queue(&session->task);
            return;
        }
        if (++served % REQUESTS_A_TURN == 0)
            fiber_yield();
    }
    part(session);
}

/* Of a connection that carries no requests that we read. */
static void serve_main(void *arg)
{
    struct session *session = arg;
    struct server *server = session->server;
    void (*serve)(struct session *, struct server *) =
        session->has_socks ? server->serve_socks : server->serve;
    if (serve != NULL)
        serve(session, server);
    session_destroy(session);
}

static void part_main(void *arg)
{
    struct session *session = arg;
    await_sent(session);
    part(session);
}

/* At once, unless the last answer is not there yet. */
static void end_idle(struct session *session)
{
    if (session->state != SESSION_IDLE || !has_unsent(session)) {
        session_destroy(session);
        return;
    }
    timer_cancel(&session->timer);
    list_remove(&session->task.link);
    session->state = SESSION_CLOSING;
    if (fiber_start(part_main, session, &session->fiber) < 0)
        session_destroy(session);
}

size_t sessions_drain(bool closes_idle)
{
    struct worker *worker = worker_current();
    LIST_FOR_EACH (&worker->sessions, link) {
        struct session *session = CONTAINER_OF(link, struct session, link);
        session->is_draining = true;
        if (session->state == SESSION_H2)
            h2_drain(session, closes_idle);
        else if (closes_idle &&
                 (session->state == SESSION_IDLE || session->state == SESSION_GREETING ||
                  session->state == SESSION_HANDSHAKE))
            end_idle(session);
    }
    return (size_t)worker->counters.connections_open;
}

void server_retire(struct server *server)
{
    server->is_retired = true;
    if (server->sessions == 0 && server->on_empty != NULL) {
        server->on_empty(server);
        return;
    }
    LIST_FOR_EACH (&worker_current()->sessions, link) {
        struct session *session = CONTAINER_OF(link, struct session, link);
        if (session->server != server)
            continue;
        session->is_draining = true;
        if (session->state == SESSION_H2)
            h2_drain(session, false);
    }
}

void sessions_close(void)
{
    LIST_FOR_EACH (&worker_current()->sessions, link) {
        struct session *session = CONTAINER_OF(link, struct session, link);
        session->is_draining = true; /* a handler may answer without another wait */
        if (session->state == SESSION_H2)
            h2_abort(session);
        else if (session->fiber != NULL)
            fiber_cancel(session->fiber);
        else
            session_destroy(session);
    }
}
