/*
 * Active health checks, on one worker's loop: a fiber that looks at all groups, and one for each
 * target that is being asked. A new target becomes healthy with its first pass; later changes need
 * the thresholds of its group. The first fiber also gives ejection.c its ticks.
 */
#pragma once

#include "base/list.h"

struct fiber;
struct group_setup;

struct health_checks {
    const struct group_setup *groups; /* borrowed */
    unsigned count;
    struct fiber *fiber;    /* NULL: has ended, or no group wants it */
    struct list targets;    /* of struct check, owned: what is being asked now */
    struct fiber *awaiting; /* the fiber in health_await_stopped, or NULL */
};

/*
 * Begins to check all these groups that ask for it; they and their settings are borrowed until the
 * checks have stopped. 0 or -ENOMEM; what was started stops by itself with health_stop.
 */
int health_start(struct health_checks *checks, const struct group_setup *groups, unsigned count);

/* Cancels all; they end in this turn or the next ones. May be called again. */
void health_stop(struct health_checks *checks);

/* All fibers are gone: the loop may be destroyed. */
bool health_has_stopped(const struct health_checks *checks);

/* After health_stop: suspends the calling fiber, which cannot be cancelled, until then. */
void health_await_stopped(struct health_checks *checks);
