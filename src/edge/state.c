/* Reaching a worker's loop from other threads, which may outlive it. */
#include "edge/state.h"

bool edge_worker_post(struct edge_worker *worker, struct job *job)
{
    lock_take(&worker->loop_lock);
    bool has_loop = worker->loop != NULL;
    if (has_loop)
        loop_post(worker->loop, job);
    lock_release(&worker->loop_lock);
    return has_loop;
}

struct loop *edge_worker_take_loop(struct edge_worker *worker)
{
    lock_take(&worker->loop_lock);
    struct loop *loop = worker->loop;
    worker->loop = NULL;
    lock_release(&worker->loop_lock);
    return loop;
}
