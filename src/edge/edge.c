/*
 * The life of the data plane: a plane from the snapshot, worker threads that share its listening
 * sockets, and the drain at the end. The calling thread is worker 0 and also takes the signals.
 */
#include "edge/edge.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "conf/bundle.h"
#include "edge/access_log.h"
#include "edge/admin/admin.h"
#include "edge/apply.h"
#include "edge/drain.h"
#include "edge/edge_worker.h"
#include "edge/events/sender.h"
#include "edge/explain/lookup.h"
#include "edge/objects.h"
#include "edge/overseer.h"
#include "edge/plane.h"
#include "edge/proxy/usage.h"
#include "edge/state.h"
#include "edge/trace/tracer.h"
#include "os/descriptor.h"
#include "os/kernel.h"
#include "os/offload.h"
#include "os/random.h"
#include "os/signals.h"

#include <errno.h>

#define OFFLOAD_THREADS 8

#define US_PER_S INT64_C(1000000)

/* How often the age of the keys of session tickets is looked at. */
#define TICKETS_MS 1800000

/* How long the start waits for the first answers about host names. */
#define NAMES_PATIENCE_MS 500

/* On the worker's own thread. */
static int begin_worker(struct edge_worker *worker)
{
    thread_wake_promptly();
    int rc = kernel_real_create(&worker->kernel);
    if (rc == 0)
        rc = loop_create(worker->kernel, &worker->loop);
    if (rc < 0)
        return rc;
    struct prng seed;
    random_seed(&seed);
    return edge_worker_begin(worker, prng_next(&seed));
}

static void end_worker(struct edge_worker *worker)
{
    if (worker->loop != NULL) {
        edge_worker_finish_posted(worker);
        edge_worker_end(worker);
        loop_destroy(edge_worker_take_loop(worker));
    }
    kernel_real_destroy(worker->kernel);
}

/* SIGTERM or SIGINT, or an error. The others are for the supervisor. */
static int next_end_signal(struct edge *edge)
{
    for (;;) {
        int number = signals_next(&edge->signals, FIBER_FOREVER);
        if (number < 0 || number == SIGTERM || number == SIGINT)
            return number;
        if (number == SIGUSR1)
            overseer_ask_log(edge);
    }
}

/* The first signal drains, the second cuts off. */
static void signals_main(void *arg)
{
    struct edge *edge = arg;
    if (next_end_signal(edge) > 0) {
        edge_await_applied(edge);
        edge_drain(edge);
        if (next_end_signal(edge) > 0)
            edge_cut_off(edge);
    }
    edge->signals_fiber = NULL;
}

/* The main of the threads of workers 1 and up. */
static void worker_main(void *arg)
{
    struct edge_worker *worker = arg;
    worker->start_result = begin_worker(worker);
    bool has_begun = worker->start_result == 0;
    latch_open(&worker->begun);
    if (has_begun)
        (void)loop_run(worker->loop);
    end_worker(worker);
}

static int start_thread(struct edge_worker *worker)
{
    char name[16];
    struct writer writer;
    writer_init(&writer, name, sizeof name);
    write_literal(&writer, "edge ");
    write_u64(&writer, (uint64_t)(worker - worker->edge->workers));
    write_char(&writer, '\0');
    latch_init(&worker->begun);
    int rc = thread_start(&worker->thread, name, THREAD_CPU_ANY, worker_main, worker);
    if (rc == 0) {
        latch_wait(&worker->begun);
        rc = worker->start_result;
        if (rc < 0)
            thread_join(&worker->thread);
    }
    latch_finish(&worker->begun);
    return rc;
}

static void join_threads(struct edge *edge, unsigned started)
{
    for (unsigned i = 1; i < started; i++)
        thread_join(&edge->workers[i].thread);
}

/* It says that it is ready a moment later when there are names to look up, but says it anyway. */
static void ready_main(void *arg)
{
    struct edge *edge = arg;
    int rc = names_await(&edge->names, loop_deadline(NAMES_PATIENCE_MS));
    if (rc != -ECANCELED && edge->options->ready != NULL &&
        !edge->options->ready(edge->options->ready_arg))
        edge_drain(edge);
    edge->ready_fiber = NULL;
}

static void rotate_tickets(struct timer *timer)
{
    struct edge *edge = CONTAINER_OF(timer, struct edge, tickets_timer);
    tls_tickets_rotate(edge->tickets, loop_wall_us() / US_PER_S);
    timer_arm(timer, loop_deadline(TICKETS_MS));
}

static bool has_fibers(const struct edge *edge)
{
    return edge->signals_fiber != NULL || edge->ready_fiber != NULL ||
           !overseer_has_stopped(edge->overseer) || !health_has_stopped(&edge->health) ||
           !names_have_stopped(&edge->names) || !tracer_has_stopped(edge->tracer) ||
           !senders_have_stopped(edge->senders);
}

static void end_fibers(struct edge *edge)
{
    timer_cancel(&edge->tickets_timer);
    health_stop(&edge->health);
    names_stop(&edge->names);
    overseer_stop(edge->overseer);
    if (edge->signals_fiber != NULL)
        fiber_cancel(edge->signals_fiber);
    if (edge->ready_fiber != NULL)
        fiber_cancel(edge->ready_fiber);
    tracer_stop(edge->tracer);
    senders_stop(edge->senders);
    while (has_fibers(edge))
        loop_turn(edge->workers[0].loop);
    senders_finish(edge->senders);
    names_finish(&edge->names);
    overseer_finish(edge->overseer);
}

static int start_fibers(struct edge *edge)
{
    /* Both, whatever comes of the first: both will be ended. */
    int rc = health_start(&edge->health, edge->plane->groups, edge->plane->groups_count);
    int names_rc = names_start(&edge->names, edge->plane->groups, edge->plane->groups_count, NULL);
    if (rc == 0)
        rc = names_rc;
    if (rc == 0)
        rc = tracer_start(edge->tracer);
    if (rc == 0)
        rc = senders_start(edge->senders);
    if (rc == 0)
        rc = fiber_start(signals_main, edge, &edge->signals_fiber);
    if (rc == 0 && edge->options->overseer_fd >= 0)
        rc = overseer_start(edge, edge->options->overseer_fd);
    edge->started_ms = loop_now_ms();
    timer_arm(&edge->tickets_timer, loop_deadline(TICKETS_MS));
    return rc < 0 ? rc : fiber_start(ready_main, edge, &edge->ready_fiber);
}

/* Worker 0, on the calling thread: its loop, the signals, health checks and host names. */
static int run_first_worker(struct edge *edge)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, 0};
    int rc = signals_open(&edge->signals, numbers);
    if (rc < 0)
        return rc;
    rc = start_fibers(edge);
    if (rc == 0)
        rc = loop_run(edge->workers[0].loop);
    end_fibers(edge);
    signals_close(&edge->signals);
    return rc;
}

static int run_workers(struct edge *edge)
{
    for (unsigned i = 0; i < edge->workers_count; i++) {
        edge->workers[i].edge = edge;
        (void)lock_init(&edge->workers[i].loop_lock);
    }
    int rc = begin_worker(&edge->workers[0]);
    unsigned started = 1;
    while (rc == 0 && started < edge->workers_count) {
        rc = start_thread(&edge->workers[started]);
        started += rc == 0 ? 1 : 0;
    }
    if (rc == 0)
        rc = watchdog_start(&edge->watchdog, edge);
    if (rc == 0)
        rc = run_first_worker(edge);
    watchdog_stop(&edge->watchdog);
    if (rc < 0) {
        for (unsigned i = 1; i < started; i++)
            loop_stop(edge->workers[i].loop);
    }
    join_threads(edge, started);
    end_worker(&edge->workers[0]);
    for (unsigned i = 0; i < edge->workers_count; i++) {
        lock_finish(&edge->workers[i].loop_lock);
    }
    return rc;
}

/* The threads that block, the store's, and the workers. */
static int run_with_threads(struct edge *edge, struct error *ret_error)
{
    const struct edge_options *options = edge->options;
    int rc = offload_start(OFFLOAD_THREADS);
    if (rc == 0 && options->store_folder != NULL)
        rc = objects_create(options->snapshot, options->store_folder, &edge->outbox,
                            &edge->log_book, &edge->objects);
    if (rc == 0)
        rc = run_workers(edge);
    objects_destroy(edge->objects);
    if (rc < 0)
        (void)error_set_errno(ret_error, rc, "cannot start the workers");
    offload_stop();
    return rc;
}

static void load_maintenance(struct edge *edge)
{
    if (maintenance_load(&edge->maintenance, edge->options->maintenance) < 0)
        log_error("which sites are closed for maintenance is not known in full");
    if (maintenance_is_on(&edge->maintenance))
        log_warn(
            "sites are closed for maintenance (%u): `weir status` names them, `weir maintenance "
            "off SITE` opens one",
            atomic_load(&edge->maintenance.count));
}

int edge_run(const struct edge_options *options, struct error *ret_error)
{
    const struct snapshot *snapshot = options->snapshot;
    struct edge edge = {
        .options = options, .admin_fd = options->admin_fd, .hash_key = random_hash_key()};
    (void)outbox_init(&edge.outbox);
    (void)log_book_init(&edge.log_book);
    list_init(&edge.report_waiters);
    list_init(&edge.lookups);
    timer_init(&edge.tickets_timer, rotate_tickets);
    maintenance_init(&edge.maintenance, edge.hash_key);
    challenges_init(&edge.challenges);
    load_maintenance(&edge);
    edge.workers_count = snapshot->workers > 0 ? snapshot->workers : (unsigned)thread_cpu_count();
    edge.workers = memory_alloc_array(edge.workers_count, sizeof *edge.workers);
    if (edge.workers == NULL) {
        maintenance_finish(&edge.maintenance);
        challenges_finish(&edge.challenges);
        return error_set(ret_error, -ENOMEM, "out of memory");
    }
    const struct plane_parts parts = {
        .snapshot = options->snapshot,
        .bundle = options->bundle,
        .sockets = options->sockets,
        .sockets_count = options->sockets_count,
        .workers_count = edge.workers_count,
        .hash_key = edge.hash_key,
    };
    int rc = series_table_create(edge.workers_count, edge.hash_key, &edge.series);
    if (rc == 0)
        rc = usage_table_create(&edge.usages);
    if (rc == 0)
        rc = tracer_create(&edge, &edge.tracer);
    if (rc == 0)
        rc = senders_create(&edge, &edge.outbox, &edge.senders);
    if (rc == 0)
        rc = outbox_apply(&edge.outbox, snapshot);
    if (rc == 0)
        rc = tls_tickets_create(&edge.tickets);
    if (rc < 0)
        (void)error_set(ret_error, rc, "out of memory");
    else
        rc = plane_create(&parts, &edge.plane, ret_error);
    if (options->bundle != NULL)
        bundle_finish(options->bundle);
    if (rc == 0) {
        admin_server_init(&edge.admin);
        rc = access_log_open(&snapshot->access_log, options->log_fd, &edge.access_log, ret_error);
        if (rc == 0)
            rc = run_with_threads(&edge, ret_error);
        access_log_close(edge.access_log);
        plane_unref(edge.plane);
    }
    lookups_finish(&edge);
    series_table_destroy(edge.series);
    usage_table_destroy(edge.usages);
    tracer_destroy(edge.tracer);
    senders_destroy(edge.senders);
    outbox_finish(&edge.outbox);
    log_book_finish(&edge.log_book);
    tls_tickets_unref(edge.tickets);
    memory_free(edge.workers);
    maintenance_finish(&edge.maintenance);
    challenges_finish(&edge.challenges);
    descriptor_close(options->admin_fd);
    return rc;
}
