/*
 * A command and all that it starts, however often they fork: this process is their subreaper, so
 * that what its parent has left comes here. For the processes whose one purpose is to be the parent
 * of something (shim.h, guard.h). Their signals come by a descriptor.
 */
#pragma once

#include "os/process.h"

#include <stdbool.h>
#include <stdint.h>

struct descendants {
    struct process command; /* leads its own session; set by whoever spawned it */
    struct process_end end; /* of the command */
    bool has_ended;         /* the command; others of it may still run */
    bool is_clear;          /* nothing of it is left */
    int64_t kill_at_ms;     /* by the monotonic clock; INT64_MAX: not yet */
    int signal_fd;
};

/* Before the command is spawned. 0 or -errno. */
int descendants_init(struct descendants *all);

/* SIGTERM to the command's group now, which also one that was stopped hears; SIGKILL to all at the
 * deadline, or at an earlier one. */
void descendants_stop(struct descendants *all, int64_t within_ms);

/* When the signal descriptor is readable: reaps, and takes SIGTERM and SIGINT as a stop; a second
 * one does not wait. Returns whether the command has ended just now. */
bool descendants_take_signals(struct descendants *all, int64_t stop_within_ms);

/* How long poll may wait: -1 for ever. */
int descendants_wait_ms(const struct descendants *all);

/* After each poll: what is to be killed by now is. As descendants_take_signals. */
bool descendants_turn(struct descendants *all);
