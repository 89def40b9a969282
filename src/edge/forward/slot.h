/*
 * Slots of targets: requests under way, over all workers. Requests that wait for one stand in their
 * group's line (os/line.h): who stands in it holds a fiber and no connection.
 */
#pragma once

#include "edge/forward/target.h"

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

/* Gives the slot back, and then looks at the line: both in the one order of all atomics. */
static inline void target_leave(struct target_group *group, struct target *target)
{
    atomic_fetch_sub(&target->in_flight, 1);
    if (!line_is_empty(&group->line))
        line_wake(&group->line);
}
