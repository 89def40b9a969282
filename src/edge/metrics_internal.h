/* What the files of the metrics share: samples with their labels. */
#pragma once

#include "edge/latency.h"
#include "edge/metrics.h"

struct edge;

struct metric_page {
    struct writer *out;
    const struct edge_report *report;
    const struct edge *edge;
    bool has_label;
    unsigned series_written; /* since other fibers had their turn */
};

/* A list of them ends in one without a name. */
struct metric_label {
    const char *name;
    struct slice value;
};

/* A sample: its name, labels by metric_write_label, then one of the values. */
void metric_begin_sample(struct metric_page *page, const struct metric *metric, const char *suffix);
void metric_write_label(struct metric_page *page, const char *name, struct slice value);
void metric_end_sample(struct metric_page *page, uint64_t value);
void metric_end_sample_seconds(struct metric_page *page, uint64_t us);

/* The only sample of a metric without labels. */
void metric_write_one(struct metric_page *page, const struct metric *metric, uint64_t value);

void metric_write_histogram(struct metric_page *page, const struct metric *metric,
                            const struct latency *sum, const struct metric_label *labels);

/* Numbers of a series: the `place` of the metrics that follow. */
enum series_number {
    SERIES_CLASSES,
    SERIES_DURATION,
    SERIES_IN_FLIGHT,
    SERIES_RETRIES,
    SERIES_RECEIVED,
    SERIES_SENT,
    SERIES_OUTCOMES,
    SERIES_CONNECTIONS,
};

/* The `place` of the metrics of certificates. */
enum certificate_number { CERTIFICATE_PRESENT, CERTIFICATE_END };

void metric_write_certificates(struct metric_page *page, const struct metric *metric);
void metric_write_handshake_failures(struct metric_page *page, const struct metric *metric);
void metric_write_sites(struct metric_page *page, const struct metric *metric);
void metric_write_rules(struct metric_page *page, const struct metric *metric);
void metric_write_target_series(struct metric_page *page, const struct metric *metric);
void metric_write_series_kept(struct metric_page *page, const struct metric *metric);
void metric_write_series_max(struct metric_page *page, const struct metric *metric);
void metric_write_series_merged(struct metric_page *page, const struct metric *metric);
