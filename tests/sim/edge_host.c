/* Makes the worker, serves until told to drain, and looks for what was left over. */
#include "edge_host.h"

#include "base/memory.h"
#include "edge/apply.h"
#include "edge/edge_worker.h"
#include "edge/plane.h"
#include "edge/policy/limiter.h"
#include "runner.h"

#include <errno.h>
#include <stdio.h>

#define POLL_MS       10
#define END_WITHIN_MS 60000

static struct snapshot *parse(const char *yaml)
{
    struct conf_errors errors;
    struct snapshot *snapshot = NULL;
    conf_errors_init(&errors);
    (void)snapshot_parse(SLICE("weir.yaml"), slice_of_cstr(yaml), &snapshot, &errors);
    for (unsigned i = 0; i < errors.count; i++)
        (void)fprintf(stderr, "%u: %.*s\n%s", errors.at[i].place.line, SLICE_ARG(errors.at[i].text),
                      yaml);
    conf_errors_finish(&errors);
    CHECK(snapshot != NULL);
    return snapshot;
}

static int listen_here(uint16_t port)
{
    struct kernel *kernel = sim_machine_kernel(sim_machine_current());
    struct address address;
    CHECK(address_from_ip(SLICE(EDGE_IP), port, &address) == 0);
    int fd = kernel->ops->listen(kernel, &address, 128, false);
    CHECK(fd >= 0);
    return fd;
}

static void begin(struct edge_host *host)
{
    struct edge *edge = &host->edge;
    struct snapshot *snapshot = parse(host->yaml);
    struct edge_socket sockets[] = {
        {snapshot->listeners[0].address.text, listen_here(EDGE_PORT)},
        {snapshot->listeners[1].address.text, listen_here(TUNNEL_PORT)},
    };
    struct plane_parts parts = {
        .snapshot = snapshot, .sockets = sockets, .sockets_count = 2, .workers_count = 1};
    struct error error;
    *edge = (struct edge){.admin_fd = -1, .workers = &host->worker, .workers_count = 1};
    CHECK(series_table_create(1, edge->hash_key, &edge->series) == 0);
    CHECK(plane_create(&parts, &edge->plane, &error) == 0);
    snapshot_unref(snapshot);
    host->worker = (struct edge_worker){.edge = edge, .loop = loop_current()};
    CHECK(edge_worker_begin(&host->worker, host->seed) == 0);
    CHECK(health_start(&edge->health, edge->plane->groups, edge->plane->groups_count) == 0);
    CHECK(names_start(&edge->names, edge->plane->groups, edge->plane->groups_count, NULL) == 0);
}

static void await_drained(struct edge_host *host)
{
    int64_t began_ms = loop_now_ms();
    while (!host->worker.has_drained)
        CHECK(fiber_sleep(POLL_MS) == 0);
    host->drained_after_ms = loop_now_ms() - began_ms;
}

/* Fibers other than this one. */
static void await_fibers(void)
{
    struct fiber_stats stats;
    int64_t until_ms = loop_deadline(END_WITHIN_MS);
    for (fiber_stats_read(&stats); stats.running > 1; fiber_stats_read(&stats)) {
        CHECK(loop_now_ms() < until_ms);
        CHECK(fiber_sleep(POLL_MS) == 0);
    }
}

static void check_nothing_is_left(struct edge_host *host)
{
    const struct worker *worker = &host->worker.http;
    CHECK(worker->counters.connections_open == 0 && list_is_empty(&worker->sessions));
    CHECK(worker->block_bytes == worker->idle_count[BLOCK_SMALL] * BLOCK_SMALL_BYTES +
                                     worker->idle_count[BLOCK_LARGE] * BLOCK_LARGE_BYTES +
                                     worker->idle_count[BLOCK_HUGE] * BLOCK_HUGE_BYTES);
    CHECK(list_is_empty(&worker->relays));
    for (unsigned group = 0; group < 2; group++) {
        const struct target_set *set = host->edge.plane->groups[group].group->set;
        for (unsigned i = 0; i < set->count; i++)
            CHECK(atomic_load(&set->targets[i]->in_flight) == 0);
    }
    const struct gate *gate = &host->edge.plane->gates[1];
    CHECK(limiter_keys(gate->concurrency) == 0 && host->worker.encoders.in_use == 0);
}

static void reload_if_wanted(struct edge_host *host)
{
    struct error error;
    if (host->wants_yaml == NULL)
        return;
    host->reload_result =
        edge_apply(&host->edge, slice_of_cstr(host->wants_yaml), NULL, NULL, 0, &error);
    host->wants_yaml = NULL;
}

int edge_host_reload(struct edge_host *host, const char *yaml)
{
    host->wants_yaml = yaml;
    while (host->wants_yaml != NULL)
        CHECK(fiber_sleep(POLL_MS) == 0);
    return host->reload_result;
}

static struct {
    struct edge_host *host;
    long countdown;
    uint32_t ppm;
    struct prng prng;
} hunger;

/* Clients and targets live in the same process, and eat their fill. */
static bool is_starving(void)
{
    if (sim_machine_current() != hunger.host->machine)
        return false;
    if (hunger.ppm > 0)
        return prng_below(&hunger.prng, 1000000) < hunger.ppm;
    return hunger.countdown <= 1 || hunger.countdown-- <= 1;
}

void edge_host_starve(struct edge_host *host, long nth, uint32_t ppm)
{
    hunger.host = host;
    hunger.countdown = nth;
    hunger.ppm = ppm;
    prng_init(&hunger.prng, host->seed);
    memory_fail_if(nth > 0 || ppm > 0 ? is_starving : NULL);
}

static void host_main(void *arg)
{
    struct edge_host *host = arg;
    begin(host);
    host->is_ready = true;
    while (!host->wants_drain) {
        CHECK(fiber_sleep(POLL_MS) == 0);
        reload_if_wanted(host);
    }
    health_stop(&host->edge.health);
    names_finish(&host->edge.names);
    edge_worker_drain(&host->worker);
    await_drained(host);
    await_fibers();
    check_nothing_is_left(host);
    edge_worker_end(&host->worker);
    /* The simulated kernel's, not ones to be closed there. */
    host->edge.plane->listeners[0]->fd = host->edge.plane->listeners[1]->fd = -1;
    plane_unref(host->edge.plane);
    series_table_destroy(host->edge.series);
}

void edge_host_start(struct edge_host *host)
{
    host->is_ready = host->wants_drain = false;
    host->drained_after_ms = -1;
    CHECK(sim_machine_start(EDGE_IP, host_main, host, &host->machine) == 0);
    while (!host->is_ready)
        CHECK(fiber_sleep(POLL_MS) == 0);
}

void edge_host_drain(struct edge_host *host)
{
    host->wants_drain = true;
    while (!sim_machine_has_ended(host->machine))
        CHECK(fiber_sleep(POLL_MS) == 0);
}

struct target *edge_host_target(struct edge_host *host, unsigned number)
{
    return host->edge.plane->groups[0].group->set->targets[number];
}
