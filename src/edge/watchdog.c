/* A thread that posts a job to each loop every second and counts the seconds until it has run. */
#include "edge/watchdog.h"

#include "base/log.h"
#include "edge/state.h"
#include "os/self.h"

#define TICK_MS 1000

/* On the worker's own thread. */
static void answer(struct job *job)
{
    atomic_store(&CONTAINER_OF(job, struct edge_worker, beat_job)->owes_beat, false);
}

static bool has_loop(struct edge_worker *worker)
{
    lock_take(&worker->loop_lock);
    bool has = worker->loop != NULL;
    lock_release(&worker->loop_lock);
    return has;
}

/* Each call is another second. */
static bool is_stuck(struct edge_worker *worker)
{
    if (atomic_load(&worker->owes_beat))
        return ++worker->beats_missed >= WATCHDOG_PATIENCE_S && has_loop(worker);
    worker->beats_missed = 0;
    worker->beat_job.run = answer;
    atomic_store(&worker->owes_beat, true);
    (void)edge_worker_post(worker, &worker->beat_job);
    return false;
}

static void look_at_all(struct edge *edge)
{
    for (unsigned i = 0; i < edge->workers_count; i++) {
        if (!is_stuck(&edge->workers[i]))
            continue;
        log_error("worker %u has been stuck for %d s; this edge ends with a core dump, another one "
                  "takes its place",
                  i, WATCHDOG_PATIENCE_S);
        self_abort();
    }
}

/* Returns false when the watch is over. */
static bool wait_a_tick(struct watchdog *watchdog)
{
    lock_take(&watchdog->lock);
    if (!watchdog->is_ending)
        condition_wait_for(&watchdog->ends, &watchdog->lock, TICK_MS);
    bool goes_on = !watchdog->is_ending;
    lock_release(&watchdog->lock);
    return goes_on;
}

static void watch_main(void *arg)
{
    struct watchdog *watchdog = arg;
    while (wait_a_tick(watchdog))
        look_at_all(watchdog->edge);
}

int watchdog_start(struct watchdog *watchdog, struct edge *edge)
{
    *watchdog = (struct watchdog){.edge = edge};
    int rc = lock_init(&watchdog->lock);
    if (rc == 0)
        rc = condition_init(&watchdog->ends);
    if (rc == 0)
        rc = thread_start(&watchdog->thread, "watchdog", THREAD_CPU_ANY, watch_main, watchdog);
    watchdog->is_running = rc == 0;
    return rc;
}

void watchdog_stop(struct watchdog *watchdog)
{
    if (!watchdog->is_running)
        return;
    lock_take(&watchdog->lock);
    watchdog->is_ending = true;
    condition_signal(&watchdog->ends);
    lock_release(&watchdog->lock);
    thread_join(&watchdog->thread);
    condition_finish(&watchdog->ends);
    lock_finish(&watchdog->lock);
    watchdog->is_running = false;
}
