/*
 * What the data plane tells about itself in numbers. One table names every metric with its type,
 * its meaning and its labels; the Prometheus text and docs/metrics.md are made from it.
 */
#pragma once

#include "base/writer.h"

#include <stddef.h>

struct edge_report;
struct metric_page;

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric {
    const char *name;
    enum metric_type type;
    const char *labels; /* their names as a person reads them; "" for none */
    const char *help;   /* one sentence */
    void (*write)(struct metric_page *page, const struct metric *metric);
    size_t place; /* of the number: in struct worker_counters, or where `write` looks */
};

/* Ends in a row without a name. */
extern const struct metric metrics_table[];

/* The page for Prometheus (text format 0.0.4). */
void metrics_write(struct writer *writer, const struct edge_report *report);

/* docs/metrics.md. */
void metrics_write_markdown(struct writer *writer);
