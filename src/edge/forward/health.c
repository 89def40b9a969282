/*
 * The watching fiber wakes every TICK_MS and starts a checking fiber for each target
 * that is due. What a check found goes through the thresholds into the shared target.
 */
#include "edge/forward/health.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/writer.h"
#include "edge/forward/ejection.h"
#include "edge/forward/target.h"
#include "http/client.h"
#include "http/worker.h"
#include "os/loop.h"
#include "wire/tls/connection.h"

#include <errno.h>
#include <stdio.h>

#define TICK_MS       100
#define GROUPS_A_TURN 64

/* New targets are looked at this often, whatever the interval: they keep people waiting. */
#define INITIAL_INTERVAL_MS 200

struct check {
    struct list link;
    struct fiber *fiber;
    struct health_checks *checks;
    const struct group_setup *setup; /* borrowed */
    struct target *target;           /* counted */
    unsigned status;
    char text[64];
};

/* A check is nobody else's connection. */
static const struct proxy_header own_connection = {.family = PROXY_UNKNOWN};

/* The Host of a request to this target when nobody said one: of "name:80/10.0.0.4" the name. */
static struct slice host_of(const struct target *target)
{
    if (target->address.any.sa_family == AF_UNIX)
        return SLICE("localhost");
    ptrdiff_t slash = slice_find(target->id, '/');
    return slash > 0 ? slice_first(target->id, (size_t)slash) : target->id;
}

static void write_request(struct writer *writer, const struct check *check)
{
    const struct conf_health *health = &check->setup->conf->health;
    struct slice host = health->host.len > 0 ? health->host : host_of(check->target);
    write_literal(writer, "GET ");
    write_slice(writer, health->path);
    write_literal(writer, " HTTP/1.1\r\nHost: ");
    write_slice(writer, host);
    write_literal(writer, "\r\nX-Forwarded-Proto: https\r\nUser-Agent: weir-health\r\n"
                          "Accept: */*\r\nConnection: close\r\n\r\n");
}

static int ask(const struct check *check, struct upstream *upstream, int64_t deadline_ms,
               unsigned *ret_status)
{
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL)
        return -ENOMEM;
    struct writer request;
    writer_init(&request, block, BLOCK_LARGE_BYTES);
    proxy_write(&request, check->setup->conf->proxy_protocol, &own_connection);
    write_request(&request, check);
    struct iovec part = {block, writer_slice(&request).len};
    int rc = io_write_all(&upstream->io, &part, 1, deadline_ms - loop_now_ms());
    block_give(block, BLOCK_LARGE);
    struct response_head response = {.status = 100};
    while (rc == 0 && response.status < 200) {
        response.fields = (struct fields){worker_current()->fields, 0, HTTP_FIELDS_MAX};
        const char *why;
        rc = client_read_head(upstream, METHOD_GET, deadline_ms, &response, &why);
    }
    *ret_status = response.status;
    return rc;
}

static const char *describe(int rc)
{
    switch (rc) {
    case -ETIMEDOUT:
        return "no answer in time";
    case -ECONNREFUSED:
    case -ENOENT:
        return "connection refused";
    case -EBADMSG:
        return "the answer is not HTTP";
    default:
        return "the connection broke";
    }
}

static bool is_good(const struct conf_health *health, unsigned status)
{
    return health->any_below_500 ? status < 500 : status < 400;
}

/* What is wrong with the target, or NULL. */
static const char *examine(struct check *check)
{
    const struct conf_group *conf = check->setup->conf;
    int64_t deadline_ms = loop_deadline(conf->health.timeout_ms);
    struct client_pool pool;
    struct upstream *upstream = NULL;
    client_pool_init(&pool, &check->target->address, &check->target->other, 0);
    const char *why = NULL;
    /* Another one may take its place meanwhile. */
    struct tls_client *tls = check->setup->tls == NULL ? NULL : tls_client_ref(check->setup->tls);
    pool.tls = tls;
    pool.host = check->target->host;
    int rc = client_connect(&pool, deadline_ms, &upstream, &why);
    if (rc == 0 && conf->protocol == CONF_PROTOCOL_HTTP)
        rc = ask(check, upstream, deadline_ms, &check->status);
    client_drop(upstream);
    tls_client_unref(tls);
    if (rc < 0)
        return why != NULL ? why : describe(rc);
    if (conf->protocol == CONF_PROTOCOL_TCP || is_good(&conf->health, check->status))
        return NULL;
    (void)snprintf(check->text, sizeof check->text, "answered %u to GET %.40s", check->status,
                   conf->health.path.at);
    return check->text;
}

static void change(struct check *check, enum target_health health, const char *why)
{
    struct target *target = check->target;
    if (health == TARGET_HEALTHY)
        atomic_store(&target->warm_from_ms, loop_now_ms());
    if (health == TARGET_HEALTHY)
        log_info("target %.*s of %.*s is healthy", SLICE_ARG(target->id),
                 SLICE_ARG(check->setup->group->name));
    else
        log_warn("target %.*s of %.*s is unhealthy: %s", SLICE_ARG(target->id),
                 SLICE_ARG(check->setup->group->name), why);
    target_set_health(check->setup->group, target, health, why);
}

static void judge(struct check *check, const char *why)
{
    struct target *target = check->target;
    const struct conf_health *conf = &check->setup->conf->health;
    enum target_health now = (enum target_health)atomic_load(&target->health);
    target->passes = why == NULL ? target->passes + 1 : 0;
    target->fails = why == NULL ? 0 : target->fails + 1;
    if (why == NULL) {
        if (now == TARGET_INITIAL ||
            (now == TARGET_UNHEALTHY && target->passes >= conf->healthy_threshold))
            change(check, TARGET_HEALTHY, NULL);
        return;
    }
    bool in_grace = now == TARGET_INITIAL && loop_now_ms() < target->added_ms + conf->grace_ms;
    if (in_grace)
        target_set_health(check->setup->group, target, TARGET_INITIAL, why);
    else if (now == TARGET_INITIAL ||
             (now == TARGET_HEALTHY && target->fails >= conf->unhealthy_threshold))
        change(check, TARGET_UNHEALTHY, why);
    else if (now == TARGET_UNHEALTHY)
        target_set_health(check->setup->group, target, TARGET_UNHEALTHY, why);
}

static void tell_stopped(struct health_checks *checks)
{
    if (checks->awaiting != NULL && health_has_stopped(checks))
        fiber_wake(checks->awaiting);
}

static void end_check(struct check *check)
{
    struct health_checks *checks = check->checks;
    check->target->is_checking = false;
    target_unref(check->target);
    list_remove(&check->link);
    memory_free(check);
    tell_stopped(checks);
}

static void check_main(void *arg)
{
    struct check *check = arg;
    const char *why = examine(check);
    bool counts = !fiber_is_cancelled(check->fiber);
    if (counts && atomic_load(&check->target->health) != TARGET_DRAINING)
        judge(check, why);
    end_check(check);
}

static void start_check(struct health_checks *checks, const struct group_setup *setup,
                        struct target *target)
{
    struct check *check = NEW(struct check);
    if (check == NULL)
        return;
    check->checks = checks;
    check->setup = setup;
    check->target = target_ref(target);
    target->is_checking = true;
    list_append(&checks->targets, &check->link);
    if (fiber_start(check_main, check, &check->fiber) < 0)
        end_check(check);
}

static void check_due(struct health_checks *checks, const struct group_setup *setup)
{
    struct target_set *set = target_group_set(setup->group);
    for (unsigned i = 0; i < set->count; i++) {
        struct target *target = set->targets[i];
        int health = atomic_load(&target->health);
        if (health == TARGET_DRAINING || target->is_checking ||
            loop_now_ms() < target->next_check_ms)
            continue;
        int64_t interval_ms = setup->conf->health.interval_ms;
        if (health == TARGET_INITIAL && interval_ms > INITIAL_INTERVAL_MS)
            interval_ms = INITIAL_INTERVAL_MS;
        target->next_check_ms = loop_now_ms() + interval_ms;
        start_check(checks, setup, target);
    }
    target_set_unref(set);
}

static bool is_watched(const struct group_setup *setup)
{
    return setup->conf->health.enabled || setup->conf->ejection.enabled;
}

/* Requests have their turn between some groups and the next. */
static void look_at_all(struct health_checks *checks)
{
    unsigned looked_at = 0;
    for (unsigned i = 0; i < checks->count && !fiber_is_cancelled(checks->fiber); i++) {
        const struct group_setup *setup = &checks->groups[i];
        if (!is_watched(setup))
            continue;
        if (setup->conf->health.enabled)
            check_due(checks, setup);
        if (setup->conf->ejection.enabled)
            ejection_tick(setup->group, &setup->conf->ejection, loop_now_ms());
        if (++looked_at % GROUPS_A_TURN == 0)
            fiber_yield();
    }
}

static void watch_main(void *arg)
{
    struct health_checks *checks = arg;
    while (!fiber_is_cancelled(checks->fiber)) {
        look_at_all(checks);
        (void)fiber_sleep(TICK_MS);
    }
    checks->fiber = NULL;
    tell_stopped(checks);
}

int health_start(struct health_checks *checks, const struct group_setup *groups, unsigned count)
{
    *checks = (struct health_checks){.groups = groups, .count = count};
    list_init(&checks->targets);
    for (unsigned i = 0; i < count; i++) {
        if (is_watched(&groups[i]))
            return fiber_start(watch_main, checks, &checks->fiber);
    }
    return 0;
}

void health_stop(struct health_checks *checks)
{
    if (checks->fiber != NULL)
        fiber_cancel(checks->fiber);
    LIST_FOR_EACH (&checks->targets, link)
        fiber_cancel(CONTAINER_OF(link, struct check, link)->fiber);
}

bool health_has_stopped(const struct health_checks *checks)
{
    return checks->fiber == NULL && list_is_empty(&checks->targets);
}

static int await_stopped(void *arg)
{
    struct health_checks *checks = arg;
    checks->awaiting = fiber_current();
    while (!health_has_stopped(checks))
        (void)fiber_wait(FIBER_FOREVER);
    checks->awaiting = NULL;
    return 0;
}

void health_await_stopped(struct health_checks *checks)
{
    (void)fiber_shield(await_stopped, checks, FIBER_FOREVER);
}
