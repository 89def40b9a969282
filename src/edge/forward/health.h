/*
 * Active health checks: a fiber for each group that asks for them, on one worker's loop. A new
 * target becomes healthy with its first pass; later changes need the thresholds of its group.
 */
#pragma once

#include "base/list.h"

struct plane;

struct health_checks {
    struct list groups;  /* of struct group_check, owned */
    struct list targets; /* of struct check, owned: what is being asked now */
};

/* 0 or -ENOMEM; what was started stops by itself with health_stop. */
int health_start(struct health_checks *checks, struct plane *plane);

/* Cancels all; they end in this turn or the next ones. May be called again. */
void health_stop(struct health_checks *checks);

/* All fibers are gone: the loop may be destroyed. */
bool health_has_stopped(const struct health_checks *checks);
