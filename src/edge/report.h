/*
 * The data plane's state at one moment, for the metrics and the status: counters of all workers
 * added up, what each worker says of its own fibers and memory, and what the process takes.
 */
#pragma once

#include "edge/files/cache.h"
#include "edge/series.h"
#include "http/worker.h"
#include "os/fiber.h"
#include "os/loop.h"
#include "os/offload.h"
#include "os/usage.h"

struct edge;
struct edge_worker;

/* What only the worker's own thread can read. */
struct worker_facts {
    struct fiber_stats fibers;
    struct files_cache_stats files;
    uint64_t block_bytes;
};

/* A question to a worker, under way as a job: first on its loop, then back on worker 0's. */
struct worker_report {
    struct job job;
    struct worker_facts told;   /* by the worker, while the job is under way */
    struct worker_facts latest; /* worker 0's copy */
    bool is_asked;              /* the job is under way; worker 0's own */
    bool is_answered;           /* the latest question was answered in time */
};

struct edge_report {
    const struct edge *edge; /* whose workers' `report.latest` belong to this */
    struct worker_counters sum;
    struct usage usage;
    struct offload_stats offload;
    struct series_list series;
    int64_t uptime_ms;
    int64_t wall_us;
};

/* "none", "1xx" to "5xx": names of worker_counters.responses. */
#define RESPONSE_CLASSES 6
const char *response_class_name(unsigned number);

/*
 * On a fiber of worker 0. A worker that is too busy to answer at once is not waited for: it is told
 * as such, with what it said last.
 */
void report_collect(struct edge *edge, struct edge_report *ret_report);
void report_finish(struct edge_report *report);
