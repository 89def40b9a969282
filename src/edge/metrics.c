/* The table, and how each of its rows becomes samples. */
#include "edge/metrics.h"

#include "base/cleanup.h"
#include "edge/access_log.h"
#include "edge/metrics_internal.h"
#include "edge/objects.h"
#include "edge/report.h"
#include "edge/state.h"
#include "edge/trace/tracer.h"
#include "wire/grpc/grpc.h"

/* A sample: its name, labels by write_label, then one of the values. */
void metric_begin_sample(struct metric_page *page, const struct metric *metric, const char *suffix)
{
    write_slice(page->out, slice_of_cstr(metric->name));
    write_slice(page->out, slice_of_cstr(suffix));
    page->has_label = false;
}

/* Escaped as the text format wants it: backslash, quote and newline. */
void metric_write_label(struct metric_page *page, const char *name, struct slice value)
{
    write_char(page->out, page->has_label ? ',' : '{');
    page->has_label = true;
    write_slice(page->out, slice_of_cstr(name));
    write_literal(page->out, "=\"");
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        if (c == '\\' || c == '"' || c == '\n')
            write_char(page->out, '\\');
        write_char(page->out, c == '\n' ? 'n' : c);
    }
    write_char(page->out, '"');
}

static void begin_labelled(struct metric_page *page, const struct metric *metric,
                           const char *suffix, const struct metric_label *labels)
{
    metric_begin_sample(page, metric, suffix);
    for (; labels->name != NULL; labels++)
        metric_write_label(page, labels->name, labels->value);
}

static void end_labels(struct metric_page *page)
{
    if (page->has_label)
        write_char(page->out, '}');
    write_char(page->out, ' ');
}

void metric_end_sample(struct metric_page *page, uint64_t value)
{
    end_labels(page);
    write_u64(page->out, value);
    write_char(page->out, '\n');
}

/* 1.5 for 1500000 µs. */
static void write_seconds(struct writer *writer, uint64_t us)
{
    uint64_t left = us % 1000000;
    write_u64(writer, us / 1000000);
    if (left == 0)
        return;
    write_char(writer, '.');
    for (uint64_t unit = 100000; left > 0; left %= unit, unit /= 10)
        write_char(writer, (char)('0' + left / unit));
}

void metric_end_sample_seconds(struct metric_page *page, uint64_t us)
{
    end_labels(page);
    write_seconds(page->out, us);
    write_char(page->out, '\n');
}

void metric_write_one(struct metric_page *page, const struct metric *metric, uint64_t value)
{
    metric_begin_sample(page, metric, "");
    metric_end_sample(page, value);
}

static void write_build(struct metric_page *page, const struct metric *metric)
{
    metric_begin_sample(page, metric, "");
    metric_write_label(page, "version", SLICE(WEIR_VERSION));
    metric_end_sample(page, 1);
}

static void write_uptime(struct metric_page *page, const struct metric *metric)
{
    metric_begin_sample(page, metric, "");
    metric_end_sample_seconds(page, (uint64_t)page->report->uptime_ms * 1000);
}

static void write_draining(struct metric_page *page, const struct metric *metric)
{
    metric_write_one(page, metric, atomic_load(&page->edge->is_draining));
}

static void write_counter(struct metric_page *page, const struct metric *metric)
{
    uint64_t value;
    memcpy(&value, (const char *)&page->report->sum + metric->place, sizeof value);
    metric_write_one(page, metric, value);
}

static void write_responses(struct metric_page *page, const struct metric *metric)
{
    for (unsigned i = 0; i < RESPONSE_CLASSES; i++) {
        metric_begin_sample(page, metric, "");
        metric_write_label(page, "class", slice_of_cstr(response_class_name(i)));
        metric_end_sample(page, page->report->sum.responses[i]);
    }
}

static void write_grpc_calls(struct metric_page *page, const struct metric *metric)
{
    for (unsigned i = 0; i < GRPC_STATUSES; i++) {
        metric_begin_sample(page, metric, "");
        metric_write_label(page, "grpc_status", grpc_status_name((enum grpc_status)i));
        metric_end_sample(page, page->report->sum.grpc_calls[i]);
    }
}

static void sum_latency(const struct edge *edge, unsigned listener, struct latency *ret_sum)
{
    *ret_sum = (struct latency){0};
    for (unsigned i = 0; i < edge->workers_count; i++)
        latency_sum(ret_sum, &edge->plane->listeners[listener]->latencies[i]);
}

static void write_bucket(struct metric_page *page, const struct metric *metric,
                         const struct metric_label *labels, unsigned bucket, uint64_t count)
{
    char end[24];
    struct writer writer;
    writer_init(&writer, end, sizeof end);
    if (bucket < LATENCY_ENDS)
        write_seconds(&writer, (uint64_t)latency_ends_us[bucket]);
    else
        write_literal(&writer, "+Inf");
    begin_labelled(page, metric, "_bucket", labels);
    metric_write_label(page, "le", writer_slice(&writer));
    metric_end_sample(page, count);
}

void metric_write_histogram(struct metric_page *page, const struct metric *metric,
                            const struct latency *sum, const struct metric_label *labels)
{
    uint64_t count = 0;
    for (unsigned bucket = 0; bucket <= LATENCY_ENDS; bucket++) {
        count += sum->counts[bucket];
        write_bucket(page, metric, labels, bucket, count);
    }
    begin_labelled(page, metric, "_sum", labels);
    metric_end_sample_seconds(page, sum->total_us);
    begin_labelled(page, metric, "_count", labels);
    metric_end_sample(page, count);
}

static void write_durations(struct metric_page *page, const struct metric *metric)
{
    const struct snapshot *snapshot = page->edge->plane->snapshot;
    for (unsigned i = 0; i < snapshot->listeners_count; i++) {
        const struct metric_label labels[] = {{"listener", snapshot->listeners[i].name}, {0}};
        struct latency sum;
        sum_latency(page->edge, i, &sum);
        metric_write_histogram(page, metric, &sum, labels);
    }
}

static void write_group_targets(struct metric_page *page, const struct metric *metric)
{
    for (unsigned i = 0; i < page->edge->plane->groups_count; i++) {
        struct target_group *group = page->edge->plane->groups[i].group;
        struct target_set *set = target_group_set(group);
        unsigned counts[TARGET_DRAINING + 1] = {0};
        for (unsigned j = 0; j < set->count; j++)
            counts[atomic_load(&set->targets[j]->health)]++;
        target_set_unref(set);
        for (unsigned health = 0; health < COUNT_OF(counts); health++) {
            metric_begin_sample(page, metric, "");
            metric_write_label(page, "group", group->name);
            metric_write_label(page, "health",
                               slice_of_cstr(target_health_name((enum target_health)health)));
            metric_end_sample(page, counts[health]);
        }
    }
}

enum group_number { QUEUED, REFUSED };

static void write_groups(struct metric_page *page, const struct metric *metric)
{
    for (unsigned i = 0; i < page->edge->plane->groups_count; i++) {
        const struct target_group *group = page->edge->plane->groups[i].group;
        metric_begin_sample(page, metric, "");
        metric_write_label(page, "group", group->name);
        metric_end_sample(page, metric->place == QUEUED ? atomic_load(&group->line.count)
                                                        : atomic_load(&group->refused));
    }
}

enum target_number { IS_HEALTHY, IN_FLIGHT, REQUESTS, FAILURES, IS_EJECTED, EJECTIONS };

static uint64_t target_number(const struct target *target, enum target_number which)
{
    switch (which) {
    case IS_HEALTHY:
        return atomic_load(&target->health) == TARGET_HEALTHY;
    case IN_FLIGHT:
        return atomic_load(&target->in_flight);
    case REQUESTS:
        return atomic_load(&target->requests);
    case FAILURES:
        return atomic_load(&target->failures);
    case IS_EJECTED:
        return atomic_load(&target->is_ejected);
    case EJECTIONS:
        return atomic_load(&target->ejections);
    }
    return 0;
}

static void write_targets(struct metric_page *page, const struct metric *metric)
{
    for (unsigned i = 0; i < page->edge->plane->groups_count; i++) {
        struct target_group *group = page->edge->plane->groups[i].group;
        struct target_set *set = target_group_set(group);
        for (unsigned j = 0; j < set->count; j++) {
            metric_begin_sample(page, metric, "");
            metric_write_label(page, "group", group->name);
            metric_write_label(page, "target", set->targets[j]->id);
            metric_end_sample(page,
                              target_number(set->targets[j], (enum target_number)metric->place));
        }
        target_set_unref(set);
    }
}

enum worker_number {
    IS_ANSWERING,
    FIBERS,
    FIBERS_MAX,
    STACKS,
    STACK_HIGH,
    BLOCK_BYTES,
    FILES_ENTRIES,
    FILES_BYTES,
    FILES_DESCRIPTORS,
    FILES_HITS,
    FILES_LOADS,
    FILES_EVICTIONS
};

static uint64_t worker_number(const struct worker_report *report, enum worker_number which)
{
    switch (which) {
    case IS_ANSWERING:
        return report->is_answered;
    case FIBERS:
        return report->latest.fibers.running;
    case FIBERS_MAX:
        return report->latest.fibers.fibers_max;
    case STACKS:
        return report->latest.fibers.stacks;
    case STACK_HIGH:
        return report->latest.fibers.stack_bytes_high;
    case BLOCK_BYTES:
        return report->latest.block_bytes;
    case FILES_ENTRIES:
        return report->latest.files.entries;
    case FILES_BYTES:
        return report->latest.files.bytes;
    case FILES_DESCRIPTORS:
        return report->latest.files.descriptors;
    case FILES_HITS:
        return report->latest.files.hits;
    case FILES_LOADS:
        return report->latest.files.loads;
    case FILES_EVICTIONS:
        return report->latest.files.evictions;
    }
    return 0;
}

static void write_workers(struct metric_page *page, const struct metric *metric)
{
    for (unsigned i = 0; i < page->edge->workers_count; i++) {
        char number[24];
        struct writer writer;
        writer_init(&writer, number, sizeof number);
        write_u64(&writer, i);
        metric_begin_sample(page, metric, "");
        metric_write_label(page, "worker", writer_slice(&writer));
        metric_end_sample(
            page, worker_number(&page->edge->workers[i].report, (enum worker_number)metric->place));
    }
}

static void write_offload_queued(struct metric_page *page, const struct metric *metric)
{
    metric_write_one(page, metric, page->report->offload.queued);
}

static void write_offload_finished(struct metric_page *page, const struct metric *metric)
{
    metric_write_one(page, metric, page->report->offload.finished);
}

static void write_log_dropped(struct metric_page *page, const struct metric *metric)
{
    metric_write_one(page, metric, access_log_dropped(page->edge->access_log));
}

static void write_bucket_log_dropped(struct metric_page *page, const struct metric *metric)
{
    metric_write_one(page, metric, log_book_dropped(&page->edge->log_book));
}

enum store_number {
    STORE_CHANGES,
    STORE_BATCHES,
    STORE_SYNCS,
    STORE_WAITING,
    STORE_HITS,
    STORE_MISSES,
    STORE_RECLAIMED,
    STORE_DAMAGED,
    STORE_ROOM,
};

/* Without a store there is nothing to tell. */
static void write_store(struct metric_page *page, const struct metric *metric)
{
    struct store_stats stats;
    if (!objects_read_stats(page->edge->objects, &stats))
        return;
    const uint64_t numbers[] = {
        [STORE_CHANGES] = stats.changes,
        [STORE_BATCHES] = stats.batches,
        [STORE_SYNCS] = stats.syncs,
        [STORE_WAITING] = stats.waiting_for_index,
        [STORE_HITS] = stats.recent.hits,
        [STORE_MISSES] = stats.recent.misses,
        [STORE_RECLAIMED] = stats.collected_bytes,
        [STORE_DAMAGED] = stats.damaged,
        [STORE_ROOM] = stats.room,
    };
    metric_write_one(page, metric, numbers[metric->place]);
}

enum tracer_number { SPANS_EXPORTED, SPANS_DROPPED, TRACE_FAILURES };

static void write_tracer(struct metric_page *page, const struct metric *metric)
{
    struct tracer_stats stats;
    tracer_stats_read(page->edge->tracer, &stats);
    metric_write_one(page, metric,
                     metric->place == SPANS_EXPORTED  ? stats.exported
                     : metric->place == SPANS_DROPPED ? stats.dropped
                                                      : stats.failures);
}

enum event_number { EVENTS_DELIVERED, EVENT_FAILURES, EVENTS_DROPPED, EVENTS_WAITING };

struct hook_page {
    struct metric_page *page;
    const struct metric *metric;
};

static void write_webhook(void *arg, struct outbox_hook *hook)
{
    const struct hook_page *to = arg;
    long long waiting = atomic_load(&hook->waiting);
    metric_begin_sample(to->page, to->metric, "");
    metric_write_label(to->page, "webhook", hook->name);
    metric_end_sample(to->page, to->metric->place == EVENTS_DELIVERED
                                    ? atomic_load(&hook->delivered)
                                : to->metric->place == EVENT_FAILURES ? atomic_load(&hook->failures)
                                : to->metric->place == EVENTS_DROPPED ? atomic_load(&hook->dropped)
                                : waiting > 0                         ? (uint64_t)waiting
                                                                      : 0);
}

static void write_webhooks(struct metric_page *page, const struct metric *metric)
{
    struct hook_page to = {page, metric};
    outbox_each((struct outbox *)(uintptr_t)&page->edge->outbox, write_webhook, &to);
}

static void write_cpu(struct metric_page *page, const struct metric *metric)
{
    metric_begin_sample(page, metric, "");
    metric_end_sample_seconds(page, page->report->usage.cpu_us);
}

static void write_memory(struct metric_page *page, const struct metric *metric)
{
    metric_write_one(page, metric, page->report->usage.memory_bytes);
}

static void write_descriptors(struct metric_page *page, const struct metric *metric)
{
    metric_write_one(page, metric, page->report->usage.descriptors);
}

static void write_descriptors_max(struct metric_page *page, const struct metric *metric)
{
    metric_write_one(page, metric, page->report->usage.descriptors_max);
}

static void write_started(struct metric_page *page, const struct metric *metric)
{
    const struct edge_report *report = page->report;
    metric_write_one(page, metric,
                     (uint64_t)(report->wall_us / 1000000 - report->uptime_ms / 1000));
}

/* clang-format off */
#define COUNTED(name, member, help) \
    {name, METRIC_COUNTER, "", help, write_counter, offsetof(struct worker_counters, member)}

const struct metric metrics_table[] = {
    {"weir_build_info", METRIC_GAUGE, "version",
     "Always 1; the label tells the version.", write_build, 0},
    {"weir_uptime_seconds", METRIC_GAUGE, "",
     "Since this data plane began to serve.", write_uptime, 0},
    {"weir_draining", METRIC_GAUGE, "",
     "1 while open requests are finished before the end.", write_draining, 0},
    COUNTED("weir_connections_accepted_total", connections_accepted,
            "Connections that clients made."),
    {"weir_connections_open", METRIC_GAUGE, "",
     "Connections of clients now, idle ones and those of this API included.",
     write_counter, offsetof(struct worker_counters, connections_open)},
    COUNTED("weir_sessions_refused_total", sessions_refused,
            "Connections closed at once for want of memory or fibers."),
    COUNTED("weir_requests_total", requests,
            "Requests that have ended, refused ones included; those of this API do not count."),
    COUNTED("weir_requests_refused_total", requests_refused,
            "Requests that were not valid HTTP, or over a limit."),
    COUNTED("weir_head_timeouts_total", head_timeouts,
            "Requests whose head did not arrive in time."),
    COUNTED("weir_http2_connections_total", h2_connections,
            "Connections that spoke HTTP/2."),
    COUNTED("weir_http2_violations_total", h2_violations,
            "HTTP/2 connections ended because of what the protocol forbids."),
    COUNTED("weir_http2_floods_total", h2_floods,
            "HTTP/2 connections ended because of resets, frames or fields without end."),
    COUNTED("weir_http2_streams_reset_total", h2_streams_reset,
            "HTTP/2 streams that a reset, or the connection's end, cut off before the response's end."),
    COUNTED("weir_http2_streams_refused_total", h2_streams_refused,
            "HTTP/2 requests refused for lack of memory or fibers, to be sent again."),
    COUNTED("weir_proxy_headers_refused_total", proxy_headers_refused,
            "Connections closed because their PROXY protocol header was missing, malformed, or from "
            "a peer that may not send one."),
    COUNTED("weir_tls_handshakes_total", handshakes,
            "Handshakes of TLS with clients that were completed."),
    COUNTED("weir_tls_handshakes_resumed_total", handshakes_resumed,
            "Those of them that resumed a session."),
    {"weir_tls_handshakes_failed_total", METRIC_COUNTER, "reason",
     "Handshakes of TLS with clients that failed: plain for HTTP to a port of HTTPS, certificate for "
     "a client's that was refused, nothing_in_common for an unknown name, version or cipher, "
     "timeout, broken.",
     metric_write_handshake_failures, 0},
    {"weir_certificate_present", METRIC_GAUGE, "certificate, source",
     "1 for a certificate that is there, 0 for one that is waited for; source: file, internal, acme.",
     metric_write_certificates, CERTIFICATE_PRESENT},
    {"weir_certificate_expiry_timestamp_seconds", METRIC_GAUGE, "certificate, source",
     "When a certificate ends, in seconds since 1970.", metric_write_certificates,
     CERTIFICATE_END},
    {"weir_responses_total", METRIC_COUNTER, "class",
     "Responses by the hundreds of their status; none: the client left before there was one.",
     write_responses, 0},
    {"weir_grpc_calls_total", METRIC_COUNTER, "grpc_status",
     "gRPC calls by their status, the target's or Weir's own: OK, UNAVAILABLE, and so on.",
     write_grpc_calls, 0},
    {"weir_request_duration_seconds", METRIC_HISTOGRAM, "listener, le",
     "From a request's complete head to the last byte of its response.", write_durations, 0},
    {"weir_site_requests_total", METRIC_COUNTER, "site, class",
     "Requests of a site by the hundreds of their status; (none): no site had the host.",
     metric_write_sites, SERIES_CLASSES},
    {"weir_site_request_duration_seconds", METRIC_HISTOGRAM, "site, le",
     "As weir_request_duration_seconds.", metric_write_sites, SERIES_DURATION},
    {"weir_rule_requests_total", METRIC_COUNTER, "site, rule, class",
     "Requests that a rule answered; rule 0: none matched. Of a forward proxy the site is proxy: "
     "and its name.", metric_write_rules, SERIES_CLASSES},
    {"weir_rule_request_duration_seconds", METRIC_HISTOGRAM, "site, rule, le",
     "As weir_request_duration_seconds.", metric_write_rules, SERIES_DURATION},
    {"weir_rule_requests_in_flight", METRIC_GAUGE, "site, rule",
     "Requests that a rule is answering.", metric_write_rules, SERIES_IN_FLIGHT},
    {"weir_rule_retries_total", METRIC_COUNTER, "site, rule",
     "Tries at targets after the first one of a request.", metric_write_rules, SERIES_RETRIES},
    {"weir_rule_request_body_bytes_total", METRIC_COUNTER, "site, rule",
     "Bytes of requests' bodies that were received.", metric_write_rules, SERIES_RECEIVED},
    {"weir_rule_response_body_bytes_total", METRIC_COUNTER, "site, rule",
     "Bytes of responses' bodies that were sent.", metric_write_rules, SERIES_SENT},
    COUNTED("weir_request_body_bytes_total", bytes_received,
            "Bytes of requests' bodies that were received."),
    COUNTED("weir_response_body_bytes_total", bytes_sent,
            "Bytes of responses' bodies that were sent."),
    COUNTED("weir_tcp_connections_total", tcp_connections,
            "Connections of listeners with protocol tcp that have ended."),
    COUNTED("weir_tcp_failures_total", tcp_failures,
            "Of them those that no target took."),
    COUNTED("weir_tcp_received_bytes_total", tcp_bytes_received,
            "Bytes that clients of such listeners sent, counted at the connection's end."),
    COUNTED("weir_tcp_sent_bytes_total", tcp_bytes_sent,
            "Bytes that clients of such listeners got, counted at the connection's end."),
    COUNTED("weir_proxy_requests_total", proxy_requests,
            "Requests to forward proxies: in absolute form, for tunnels, by SOCKS, for PAC files."),
    COUNTED("weir_proxy_tunnels_total", proxy_tunnels,
            "Tunnels that forward proxies have opened."),
    {"weir_proxy_tunnels_open", METRIC_GAUGE, "",
     "Tunnels of forward proxies that are open.", write_counter,
     offsetof(struct worker_counters, proxy_tunnels_open)},
    COUNTED("weir_proxy_denied_total", proxy_denied,
            "Of the requests those that rules have denied."),
    COUNTED("weir_proxy_private_total", proxy_private,
            "Those that were kept from private addresses and from this proxy itself."),
    COUNTED("weir_proxy_limited_total", proxy_limited,
            "Those of users who had as many connections as they may."),
    COUNTED("weir_proxy_failed_total", proxy_failed,
            "Those for which there was no way to the destination."),
    COUNTED("weir_proxy_received_bytes_total", proxy_bytes_received,
            "Bytes that clients sent through tunnels, counted at a tunnel's end."),
    COUNTED("weir_proxy_sent_bytes_total", proxy_bytes_sent,
            "Bytes that clients got through tunnels, counted at a tunnel's end."),
    COUNTED("weir_upstream_connects_total", upstream_connects,
            "Connections made to targets."),
    COUNTED("weir_upstream_reuses_total", upstream_reuses,
            "Requests sent on a connection that was open already."),
    COUNTED("weir_upstream_retries_total", upstream_retries,
            "Further tries of requests after a failed one."),
    COUNTED("weir_mirrored_requests_total", mirrors_sent,
            "Copies of requests that were sent to a mirror."),
    COUNTED("weir_mirrored_requests_skipped_total", mirrors_skipped,
            "Copies that were not made: too large, too many, or no target could take them."),
    {"weir_group_targets", METRIC_GAUGE, "group, health",
     "Targets of a group by their health: initial, healthy, unhealthy, draining.",
     write_group_targets, 0},
    {"weir_group_requests_queued", METRIC_GAUGE, "group",
     "Requests that wait until a target of the group is below its limit.", write_groups, QUEUED},
    {"weir_group_requests_refused_total", METRIC_COUNTER, "group",
     "Requests that were answered 503 because every target was at its limit.", write_groups,
     REFUSED},
    {"weir_target_healthy", METRIC_GAUGE, "group, target",
     "1 for a target that is healthy, or whose group has no health check.",
     write_targets, IS_HEALTHY},
    {"weir_target_requests_in_flight", METRIC_GAUGE, "group, target",
     "Requests that a target has not answered yet.", write_targets, IN_FLIGHT},
    {"weir_target_requests_total", METRIC_COUNTER, "group, target",
     "Requests that a target was given.", write_targets, REQUESTS},
    {"weir_target_failures_total", METRIC_COUNTER, "group, target",
     "Connections to a target, and responses of it, that failed.", write_targets, FAILURES},
    {"weir_target_ejected", METRIC_GAUGE, "group, target",
     "1 for a target that is left out because its answers were errors.", write_targets,
     IS_EJECTED},
    {"weir_target_ejections_total", METRIC_COUNTER, "group, target",
     "Times that a target was left out because its answers were errors.", write_targets,
     EJECTIONS},
    {"weir_target_tries_total", METRIC_COUNTER, "group, target, outcome",
     "Tries at a target by what came of them; an outcome is told from its first time on.",
     metric_write_target_series, SERIES_OUTCOMES},
    {"weir_target_connections_total", METRIC_COUNTER, "group, target, connection",
     "Tries that had a connection: new, or kept from an earlier request.",
     metric_write_target_series, SERIES_CONNECTIONS},
    {"weir_target_responses_total", METRIC_COUNTER, "group, target, class",
     "Responses of a target by the hundreds of their status.",
     metric_write_target_series, SERIES_CLASSES},
    {"weir_target_response_duration_seconds", METRIC_HISTOGRAM, "group, target, le",
     "From the choice of a target to the head of its response.",
     metric_write_target_series, SERIES_DURATION},
    {"weir_series", METRIC_GAUGE, "kind",
     "Rules and targets that are counted by themselves.", metric_write_series_kept, 0},
    {"weir_series_max", METRIC_GAUGE, "kind",
     "As many are; further ones are counted together as (other).", metric_write_series_max, 0},
    {"weir_series_merged_total", METRIC_COUNTER, "",
     "Rules and targets for which there was no room.", metric_write_series_merged, 0},
    {"weir_worker_answering", METRIC_GAUGE, "worker",
     "0 for a worker thread that did not answer within 250 ms; what it tells is then old.",
     write_workers, IS_ANSWERING},
    {"weir_fibers_running", METRIC_GAUGE, "worker",
     "Fibers: one for each request under way.", write_workers, FIBERS},
    {"weir_fibers_max", METRIC_GAUGE, "worker",
     "As many fibers as a worker can have.", write_workers, FIBERS_MAX},
    {"weir_fiber_stacks", METRIC_GAUGE, "worker",
     "Stacks of fibers, in use and kept for the next.", write_workers, STACKS},
    {"weir_fiber_stack_high_bytes", METRIC_GAUGE, "worker",
     "The deepest use of a stack that was seen at a wait.", write_workers, STACK_HIGH},
    {"weir_block_bytes", METRIC_GAUGE, "worker",
     "Memory in buffers of connections, in use and kept for the next.",
     write_workers, BLOCK_BYTES},
    COUNTED("weir_blocks_refused_total", blocks_refused,
            "Buffers that could not be had: memory or the budget was used up."),
    COUNTED("weir_rate_limited_total", rate_refused, "Requests over a rate limit."),
    COUNTED("weir_concurrency_refused_total", concurrency_refused,
            "Requests over a limit of requests at one time."),
    COUNTED("weir_passwords_refused_total", passwords_refused,
            "Requests without a name and password that are right."),
    COUNTED("weir_passwords_busy_total", passwords_busy,
            "Requests refused because too many passwords waited to be checked."),
    COUNTED("weir_auth_refused_total", auth_refused, "Requests that an auth service refused."),
    COUNTED("weir_auth_failed_total", auth_failed,
            "Requests refused because an auth service did not answer, or not as one."),
    COUNTED("weir_maintenance_refused_total", maintenance_refused,
            "Requests for sites that were closed."),
    COUNTED("weir_responses_compressed_total", responses_compressed,
            "Responses that were compressed."),
    COUNTED("weir_encoders_refused_total", encoders_refused,
            "Responses left as they were, because all encoders were in use or memory was used up."),
    COUNTED("weir_listings_refused_total", listings_refused,
            "Listings refused because 64 MiB of them were on their way to slow readers."),
    {"weir_files_cache_entries", METRIC_GAUGE, "worker",
     "Paths of `files` that a worker keeps, those that do not exist included.",
     write_workers, FILES_ENTRIES},
    {"weir_files_cache_bytes", METRIC_GAUGE, "worker",
     "Memory of what is kept.", write_workers, FILES_BYTES},
    {"weir_files_cache_descriptors", METRIC_GAUGE, "worker",
     "Files that are kept open.", write_workers, FILES_DESCRIPTORS},
    {"weir_files_cache_hits_total", METRIC_COUNTER, "worker",
     "Requests for files that were answered from what is kept.", write_workers, FILES_HITS},
    {"weir_files_cache_loads_total", METRIC_COUNTER, "worker",
     "Looks into the file system.", write_workers, FILES_LOADS},
    {"weir_files_cache_evictions_total", METRIC_COUNTER, "worker",
     "Paths that made room for others.", write_workers, FILES_EVICTIONS},
    {"weir_offload_queued", METRIC_GAUGE, "",
     "Blocking jobs, as file calls, that wait for a thread.", write_offload_queued, 0},
    {"weir_offload_finished_total", METRIC_COUNTER, "",
     "Blocking jobs that were done.", write_offload_finished, 0},
    {"weir_access_log_dropped_total", METRIC_COUNTER, "",
     "Lines of the access log that could not be written.", write_log_dropped, 0},
    {"weir_store_changes_total", METRIC_COUNTER, "",
     "Changes of the object store that were acknowledged.", write_store, STORE_CHANGES},
    {"weir_store_batches_total", METRIC_COUNTER, "",
     "Writes of its log, each with the changes that came meanwhile.", write_store, STORE_BATCHES},
    {"weir_store_syncs_total", METRIC_COUNTER, "",
     "Times that its log waited for the disk.", write_store, STORE_SYNCS},
    {"weir_store_index_waiting", METRIC_GAUGE, "",
     "Changes that are in the log and not yet in the index.", write_store, STORE_WAITING},
    {"weir_store_memory_hits_total", METRIC_COUNTER, "",
     "Objects that were found without the index.", write_store, STORE_HITS},
    {"weir_store_memory_misses_total", METRIC_COUNTER, "",
     "Objects that were looked for in the index.", write_store, STORE_MISSES},
    {"weir_store_reclaimed_bytes_total", METRIC_COUNTER, "",
     "Bytes of the disk that were given back after deletions.", write_store, STORE_RECLAIMED},
    {"weir_store_damaged_reads_total", METRIC_COUNTER, "",
     "Reads that found something else than was written.", write_store, STORE_DAMAGED},
    {"weir_store_room_bytes", METRIC_GAUGE, "",
     "Bytes that may be written before the reserve of the disk is reached.", write_store,
     STORE_ROOM},
    {"weir_bucket_log_dropped_total", METRIC_COUNTER, "",
     "Lines of buckets' logs that were never written: no room, or no right to.",
     write_bucket_log_dropped, 0},
    {"weir_trace_spans_exported_total", METRIC_COUNTER, "",
     "Spans that the collector of traces took.", write_tracer, SPANS_EXPORTED},
    {"weir_trace_spans_dropped_total", METRIC_COUNTER, "",
     "Spans for which there was no room, or that the collector did not take.", write_tracer,
     SPANS_DROPPED},
    {"weir_trace_failures_total", METRIC_COUNTER, "",
     "Posts to the collector that failed.", write_tracer, TRACE_FAILURES},
    {"weir_events_delivered_total", METRIC_COUNTER, "webhook",
     "Events of buckets that a webhook took.", write_webhooks, EVENTS_DELIVERED},
    {"weir_event_failures_total", METRIC_COUNTER, "webhook",
     "Posts to a webhook that it did not take; each is tried again.", write_webhooks,
     EVENT_FAILURES},
    {"weir_events_dropped_total", METRIC_COUNTER, "webhook",
     "Events that a webhook will never be told: too many waited, or the disk refused.",
     write_webhooks, EVENTS_DROPPED},
    {"weir_events_waiting", METRIC_GAUGE, "webhook",
     "Events that are kept until a webhook takes them.", write_webhooks, EVENTS_WAITING},
    {"process_cpu_seconds_total", METRIC_COUNTER, "",
     "Time of the processor that the process took, user and system.", write_cpu, 0},
    {"process_resident_memory_bytes", METRIC_GAUGE, "",
     "Memory of the process that is in RAM.", write_memory, 0},
    {"process_open_fds", METRIC_GAUGE, "",
     "Open descriptors of the process.", write_descriptors, 0},
    {"process_max_fds", METRIC_GAUGE, "",
     "As many descriptors as the process may have.", write_descriptors_max, 0},
    {"process_start_time_seconds", METRIC_GAUGE, "",
     "When this data plane began to serve, in seconds since 1970.", write_started, 0},
    {NULL, METRIC_GAUGE, NULL, NULL, NULL, 0},
};
/* clang-format on */

static struct slice type_name(const struct metric *metric)
{
    static const char *const names[] = {"counter", "gauge", "histogram"};
    return slice_of_cstr(names[metric->type]);
}

void metrics_write(struct writer *writer, const struct edge_report *report)
{
    struct metric_page page = {.out = writer, .report = report, .edge = report->edge};
    for (const struct metric *metric = metrics_table; metric->name != NULL; metric++) {
        struct slice name = slice_of_cstr(metric->name);
        write_literal(writer, "# HELP ");
        write_slice(writer, name);
        write_char(writer, ' ');
        write_slice(writer, slice_of_cstr(metric->help));
        write_literal(writer, "\n# TYPE ");
        write_slice(writer, name);
        write_char(writer, ' ');
        write_slice(writer, type_name(metric));
        write_char(writer, '\n');
        metric->write(&page, metric);
    }
}

void metrics_write_markdown(struct writer *writer)
{
    write_literal(
        writer, "# Metrics\n\n"
                "The data plane tells them in Prometheus' text format on its admin "
                "socket:\n\n"
                "    curl --unix-socket .weir/edge.sock http://weir/metrics\n\n"
                "Counters begin at 0 when the data plane starts and only go up. They are kept by "
                "name: a new\nconfiguration goes on counting what was there before, a site by its "
                "name, a rule by its number in the\nsite, a target by its group and id.\n\n"
                "Rules and targets have their samples from their first request on, and at most "
                "1000 of each kind.\nWhen there are more, those that are gone make room, and what "
                "still finds none counts under `(other)`:\nthe sums stay right, and no list of "
                "targets fills the memory of who collects. Histograms have the same\nbuckets "
                "everywhere, from 0.25 ms to 60 s, so that they can be added up.\n\n"
                "The share of failed requests of a site, the 99th percentile of a group, and how "
                "often connections are kept:\n\n"
                "    sum(rate(weir_site_requests_total{site=\"shop\",class=\"5xx\"}[5m]))\n"
                "      / sum(rate(weir_site_requests_total{site=\"shop\"}[5m]))\n"
                "    histogram_quantile(0.99, sum by (le)\n"
                "      (rate(weir_target_response_duration_seconds_bucket{group=\"api\"}[5m])))\n"
                "    sum(rate(weir_target_connections_total{connection=\"kept\"}[5m]))\n"
                "      / sum(rate(weir_target_connections_total[5m]))\n\n"
                "This page is made by `build/tools/metrics_reference > docs/metrics.md`.\n\n"
                "| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for (const struct metric *metric = metrics_table; metric->name != NULL; metric++) {
        write_literal(writer, "| `");
        write_slice(writer, slice_of_cstr(metric->name));
        write_literal(writer, "` | ");
        write_slice(writer, type_name(metric));
        write_literal(writer, " | ");
        write_slice(writer, slice_of_cstr(metric->labels));
        write_literal(writer, " | ");
        write_slice(writer, slice_of_cstr(metric->help));
        write_literal(writer, " |\n");
    }
}
