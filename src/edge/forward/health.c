/*
 * A watching fiber for each group wakes every TICK_MS and starts a checking fiber for each target
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

#include <errno.h>
#include <stdio.h>

#define TICK_MS 100

/* New targets are looked at this often, whatever the interval: they keep people waiting. */
#define INITIAL_INTERVAL_MS 200

struct group_check {
    struct list link;
    struct health_checks *checks;
    const struct group_setup *setup; /* borrowed */
    struct fiber *fiber;
};

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
    int rc = client_connect(&pool, deadline_ms, &upstream);
    if (rc == 0 && conf->protocol == CONF_PROTOCOL_HTTP)
        rc = ask(check, upstream, deadline_ms, &check->status);
    client_drop(upstream);
    if (rc < 0)
        return describe(rc);
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

static void start_check(struct group_check *group, struct target *target)
{
    struct check *check = NEW(struct check);
    if (check == NULL)
        return;
    check->checks = group->checks;
    check->setup = group->setup;
    check->target = target_ref(target);
    target->is_checking = true;
    list_append(&group->checks->targets, &check->link);
    if (fiber_start(check_main, check, &check->fiber) < 0)
        end_check(check);
}

static void check_due(struct group_check *check)
{
    struct target_set *set = target_group_set(check->setup->group);
    for (unsigned i = 0; i < set->count; i++) {
        struct target *target = set->targets[i];
        int health = atomic_load(&target->health);
        if (health == TARGET_DRAINING || target->is_checking ||
            loop_now_ms() < target->next_check_ms)
            continue;
        int64_t interval_ms = check->setup->conf->health.interval_ms;
        if (health == TARGET_INITIAL && interval_ms > INITIAL_INTERVAL_MS)
            interval_ms = INITIAL_INTERVAL_MS;
        target->next_check_ms = loop_now_ms() + interval_ms;
        start_check(check, target);
    }
    target_set_unref(set);
}

static void group_main(void *arg)
{
    struct group_check *check = arg;
    while (!fiber_is_cancelled(check->fiber)) {
        if (check->setup->conf->health.enabled)
            check_due(check);
        if (check->setup->conf->ejection.enabled)
            ejection_tick(check->setup->group, &check->setup->conf->ejection, loop_now_ms());
        (void)fiber_sleep(TICK_MS);
    }
    struct health_checks *checks = check->checks;
    list_remove(&check->link);
    memory_free(check);
    tell_stopped(checks);
}

static int start_group(struct health_checks *checks, const struct group_setup *setup)
{
    struct group_check *check = NEW(struct group_check);
    if (check == NULL)
        return -ENOMEM;
    check->setup = setup;
    check->checks = checks;
    list_append(&checks->groups, &check->link);
    int rc = fiber_start(group_main, check, &check->fiber);
    if (rc < 0) {
        list_remove(&check->link);
        memory_free(check);
    }
    return rc;
}

int health_start(struct health_checks *checks, const struct group_setup *groups, unsigned count)
{
    checks->awaiting = NULL;
    list_init(&checks->groups);
    list_init(&checks->targets);
    for (unsigned i = 0; i < count; i++) {
        if (!groups[i].conf->health.enabled && !groups[i].conf->ejection.enabled)
            continue;
        int rc = start_group(checks, &groups[i]);
        if (rc < 0) {
            health_stop(checks);
            return rc;
        }
    }
    return 0;
}

void health_stop(struct health_checks *checks)
{
    LIST_FOR_EACH (&checks->groups, link)
        fiber_cancel(CONTAINER_OF(link, struct group_check, link)->fiber);
    LIST_FOR_EACH (&checks->targets, link)
        fiber_cancel(CONTAINER_OF(link, struct check, link)->fiber);
}

bool health_has_stopped(const struct health_checks *checks)
{
    return list_is_empty(&checks->groups) && list_is_empty(&checks->targets);
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
