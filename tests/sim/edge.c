/*
 * The engine in bad weather: one worker of the data plane between clients and targets that err in
 * every way. Each seed draws a storm; then, in calm, balance, health and drain are judged.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "edge_client.h"
#include "edge_host.h"
#include "edge_peer.h"
#include "runner.h"

#include <errno.h>
#include <stdio.h>

#define INTERVAL_MS  500
#define SETTLE_MS    8000
#define FAIR_ASKS    120
#define DRAIN_MS     30000
#define DRAINERS_MAX 6
#define SHORTAGES    40

/* What is judged once all is calm; the group has the settings for it during the storm, too. */
enum trial {
    TRIAL_BALANCE,
    TRIAL_HEALTH,
    TRIAL_EJECTION,
    TRIAL_SLOW_START,
    TRIAL_QUEUE,
    TRIAL_RETRIES,
    TRIAL_SHORTAGE,
    TRIALS
};

#define EJECTION_MS   3000
#define SLOW_START_MS 20000
#define LIMIT         2

static const char *const group_settings[TRIALS] = {
    [TRIAL_BALANCE] = "",
    [TRIAL_HEALTH] = "",
    [TRIAL_EJECTION] = ("    ejection: { consecutive_errors: 3, gateway_errors: off, success_rate: "
                        "off, interval: 1h, time: 3s, time_max: 12s }\n"),
    [TRIAL_SLOW_START] = "    slow_start: 20s\n",
    [TRIAL_QUEUE] = "    limit: 2\n    queue: { max: 100, timeout: 100s }\n",
    [TRIAL_RETRIES] = "",
    [TRIAL_SHORTAGE] = "",
};

static const char *const retries[TRIALS] = {
    [TRIAL_BALANCE] = "5",
    [TRIAL_HEALTH] = "5",
    [TRIAL_EJECTION] = "{ max: 5, on: [connect, reset, 503] }",
    [TRIAL_SLOW_START] = "5",
    [TRIAL_QUEUE] = "5",
    [TRIAL_RETRIES] = "{ max: 5, on: [connect, reset, timeout, 502, 503, 504], timeout: 1s }",
    [TRIAL_SHORTAGE] = "5",
};

static struct {
    struct prng *prng;
    struct ledger ledger;
    struct target_host targets[TARGETS_MAX];
    unsigned targets_count;
    unsigned weights;
    enum conf_balance balance;
    enum trial trial;
    bool is_in_trouble;
    bool is_reloading;
    struct edge_host edge;
    struct clients clients;
} test;

static const char *const balance_names[] = {
    [CONF_BALANCE_LEAST_REQUESTS] = "least_requests",
    [CONF_BALANCE_ROUND_ROBIN] = "round_robin",
    [CONF_BALANCE_RANDOM] = "random",
    [CONF_BALANCE_PEAK_EWMA] = "peak_ewma",
    [CONF_BALANCE_RING_HASH] = "ring_hash",
};

static size_t write_targets(size_t used)
{
    char *yaml = test.edge.yaml;
    size_t max = sizeof test.edge.yaml;
    for (unsigned i = 0; i < test.targets_count; i++)
        used += (size_t)snprintf(yaml + used, max - used,
                                 "      - { address: \"%s:%d\", weight: %u }\n", test.targets[i].ip,
                                 TARGET_PORT, test.targets[i].weight);
    CHECK(used < max);
    return used;
}

static void write_yaml(void)
{
    char *yaml = test.edge.yaml;
    size_t max = sizeof test.edge.yaml;
    size_t used = (size_t)snprintf(
        yaml, max,
        "listeners:\n  main: \"" EDGE_IP ":80\"\n  tunnel: { address: \"" EDGE_IP ":81\", "
        "protocol: tcp, forward: t, timeouts: { connect: 2s, idle: 5s } }\n"
        "access_log: off\nworkers: 1\n"
        "sites:\n  s: { rules: [{ forward: g, retries: %s, concurrency: 10000, "
        "rate_limit: { rate: 1000000/s, burst: 1000000 }, compress: true, "
        "response_headers: { set: { X-Sim: \"{request_id}\" } }, "
        "timeouts: { connect: 2s, response: 5s, idle: 5s } }] }\n"
        "target_groups:\n  g:\n    balance: %s\n%s"
        "    health: { path: /health, interval: %dms, timeout: 300ms }\n    targets:\n",
        retries[test.trial], balance_names[test.balance], group_settings[test.trial], INTERVAL_MS);
    used = write_targets(used);
    used += (size_t)snprintf(yaml + used, max - used, "  t:\n    protocol: tcp\n    targets:\n");
    (void)write_targets(used);
}

/*
 * The same file over and over, with one more site or without, and now and then one that is wrong:
 * nobody may notice any of it.
 */
static void reloader(void *arg)
{
    static char yaml[sizeof test.edge.yaml + 64];
    (void)arg;
    for (uint64_t times = 1 + prng_below(test.prng, 8); times > 0; times--) {
        const struct plane *before = test.edge.edge.plane;
        uint64_t kind = prng_below(test.prng, 3);
        static const char *const more[] = {"", "app: again\n", "junk: [\n"};
        (void)snprintf(yaml, sizeof yaml, "%s%s", test.edge.yaml, more[kind]);
        CHECK(fiber_sleep((int64_t)prng_below(test.prng, 400)) == 0);
        int rc = edge_host_reload(&test.edge, yaml);
        CHECK(rc == 0 ? kind != 2 : test.edge.edge.plane == before);
        CHECK(rc == 0 || kind == 2 || rc == -ENOMEM);
    }
    test.is_reloading = false;
}

static void draw_targets(void)
{
    test.targets_count = 2 + (unsigned)prng_below(test.prng, TARGETS_MAX - 1);
    test.weights = 0;
    for (unsigned i = 0; i < test.targets_count; i++) {
        struct target_host *host = &test.targets[i];
        *host = (struct target_host){.weight = 1 + (unsigned)prng_below(test.prng, 3),
                                     .ledger = &test.ledger,
                                     .prng = test.prng};
        (void)snprintf(host->ip, sizeof host->ip, "10.0.1.%u", i + 1);
        test.weights += host->weight;
        target_host_start(host);
    }
}

static void set_manners(const struct manners *manners, unsigned first)
{
    for (unsigned i = 0; i < test.targets_count; i++)
        test.targets[i].manners = i < first ? (struct manners){.wait_ms = 5} : *manners;
}

static bool all_are(enum target_health health)
{
    for (unsigned i = 0; i < test.targets_count; i++) {
        if (atomic_load(&edge_host_target(&test.edge, i)->health) != (int)health)
            return false;
    }
    return true;
}

static void await_all(enum target_health health)
{
    for (int64_t until_ms = loop_deadline(SETTLE_MS); !all_are(health);) {
        CHECK(loop_now_ms() < until_ms);
        CHECK(fiber_sleep(20) == 0);
    }
}

static uint32_t below(uint32_t value, uint32_t max)
{
    return value < max ? value : max;
}

/* Delays, partial reads and writes, and readiness that is not: nothing that breaks. */
static void make_network_harmless(const struct sim_faults *drawn)
{
    struct sim_faults faults = {
        .delay_min_us = drawn->delay_min_us,
        .delay_max_us = below(drawn->delay_max_us, 3000),
        .short_ppm = drawn->short_ppm,
        .again_ppm = drawn->again_ppm,
        .pipe_bytes = drawn->pipe_bytes < 1024 ? 1024 : drawn->pipe_bytes,
    };
    if (faults.delay_max_us < faults.delay_min_us)
        faults.delay_max_us = faults.delay_min_us;
    sim_set_faults(sim_world_sim(), &faults);
}

/* Ten years on, or an hour back: only what is written down may notice. */
static void jump_clock(void)
{
    static const int64_t hour_us = INT64_C(3600000000);
    if (prng_below(test.prng, 4) == 0)
        sim_jump_wall_clock(sim_world_sim(),
                            prng_below(test.prng, 2) == 0 ? 87600 * hour_us : -hour_us);
}

static void run_clients(enum weather weather)
{
    jump_clock();
    test.clients.weather = weather;
    clients_run(&test.clients, 2 + (int)prng_below(test.prng, 5));
}

/* One target goes and comes back while clients are at work. */
static void trouble_maker(void *arg)
{
    struct target_host *host = arg;
    (void)fiber_sleep((int64_t)prng_below(test.prng, 2000));
    if (test.clients.weather == WEATHER_NETWORK)
        target_host_crash(host);
    host->takes_no_new = true;
    (void)fiber_sleep((int64_t)prng_below(test.prng, 2000));
    host->takes_no_new = false;
    if (host->machine == NULL)
        target_host_start(host);
    test.is_in_trouble = false;
}

/* As run_clients, with the last target in and out. */
static void run_clients_in_trouble(enum weather weather)
{
    test.is_in_trouble = true;
    CHECK(fiber_start(trouble_maker, &test.targets[test.targets_count - 1], NULL) == 0);
    run_clients(weather);
    while (test.is_in_trouble)
        CHECK(fiber_sleep(50) == 0);
}

static void storm(const struct sim_faults *drawn)
{
    static const struct manners retryable = {.reset_first = 5, .leave = 20, .wait_ms = 20};
    static const struct manners retryable_more = {
        .reset_first = 3, .leave = 20, .wait_ms = 20, .refuse = 3, .stall = 1};
    static const struct manners any = {
        .reset_first = 5, .cut_body = 8, .leave = 10, .early = 20, .stall = 2, .wait_ms = 50};
    switch (prng_below(test.prng, 3)) {
    case 0:
        sim_set_faults(sim_world_sim(), drawn);
        set_manners(&any, 0);
        if (prng_below(test.prng, 3) == 0)
            edge_host_starve(&test.edge, 0, 1 + (uint32_t)prng_below(test.prng, 200000));
        run_clients_in_trouble(WEATHER_NETWORK);
        edge_host_starve(&test.edge, 0, 0);
        break;
    case 1:
        make_network_harmless(drawn);
        set_manners(&any, 0);
        run_clients(WEATHER_TARGETS);
        break;
    default:
        make_network_harmless(drawn);
        set_manners(test.trial == TRIAL_RETRIES ? &retryable_more : &retryable, 1);
        run_clients_in_trouble(WEATHER_RETRYABLE);
    }
}

/* A client that left by closing has only half closed: its request ends with its target, or in time.
 */
static void await_idle(void)
{
    for (int64_t until_ms = loop_deadline(SETTLE_MS);;) {
        unsigned in_flight = 0;
        for (unsigned i = 0; i < test.targets_count; i++)
            in_flight += atomic_load(&edge_host_target(&test.edge, i)->in_flight);
        if (in_flight == 0)
            return;
        CHECK(loop_now_ms() < until_ms);
        CHECK(fiber_sleep(20) == 0);
    }
}

static bool is_ejected(unsigned number)
{
    return atomic_load(&edge_host_target(&test.edge, number)->is_ejected);
}

/* Until it is so, or no longer. */
static void await_ejected(unsigned number, bool wanted)
{
    for (int64_t until_ms = loop_deadline(20000); is_ejected(number) != wanted;) {
        CHECK(loop_now_ms() < until_ms);
        CHECK(fiber_sleep(10) == 0);
    }
}

static void calm_down(void)
{
    bool may_hang = test.clients.weather == WEATHER_NETWORK;
    sim_set_faults(sim_world_sim(), NULL);
    sim_heal(sim_world_sim());
    test.clients.weather = WEATHER_CALM;
    set_manners(&(struct manners){0}, 0);
    /* Until it times out, and until nobody minds who was slow in the storm. */
    CHECK(fiber_sleep(may_hang ? 130000 : 3000) == 0);
    await_all(TARGET_HEALTHY);
    for (unsigned i = 0; i < test.targets_count; i++)
        await_ejected(i, false);
    await_idle();
}

static void ask_calmly(unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        CHECK(clients_ask(&test.clients, EDGE_PORT, clients_request(&test.clients, false, 0)) ==
              200);
}

static void judge_balance(void)
{
    uint64_t before[TARGETS_MAX];
    for (unsigned i = 0; i < test.targets_count; i++)
        before[i] = test.targets[i].served;
    ask_calmly(FAIR_ASKS);
    for (unsigned i = 0; i < test.targets_count; i++) {
        double due = (double)FAIR_ASKS * test.targets[i].weight / test.weights;
        double got = (double)(test.targets[i].served - before[i]);
        double tolerance = test.balance == CONF_BALANCE_ROUND_ROBIN ? 2 : 15 + due / 2;
        CHECK(got >= due - tolerance && got <= due + tolerance);
        CHECK(got > 0 || test.balance == CONF_BALANCE_RANDOM);
    }
}

/* Whichever allocation is the last that works: an answer, a refusal or an end, and then all is well
 * again. */
static void judge_shortage(void)
{
    for (long nth = 1; nth <= SHORTAGES; nth++) {
        struct request *request = clients_request(&test.clients, nth % 2 == 0, 0);
        uint16_t port = nth % 3 == 0 ? TUNNEL_PORT : EDGE_PORT;
        edge_host_starve(&test.edge, nth, 0);
        test.clients.weather = WEATHER_NETWORK;
        unsigned status = clients_ask(&test.clients, port, request);
        test.clients.weather = WEATHER_CALM;
        edge_host_starve(&test.edge, 0, 0);
        CHECK(status == 200 || status == 503 || status == 0);
        await_all(TARGET_HEALTHY);
        ask_calmly(1);
    }
}

static void judge_health(void)
{
    struct target_host *sick = &test.targets[prng_below(test.prng, test.targets_count)];
    const struct target *target = edge_host_target(&test.edge, (unsigned)(sick - test.targets));
    sick->is_sick = true;
    int64_t since_ms = loop_now_ms();
    while (atomic_load(&target->health) == TARGET_HEALTHY) {
        CHECK(target->fails < 2);
        CHECK(loop_now_ms() - since_ms < 4 * INTERVAL_MS);
        CHECK(fiber_sleep(10) == 0);
    }
    CHECK(target->fails == 2);
    uint64_t served = sick->served;
    ask_calmly(20);
    CHECK(sick->served == served);

    for (unsigned i = 0; i < test.targets_count; i++)
        test.targets[i].is_sick = true;
    await_all(TARGET_UNHEALTHY);
    ask_calmly(5); /* fail-open */
    sick->is_sick = false;
    CHECK(fiber_sleep(3 * (int64_t)INTERVAL_MS) == 0);
    CHECK(atomic_load(&target->health) == TARGET_HEALTHY);
    served = sick->served;
    ask_calmly(10);
    CHECK(sick->served == served + 10);
    for (unsigned i = 0; i < test.targets_count; i++)
        test.targets[i].is_sick = false;
    await_all(TARGET_HEALTHY);
}

/* Left out after three errors in a row, each of which cost a retry and nobody an answer; for longer
 * with each time; and back when it is well. */
static void judge_ejection(void)
{
    unsigned number = (unsigned)prng_below(test.prng, test.targets_count);
    struct target_host *bad = &test.targets[number];
    struct target *target = edge_host_target(&test.edge, number);
    unsigned before = target->ejections_in_row;
    bad->manners.refuse = 100;
    for (unsigned i = 1; i <= 3; i++) {
        uint64_t refused = bad->refused;
        for (unsigned asked = 0; !is_ejected(number); asked++) {
            CHECK(asked < 100);
            ask_calmly(1);
        }
        int64_t since_ms = loop_now_ms();
        /* An error of the storm may have been its last answer before. */
        CHECK(bad->refused - refused == 3 || (i == 1 && bad->refused - refused < 3));
        uint64_t served = bad->served;
        ask_calmly(20);
        CHECK(bad->served == served);
        await_ejected(number, false);
        int64_t times = before + i > 4 ? 4 : before + i;
        CHECK(loop_now_ms() - since_ms >= times * EJECTION_MS - 20);
        CHECK(loop_now_ms() - since_ms <= times * EJECTION_MS + 300);
    }
    bad->manners.refuse = 0;
    uint64_t served = bad->served;
    ask_calmly(60);
    CHECK(bad->served > served && !is_ejected(number));
}

/* In each quarter of its slow start a target gets more than in the one before. */
static void judge_slow_start(void)
{
    enum { QUARTERS = 4, ASKS = 60 };
    struct target_host *fresh = &test.targets[prng_below(test.prng, test.targets_count)];
    const struct target *target = edge_host_target(&test.edge, (unsigned)(fresh - test.targets));
    CHECK(fiber_sleep(SLOW_START_MS) == 0); /* all others are warm */
    fresh->is_sick = true;
    while (atomic_load(&target->health) == TARGET_HEALTHY)
        CHECK(fiber_sleep(10) == 0);
    fresh->is_sick = false;
    while (atomic_load(&target->health) != TARGET_HEALTHY)
        CHECK(fiber_sleep(10) == 0);
    double due = (double)ASKS * fresh->weight / test.weights, all = 0;
    for (int quarter = 0; quarter < QUARTERS; quarter++) {
        uint64_t served = fresh->served;
        for (unsigned i = 0; i < ASKS; i++) {
            ask_calmly(1);
            CHECK(fiber_sleep(SLOW_START_MS / QUARTERS / ASKS) == 0);
        }
        double got = (double)(fresh->served - served), share = (quarter + 0.5) / QUARTERS;
        CHECK(got <= due * share * 1.7 + 10);
        all += got;
    }
    CHECK(all >= due * QUARTERS / 2 * 0.4 - 5);
}

static void ask_one(void *arg)
{
    unsigned *left = arg;
    CHECK(clients_ask(&test.clients, EDGE_PORT, clients_request(&test.clients, false, 200)) == 200);
    (*left)--;
}

/* Many at once: none is refused, no target has more than its limit, and all slots are used. */
static void judge_queue(void)
{
    unsigned count = 20 + (unsigned)prng_below(test.prng, 60), left = count;
    for (unsigned i = 0; i < test.targets_count; i++)
        test.targets[i].serving_most = 0;
    int64_t since_ms = loop_now_ms();
    for (unsigned i = 0; i < count; i++)
        CHECK(fiber_start(ask_one, &left, NULL) == 0);
    while (left > 0)
        CHECK(fiber_sleep(10) == 0);
    unsigned slots = LIMIT * test.targets_count, rounds = (count + slots - 1) / slots;
    CHECK(loop_now_ms() - since_ms >= (int64_t)(rounds - 1) * 200);
    CHECK(loop_now_ms() - since_ms <= (int64_t)rounds * 250 + 100);
    for (unsigned i = 0; i < test.targets_count; i++)
        CHECK(test.targets[i].serving_most == LIMIT);
    CHECK(line_is_empty(&test.edge.edge.plane->groups[0].group->line));
}

/* One target is silent and another refuses: every request that may be sent twice is answered. */
static void judge_retries(void)
{
    ask_calmly(50); /* which fill the budget */
    test.targets[0].manners.stall = 100;
    if (test.targets_count > 2)
        test.targets[1].manners.refuse = 100;
    ask_calmly(4); /* of two tries more at most */
    test.targets[0].manners.stall = test.targets[1].manners.refuse = 0;
    ask_calmly(20);
}

static void judge(void)
{
    static void (*const judges[TRIALS])(void) = {
        [TRIAL_BALANCE] = judge_balance,   [TRIAL_HEALTH] = judge_health,
        [TRIAL_EJECTION] = judge_ejection, [TRIAL_SLOW_START] = judge_slow_start,
        [TRIAL_SHORTAGE] = judge_shortage, [TRIAL_QUEUE] = judge_queue,
        [TRIAL_RETRIES] = judge_retries,
    };
    judges[test.trial]();
}

/* A client with an open request while the drain begins. */
struct drainer {
    struct peer peer;
    struct request *request;
    bool pipelines;
    bool has_ended;
};

static void drainer_main(void *arg)
{
    struct drainer *drainer = arg;
    CHECK(peer_connect(&drainer->peer, EDGE_IP, EDGE_PORT) == 0);
    CHECK(client_send(&test.clients, &drainer->peer, drainer->request) == 0);
    bool closes;
    if (drainer->pipelines) { /* one more, which comes too late */
        while (!test.edge.wants_drain)
            CHECK(fiber_sleep(10) == 0);
        CHECK(fiber_sleep(100) == 0);
        static const char late[] = "GET /0/0/0/0 HTTP/1.1\r\nHost: x\r\n\r\n";
        (void)peer_write(&drainer->peer, late, sizeof late - 1);
    }
    CHECK(client_receive(&test.clients, &drainer->peer, drainer->request, &closes) == 200);
    struct peer_head head;
    CHECK(peer_read_head(&drainer->peer, &head) < 0);
    io_close(&drainer->peer.io);
    drainer->has_ended = true;
}

static void judge_drain(void)
{
    struct drainer *drainers = memory_alloc_array(DRAINERS_MAX, sizeof *drainers);
    struct peer *idle = NEW(struct peer);
    CHECK(drainers != NULL && idle != NULL);
    unsigned count = 1 + (unsigned)prng_below(test.prng, DRAINERS_MAX);
    if (test.trial == TRIAL_QUEUE && count > LIMIT * test.targets_count)
        count = LIMIT * test.targets_count;
    for (unsigned i = 0; i < count; i++) {
        struct request *request = clients_request(&test.clients, i % 2 == 1, 1000);
        drainers[i].request = request;
        drainers[i].pipelines = i % 3 == 0;
        CHECK(fiber_start(drainer_main, &drainers[i], NULL) == 0);
    }
    CHECK(peer_connect(idle, EDGE_IP, EDGE_PORT) == 0);
    CHECK(fiber_sleep(500) == 0);
    for (unsigned i = 0; i < count; i++)
        CHECK(drainers[i].request->reached == 1);
    uint32_t served_before = test.ledger.requests[0].reached;
    int64_t since_ms = loop_now_ms();
    edge_host_drain(&test.edge);
    CHECK(test.edge.drained_after_ms < DRAIN_MS && loop_now_ms() - since_ms < DRAIN_MS);
    CHECK(test.ledger.requests[0].reached == served_before);
    struct peer_head head;
    CHECK(peer_read_head(idle, &head) < 0);
    io_close(&idle->io);
    memory_free(idle);
    for (unsigned i = 0; i < count; i++) {
        while (!drainers[i].has_ended)
            CHECK(fiber_sleep(10) == 0);
    }
    memory_free(drainers);
}

static void scenario(void *arg)
{
    struct sim_run *run = arg;
    sim_set_faults(sim_world_sim(), NULL);
    test.prng = &run->prng;
    test.ledger.count = 0;
    test.balance = (enum conf_balance)prng_below(test.prng, COUNT_OF(balance_names));
    test.clients = (struct clients){.ledger = &test.ledger, .prng = test.prng};
    test.clients.len_max = run->faults.short_ppm > 0 ? 2000 : 70000;
    test.edge.seed = prng_next(test.prng);
    test.trial = (enum trial)prng_below(test.prng, TRIALS);
    /* Latencies, and the one address of these clients, go their own ways. */
    bool is_even = test.balance <= CONF_BALANCE_RANDOM;
    if (!is_even && (test.trial == TRIAL_BALANCE || test.trial == TRIAL_EJECTION ||
                     test.trial == TRIAL_SLOW_START))
        test.trial = TRIAL_HEALTH;
    draw_targets();
    write_yaml();
    edge_host_start(&test.edge);
    (void)clients_request(&test.clients, false, 0); /* number 0: nobody awaits it */
    await_all(TARGET_HEALTHY);
    test.is_reloading = prng_below(test.prng, 2) == 0;
    if (test.is_reloading)
        CHECK(fiber_start(reloader, NULL, NULL) == 0);
    storm(&run->faults);
    while (test.is_reloading)
        CHECK(fiber_sleep(50) == 0);
    calm_down();
    judge();
    judge_drain();
}

int main(int argc, char **argv)
{
    log_set_sink(NULL, NULL, LOG_LEVEL_ERROR);
    return sim_runner(argc, argv, "edge", scenario);
}
