/* Balancers, caches, acceptors and the drain of one worker. */
#include "edge/edge_worker.h"

#include "base/cleanup.h"
#include "edge/access_log.h"
#include "edge/files/cache.h"
#include "http/relay.h"

#include <errno.h>

#define BLOCK_BYTES_MAX ((size_t)1 << 30)
#define DRAIN_CHECK_MS  50
#define CUT_OFF_MS      6000

static void accept_connection(struct acceptor *acceptor, int fd, const struct address *peer)
{
    struct edge_worker *worker = edge_worker_current();
    const struct edge *edge = worker->edge;
    size_t index = (size_t)(acceptor - worker->acceptors);
    const struct server *server = index < worker->plane->snapshot->listeners_count
                                      ? &worker->plane->servers[index]
                                      : &edge->admin;
    session_accept(server, fd, peer);
}

static int start_acceptors(struct edge_worker *worker)
{
    const struct plane *plane = worker->plane;
    unsigned listeners = plane->snapshot->listeners_count;
    bool has_admin = worker->http.number == 0 && worker->edge->admin_fd >= 0;
    worker->acceptors = memory_alloc_array(listeners + 1, sizeof *worker->acceptors);
    if (worker->acceptors == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < listeners + (has_admin ? 1 : 0); i++) {
        int fd = i < listeners ? plane->listening[i] : worker->edge->admin_fd;
        int rc = acceptor_start(&worker->acceptors[i], fd, accept_connection);
        if (rc < 0)
            return rc;
        worker->acceptors_count++;
    }
    return 0;
}

static void stop_acceptors(struct edge_worker *worker)
{
    for (unsigned i = 0; i < worker->acceptors_count; i++)
        acceptor_stop(&worker->acceptors[i]);
    worker->acceptors_count = 0;
}

static int start_balancers(struct edge_worker *worker)
{
    unsigned count = worker->plane->snapshot->groups_count;
    worker->balancers = memory_alloc_array(count + 1, sizeof *worker->balancers);
    if (worker->balancers == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++)
        balancer_init(&worker->balancers[i], &worker->plane->groups[i]);
    return 0;
}

int edge_worker_begin(struct edge_worker *worker, uint64_t seed)
{
    unsigned number = (unsigned)(worker - worker->edge->workers);
    worker_init(&worker->http, number, seed, BLOCK_BYTES_MAX);
    worker->latencies =
        memory_alloc_array(worker->plane->snapshot->listeners_count + 1, sizeof *worker->latencies);
    int rc = worker->latencies == NULL ? -ENOMEM : start_balancers(worker);
    if (rc == 0)
        rc = access_lines_begin(worker->edge->access_log, &worker->access_lines);
    if (rc == 0)
        rc =
            files_cache_create(worker->edge->hash_key, &files_limits_default, &worker->files_cache);
    return rc < 0 ? rc : start_acceptors(worker);
}

void edge_worker_end(struct edge_worker *worker)
{
    stop_acceptors(worker);
    access_lines_end(worker->access_lines);
    worker->access_lines = NULL;
    for (unsigned i = 0; worker->balancers != NULL && i < worker->plane->snapshot->groups_count;
         i++)
        balancer_finish(&worker->balancers[i]);
    memory_free(worker->balancers);
    memory_free(worker->acceptors);
    files_cache_destroy(worker->files_cache);
    worker_finish(&worker->http);
}

static void end_loop(struct edge_worker *worker)
{
    timer_cancel(&worker->drain_timer);
    worker->has_drained = true;
    loop_stop(worker->loop);
}

/* Open connections end one by one; at the deadline the rest is cancelled. */
static void check_drained(struct timer *timer)
{
    struct edge_worker *worker = CONTAINER_OF(timer, struct edge_worker, drain_timer);
    if (worker->http.counters.connections_open == 0) {
        end_loop(worker);
        return;
    }
    if (loop_now_ms() >= worker->drain_deadline_ms) {
        if (worker->is_cut_off) {
            end_loop(worker);
            return;
        }
        worker->is_cut_off = true;
        worker->drain_deadline_ms = loop_deadline(CUT_OFF_MS);
        sessions_close();
        relays_close();
    }
    timer_arm(timer, loop_deadline(DRAIN_CHECK_MS));
}

void edge_worker_drain(struct edge_worker *worker)
{
    stop_acceptors(worker);
    (void)sessions_drain();
    worker->drain_deadline_ms = loop_deadline(worker->plane->snapshot->drain_ms);
    timer_init(&worker->drain_timer, check_drained);
    check_drained(&worker->drain_timer);
}

void edge_worker_cut_off(struct edge_worker *worker)
{
    worker->drain_deadline_ms = loop_now_ms();
}
