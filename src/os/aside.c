/* A job and its arrival. */
#include "os/aside.h"

#include "base/list.h"

static void tell(struct offload_job *job)
{
    arrival_tell(&CONTAINER_OF(job, struct aside, job)->arrival);
}

void aside_run(struct aside *aside, void (*fn)(void *arg), void *arg)
{
    aside->job = (struct offload_job){.fn = fn, .arg = arg, .done = tell};
    aside->is_running = fiber_current() != NULL && arrival_init(&aside->arrival) == 0 &&
                        offload_submit(&aside->job) == 0;
    if (!aside->is_running)
        fn(arg);
}

bool aside_has_ended(const struct aside *aside)
{
    return !aside->is_running || aside->arrival.has_come;
}

void aside_wait(struct aside *aside)
{
    if (aside->is_running)
        arrival_wait(&aside->arrival);
    aside->is_running = false;
}
