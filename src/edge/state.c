/* Reaching a worker's loop from other threads, which may outlive it. */
#include "edge/state.h"

bool edge_worker_post(struct edge_worker *worker, struct job *job)
{
    (void)pthread_mutex_lock(&worker->loop_lock);
    bool has_loop = worker->loop != NULL;
    if (has_loop)
        loop_post(worker->loop, job);
    (void)pthread_mutex_unlock(&worker->loop_lock);
    return has_loop;
}

struct loop *edge_worker_take_loop(struct edge_worker *worker)
{
    (void)pthread_mutex_lock(&worker->loop_lock);
    struct loop *loop = worker->loop;
    worker->loop = NULL;
    (void)pthread_mutex_unlock(&worker->loop_lock);
    return loop;
}
