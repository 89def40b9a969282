/*
 * Two connections joined for good: after an upgrade, or from a listener with protocol tcp. An
 * object on the loop, no fiber; a block is held only while bytes wait in it. A half-close is passed
 * on. It ends when both sides have ended, one fails, or nothing moved for the idle time-out. Where
 * one fails both see a reset: an end would pass for that of what was on its way. It counts as an
 * open connection of its worker, so that a drain waits for it.
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

struct relay_terms {
    int64_t idle_ms;
    bool resets_idle; /* the time-out too is a reset: only an end tells where things end here */
    void (*on_end)(void *arg, const struct relay_result *result); /* before it goes; or NULL */
    /* So many bytes were moved: for how many µs none are to be moved; or NULL. */
    int64_t (*pace)(void *arg, uint64_t bytes);
    void *arg;
};

/*
 * Takes over both descriptors and what was already received from either side. On failure nothing
 * was taken.
 */
int relay_start(struct io *client, struct inflow *from_client, struct io *target,
                struct inflow *from_target, const struct relay_terms *terms);

/* What such an error is for a person, static; NULL for 0. */
const char *relay_reason(int error);

/* Ends all relays of this worker. */
void relays_close(void);
