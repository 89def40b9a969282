/*
 * SIGUSR2: another binary stands where this one was started from. The supervisor becomes that one
 * in the same process, adopts its edges as a supervisor does that comes back, and has an edge of
 * the new binary take over from the current one.
 */
#pragma once

#include "main/supervisor_internal.h"

/* The variable that tells the new binary that it takes over. */
#define UPGRADE_VARIABLE "WEIR_TAKE_OVER"

/* On the fiber that reloads. Returns only when it failed: that was logged, and all goes on. */
void upgrade(struct supervisor *self);
