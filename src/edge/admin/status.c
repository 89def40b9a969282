/* The whole state at a glance, and the metrics. */
#include "base/json.h"
#include "edge/access_log.h"
#include "edge/admin/reply.h"
#include "edge/admin/routes.h"
#include "edge/admin/targets.h"
#include "edge/admin/traffic.h"
#include "edge/metrics.h"
#include "edge/report.h"
#include "edge/state.h"
#include "http/exchange.h"
#include "os/self.h"

static void write_listeners(struct json_writer *json, const struct snapshot *snapshot)
{
    json_open_list(json, "listeners");
    for (unsigned i = 0; i < snapshot->listeners_count; i++) {
        json_open_object(json, NULL);
        json_put_text(json, "name", snapshot->listeners[i].name);
        json_put_text(json, "address", snapshot->listeners[i].address.text);
        json_put_text(json, "protocol",
                      snapshot->listeners[i].protocol == CONF_PROTOCOL_TCP     ? SLICE("tcp")
                      : snapshot->listeners[i].protocol == CONF_PROTOCOL_PROXY ? SLICE("proxy")
                                                                               : SLICE("http"));
        json_put_bool(json, "tls", snapshot->listeners[i].tls.source != CONF_TLS_OFF);
        json_close_object(json);
    }
    json_close_list(json);
}

#define NAMES_TOLD 10

/* What ended before 1970 has ended at any rate. */
static uint64_t seconds_of(int64_t time_s)
{
    return time_s < 0 ? 0 : (uint64_t)time_s;
}

static void write_certificate(struct json_writer *json, const struct listed_certificate *listed)
{
    const struct tls_certificate *certificate = listed->certificate;
    json_open_object(json, NULL);
    json_put_text(json, "name", listed->name);
    json_put_text(json, "source", certificate_source(listed));
    json_put_bool(json, "present", certificate != NULL);
    if (certificate != NULL) {
        unsigned count = tls_certificate_names_count(certificate);
        json_put_u64(json, "not_before_s", seconds_of(tls_certificate_not_before_s(certificate)));
        json_put_u64(json, "not_after_s", seconds_of(tls_certificate_not_after_s(certificate)));
        json_put_u64(json, "names_total", count);
        json_open_list(json, "names");
        for (unsigned i = 0; i < count && i < NAMES_TOLD; i++)
            json_put_text(json, NULL, tls_certificate_name(certificate, i));
        json_close_list(json);
    }
    json_close_object(json);
}

static void write_certificates(struct json_writer *json, const struct identities *identities)
{
    json_open_list(json, "certificates");
    for (unsigned i = 0; i < identities->listed_count; i++)
        write_certificate(json, &identities->listed[i]);
    json_close_list(json);
}

static void write_site(struct json_writer *json, const struct conf_site *site,
                       const struct series_list *series, struct maintenance *maintenance)
{
    struct series_cell sum;
    json_open_object(json, NULL);
    json_put_text(json, "name", site->name);
    json_open_list(json, "domains");
    for (unsigned i = 0; i < site->domains_count; i++)
        json_put_text(json, NULL, site->domains[i]);
    json_close_list(json);
    json_open_list(json, "listeners");
    for (unsigned i = 0; i < site->listeners_count; i++)
        json_put_text(json, NULL, site->listeners[i]->name);
    json_close_list(json);
    json_put_u64(json, "rules", site->rules_count);
    traffic_sum_site(series, site->name, &sum);
    json_put_u64(json, "in_flight", sum.in_flight);
    json_put_u64(json, "retries", sum.retries);
    traffic_write(json, &sum);
    maintenance_write(maintenance, site->name, json);
    json_close_object(json);
}

static void write_sites(struct json_writer *json, const struct snapshot *snapshot,
                        const struct series_list *series, struct maintenance *maintenance)
{
    json_open_list(json, "sites");
    for (unsigned i = 0; i < snapshot->sites_count; i++)
        write_site(json, &snapshot->sites[i], series, maintenance);
    json_close_list(json);
}

static void write_groups(struct json_writer *json, const struct plane *plane)
{
    json_open_list(json, "groups");
    for (unsigned i = 0; i < plane->groups_count; i++) {
        json_open_object(json, NULL);
        targets_write(json, plane->groups[i].group);
        json_close_object(json);
    }
    json_close_list(json);
}

static void write_workers(struct json_writer *json, const struct edge *edge)
{
    json_open_list(json, "workers");
    for (unsigned i = 0; i < edge->workers_count; i++) {
        const struct edge_worker *worker = &edge->workers[i];
        const struct fiber_stats *fibers = &worker->report.latest.fibers;
        json_open_object(json, NULL);
        json_put_bool(json, "answering", worker->report.is_answered);
        json_put_u64(json, "connections_open",
                     counter_read(&worker->http.counters.connections_open));
        json_put_u64(json, "requests", counter_read(&worker->http.counters.requests));
        json_put_u64(json, "fibers", fibers->running);
        json_put_u64(json, "fibers_max", fibers->fibers_max);
        json_put_u64(json, "stack_bytes_high", fibers->stack_bytes_high);
        json_put_u64(json, "block_bytes", worker->report.latest.block_bytes);
        json_close_object(json);
    }
    json_close_list(json);
}

static void write_responses(struct json_writer *json, const struct worker_counters *sum)
{
    json_open_object(json, "responses");
    for (unsigned i = 0; i < RESPONSE_CLASSES; i++)
        json_put_u64(json, response_class_name(i), sum->responses[i]);
    json_close_object(json);
}

static void write_counters(struct json_writer *json, const struct edge_report *report)
{
    const struct worker_counters *sum = &report->sum;
    json_open_object(json, "counters");
    json_put_u64(json, "connections_accepted", sum->connections_accepted);
    json_put_u64(json, "connections_open", sum->connections_open);
    json_put_u64(json, "sessions_refused", sum->sessions_refused);
    json_put_u64(json, "requests", sum->requests);
    json_put_u64(json, "requests_refused", sum->requests_refused);
    json_put_u64(json, "head_timeouts", sum->head_timeouts);
    write_responses(json, sum);
    json_put_u64(json, "bytes_received", sum->bytes_received);
    json_put_u64(json, "bytes_sent", sum->bytes_sent);
    json_put_u64(json, "upstream_connects", sum->upstream_connects);
    json_put_u64(json, "upstream_reuses", sum->upstream_reuses);
    json_put_u64(json, "upstream_retries", sum->upstream_retries);
    json_put_u64(json, "mirrored", sum->mirrors_sent);
    json_put_u64(json, "mirrored_skipped", sum->mirrors_skipped);
    json_put_u64(json, "access_log_dropped", access_log_dropped(report->edge->access_log));
    json_close_object(json);
}

static void write_process(struct json_writer *json, const struct usage *usage)
{
    json_open_object(json, "process");
    json_put_u64(json, "cpu_ms", usage->cpu_us / 1000);
    json_put_u64(json, "memory_bytes", usage->memory_bytes);
    json_put_u64(json, "descriptors", usage->descriptors);
    json_put_u64(json, "descriptors_max", usage->descriptors_max);
    json_close_object(json);
}

static void render_status(struct writer *writer, const void *arg)
{
    const struct edge_report *report = arg;
    const struct plane *plane = report->edge->plane;
    struct json_writer json;
    json_writer_init(&json, writer);
    json_open_object(&json, NULL);
    json_put_text(&json, "version", SLICE(WEIR_VERSION));
    json_put_u64(&json, "pid", (uint64_t)self_pid());
    json_put_u64(&json, "uptime_s", (uint64_t)report->uptime_ms / 1000);
    json_put_bool(&json, "draining", atomic_load(&report->edge->is_draining));
    write_listeners(&json, plane->snapshot);
    write_certificates(&json, plane->identities);
    traffic_write_ends(&json);
    write_sites(&json, plane->snapshot, &report->series, &edge_worker_current()->edge->maintenance);
    write_groups(&json, plane);
    write_workers(&json, report->edge);
    write_counters(&json, report);
    write_process(&json, &report->usage);
    json_close_object(&json);
    write_char(writer, '\n');
}

void status_get(struct exchange *exchange, struct slice name)
{
    (void)name;
    struct edge_report report;
    report_collect(edge_worker_current()->edge, &report);
    reply_document(exchange, REPLY_JSON, render_status, &report);
    report_finish(&report);
}

static void render_metrics(struct writer *writer, const void *arg)
{
    metrics_write(writer, arg);
}

void metrics_get(struct exchange *exchange, struct slice name)
{
    (void)name;
    struct edge_report report;
    report_collect(edge_worker_current()->edge, &report);
    reply_document(exchange, REPLY_PROMETHEUS, render_metrics, &report);
    report_finish(&report);
}
