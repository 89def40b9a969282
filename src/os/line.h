/*
 * A line of fibers, of whichever workers, that wait until there is room for one more of something:
 * first come, first served. Whoever makes room, on whichever thread, wakes the first of those that
 * have not been woken; it then tries for itself and keeps its place when it comes too late.
 *
 * What is counted, and how, is the caller's: it gives back first and then looks at the line, and
 * who lines up counts itself before it looks for room once more, so one of the two sees the other.
 */
#pragma once

#include "base/list.h"
#include "os/lock.h"
#include "os/loop.h"

#include <stdatomic.h>

struct line {
    struct lock lock;   /* never held over a wait */
    struct list places; /* in their order */
    atomic_uint count;
};

/* Of one that needs no line_init. */
#define LINE_INITIALISER(line)                                                                     \
    {                                                                                              \
        .lock = {PTHREAD_MUTEX_INITIALIZER}, .places = { &(line).places, &(line).places }          \
    }

/* A place in it, on the waiting fiber's stack. */
struct line_place {
    struct list link; /* this and the next two under the line's lock */
    bool is_woken;    /* and has not tried yet */
    bool is_posted;   /* its job points to it */
    struct job job;
    struct loop *loop;
    struct fiber *fiber;
};

/* 0 or a negative errno. */
int line_init(struct line *line);
void line_finish(struct line *line);

/* Does nobody wait? */
static inline bool line_is_empty(const struct line *line)
{
    return atomic_load(&line->count) == 0;
}

/*
 * Lines up at the end. Returns 1 when nobody is before it, who then has to try at once: what freed
 * before it stood there has woken nobody; 0 when others are; -EAGAIN when `max` wait already.
 */
int line_enter(struct line *line, unsigned max, struct line_place *place);

/* Until it is worth a try. 0, -ETIMEDOUT or -ECANCELED. */
int line_wait(struct line *line, struct line_place *place, int64_t deadline_ms);

/* Leaves the line; without having taken what it waited for, the next one may try in its place. */
void line_leave(struct line *line, struct line_place *place, bool has_taken);

/* There may be room now. From any thread. */
void line_wake(struct line *line);
