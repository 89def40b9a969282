/*
 * What to do next for one service: desired against actual, without I/O, clock or memory of its own.
 * Called again after each change; a plan is only ever the next few steps.
 *
 * Tasks of the wanted definition are "current", others "stale". Stale ones are replaced rolling:
 * a stale task goes only when the healthy ones that stay are as many as are wanted. Twice as many
 * as wanted run at most. A new task waits for its service's back-off.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum task_state {
    TASK_STARTING, /* not listening yet */
    TASK_CHECKING, /* a target whose health is being checked */
    TASK_HEALTHY,
    TASK_DRAINING, /* takes no new requests */
    TASK_STOPPING, /* told to end, or ended and being cleared away */
};

struct plan_task {
    unsigned number; /* from 1, unique in its service */
    bool is_current;
    enum task_state state;
};

struct plan_input {
    unsigned wanted; /* 0 to stop all */
    int64_t now_ms;
    int64_t not_before_ms; /* no new task earlier: back-off */
    const struct plan_task *tasks;
    unsigned tasks_count;
};

#define PLAN_STEPS_MAX 64

enum plan_verb {
    PLAN_START,  /* a new task with that number */
    PLAN_RETIRE, /* drain and stop the task with that number */
};

struct plan_step {
    enum plan_verb verb;
    unsigned number;
};

struct plan {
    struct plan_step steps[PLAN_STEPS_MAX];
    unsigned steps_count;
    int64_t again_ms; /* plan again then at the latest; INT64_MAX: only after a change */
};

void plan_make(const struct plan_input *input, struct plan *ret_plan);

/* How long a service waits after so many failures in a row: 1 s doubling to 30 s; 0 after none. */
int64_t plan_backoff_ms(unsigned failures);
