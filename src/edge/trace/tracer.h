/*
 * Sends the spans of sampled requests to a collector. A worker copies a request's record into a
 * queue of fixed size and goes on; a fiber of worker 0 makes JSON of what has come together and
 * posts it. While the collector cannot be reached it tries again, less and less often; what does
 * not fit meanwhile is dropped and counted. No request ever waits for any of it.
 */
#pragma once

#include "edge/explain/decisions.h"

#include <stdatomic.h>

struct edge;
struct tracer;

/* 0 or -ENOMEM. `edge` is borrowed; its workers' number is known. */
int tracer_create(struct edge *edge, struct tracer **ret_tracer);

/* After the workers' end. NULL is fine. */
void tracer_destroy(struct tracer *tracer);

/* The fiber that sends, on worker 0's loop. 0 or a negative errno. */
int tracer_start(struct tracer *tracer);

/* Sends once more what there is, within a second, then ends. May be called again; NULL is fine. */
void tracer_stop(struct tracer *tracer);
bool tracer_has_stopped(const struct tracer *tracer);

/* On a worker's own thread: copies the record. NULL is fine. */
void tracer_add(struct tracer *tracer, unsigned worker, const struct decision *record);

struct tracer_stats {
    uint64_t exported; /* spans that the collector took */
    uint64_t dropped;  /* spans for which there was no room, or that it refused */
    uint64_t failures; /* posts that failed */
};

/* From any thread. Zeros for NULL. */
void tracer_stats_read(const struct tracer *tracer, struct tracer_stats *ret_stats);
