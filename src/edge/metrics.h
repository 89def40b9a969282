/*
 * What the data plane tells about itself in numbers. One table names every metric with its type,
 * its meaning and its labels; the Prometheus text and docs/metrics.md are made from it. Workers
 * count in memory of their own; sums are taken when somebody asks.
 */
#pragma once

#include "base/writer.h"
#include "http/worker.h"

struct edge;
struct exchange;

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_page;

struct metric {
    const char *name;
    enum metric_type type;
    const char *help;   /* one sentence */
    const char *labels; /* their names; NULL: none */
    void (*write)(struct metric_page *page, const struct metric *metric);
    size_t counter; /* for those of struct worker_counters: where it stands there */
};

/* Ends in a row without a name. */
extern const struct metric metrics_table[];

const char *metric_type_name(enum metric_type type);

/* The page for Prometheus (text format 0.0.4). On worker 0. */
void metrics_write(struct writer *writer, struct edge *edge);

/* The counters of all workers together. */
void metrics_sum(const struct edge *edge, struct worker_counters *ret_sum);
