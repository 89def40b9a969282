/*
 * The edge between clients and targets, over a bad network, with targets that stall, break off,
 * die and come back. What is judged:
 *   - a clean answer is the right one, byte for byte; anything else is an error or a truncation;
 *   - a POST reaches a target at most once;
 *   - once all is well, every request succeeds and every target gets some;
 *   - a target that stops costs no GET, and after its health checks failed no POST either;
 *   - a drain finishes what is under way, and ends.
 */
#include "origin.h"

#include "base/memory.h"
#include "edge/handle.h"
#include "edge/state.h"
#include "os/random.h"

#include <errno.h>
#include <stdio.h>

#define EDGE_IP       "10.0.0.2"
#define ORIGINS_MAX   4
#define WORKERS_MAX   2
#define CLIENTS_MAX   10
#define REQUESTS_EACH 12
#define PATIENCE_MS   40000
#define SETTLE_MS     120000
#define BLOCKS_MAX    ((size_t)64 << 20)

static struct {
    struct sim_run *run;
    struct snapshot *snapshot;
    struct plane plane;
    struct hash_key key;
    struct edge_worker workers[WORKERS_MAX];
    struct sim_machine *machines[WORKERS_MAX];
    int workers_count;
    int listening_fd;
    bool must_drain;
    int workers_drained;
    struct health_checks health;
    struct server server;
    struct origin origins[ORIGINS_MAX];
    int origins_count;
    struct client_pool pool; /* the clients' connections to the edge */
    int clients_left;
    bool only_gets;
    bool must_succeed;
    bool is_chaos_over;
    struct fiber *chaos;
} test;

/* The edge */

static void write_configuration(char *text, size_t size)
{
    int len = snprintf(text, size,
                       "listeners: { http: \":80\" }\n"
                       "sites:\n"
                       "  all:\n"
                       "    domains: \"*\"\n"
                       "    rules:\n"
                       "      - forward: group\n"
                       "        timeouts: { connect: 2s, response: 8s, idle: 8s }\n"
                       "        retries: 2\n"
                       "target_groups:\n"
                       "  group:\n"
                       "    health: { path: /healthz, interval: 1s, timeout: 1s,\n"
                       "              healthy_threshold: 2, unhealthy_threshold: 2 }\n"
                       "    targets: [");
    for (int i = 0; i < test.origins_count; i++)
        len += snprintf(text + len, size - (size_t)len, "\"%s:%d\", ", origin_ip(i), ORIGIN_PORT);
    (void)snprintf(text + len, size - (size_t)len, "]\n");
}

static void open_plane(void)
{
    char text[1000];
    struct conf_errors errors;
    write_configuration(text, sizeof text);
    conf_errors_init(&errors);
    CHECK(snapshot_parse(SLICE("sim.yaml"), slice_of_cstr(text), &test.snapshot, &errors) == 0);
    conf_errors_finish(&errors);
    test.plane = (struct plane){.snapshot = test.snapshot};
    test.plane.groups = memory_alloc_array(1, sizeof *test.plane.groups);
    CHECK(target_group_init(&test.plane.groups[0], &test.snapshot->groups[0]) == 0);
    test.plane.groups_count = 1;
    CHECK(router_init(&test.plane.router, test.snapshot, random_hash_key()) == 0);
    test.server = (struct server){
        .handle = edge_handle,
        .name = test.snapshot->listeners[0].name,
        .port = 80,
        .head_timeout_ms = 10000,
        .idle_timeout_ms = 60000,
        .body_max = UINT64_MAX,
    };
}

static void close_plane(void)
{
    target_group_finish(&test.plane.groups[0]);
    memory_free(test.plane.groups);
    router_finish(&test.plane.router);
    snapshot_unref(test.snapshot);
}

static void accept_client(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    session_accept(&test.server, fd, peer);
}

static void drain_worker(struct edge_worker *self)
{
    (void)sessions_drain();
    if (fiber_shield(wait_for_sessions, &self->http, loop_deadline(30000)) < 0)
        sessions_close();
    if (self == &test.workers[0])
        health_stop(&test.health);
    (void)fiber_shield(wait_for_fibers, NULL, loop_deadline(60000));
    balancer_finish(self->balancers);
}

static void edge_main(void *arg)
{
    struct edge_worker *self = arg;
    struct kernel *kernel = sim_machine_kernel(sim_machine_current());
    struct acceptor acceptor;
    struct balancer balancer;
    *self = (struct edge_worker){.plane = &test.plane, .balancers = &balancer};
    worker_init(&self->http, (unsigned)(self - test.workers), prng_next(&test.run->prng),
                BLOCKS_MAX);
    balancer_init(&balancer, &test.plane.groups[0]);
    if (self == &test.workers[0]) {
        struct address any;
        CHECK(address_from_ip(SLICE("0.0.0.0"), 80, &any) == 0);
        test.listening_fd = kernel->ops->listen(kernel, &any, 64);
        CHECK(health_start(&test.health, &test.plane) == 0);
    }
    CHECK(acceptor_start(&acceptor, test.listening_fd, accept_client) == 0);
    while (!test.must_drain && fiber_sleep(10) == 0)
        ;
    acceptor_stop(&acceptor);
    if (++test.workers_drained == test.workers_count)
        kernel->ops->close(kernel, test.listening_fd);
    drain_worker(self);
    check_blocks(&self->http);
    worker_finish(&self->http);
}

static void start_edge(void)
{
    test.workers_count = 1 + (int)prng_below(&test.run->prng, WORKERS_MAX);
    CHECK(sim_machine_start(EDGE_IP, edge_main, &test.workers[0], &test.machines[0]) == 0);
    (void)fiber_sleep(20); /* it opens the listener, which the others share */
    for (int i = 1; i < test.workers_count; i++)
        CHECK(sim_machine_start(EDGE_IP, edge_main, &test.workers[i], &test.machines[i]) == 0);
    (void)fiber_sleep(3000); /* the first health checks pass, or not */
}

/* Clients */

struct request {
    bool is_post;
    uint32_t len;
    uint32_t shift;
    unsigned id;
};

static int send_request(struct upstream *upstream, const struct request *request)
{
    char head[200];
    uint32_t body_len = request->is_post ? request->len : 0;
    int head_len = snprintf(
        head, sizeof head, "%s /%u/%u/%u HTTP/1.1\r\nHost: sim\r\nContent-Length: %u\r\n\r\n",
        request->is_post ? "POST" : "GET", request->len, request->shift, request->id, body_len);
    struct iovec part = {head, (size_t)head_len};
    int rc = io_write_all(&upstream->io, &part, 1, PATIENCE_MS);
    return rc < 0 ? rc : pattern_write(&upstream->io, request->shift, body_len, PATIENCE_MS);
}

/* The status, with the whole body seen; or an error. */
static int receive_response(struct upstream *upstream, const struct request *request)
{
    struct response_head response = {.fields = {worker_current()->fields, 0, HTTP_FIELDS_MAX}};
    enum http_method method = request->is_post ? METHOD_POST : METHOD_GET;
    const char *why;
    int rc = client_read_head(upstream, method, loop_deadline(PATIENCE_MS), &response, &why);
    if (rc < 0)
        return rc;
    struct slice data;
    size_t at = 0;
    while ((rc = inflow_read_body(&upstream->inflow, &upstream->io, PATIENCE_MS, &data)) > 0) {
        if (response.status == 200)
            pattern_check(data, request->shift, at);
        at += data.len;
    }
    CHECK(rc < 0 || response.status != 200 || at == request->len);
    if (rc == 0 && response.keep_alive)
        return (int)response.status;
    upstream->pool = NULL; /* not to be used again */
    return rc < 0 ? rc : (int)response.status;
}

static int ask(const struct request *request)
{
    struct upstream *upstream = client_take_idle(&test.pool, 500);
    int rc = 0;
    if (upstream == NULL)
        rc = client_connect(&test.pool, loop_deadline(PATIENCE_MS), &upstream);
    if (rc < 0)
        return rc;
    rc = send_request(upstream, request);
    /* An early answer may be there although the rest could not be sent. */
    if (rc == 0 || rc == -EPIPE || rc == -ECONNRESET)
        rc = receive_response(upstream, request);
    if (rc > 0 && upstream->pool != NULL)
        client_give_back(upstream);
    else
        client_drop(upstream);
    return rc;
}

static bool is_allowed(int rc)
{
    if (rc < 0)
        return rc == -ECONNRESET || rc == -EPIPE || rc == -ETIMEDOUT || rc == -ECONNREFUSED ||
               rc == -EBADMSG || rc == -ECANCELED;
    return rc == 200 || rc == 408 || rc == 502 || rc == 503 || rc == 504;
}

static void ask_and_judge(void)
{
    struct prng *prng = &test.run->prng;
    struct request request = {
        .is_post = !test.only_gets && prng_below(prng, 3) == 0,
        .len = (uint32_t)prng_below(prng, prng_below(prng, 8) == 0 ? 200000 : 3000),
        .shift = (uint32_t)prng_below(prng, 256),
        .id = origin_next_id(),
    };
    int rc = ask(&request);
    if (!is_allowed(rc) || (test.must_succeed && rc != 200))
        (void)fprintf(stderr, "%s of %u bytes: %d\n", request.is_post ? "POST" : "GET", request.len,
                      rc);
    CHECK(is_allowed(rc));
    CHECK(!test.must_succeed || rc == 200);
    CHECK(!request.is_post || origin_times_done(request.id) <= 1);
    CHECK(rc != 200 || origin_times_done(request.id) >= 1);
}

static void client(void *arg)
{
    (void)arg;
    for (int i = 0; i < REQUESTS_EACH; i++)
        ask_and_judge();
    test.clients_left--;
}

static bool run_clients(int count)
{
    test.clients_left = count;
    for (int i = 0; i < count; i++)
        CHECK(fiber_start(client, NULL, NULL) == 0);
    while (test.clients_left > 0) {
        if (fiber_sleep(50) < 0)
            return false;
    }
    return true;
}

/* Phases */

/* Targets die and come back while the storm lasts. */
static void be_chaos(void *arg)
{
    (void)arg;
    while (!test.is_chaos_over) {
        (void)fiber_sleep(500 + (int64_t)prng_below(&test.run->prng, 10000));
        struct origin *origin =
            &test.origins[prng_below(&test.run->prng, (uint64_t)test.origins_count)];
        if (prng_below(&test.run->prng, 2) == 0) {
            origin_stop(origin);
            (void)fiber_sleep((int64_t)prng_below(&test.run->prng, 5000));
            origin_start(origin);
        }
    }
    test.chaos = NULL;
}

static void storm(void)
{
    test.is_chaos_over = false;
    CHECK(fiber_start(be_chaos, NULL, &test.chaos) == 0);
    origins_are_moody(&test.run->prng);
    if (!run_clients(1 + (int)prng_below(&test.run->prng, CLIENTS_MAX)))
        return;
    test.is_chaos_over = true;
    while (test.chaos != NULL && fiber_sleep(10) == 0)
        ;
}

static void calm(void)
{
    sim_set_faults(sim_world_sim(), NULL);
    sim_heal(sim_world_sim());
    origins_are_moody(NULL);
    client_pool_finish(&test.pool);
    if (fiber_sleep(SETTLE_MS) < 0)
        return;
    for (int i = 0; i < test.origins_count; i++)
        test.origins[i].requests = 0;
    test.must_succeed = true;
    (void)run_clients(10);
    for (int i = 0; i < test.origins_count; i++)
        CHECK(test.origins[i].requests > 0);
}

static void lose_one(void)
{
    if (test.origins_count == 1)
        return;
    struct origin *lost = &test.origins[0];
    origin_stop(lost);
    test.only_gets = true;
    if (!run_clients(3) || fiber_sleep(10000) < 0)
        return;
    test.only_gets = false;
    uint64_t before = lost->requests;
    (void)run_clients(5);
    CHECK(lost->requests == before);
}

static void slow_client(void *arg)
{
    (void)arg;
    struct request request = {.len = 50000, .shift = ORIGIN_SLOW_SHIFT, .id = origin_next_id()};
    CHECK(ask(&request) == 200);
    test.clients_left--;
}

static void drain(void)
{
    struct upstream *late;
    test.clients_left = 5;
    for (int i = 0; i < 5; i++)
        CHECK(fiber_start(slow_client, NULL, NULL) == 0);
    (void)fiber_sleep(1000);
    test.must_drain = true;
    (void)fiber_sleep(50);
    CHECK(client_connect(&test.pool, loop_deadline(5000), &late) == -ECONNREFUSED);
    CHECK(test.clients_left == 5);
    for (int i = 0; i < test.workers_count; i++) {
        while (!sim_machine_has_ended(test.machines[i]) && fiber_sleep(10) == 0)
            ;
    }
    CHECK(test.clients_left == 0);
}

static void scenario(void *arg)
{
    memset(&test, 0, sizeof test);
    test.run = arg;
    test.origins_count = 1 + (int)prng_below(&test.run->prng, ORIGINS_MAX);
    struct worker worker;
    struct address edge;
    worker_init(&worker, 0, prng_next(&test.run->prng), BLOCKS_MAX);
    CHECK(address_from_ip(SLICE(EDGE_IP), 80, &edge) == 0);
    client_pool_init(&test.pool, &edge, 8);
    origins_reset();
    for (int i = 0; i < test.origins_count; i++) {
        test.origins[i].index = i;
        origin_start(&test.origins[i]);
    }
    open_plane();
    start_edge();
    storm();
    calm();
    lose_one();
    drain();
    for (int i = 0; i < test.origins_count; i++)
        origin_stop(&test.origins[i]);
    client_pool_finish(&test.pool);
    check_blocks(&worker);
    worker_finish(&worker);
    close_plane();
}

int main(int argc, char **argv)
{
    return sim_runner(argc, argv, "edge", scenario);
}
