/* Running something on each worker's own thread, and waiting until all have done it. */
#pragma once

struct edge;
struct edge_worker;

/* One worker's part of an errand; one errand is under way at a time. */
typedef int worker_step(struct edge_worker *worker, void *arg);

/*
 * On a fiber of worker 0, which is not cancelled meanwhile. Takes no memory, so it cannot fail by
 * itself. Returns 0, or the first error that a step returned; all have run either way.
 */
int workers_each(struct edge *edge, worker_step *step, void *arg);
