/*
 * A target for scenarios: our own HTTP engine on a simulated machine, answering /LEN/SHIFT/ID with
 * LEN bytes of a pattern that SHIFT tells apart, and noting how often each ID was carried out.
 */
#pragma once

#include "runner.h"

#include "http/client.h"
#include "http/session.h"
#include "http/worker.h"

#define ORIGIN_PORT       8000
#define ORIGIN_SLOW_SHIFT 1000 /* the answer to this takes some seconds */

struct origin {
    int index;
    struct worker worker;
    struct server server;
    struct acceptor acceptor;
    struct sim_machine *machine; /* NULL while it is down */
    uint64_t requests;           /* health checks not counted */
};

const char *origin_ip(int index);

void origin_start(struct origin *origin);
/* Resets what is open, and waits until it is gone. Harmless when it is down. */
void origin_stop(struct origin *origin);

/* From now on they stall and break off as `prng` says; NULL: no more. */
void origins_are_moody(struct prng *prng);

/* Forgets what was done. */
void origins_reset(void);

unsigned origin_next_id(void);
unsigned origin_times_done(unsigned id);

/* The pattern. Checking ends the program when it is another one. */
int pattern_write(struct io *io, uint32_t shift, size_t len, int64_t timeout_ms);
void pattern_check(struct slice data, uint32_t shift, size_t at);

/* For fiber_shield, at the end of a machine: the worker's sessions; every fiber but the caller. */
int wait_for_sessions(void *worker);
int wait_for_fibers(void *unused);

/* Every block was given back. */
void check_blocks(const struct worker *worker);
