/* The table, and how each of its rows is written. */
#include "edge/metrics.h"

#include "base/cleanup.h"
#include "edge/access_log.h"
#include "edge/state.h"

struct metric_page {
    struct writer *out;
    const struct edge *edge;
    struct worker_counters sum;
};

const char *metric_type_name(enum metric_type type)
{
    static const char *const names[] = {"counter", "gauge", "histogram"};
    return names[type];
}

void metrics_sum(const struct edge *edge, struct worker_counters *ret_sum)
{
    /* All members are counters of one width. */
    enum { COUNTERS = sizeof(struct worker_counters) / sizeof(uint64_t) };
    uint64_t sums[COUNTERS] = {0};
    for (unsigned i = 0; i < edge->workers_count; i++) {
        const uint64_t *counters = (const uint64_t *)&edge->workers[i].http.counters;
        for (unsigned j = 0; j < COUNTERS; j++)
            sums[j] += __atomic_load_n(&counters[j], __ATOMIC_RELAXED);
    }
    memcpy(ret_sum, sums, sizeof sums);
}

/* Label values: RFC-less but strict: backslash, quote and newline are escaped. */
static void write_label_value(struct writer *writer, struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        if (c == '\\' || c == '"')
            write_char(writer, '\\');
        if (c == '\n')
            write_literal(writer, "\\n");
        else
            write_char(writer, c);
    }
}

static void write_label(struct metric_page *page, bool is_first, const char *name,
                        struct slice value)
{
    write_char(page->out, is_first ? '{' : ',');
    write_slice(page->out, slice_of_cstr(name));
    write_literal(page->out, "=\"");
    write_label_value(page->out, value);
    write_char(page->out, '"');
}

static void write_name(struct metric_page *page, const struct metric *metric)
{
    write_slice(page->out, slice_of_cstr(metric->name));
}

static void write_value(struct metric_page *page, uint64_t value)
{
    write_char(page->out, ' ');
    write_u64(page->out, value);
    write_char(page->out, '\n');
}

static void write_counter(struct metric_page *page, const struct metric *metric)
{
    uint64_t value;
    memcpy(&value, (const char *)&page->sum + metric->counter, sizeof value);
    write_name(page, metric);
    write_value(page, value);
}

static void write_responses(struct metric_page *page, const struct metric *metric)
{
    static const char *const classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    for (unsigned i = 0; i < COUNT_OF(classes); i++) {
        write_name(page, metric);
        write_label(page, true, "class", slice_of_cstr(classes[i]));
        write_char(page->out, '}');
        write_value(page, page->sum.responses[i]);
    }
}

static void write_log_dropped(struct metric_page *page, const struct metric *metric)
{
    write_name(page, metric);
    write_value(page, access_log_dropped(page->edge->access_log));
}

#define COUNTER(name, help, member)                                                                \
    {                                                                                              \
        "weir_" name, METRIC_COUNTER, help, NULL, write_counter,                                   \
            offsetof(struct worker_counters, member)                                               \
    }

const struct metric metrics_table[] = {
    COUNTER("connections_accepted_total", "Connections of clients.", connections_accepted),
    {"weir_connections_open", METRIC_GAUGE, "Connections of clients now, idle ones included.", NULL,
     write_counter, offsetof(struct worker_counters, connections_open)},
    COUNTER("requests_total", "Requests that have ended, refused ones included.", requests),
    COUNTER("requests_refused_total", "Requests that were not valid HTTP, or over a limit.",
            requests_refused),
    {"weir_responses_total", METRIC_COUNTER,
     "Responses by the hundreds of their status; none: the client left before one.", "class",
     write_responses, 0},
    {"weir_access_log_dropped_total", METRIC_COUNTER,
     "Lines of the access log that were not written.", NULL, write_log_dropped, 0},
    {NULL, METRIC_GAUGE, NULL, NULL, NULL, 0},
};

void metrics_write(struct writer *writer, struct edge *edge)
{
    struct metric_page page = {.out = writer, .edge = edge};
    metrics_sum(edge, &page.sum);
    for (const struct metric *metric = metrics_table; metric->name != NULL; metric++) {
        write_literal(writer, "# HELP ");
        write_name(&page, metric);
        write_char(writer, ' ');
        write_slice(writer, slice_of_cstr(metric->help));
        write_literal(writer, "\n# TYPE ");
        write_name(&page, metric);
        write_char(writer, ' ');
        write_slice(writer, slice_of_cstr(metric_type_name(metric->type)));
        write_char(writer, '\n');
        metric->write(&page, metric);
    }
}
