/*
 * A worker's life on its own thread and loop, whichever kernel that loop runs over: what it serves
 * with, and the drain at its end. edge.c gives each a thread; tests/sim gives one a simulated
 * machine.
 */
#pragma once

#include "edge/state.h"

/*
 * On the worker's own thread, with `edge`, whose plane is set, and `loop` set: makes what it needs,
 * seeded with `seed`, and accepts. 0 or the error; edge_worker_end either way.
 */
int edge_worker_begin(struct edge_worker *worker, uint64_t seed);

/* Stops accepting and frees what edge_worker_begin made; the sessions must have ended. */
void edge_worker_end(struct edge_worker *worker);

/*
 * Stops accepting; open requests have the snapshot's drain_ms to finish, then they are cut off.
 * In the end it sets `has_drained` and stops the worker's loop.
 */
void edge_worker_drain(struct edge_worker *worker);

/* The same without a deadline, in two steps, for what has been read takes a turn to begin: stops
 * accepting, and tells connections to end; those that are idle end at once if the edge has a store,
 * which is another edge's from now on, else they may send one more request. */
void edge_worker_retire(struct edge_worker *worker);
void edge_worker_retired(struct edge_worker *worker);

/* This worker's resolver, made when it is first wanted; NULL: there was no memory for it. */
struct resolver *edge_worker_resolver(struct edge_worker *worker);

/* Ends a drain's patience now. */
void edge_worker_cut_off(struct edge_worker *worker);
