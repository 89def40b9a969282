/* A job on the loop of the one who waits tells it. */
#include "os/line.h"

#include "os/fiber.h"

#include <errno.h>

int line_init(struct line *line)
{
    list_init(&line->places);
    atomic_init(&line->count, 0);
    return lock_init(&line->lock);
}

void line_finish(struct line *line)
{
    lock_finish(&line->lock);
}

/* On the waiting fiber's own loop. */
static void tell_place(struct job *job)
{
    struct line_place *place = CONTAINER_OF(job, struct line_place, job);
    place->is_posted = false;
    fiber_wake(place->fiber);
}

static void wake_locked(struct line *line)
{
    LIST_FOR_EACH (&line->places, link) {
        struct line_place *place = CONTAINER_OF(link, struct line_place, link);
        if (place->is_woken)
            continue;
        place->is_woken = true;
        place->is_posted = true;
        loop_post(place->loop, &place->job);
        return;
    }
}

void line_wake(struct line *line)
{
    lock_take(&line->lock);
    wake_locked(line);
    lock_release(&line->lock);
}

int line_enter(struct line *line, unsigned max, struct line_place *place)
{
    *place = (struct line_place){
        .job.run = tell_place, .loop = loop_current(), .fiber = fiber_current()};
    list_init(&place->link);
    lock_take(&line->lock);
    int rc = atomic_load(&line->count) >= max ? -EAGAIN : list_is_empty(&line->places);
    if (rc >= 0) {
        list_append(&line->places, &place->link);
        atomic_fetch_add(&line->count, 1);
    }
    lock_release(&line->lock);
    return rc;
}

static bool take_turn(struct line *line, struct line_place *place)
{
    lock_take(&line->lock);
    bool was_woken = place->is_woken && !place->is_posted;
    if (was_woken)
        place->is_woken = false;
    lock_release(&line->lock);
    return was_woken;
}

int line_wait(struct line *line, struct line_place *place, int64_t deadline_ms)
{
    int rc = 0;
    while (rc == 0 && !take_turn(line, place))
        rc = fiber_wait(deadline_ms);
    return rc;
}

static int await_job(void *arg)
{
    const struct line_place *place = arg;
    while (place->is_posted)
        (void)fiber_wait(FIBER_FOREVER);
    return 0;
}

void line_leave(struct line *line, struct line_place *place, bool has_taken)
{
    lock_take(&line->lock);
    list_remove(&place->link);
    atomic_fetch_sub(&line->count, 1);
    if (!has_taken)
        wake_locked(line);
    lock_release(&line->lock);
    if (place->is_posted)
        (void)fiber_shield(await_job, place, FIBER_FOREVER);
}
