/* The machine under test: one worker of the data plane, as edge.c makes it, on a simulated loop. */
#pragma once

#include "edge/state.h"
#include "os/sim_world.h"

#define EDGE_IP     "10.0.0.2"
#define EDGE_PORT   80
#define TUNNEL_PORT 81 /* to the same targets, as it is; the second listener and group */

struct edge_host {
    char yaml[2048]; /* its file */
    uint64_t seed;
    struct edge edge;
    struct edge_worker worker;
    struct sim_machine *machine;
    bool is_ready;
    bool wants_drain;
    const char *wants_yaml; /* to take over; NULL: none */
    int reload_result;
    int64_t drained_after_ms; /* -1: not yet */
};

/* Waits until it serves. */
void edge_host_start(struct edge_host *host);

/* Waits until it has drained and ended, and checks that nothing is left over. */
void edge_host_drain(struct edge_host *host);

/* Waits until the edge has taken over this file, or refused it: edge_apply's result. */
int edge_host_reload(struct edge_host *host, const char *yaml);

/*
 * From now on allocations of the edge fail: the one numbered `nth` (1 is the next) and all that
 * follow, or, with `ppm` above 0, that many of a million. 0 and 0: none.
 */
void edge_host_starve(struct edge_host *host, long nth, uint32_t ppm);

/* For the checks. */
struct target *edge_host_target(struct edge_host *host, unsigned number);
