/* The metrics of sites, rules and targets, from the series of series.h. */
#include "base/cleanup.h"
#include "edge/explain/notes.h"
#include "edge/metrics_internal.h"
#include "edge/report.h"
#include "edge/series.h"
#include "os/fiber.h"

/* So many series are written before others on the loop have their turn. */
#define SERIES_A_TURN 32

static void begin(struct metric_page *page, const struct metric *metric,
                  const struct metric_label *labels)
{
    metric_begin_sample(page, metric, "");
    for (; labels->name != NULL; labels++)
        metric_write_label(page, labels->name, labels->value);
}

static void write_number(struct metric_page *page, const struct metric *metric,
                         const struct metric_label *labels, uint64_t value)
{
    begin(page, metric, labels);
    metric_end_sample(page, value);
}

/* A number for each value of one further label; those that are 0 are left out if asked to. */
static void write_each(struct metric_page *page, const struct metric *metric,
                       const struct metric_label *labels, const char *label, const char *value,
                       uint64_t count, bool leaves_out)
{
    if (leaves_out && count == 0)
        return;
    begin(page, metric, labels);
    metric_write_label(page, label, slice_of_cstr(value));
    metric_end_sample(page, count);
}

static void write_cell(struct metric_page *page, const struct metric *metric,
                       const struct series_cell *sum, const struct metric_label *labels)
{
    switch ((enum series_number)metric->place) {
    case SERIES_CLASSES:
        for (unsigned i = 0; i < RESPONSE_CLASSES; i++)
            write_each(page, metric, labels, "class", response_class_name(i), sum->classes[i],
                       i < 2);
        break;
    case SERIES_DURATION:
        metric_write_histogram(page, metric, &sum->latency, labels);
        break;
    case SERIES_IN_FLIGHT:
        write_number(page, metric, labels, sum->in_flight);
        break;
    case SERIES_RETRIES:
        write_number(page, metric, labels, sum->retries);
        break;
    case SERIES_RECEIVED:
        write_number(page, metric, labels, sum->bytes_received);
        break;
    case SERIES_SENT:
        write_number(page, metric, labels, sum->bytes_sent);
        break;
    case SERIES_OUTCOMES:
        for (unsigned i = 1; i < TRY_OUTCOMES; i++)
            write_each(page, metric, labels, "outcome", try_outcome_name((enum try_outcome)i),
                       sum->outcomes[i], i != TRY_ANSWERED);
        break;
    case SERIES_CONNECTIONS:
        write_each(page, metric, labels, "connection", "new", sum->connections[0], false);
        write_each(page, metric, labels, "connection", "kept", sum->connections[1], false);
        break;
    }
    /* A long page must not hold up the requests of this worker. */
    if (++page->series_written % SERIES_A_TURN == 0 && fiber_current() != NULL)
        fiber_yield();
}

/* Consecutive series of one site are added up. */
void metric_write_sites(struct metric_page *page, const struct metric *metric)
{
    const struct series_list *list = &page->report->series;
    for (unsigned i = 0; i < list->count && list->at[i]->kind == SERIES_RULE;) {
        struct slice site = list->at[i]->name;
        struct series_cell sum;
        series_sum(list->at[i++], &sum);
        while (i < list->count && list->at[i]->kind == SERIES_RULE &&
               slice_equal(list->at[i]->name, site))
            series_add(list->at[i++], &sum);
        const struct metric_label labels[] = {{"site", site}, {0}};
        write_cell(page, metric, &sum, labels);
    }
}

void metric_write_rules(struct metric_page *page, const struct metric *metric)
{
    const struct series_list *list = &page->report->series;
    for (unsigned i = 0; i < list->count && list->at[i]->kind == SERIES_RULE; i++) {
        char digits[12];
        struct writer number;
        struct series_cell sum;
        writer_init(&number, digits, sizeof digits);
        write_u64(&number, list->at[i]->number);
        series_sum(list->at[i], &sum);
        const struct metric_label labels[] = {
            {"site", list->at[i]->name}, {"rule", writer_slice(&number)}, {0}};
        write_cell(page, metric, &sum, labels);
    }
}

void metric_write_target_series(struct metric_page *page, const struct metric *metric)
{
    const struct series_list *list = &page->report->series;
    for (unsigned i = 0; i < list->count; i++) {
        if (list->at[i]->kind != SERIES_TARGET)
            continue;
        struct series_cell sum;
        series_sum(list->at[i], &sum);
        const struct metric_label labels[] = {
            {"group", list->at[i]->name}, {"target", list->at[i]->target}, {0}};
        write_cell(page, metric, &sum, labels);
    }
}

static const char *const kind_names[SERIES_KINDS] = {"rule", "target"};

void metric_write_series_kept(struct metric_page *page, const struct metric *metric)
{
    for (unsigned kind = 0; kind < SERIES_KINDS; kind++) {
        const struct metric_label labels[] = {{"kind", slice_of_cstr(kind_names[kind])}, {0}};
        write_number(page, metric, labels, page->report->series.kept[kind]);
    }
}

void metric_write_series_max(struct metric_page *page, const struct metric *metric)
{
    for (unsigned kind = 0; kind < SERIES_KINDS; kind++) {
        const struct metric_label labels[] = {{"kind", slice_of_cstr(kind_names[kind])}, {0}};
        write_number(page, metric, labels, SERIES_MAX);
    }
}

void metric_write_series_merged(struct metric_page *page, const struct metric *metric)
{
    metric_write_one(page, metric, page->report->series.merged);
}
