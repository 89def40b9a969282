/*
 * Work that blocks (file calls, SQLite, fsync, password hashing) on worker threads that the whole
 * process shares, while the fiber that asked for it waits.
 *
 * A job that was taken is never abandoned: its fiber waits to the end, cancelled or not, and so its
 * argument may lie on the fiber's stack. The function owns the argument while it runs; it must not
 * touch loops, fibers or ios. As each fiber has at most one job, the queue is bounded by the
 * fibers, and who floods it holds back himself.
 *
 * On a simulated loop there are no threads: the function runs on the loop's own stack, at a later
 * moment drawn from the seed.
 */
#pragma once

#include "os/loop.h"

/* Threads a pool may have at most. */
#define OFFLOAD_THREADS_MAX 64

/* Starts the process's pool. Once, before the first offload. Returns 0 or a negative errno. */
int offload_start(unsigned threads);

/*
 * Runs what is queued to its end, then ends the threads. The loops whose fibers wait must go on
 * living meanwhile. Harmless when the pool does not run. Later jobs are refused.
 */
void offload_stop(void);

/* Suspends the calling fiber until fn(arg) has returned. 0, or -ESHUTDOWN: fn was not called. */
int offload(void (*fn)(void *arg), void *arg);

/* A job without a fiber. Embedded in its owner, whose memory must last until `done`. */
struct offload_job {
    struct job completion;
    struct list link;
    struct loop *loop;
    struct timer moment; /* simulated only */
    void (*fn)(void *arg);
    void *arg;
    void (*done)(struct offload_job *job);
};

/*
 * Has job->fn(job->arg) called on a worker thread, then job->done on this loop's own stack. The
 * caller sets fn, arg and done, and bounds how many it has under way. 0, or -ESHUTDOWN: nothing
 * will be called.
 */
int offload_submit(struct offload_job *job);

struct offload_stats {
    unsigned threads;
    size_t queued; /* not yet begun */
    size_t queued_high;
    uint64_t finished;
};

void offload_stats_read(struct offload_stats *ret_stats);
