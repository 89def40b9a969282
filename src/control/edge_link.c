/* PUT /v1/groups/NAME/targets and GET /v1/status over the edge's admin socket. */
#include "control/edge_link.h"

#include "base/log.h"
#include "control/control.h"
#include "http/ask.h"
#include "os/loop.h"
#include "wire/json/json.h"

#include <errno.h>
#include <stdio.h>

#define ASK_MS           5000
#define POLL_BUSY_MS     100 /* while a task's health is awaited */
#define POLL_CALM_MS     1000
#define BODY_BYTES_MAX   (1 << 20)
#define STATUS_BYTES_MAX (8 << 20)
#define NAME_BYTES_MAX   256

static bool is_target(const struct service_task *task)
{
    return task->port != 0 && (task->state == TASK_CHECKING || task->state == TASK_HEALTHY ||
                               task->state == TASK_DRAINING);
}

static int write_targets(const struct service *service, struct buffer *body)
{
    const char *separator = "";
    int rc =
        buffer_format(body, "{\"epoch\":%llu,\"targets\":[", (unsigned long long)service->epoch);
    LIST_FOR_EACH (&service->tasks, link) {
        const struct service_task *task = CONTAINER_OF(link, struct service_task, link);
        if (rc < 0 || !is_target(task))
            continue;
        rc = buffer_format(body, "%s{\"id\":\"%s\",\"address\":\"127.0.0.1:%u\",\"weight\":%d}",
                           separator, task->id, task->port, task->state != TASK_DRAINING);
        separator = ",";
    }
    return rc < 0 ? rc : buffer_format(body, "]}");
}

/* What the edge said before it got this word does not count: a drain waits for what it says then.
 */
static void forget_in_flight(struct service *service)
{
    LIST_FOR_EACH (&service->tasks, link)
        CONTAINER_OF(link, struct service_task, link)->in_flight = -1;
}

/* The clock keeps epochs growing over control's restarts. */
static void next_epoch(struct service *service)
{
    uint64_t now = (uint64_t)loop_wall_us();
    service->epoch = now > service->epoch ? now : service->epoch + 1;
}

static int put_targets(struct edge_link *link, struct service *service)
{
    char target[NAME_BYTES_MAX + 32];
    struct buffer body, answer;
    buffer_init(&body, BODY_BYTES_MAX);
    buffer_init(&answer, BODY_BYTES_MAX);
    next_epoch(service);
    forget_in_flight(service);
    service->targets_changed = false;
    int rc = snprintf(target, sizeof target, "/v1/groups/%.*s/targets",
                      SLICE_ARG(service->conf->group->name));
    rc = rc < (int)sizeof target ? write_targets(service, &body) : -ENAMETOOLONG;
    if (rc == 0)
        rc = ask(link->socket, "PUT", target, buffer_slice(&body), loop_deadline(ASK_MS), &answer);
    if (rc < 200 || rc > 299)
        service->targets_changed = true;
    buffer_finish(&body);
    buffer_finish(&answer);
    return rc;
}

static enum task_health health_of(struct slice word)
{
    return slice_equal(word, SLICE("healthy"))     ? HEALTH_GOOD
           : slice_equal(word, SLICE("unhealthy")) ? HEALTH_BAD
                                                   : HEALTH_UNKNOWN;
}

static void note_target(struct service *service, const struct json *target)
{
    struct slice id = json_get_text(target, SLICE("id"));
    LIST_FOR_EACH (&service->tasks, link) {
        struct service_task *task = CONTAINER_OF(link, struct service_task, link);
        if (!is_target(task) || !slice_equal(id, slice_of_cstr(task->id)))
            continue;
        struct slice reason = json_get_text(target, SLICE("reason"));
        task->in_flight = json_get_integer(target, SLICE("in_flight"), 0);
        task->health = health_of(json_get_text(target, SLICE("health")));
        (void)snprintf(task->reason, sizeof task->reason, "%.*s", SLICE_ARG(reason));
        task_wake(task);
    }
}

static void note_group(struct control *control, const struct json *group)
{
    struct slice name = json_get_text(group, SLICE("name"));
    for (unsigned i = 0; i < control->services_count; i++) {
        struct service *service = &control->services[i];
        if (service->conf->group == NULL || !slice_equal(service->conf->group->name, name))
            continue;
        /* An edge that knows an older word than ours was started anew since. */
        int64_t epoch = json_get_integer(group, SLICE("epoch"), 0);
        if (epoch < (int64_t)service->epoch)
            service->targets_changed = true;
        /* Our word was refused: an earlier control spoke by a clock ahead of today's. */
        else if (service->targets_changed)
            service->epoch = (uint64_t)epoch;
        JSON_FOR_EACH(json_get(group, SLICE("targets")), target)
        note_target(service, target);
    }
}

static int read_status(struct control *control)
{
    struct buffer answer;
    struct arena arena;
    const struct json *status = NULL;
    buffer_init(&answer, STATUS_BYTES_MAX);
    arena_init(&arena, NULL, 0, 4 * STATUS_BYTES_MAX);
    int rc = ask(control->edge.socket, "GET", "/v1/status", slice_of(NULL, 0),
                 loop_deadline(ASK_MS), &answer);
    if (rc == 200)
        rc = json_parse(buffer_slice(&answer), &arena, &status);
    else if (rc >= 0)
        rc = -EPROTO;
    JSON_FOR_EACH(json_get(status, SLICE("groups")), group)
    note_group(control, group);
    arena_finish(&arena);
    buffer_finish(&answer);
    return rc;
}

/* The word is said again and again, the warning is not. */
static void note_known(struct service *service, int rc)
{
    if (rc == 404 && !service->is_unknown)
        log_warn("the running edge does not know the service %.*s: it was started with an "
                 "earlier weir.yaml; `weir down`, then `weir up` starts it anew",
                 SLICE_ARG(service->conf->name));
    if (rc >= 0)
        service->is_unknown = rc == 404;
}

static void note_reachable(struct edge_link *link, int rc)
{
    bool is_reachable = rc >= 0;
    if (is_reachable && !link->is_reachable)
        link->must_tell_all = true;
    link->is_reachable = is_reachable;
}

/* Returns whether something is left to be told or awaited. */
static bool exchange_words(struct control *control)
{
    struct edge_link *link = &control->edge;
    bool is_busy = false;
    bool tell_all = link->must_tell_all;
    link->must_tell_all = false;
    for (unsigned i = 0; i < control->services_count; i++) {
        struct service *service = &control->services[i];
        if (service->conf->group == NULL || (!service->targets_changed && !tell_all))
            continue;
        int rc = put_targets(link, service);
        note_reachable(link, rc);
        note_known(service, rc);
    }
    note_reachable(link, read_status(control));
    for (unsigned i = 0; i < control->services_count; i++) {
        const struct service *service = &control->services[i];
        is_busy |= service->targets_changed;
        LIST_FOR_EACH (&service->tasks, task_link)
            is_busy |= CONTAINER_OF(task_link, struct service_task, link)->state != TASK_HEALTHY;
    }
    return is_busy || !link->is_reachable || link->must_tell_all;
}

static void link_main(void *arg)
{
    struct control *control = arg;
    for (;;) {
        bool is_busy = exchange_words(control);
        int rc = fiber_wait(loop_deadline(is_busy ? POLL_BUSY_MS : POLL_CALM_MS));
        if (rc == -ECANCELED)
            return;
    }
}

int edge_link_start(struct control *control)
{
    struct edge_link *link = &control->edge;
    int len = snprintf(link->socket, sizeof link->socket, "%s/edge.sock", control->options->state);
    if (len < 0 || (size_t)len >= sizeof link->socket)
        return -ENAMETOOLONG;
    link->must_tell_all = true;
    return fiber_start(link_main, control, &link->fiber);
}

void edge_link_wake(struct control *control)
{
    if (control->edge.fiber != NULL)
        fiber_wake(control->edge.fiber);
}

void edge_link_restarted(struct control *control)
{
    control->edge.must_tell_all = true;
    edge_link_wake(control);
}
