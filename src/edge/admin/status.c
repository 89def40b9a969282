/* The whole state at a glance, and the metrics. */
#include "base/json.h"
#include "edge/access_log.h"
#include "edge/admin/reply.h"
#include "edge/admin/routes.h"
#include "edge/admin/targets.h"
#include "edge/metrics.h"
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
        json_close_object(json);
    }
    json_close_list(json);
}

static void write_site(struct json_writer *json, const struct conf_site *site)
{
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
    json_close_object(json);
}

static void write_sites(struct json_writer *json, const struct snapshot *snapshot)
{
    json_open_list(json, "sites");
    for (unsigned i = 0; i < snapshot->sites_count; i++)
        write_site(json, &snapshot->sites[i]);
    json_close_list(json);
}

static void write_groups(struct json_writer *json, const struct plane *plane)
{
    json_open_list(json, "groups");
    for (unsigned i = 0; i < plane->groups_count; i++) {
        json_open_object(json, NULL);
        targets_write(json, &plane->groups[i]);
        json_close_object(json);
    }
    json_close_list(json);
}

static void write_counters(struct json_writer *json, const struct edge *edge)
{
    struct worker_counters sum;
    metrics_sum(edge, &sum);
    json_open_object(json, "counters");
    json_put_u64(json, "connections_accepted", sum.connections_accepted);
    json_put_u64(json, "connections_open", sum.connections_open);
    json_put_u64(json, "requests", sum.requests);
    json_put_u64(json, "requests_refused", sum.requests_refused);
    static const char *const classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    json_open_object(json, "responses");
    for (unsigned i = 0; i < 6; i++)
        json_put_u64(json, classes[i], sum.responses[i]);
    json_close_object(json);
    json_put_u64(json, "bytes_received", sum.bytes_received);
    json_put_u64(json, "bytes_sent", sum.bytes_sent);
    json_put_u64(json, "head_timeouts", sum.head_timeouts);
    json_put_u64(json, "upstream_connects", sum.upstream_connects);
    json_put_u64(json, "upstream_reuses", sum.upstream_reuses);
    json_put_u64(json, "upstream_retries", sum.upstream_retries);
    json_put_u64(json, "access_log_dropped", access_log_dropped(edge->access_log));
    json_close_object(json);
}

static void render_status(struct writer *writer, const void *arg)
{
    const struct edge *edge = arg;
    struct json_writer json;
    json_writer_init(&json, writer);
    json_open_object(&json, NULL);
    json_put_text(&json, "version", SLICE(WEIR_VERSION));
    json_put_u64(&json, "pid", (uint64_t)self_pid());
    json_put_u64(&json, "uptime_s", (uint64_t)((loop_now_ms() - edge->started_ms) / 1000));
    json_put_bool(&json, "draining", atomic_load(&edge->is_draining));
    json_put_u64(&json, "workers", edge->workers_count);
    write_listeners(&json, edge->plane.snapshot);
    write_sites(&json, edge->plane.snapshot);
    write_groups(&json, &edge->plane);
    write_counters(&json, edge);
    json_close_object(&json);
    write_char(writer, '\n');
}

void status_get(struct exchange *exchange, struct slice name)
{
    (void)name;
    reply_document(exchange, REPLY_JSON, render_status, edge_worker_current()->edge);
}

static void render_metrics(struct writer *writer, const void *arg)
{
    struct edge *const *edge = arg;
    metrics_write(writer, *edge);
}

void metrics_get(struct exchange *exchange, struct slice name)
{
    (void)name;
    struct edge *edge = edge_worker_current()->edge;
    reply_document(exchange, REPLY_PROMETHEUS, render_metrics, &edge);
}
