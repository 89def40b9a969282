/* Asking all workers by jobs, and waiting on worker 0 until they have answered. */
#include "edge/report.h"

#include "edge/state.h"

#define ANSWER_MS 250

/* A fiber of worker 0 that waits for answers. */
struct report_waiter {
    struct list link;
    struct fiber *fiber;
};

const char *response_class_name(unsigned number)
{
    static const char *const names[RESPONSE_CLASSES] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    return names[number];
}

static void read_facts(struct edge_worker *worker)
{
    fiber_stats_read(&worker->report.told.fibers);
    files_cache_stats_read(worker->files_cache, &worker->report.told.files);
    worker->report.told.block_bytes = worker->http.block_bytes;
}

static void take_facts(struct edge_worker *worker)
{
    worker->report.latest = worker->report.told;
    worker->report.is_asked = false;
    worker->report.is_answered = true;
}

/* On worker 0. */
static void take_answer(struct job *job)
{
    struct edge_worker *worker = CONTAINER_OF(job, struct edge_worker, report.job);
    take_facts(worker);
    LIST_FOR_EACH (&worker->edge->report_waiters, link)
        fiber_wake(CONTAINER_OF(link, struct report_waiter, link)->fiber);
}

/* On the worker's own thread. */
static void answer(struct job *job)
{
    struct edge_worker *worker = CONTAINER_OF(job, struct edge_worker, report.job);
    read_facts(worker);
    job->run = take_answer;
    (void)edge_worker_post(&worker->edge->workers[0], job);
}

static void ask(struct edge_worker *worker)
{
    struct worker_report *report = &worker->report;
    report->is_answered = false;
    if (worker->http.number == 0) {
        read_facts(worker);
        take_facts(worker);
    } else if (!report->is_asked) {
        report->job.run = answer;
        report->is_asked = edge_worker_post(worker, &report->job);
    }
}

static bool all_have_answered(const struct edge *edge)
{
    for (unsigned i = 0; i < edge->workers_count; i++) {
        if (edge->workers[i].report.is_asked)
            return false;
    }
    return true;
}

static void ask_workers(struct edge *edge)
{
    for (unsigned i = 0; i < edge->workers_count; i++)
        ask(&edge->workers[i]);
    struct report_waiter waiter = {.fiber = fiber_current()};
    list_append(&edge->report_waiters, &waiter.link);
    int64_t deadline_ms = loop_deadline(ANSWER_MS);
    while (!all_have_answered(edge) && fiber_wait(deadline_ms) == 0)
        continue;
    list_remove(&waiter.link);
}

static void sum_counters(const struct edge *edge, struct worker_counters *ret_sum)
{
    enum { COUNTERS = sizeof(struct worker_counters) / sizeof(uint64_t) };
    uint64_t sums[COUNTERS] = {0};
    for (unsigned i = 0; i < edge->workers_count; i++) {
        const uint64_t *counters = (const uint64_t *)&edge->workers[i].http.counters;
        for (unsigned j = 0; j < COUNTERS; j++)
            sums[j] += counter_read(&counters[j]);
    }
    memcpy(ret_sum, sums, sizeof sums);
}

static void read_usage(void *arg)
{
    usage_read(arg);
}

void report_collect(struct edge *edge, struct edge_report *ret_report)
{
    *ret_report = (struct edge_report){.edge = edge};
    ask_workers(edge);
    sum_counters(edge, &ret_report->sum);
    (void)offload(read_usage, &ret_report->usage); /* refused only at the end: zeros then */
    offload_stats_read(&ret_report->offload);
    series_list_make(edge->series, &ret_report->series);
    ret_report->uptime_ms = loop_now_ms() - edge->started_ms;
    ret_report->wall_us = loop_wall_us();
}

void report_finish(struct edge_report *report)
{
    series_list_finish(&report->series);
}
