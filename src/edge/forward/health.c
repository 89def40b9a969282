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
#include "http/call.h"
#include "http/worker.h"
#include "os/loop.h"
#include "wire/grpc/grpc.h"
#include "wire/grpc/health.h"
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

static struct slice host_to_ask(const struct check *check)
{
    const struct conf_health *health = &check->setup->conf->health;
    return health->host.len > 0 ? health->host : host_of(check->target);
}

static void write_request(struct writer *writer, const struct check *check)
{
    write_literal(writer, "GET ");
    write_slice(writer, check->setup->conf->health.path);
    write_literal(writer, " HTTP/1.1\r\nHost: ");
    write_slice(writer, host_to_ask(check));
    write_literal(writer, "\r\nX-Forwarded-Proto: https\r\nUser-Agent: weir-health\r\n"
                          "Accept: */*\r\nConnection: close\r\n\r\n");
}

static void write_grpc_request(struct writer *writer, const struct check *check)
{
    write_literal(writer, "POST ");
    write_slice(writer, GRPC_HEALTH_PATH);
    write_literal(writer, " HTTP/1.1\r\nHost: ");
    write_slice(writer, host_to_ask(check));
    write_literal(writer, "\r\nUser-Agent: weir-health\r\nContent-Type: application/grpc\r\n"
                          "TE: trailers\r\n\r\n");
}

static int read_head(struct call *call, enum http_method method, int64_t deadline_ms,
                     struct response_head *ret_response)
{
    int rc = 0;
    ret_response->status = 100;
    while (rc == 0 && ret_response->status < 200) {
        ret_response->fields = (struct fields){worker_current()->fields, 0, HTTP_FIELDS_MAX};
        const char *why;
        rc = call_read_head(call, method, deadline_ms, ret_response, &why);
    }
    return rc;
}

static int ask(const struct check *check, struct call *call, int64_t deadline_ms,
               unsigned *ret_status)
{
    static const struct framing no_body = {.kind = BODY_NONE};
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL)
        return -ENOMEM;
    struct writer request;
    writer_init(&request, block, BLOCK_LARGE_BYTES);
    proxy_write(&request, check->setup->conf->proxy_protocol, &own_connection);
    write_request(&request, check);
    int rc = call_begin(call, writer_slice(&request), &no_body, (struct slice){0}, false,
                        deadline_ms - loop_now_ms());
    block_give(block, BLOCK_LARGE);
    struct response_head response = {.status = 100};
    if (rc == 0)
        rc = read_head(call, METHOD_GET, deadline_ms, &response);
    if (rc == 0)
        *ret_status = response.status;
    return rc;
}

static int send_grpc(const struct check *check, struct call *call, int64_t deadline_ms)
{
    static const struct framing of_a_call = {.kind = BODY_LENGTH};
    char *block = block_take(BLOCK_SMALL);
    if (block == NULL)
        return -ENOMEM;
    struct writer head, message;
    char body[GRPC_HEALTH_NAME_BYTES_MAX + 16];
    writer_init(&head, block, BLOCK_SMALL_BYTES);
    writer_init(&message, body, sizeof body);
    write_grpc_request(&head, check);
    grpc_health_write(&message, check->setup->conf->health.grpc);
    int rc = call_begin(call, writer_slice(&head), &of_a_call, writer_slice(&message), false,
                        deadline_ms - loop_now_ms());
    block_give(block, BLOCK_SMALL);
    return rc;
}

/* The message that is answered, whole; its length. */
static int read_message(struct call *call, char message[static GRPC_HEALTH_ANSWER_BYTES_MAX],
                        int64_t deadline_ms)
{
    size_t len = 0;
    for (;;) {
        struct slice data;
        int rc = call_read_body(call, deadline_ms - loop_now_ms(), &data);
        if (rc <= 0)
            return rc < 0 ? rc : (int)len;
        if (data.len > GRPC_HEALTH_ANSWER_BYTES_MAX - len)
            return -EBADMSG;
        memcpy(message + len, data.at, data.len);
        len += data.len;
    }
}

static const char *describe_grpc_status(struct check *check, const struct fields *fields)
{
    const struct field *field = fields_find_name(fields, SLICE("grpc-status"));
    if (field == NULL)
        return "the answer is not gRPC";
    enum grpc_status status = grpc_parse_status(field->value);
    if (status == GRPC_OK)
        return NULL;
    (void)snprintf(check->text, sizeof check->text, "answered %.*s to its health check",
                   SLICE_ARG(grpc_status_name(status)));
    return status == GRPC_UNIMPLEMENTED ? "it does not know gRPC's health protocol"
           : status == GRPC_NOT_FOUND   ? "it does not know the service of `grpc`"
                                        : check->text;
}

/* What is wrong with the target, or NULL; an error of the connection is -> ret_rc. */
static const char *examine_grpc(struct check *check, struct call *call, int64_t deadline_ms,
                                int *ret_rc)
{
    static const char *const words[] = {"it says UNKNOWN", NULL, "it says NOT_SERVING",
                                        "it does not know the service of `grpc`"};
    char message[GRPC_HEALTH_ANSWER_BYTES_MAX];
    struct response_head response = {.status = 100};
    int rc = send_grpc(check, call, deadline_ms);
    if (rc == 0)
        rc = read_head(call, METHOD_POST, deadline_ms, &response);
    *ret_rc = rc;
    if (rc < 0)
        return NULL;
    if (response.status != 200) {
        (void)snprintf(check->text, sizeof check->text, "answered %u to a gRPC call",
                       response.status);
        return check->text;
    }
    if (fields_find_name(&response.fields, SLICE("grpc-status")) != NULL) {
        const char *why = describe_grpc_status(check, &response.fields);
        return why != NULL ? why : "the answer is not gRPC";
    }
    int len = read_message(call, message, deadline_ms);
    *ret_rc = len < 0 ? len : 0;
    if (len < 0)
        return NULL;
    struct fields trailers;
    call_trailers(call, &trailers);
    const char *why = describe_grpc_status(check, &trailers);
    int status = grpc_health_parse(slice_of(message, (size_t)len));
    if (why != NULL)
        return why;
    return status < 0 || status >= (int)COUNT_OF(words) ? "the answer is not gRPC" : words[status];
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
    struct call call;
    client_pool_init(&pool, &check->target->address, &check->target->other, 0);
    pool.is_h2 = conf->protocol == CONF_PROTOCOL_H2;
    const char *why = NULL;
    /* Another one may take its place meanwhile. */
    struct tls_client *tls = check->setup->tls == NULL ? NULL : tls_client_ref(check->setup->tls);
    pool.tls = tls;
    pool.host = check->target->host;
    int rc = call_open(&call, &pool, 0, true, deadline_ms, &why);
    bool is_grpc = conf->health.by_grpc;
    const char *found = NULL;
    if (rc == 0 && is_grpc)
        found = examine_grpc(check, &call, deadline_ms, &rc);
    else if (rc == 0 && conf->protocol != CONF_PROTOCOL_TCP)
        rc = ask(check, &call, deadline_ms, &check->status);
    call_drop(&call);
    client_pool_finish(&pool);
    tls_client_unref(tls);
    if (rc < 0)
        return why != NULL ? why : describe(rc);
    if (is_grpc || conf->protocol == CONF_PROTOCOL_TCP || is_good(&conf->health, check->status))
        return found;
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
