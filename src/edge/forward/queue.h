/*
 * Requests that wait until a target of their group has room: one line for all workers, first come,
 * first served. Who stands in it holds a fiber and no connection. A slot that frees, on whichever
 * worker, wakes the first of those that have not been woken; it then tries for itself and keeps its
 * place when it comes too late.
 */
#pragma once

#include "edge/forward/target.h"
#include "os/loop.h"

/* A place in the line, on the waiting fiber's stack. */
struct queue_place {
    struct list link; /* in the group's queue; this and the next two under the group's lock */
    bool is_woken;    /* and has not tried yet */
    bool is_posted;   /* its job points to it */
    struct job job;
    struct loop *loop;
    struct fiber *fiber;
};

/*
 * Lines up at the end. Returns 1 when nobody is before it, who then has to try at once: what freed
 * before it stood there has woken nobody; 0 when others are; -EAGAIN when `max` wait already.
 */
int queue_enter(struct target_group *group, unsigned max, struct queue_place *place);

/* Until it is worth a try. 0, -ETIMEDOUT or -ECANCELED. */
int queue_wait(struct target_group *group, struct queue_place *place, int64_t deadline_ms);

/* Leaves the line; without a slot, the next one may try in its place. */
void queue_leave(struct target_group *group, struct queue_place *place, bool has_slot);

/* Something may have room now. From any thread, without the group's lock. */
void queue_wake(struct target_group *group);

/* The same under the lock. */
void queue_wake_locked(struct target_group *group);

/* Does anybody wait? */
static inline bool queue_is_empty(const struct target_group *group)
{
    return atomic_load(&group->queued) == 0;
}

/*
 * A slot for one more request at the target, of at most `limit` (0: no limit) over all workers.
 * False when there is none.
 */
static inline bool target_enter(struct target *target, unsigned limit)
{
    if (limit == 0) {
        atomic_fetch_add_explicit(&target->in_flight, 1, memory_order_relaxed);
        return true;
    }
    unsigned in_flight = atomic_load_explicit(&target->in_flight, memory_order_relaxed);
    while (in_flight < limit) {
        if (atomic_compare_exchange_weak(&target->in_flight, &in_flight, in_flight + 1))
            return true;
    }
    return false;
}

/*
 * Gives the slot back. In this order, and both in the one order of all atomics: who lines up counts
 * itself before it looks for a slot once more, so one of the two sees the other.
 */
static inline void target_leave(struct target_group *group, struct target *target)
{
    atomic_fetch_sub(&target->in_flight, 1);
    if (!queue_is_empty(group))
        queue_wake(group);
}
