/*
 * Two connections joined for good: after an upgrade or a CONNECT. An object on the loop, no fiber;
 * a block is held only while bytes wait in it. A half-close is passed on. It ends when both sides
 * have ended, one fails, or nothing moved for the idle time-out. It counts as an open connection
 * of its worker, so that a drain waits for it.
 */
#pragma once

#include "http/inflow.h"

struct relay;

/* What became of one. */
struct relay_result {
    uint64_t to_target_bytes;
    uint64_t to_client_bytes;
    int error; /* 0: both sides ended; -ETIMEDOUT: nothing moved; -ECANCELED: relays_close */
};

/*
 * Takes over both descriptors and what was already received from either side. On failure nothing
 * was taken. `on_end` (may be NULL) is told how it ended, before the relay goes.
 */
int relay_start(struct io *client, struct inflow *from_client, struct io *target,
                struct inflow *from_target, int64_t idle_ms,
                void (*on_end)(void *arg, const struct relay_result *result), void *arg);

/* Ends all relays of this worker. */
void relays_close(void);
