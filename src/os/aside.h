/*
 * Work that goes on beside the fiber that has begun it, on a thread of os/offload.h: the fiber
 * waits for it later. A thread without a loop, or one whose pool is closed, does it at once.
 */
#pragma once

#include "os/arrival.h"
#include "os/offload.h"

/* Of its owner, zeroed to begin with, who keeps it until aside_wait. */
struct aside {
    struct offload_job job;
    struct arrival arrival;
    bool is_running;
};

/* After aside_wait of the one before. */
void aside_run(struct aside *aside, void (*fn)(void *arg), void *arg);

/* Nothing runs, or what ran has returned: aside_wait does not wait. */
bool aside_has_ended(const struct aside *aside);

/* Until it has returned, cancelled or not. Harmless when nothing runs. */
void aside_wait(struct aside *aside);
