/* Balancers, caches, acceptors and the drain of one worker. */
#include "edge/edge_worker.h"

#include "base/cleanup.h"
#include "edge/access_log.h"
#include "edge/explain/decisions.h"
#include "edge/files/cache.h"
#include "edge/forward/mirror.h"
#include "edge/s3/signing_keys.h"
#include "http/relay.h"
#include "os/resolver.h"

#include <errno.h>

#define BLOCK_BYTES_MAX ((size_t)1 << 30)
#define DRAIN_CHECK_MS  50
#define CUT_OFF_MS      6000

static void accept_admin(struct acceptor *acceptor, int fd, const struct address *peer)
{
    struct edge_worker *worker = CONTAINER_OF(acceptor, struct edge_worker, admin_acceptor);
    session_accept(&worker->edge->admin, fd, peer);
}

static int start_admin(struct edge_worker *worker)
{
    if (worker->http.number != 0 || worker->edge->admin_fd < 0)
        return 0;
    int rc = acceptor_start(&worker->admin_acceptor, worker->edge->admin_fd, accept_admin);
    worker->accepts_admin = rc == 0;
    return rc;
}

static int start_listeners(struct edge_worker *worker)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < worker->view->plane->listeners_count; i++)
        rc = worker_listener_start(worker, worker->view, i);
    return rc;
}

static void stop_accepting(struct edge_worker *worker)
{
    LIST_FOR_EACH (&worker->listeners, link)
        worker_listener_stop(CONTAINER_OF(link, struct worker_listener, link));
    if (worker->accepts_admin)
        acceptor_stop(&worker->admin_acceptor);
    worker->accepts_admin = false;
}

int edge_worker_begin(struct edge_worker *worker, uint64_t seed)
{
    struct edge *edge = worker->edge;
    worker_init(&worker->http, (unsigned)(worker - edge->workers), seed, BLOCK_BYTES_MAX);
    list_init(&worker->listeners);
    list_init(&worker->mirrors);
    destinations_init(&worker->destinations, edge->hash_key);
    int rc = view_create(edge->plane, NULL, &worker->view);
    if (rc == 0)
        rc = access_lines_begin(edge->access_log, &worker->access_lines);
    if (rc == 0)
        rc = files_cache_create(edge->hash_key, &files_limits_default, &worker->files_cache);
    if (rc == 0)
        rc = decisions_create(&worker->decisions);
    if (rc == 0)
        rc = start_listeners(worker);
    return rc < 0 ? rc : start_admin(worker);
}

void edge_worker_end(struct edge_worker *worker)
{
    stop_accepting(worker);
    access_lines_end(worker->access_lines);
    worker->access_lines = NULL;
    LIST_FOR_EACH (&worker->listeners, link)
        worker_listener_destroy(CONTAINER_OF(link, struct worker_listener, link));
    view_unref(worker->view);
    worker->view = NULL;
    files_cache_destroy(worker->files_cache);
    destinations_finish(&worker->destinations);
    resolver_destroy(worker->resolver);
    worker->resolver = NULL;
    decisions_destroy(worker->decisions);
    encoder_pool_finish(&worker->encoders);
    signing_keys_destroy(worker->signing_keys);
    worker_finish(&worker->http);
}

static void end_loop(struct edge_worker *worker)
{
    timer_cancel(&worker->drain_timer);
    atomic_store(&worker->has_drained, true);
    loop_stop(worker->loop);
}

/* Worker 0 hears the signals, so it stays until the others have ended. */
static bool is_last(const struct edge_worker *worker)
{
    const struct edge *edge = worker->edge;
    for (unsigned i = 1; worker->http.number == 0 && i < edge->workers_count; i++) {
        if (!atomic_load(&edge->workers[i].has_drained))
            return false;
    }
    return true;
}

static void cut_off(struct edge_worker *worker)
{
    worker->is_cut_off = true;
    worker->drain_deadline_ms = loop_deadline(CUT_OFF_MS);
    sessions_close();
    relays_close();
    mirrors_cancel(worker);
}

/* Open connections end one by one; at the deadline the rest is cancelled. */
static void check_drained(struct timer *timer)
{
    struct edge_worker *worker = CONTAINER_OF(timer, struct edge_worker, drain_timer);
    bool has_connections = worker->http.counters.connections_open > 0;
    if (!has_connections)
        mirrors_cancel(worker);
    bool is_over = !has_connections && list_is_empty(&worker->mirrors);
    if (!is_over && loop_now_ms() >= worker->drain_deadline_ms) {
        is_over = worker->is_cut_off;
        if (!is_over)
            cut_off(worker);
    }
    if (is_over && is_last(worker))
        end_loop(worker);
    else
        timer_arm(timer, loop_deadline(DRAIN_CHECK_MS));
}

static void begin_drain(struct edge_worker *worker, int64_t patience_ms)
{
    stop_accepting(worker);
    worker->drain_deadline_ms = loop_deadline(patience_ms);
    if (!worker->is_draining)
        timer_init(&worker->drain_timer, check_drained);
    worker->is_draining = true;
    check_drained(&worker->drain_timer);
}

void edge_worker_drain(struct edge_worker *worker)
{
    (void)sessions_drain(true);
    begin_drain(worker, worker->view->plane->snapshot->drain_ms);
}

void edge_worker_retire(struct edge_worker *worker)
{
    stop_accepting(worker);
    (void)sessions_drain(worker->edge->objects != NULL);
}

void edge_worker_retired(struct edge_worker *worker)
{
    if (!worker->is_draining)
        begin_drain(worker, INT64_MAX);
}

struct resolver *edge_worker_resolver(struct edge_worker *worker)
{
    if (worker->resolver == NULL)
        (void)resolver_create(NULL, &worker->resolver);
    return worker->resolver;
}

void edge_worker_cut_off(struct edge_worker *worker)
{
    worker->drain_deadline_ms = loop_now_ms();
}
