/* The line of a group. */
#include "edge/forward/queue.h"

#include "os/fiber.h"

#include <errno.h>

/* On the waiting fiber's own loop. */
static void tell_place(struct job *job)
{
    struct queue_place *place = CONTAINER_OF(job, struct queue_place, job);
    place->is_posted = false;
    fiber_wake(place->fiber);
}

void queue_wake_locked(struct target_group *group)
{
    LIST_FOR_EACH (&group->queue, link) {
        struct queue_place *place = CONTAINER_OF(link, struct queue_place, link);
        if (place->is_woken)
            continue;
        place->is_woken = true;
        place->is_posted = true;
        loop_post(place->loop, &place->job);
        return;
    }
}

void queue_wake(struct target_group *group)
{
    lock_take(&group->lock);
    queue_wake_locked(group);
    lock_release(&group->lock);
}

int queue_enter(struct target_group *group, unsigned max, struct queue_place *place)
{
    *place = (struct queue_place){
        .job.run = tell_place, .loop = loop_current(), .fiber = fiber_current()};
    list_init(&place->link);
    lock_take(&group->lock);
    int rc = atomic_load(&group->queued) >= max ? -EAGAIN : list_is_empty(&group->queue);
    if (rc >= 0) {
        list_append(&group->queue, &place->link);
        atomic_fetch_add(&group->queued, 1);
    }
    lock_release(&group->lock);
    return rc;
}

static bool take_turn(struct target_group *group, struct queue_place *place)
{
    lock_take(&group->lock);
    bool was_woken = place->is_woken && !place->is_posted;
    if (was_woken)
        place->is_woken = false;
    lock_release(&group->lock);
    return was_woken;
}

int queue_wait(struct target_group *group, struct queue_place *place, int64_t deadline_ms)
{
    int rc = 0;
    while (rc == 0 && !take_turn(group, place))
        rc = fiber_wait(deadline_ms);
    return rc;
}

static int await_job(void *arg)
{
    const struct queue_place *place = arg;
    while (place->is_posted)
        (void)fiber_wait(FIBER_FOREVER);
    return 0;
}

void queue_leave(struct target_group *group, struct queue_place *place, bool has_slot)
{
    lock_take(&group->lock);
    list_remove(&place->link);
    atomic_fetch_sub(&group->queued, 1);
    if (!has_slot)
        queue_wake_locked(group);
    lock_release(&group->lock);
    if (place->is_posted)
        (void)fiber_shield(await_job, place, FIBER_FOREVER);
}
