/* A job to each worker. */
#include "edge/drain.h"

#include "base/log.h"
#include "edge/edge_worker.h"
#include "edge/objects.h"
#include "edge/state.h"
#include "edge/workers.h"

static void drain_worker(struct job *job)
{
    edge_worker_drain(CONTAINER_OF(job, struct edge_worker, drain_job));
}

static void cut_off_worker(struct job *job)
{
    edge_worker_cut_off(CONTAINER_OF(job, struct edge_worker, cut_off_job));
}

static void stop_background(struct edge *edge)
{
    atomic_store(&edge->is_draining, true);
    health_stop(&edge->health);
    names_stop(&edge->names);
}

/* Both are jobs of their own: the second signal may come before the first job has run. */
void edge_drain(struct edge *edge)
{
    log_info("draining: open requests have up to %lld s to finish",
             (long long)(edge->plane->snapshot->drain_ms / 1000));
    stop_background(edge);
    for (unsigned i = 0; i < edge->workers_count; i++) {
        edge->workers[i].drain_job.run = drain_worker;
        (void)edge_worker_post(&edge->workers[i], &edge->workers[i].drain_job);
    }
}

void edge_cut_off(struct edge *edge)
{
    for (unsigned i = 0; i < edge->workers_count; i++) {
        edge->workers[i].cut_off_job.run = cut_off_worker;
        (void)edge_worker_post(&edge->workers[i], &edge->workers[i].cut_off_job);
    }
}

static int retire_worker(struct edge_worker *worker, void *arg)
{
    (void)arg;
    edge_worker_retire(worker);
    return 0;
}

/* What had been read when it retired has begun before this runs. */
static int worker_retired(struct edge_worker *worker, void *arg)
{
    (void)arg;
    edge_worker_retired(worker);
    return 0;
}

void edge_retire(struct edge *edge)
{
    if (atomic_load(&edge->is_draining))
        return;
    log_info("another edge has taken over; what is open here ends in its own time");
    stop_background(edge);
    (void)workers_each(edge, retire_worker, NULL);
    fiber_yield();
    (void)workers_each(edge, worker_retired, NULL);
    objects_retire(edge->objects);
}
