/* A fiber is woken by a job on its loop, a thread by a condition. */
#include "os/arrival.h"

#include "os/loop_internal.h"

static void come(struct job *job)
{
    struct arrival *arrival = CONTAINER_OF(job, struct arrival, job);
    arrival->has_come = true;
    fiber_wake(arrival->fiber);
}

int arrival_init(struct arrival *arrival)
{
    *arrival = (struct arrival){.job = {.run = come}, .fiber = fiber_current()};
    if (arrival->fiber != NULL) {
        arrival->loop = loop_current();
        return 0;
    }
    int rc = lock_init(&arrival->lock);
    if (rc < 0)
        return rc;
    rc = condition_init(&arrival->told);
    if (rc < 0)
        lock_finish(&arrival->lock);
    return rc;
}

void arrival_wait(struct arrival *arrival)
{
    if (arrival->fiber != NULL) {
        while (!arrival->has_come)
            fiber_wait_held();
        return;
    }
    lock_take(&arrival->lock);
    while (!arrival->has_come)
        condition_wait(&arrival->told, &arrival->lock);
    lock_release(&arrival->lock);
    condition_finish(&arrival->told);
    lock_finish(&arrival->lock);
}

void arrival_tell(struct arrival *arrival)
{
    if (arrival->fiber != NULL) {
        loop_post(arrival->loop, &arrival->job);
        return;
    }
    lock_take(&arrival->lock);
    arrival->has_come = true;
    condition_signal(&arrival->told);
    lock_release(&arrival->lock);
}
