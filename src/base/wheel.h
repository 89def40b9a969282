/*
 * A hierarchical timing wheel (Varghese, Lauck 1987): arming and cancelling are O(1). It has no
 * clock of its own: wheel_advance is told the time. Ticks are milliseconds. A timer fires in the
 * first advance to a time at or after its deadline, never before it.
 *
 * A timer that is armed again for later stays where it stands and is dealt out anew when its turn
 * comes: most timers guard against what does not happen and are moved on each time, which then
 * touches no neighbour in a list.
 */
#pragma once

#include "base/list.h"

#include <stdint.h>

#define WHEEL_BITS   6
#define WHEEL_SLOTS  (1 << WHEEL_BITS)
#define WHEEL_LEVELS 6

/* Embedded in its owner. Must be cancelled, or have fired, before its memory goes. */
struct wheel_timer {
    struct list link;
    int64_t deadline_ms; /* this and the next are meaningful while armed */
    int64_t placed_ms;   /* its place in the wheel is for this; never after the deadline */
};

struct wheel {
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
    uint64_t occupied[WHEEL_LEVELS]; /* a bit for each slot that may hold timers */
    int64_t now_ms;                  /* all timers up to here have fired */
    int64_t next_ms; /* the next tick at which an occupied slot begins; INT64_MAX: none is */
};

void wheel_init(struct wheel *wheel, int64_t now_ms);

static inline void wheel_timer_init(struct wheel_timer *timer)
{
    list_init(&timer->link);
}

static inline bool wheel_timer_is_armed(const struct wheel_timer *timer)
{
    return !list_is_empty(&timer->link);
}

/* Arms, or moves when armed. A deadline in the past fires at the next advance. */
void wheel_arm(struct wheel *wheel, struct wheel_timer *timer, int64_t deadline_ms);

static inline void wheel_cancel(struct wheel_timer *timer)
{
    list_remove(&timer->link);
}

/*
 * Moves all timers due by `now_ms` to `due`, unordered within a tick. The caller takes them off one
 * by one (list_remove), so that a timer that is cancelled by another one's owner is not seen.
 */
void wheel_advance(struct wheel *wheel, int64_t now_ms, struct list *due);

/*
 * When to advance next: no timer is due before it. It may be early (a far timer is dealt out again
 * on the way; cancelled ones count until passed). INT64_MAX when nothing is armed.
 */
static inline int64_t wheel_next_ms(const struct wheel *wheel)
{
    return wheel->next_ms;
}
