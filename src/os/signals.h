/*
 * Signals as something a fiber waits for. The listed ones are blocked for this thread and those it
 * makes later, so open them before any thread.
 */
#pragma once

#include "os/io.h"

#include <signal.h>

struct signals {
    struct io io;
};

/* `numbers` ends in 0. Returns 0 or -errno. */
int signals_open(struct signals *signals, const int *numbers);
void signals_close(struct signals *signals);

/* The number of the next one, -ETIMEDOUT, -ECANCELED, or -errno. */
int signals_next(struct signals *signals, int64_t deadline_ms);

/* The same; *ret_by_kernel: no process sent it, as the SIGHUP of a terminal that is gone. */
int signals_next_from(struct signals *signals, int64_t deadline_ms, bool *ret_by_kernel);
