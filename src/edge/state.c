/* Reaching a worker's loop from other threads, which may outlive it. */
#include "edge/state.h"

bool edge_worker_post(struct edge_worker *worker, struct job *job)
{
    lock_take(&worker->loop_lock);
    bool has_loop = worker->loop != NULL && !worker->has_ended;
    if (has_loop)
        loop_post(worker->loop, job);
    lock_release(&worker->loop_lock);
    return has_loop;
}

void edge_worker_finish_posted(struct edge_worker *worker)
{
    lock_take(&worker->loop_lock);
    worker->has_ended = true;
    lock_release(&worker->loop_lock);
    loop_finish_posted(worker->loop);
}

struct loop *edge_worker_take_loop(struct edge_worker *worker)
{
    lock_take(&worker->loop_lock);
    struct loop *loop = worker->loop;
    worker->loop = NULL;
    lock_release(&worker->loop_lock);
    return loop;
}
