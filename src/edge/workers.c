/* A job to each loop and back to worker 0's. */
#include "edge/workers.h"

#include "edge/state.h"

struct errand {
    worker_step *step;
    void *arg;
    struct fiber *fiber; /* that waits, on worker 0 */
    unsigned left;       /* worker 0's own */
    int result;
};

/* On worker 0. */
static void take_result(struct errand *errand, int result)
{
    if (errand->result == 0)
        errand->result = result;
    if (--errand->left == 0)
        fiber_wake(errand->fiber);
}

static void come_back(struct job *job)
{
    struct edge_worker *worker = CONTAINER_OF(job, struct edge_worker, errand_job);
    take_result(worker->errand, worker->errand_result);
}

/* On the worker's own thread. */
static void run_step(struct job *job)
{
    struct edge_worker *worker = CONTAINER_OF(job, struct edge_worker, errand_job);
    worker->errand_result = worker->errand->step(worker, worker->errand->arg);
    job->run = come_back;
    (void)edge_worker_post(&worker->edge->workers[0], job);
}

static void send_to(struct edge_worker *worker, struct errand *errand)
{
    worker->errand = errand;
    worker->errand_job.run = run_step;
    if (!edge_worker_post(worker, &worker->errand_job))
        take_result(errand, 0);
}

static int await_all(void *arg)
{
    struct errand *errand = arg;
    while (errand->left > 0)
        (void)fiber_wait(FIBER_FOREVER);
    return 0;
}

int workers_each(struct edge *edge, worker_step *step, void *arg)
{
    struct errand errand = {
        .step = step, .arg = arg, .fiber = fiber_current(), .left = edge->workers_count};
    for (unsigned i = 1; i < edge->workers_count; i++)
        send_to(&edge->workers[i], &errand);
    take_result(&errand, step(&edge->workers[0], arg));
    (void)fiber_shield(await_all, &errand, FIBER_FOREVER);
    return errand.result;
}
