/*
 * One task from its start to its end, as its fiber tells it: launched, listening, healthy; then
 * retired, or dead by its own hand, or never healthy, each with words for a person.
 */
#include "base/cleanup.h"
#include "base/log.h"
#include "control/control.h"
#include "control/environment.h"
#include "os/file.h"
#include "os/folder.h"
#include "os/line_log.h"
#include "os/loop.h"
#include "os/proc.h"

#include <errno.h>
#include <stdio.h>

#define LISTEN_POLL_MS   40
#define DRAIN_POLL_MS    50
#define PROVE_ALIVE_MS   1000 /* a worker without a port is taken as healthy after so long */
#define GRACE_DEFAULT_MS 30000
#define LOG_TAIL_BYTES   65536
#define LOG_TAIL_LINES   12
#define FOLDER_MODE      0700

void task_wake(struct service_task *task)
{
    if (task->fiber != NULL)
        fiber_wake(task->fiber);
}

void task_retire(struct service_task *task)
{
    task->must_stop = true;
    /* At once, so that the next plan counts it as leaving. */
    if (task->state < TASK_DRAINING)
        task->state = TASK_DRAINING;
    task->service->targets_changed = true;
    edge_link_wake(task->service->control);
    task_wake(task);
}

static void shim_changed(struct shim_link *shim)
{
    task_wake(CONTAINER_OF(shim, struct service_task, shim));
}

static bool is_over(const struct service_task *task)
{
    return task->shim.has_ended || task->shim.is_gone;
}

static bool is_leaving(const struct service_task *task)
{
    return is_over(task) || task->must_stop;
}

static void set_state(struct service_task *task, enum task_state state)
{
    if (task->state == state)
        return;
    task->state = state;
    task->service->targets_changed = true;
    edge_link_wake(task->service->control);
    service_changed(task->service);
}

static int make_path(const struct service_task *task, const char *folder, const char *suffix,
                     char ret_path[static PATH_MAX])
{
    int len = snprintf(ret_path, PATH_MAX, "%s/%s/%s%s", task->service->control->options->state,
                       folder, task->id, suffix);
    return len < 0 || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int log_path(const struct service_task *task, char ret_path[static PATH_MAX])
{
    char folder[TASK_ID_BYTES + 8];
    (void)snprintf(folder, sizeof folder, "logs/%.*s", SLICE_ARG(task->service->conf->name));
    return make_path(task, folder, ".log", ret_path);
}

/* The last lines it printed, each beneath what was said of it. */
static void show_last_lines(const struct service_task *task)
{
    char path[PATH_MAX];
    struct buffer tail;
    struct file_info info;
    struct line_log_place place = task->log_begin;
    if (log_path(task, path) < 0 || file_stat(path, &info) < 0)
        return;
    if (info.inode != place.inode)
        place = (struct line_log_place){.inode = info.inode};
    if (info.size > LOG_TAIL_BYTES && place.offset < info.size - LOG_TAIL_BYTES)
        place.offset = info.size - LOG_TAIL_BYTES;
    buffer_init(&tail, LOG_TAIL_BYTES);
    (void)line_log_read(path, &place, &tail);
    struct slice lines[LOG_TAIL_LINES], rest = buffer_slice(&tail), line;
    unsigned count = 0;
    while (rest.len > 0 && slice_cut(&rest, '\n', &line))
        lines[count++ % LOG_TAIL_LINES] = line;
    if (count == 0)
        log_warn("  it printed nothing");
    for (unsigned i = count > LOG_TAIL_LINES ? count - LOG_TAIL_LINES : 0; i < count; i++) {
        line = slice_from(lines[i % LOG_TAIL_LINES], LINE_LOG_TIME_BYTES);
        log_warn("  | %.*s", SLICE_ARG(line));
    }
    buffer_finish(&tail);
}

static int64_t grace_ms(const struct service_task *task)
{
    const struct conf_group *group = task->service->conf->group;
    return group == NULL                ? PROVE_ALIVE_MS
           : group->health.grace_ms > 0 ? group->health.grace_ms
                                        : GRACE_DEFAULT_MS;
}

static int make_folder(const struct service_task *task, const char *folder)
{
    int rc = folder_remove(folder);
    if (rc == 0)
        rc = folder_make(folder, FOLDER_MODE);
    if (rc < 0)
        log_error("%s: cannot be started: cannot make the folder %s: %s", task->id, folder,
                  strerror(-rc));
    return rc;
}

static int launch_in(struct service_task *task, const char *folder, const char *log)
{
    const struct conf_service *conf = task->service->conf;
    char label[SHIM_LABEL_BYTES];
    struct error error = {0};
    struct environment environment;
    struct file_info info;
    (void)snprintf(label, sizeof label, "service=%.*s number=%u hash=%016llx port=%u",
                   SLICE_ARG(conf->name), task->number, (unsigned long long)task->hash, task->port);
    int rc = make_folder(task, folder);
    if (rc == 0)
        rc = environment_make(&environment, conf, task->id, task->port);
    if (rc < 0)
        return rc;
    if (file_stat(log, &info) == 0)
        task->log_begin = (struct line_log_place){.inode = info.inode, .offset = info.size};
    struct shim_options options = {
        .folder = folder,
        .log = log,
        .directory = conf->directory.at,
        .label = label,
        .command = conf->command.at,
        .environment = environment.variables,
    };
    rc = shim_start(&task->shim, &options, shim_changed, &error);
    environment_finish(&environment);
    if (rc < 0)
        log_error("%s: cannot be started: %s", task->id, error.text);
    return rc;
}

static int launch(struct service_task *task)
{
    char folder[PATH_MAX], log[PATH_MAX];
    if (task->service->conf->group != NULL) {
        task->port = port_choose(&task->service->control->ports);
        if (task->port == 0) {
            log_error("%s: no port is free between %u and %u", task->id,
                      task->service->control->ports.first, task->service->control->ports.last);
            return -EADDRINUSE;
        }
    }
    int rc = make_path(task, "tasks", "", folder);
    if (rc == 0)
        rc = log_path(task, log);
    return rc < 0 ? rc : launch_in(task, folder, log);
}

/* Returns whether its own socket listens; false also when it is leaving. */
static bool await_listening(struct service_task *task, int64_t deadline_ms)
{
    while (!is_leaving(task) && loop_now_ms() < deadline_ms) {
        if (proc_listens_below(task->shim.shim_pid, task->port))
            return true;
        int64_t next_ms = loop_deadline(LISTEN_POLL_MS);
        (void)fiber_wait(next_ms < deadline_ms ? next_ms : deadline_ms);
    }
    return false;
}

/* While the edge itself is away, nobody checks, and the task is not to blame. */
static bool await_healthy(struct service_task *task, int64_t deadline_ms)
{
    const struct edge_link *edge = &task->service->control->edge;
    while (!is_leaving(task) && task->health != HEALTH_GOOD) {
        if (loop_now_ms() >= deadline_ms) {
            if (edge->is_reachable)
                return false;
            deadline_ms = loop_deadline(grace_ms(task));
        }
        (void)fiber_wait(deadline_ms);
    }
    return !is_leaving(task);
}

static bool await_alive(struct service_task *task, int64_t deadline_ms)
{
    while (!is_leaving(task) && loop_now_ms() < deadline_ms)
        (void)fiber_wait(deadline_ms);
    return !is_leaving(task);
}

static void announce(struct service_task *task)
{
    char where[32] = "";
    double seconds = (double)(loop_now_ms() - task->started_ms) / 1000;
    task->was_healthy = true;
    task->healthy_ms = loop_now_ms();
    if (task->port != 0)
        (void)snprintf(where, sizeof where, " at 127.0.0.1:%u", task->port);
    if (task->is_adopted)
        log_info("%s: adopted, it runs since before%s", task->id, where);
    else
        log_info("%s: %s after %.1f s%s", task->id, task->port != 0 ? "healthy" : "running",
                 seconds, where);
    set_state(task, TASK_HEALTHY);
}

/* Healthy until it leaves; the edge decides about traffic, here it is only told. */
static void stay_up(struct service_task *task)
{
    while (!is_leaving(task)) {
        if (task->state == TASK_HEALTHY && task->health == HEALTH_BAD) {
            log_warn("%s: unhealthy: %s; the edge sends it no requests while others are healthy",
                     task->id, task->reason);
            set_state(task, TASK_CHECKING);
        } else if (task->state == TASK_CHECKING && task->health == HEALTH_GOOD) {
            log_info("%s: healthy again", task->id);
            set_state(task, TASK_HEALTHY);
        }
        (void)fiber_wait(FIBER_FOREVER);
    }
}

static void format_wait(int64_t wait_ms, char ret_text[static 32])
{
    if (wait_ms == 0)
        (void)snprintf(ret_text, 32, "at once");
    else
        (void)snprintf(ret_text, 32, "in %.1f s", (double)wait_ms / 1000);
}

/* Why, was told where it happened. */
static void report_not_started(struct service_task *task)
{
    char when[32];
    format_wait(service_back_off(task->service, task), when);
    log_warn("  %s is tried again %s", task->id, when);
}

static void report_end(struct service_task *task)
{
    char text[PROCESS_END_TEXT_BYTES], when[32];
    format_wait(service_back_off(task->service, task), when);
    (void)process_end_format(&task->shim.end, text);
    if (task->was_healthy) {
        log_warn("%s: ended with %s; it is started anew %s", task->id, text, when);
        return;
    }
    log_warn("%s: ended with %s before it was healthy; it is started anew %s. The last it printed:",
             task->id, text, when);
    show_last_lines(task);
    if (task->shim.end.is_known && !task->shim.end.by_signal && task->shim.end.code == 0)
        log_warn(
            "  a task runs in the foreground: is there an option that keeps it from becoming a "
            "daemon?");
    log_warn("  see all: weir logs %.*s · command: %.*s", SLICE_ARG(task->service->conf->name),
             SLICE_ARG(task->service->conf->command));
}

static void report_not_listening(const struct service_task *task, double grace_s)
{
    uint64_t inodes[PROC_LISTENERS_MAX];
    struct proc_info holder = {0};
    unsigned count = proc_listeners(task->port, inodes);
    if (count > 0 && proc_find_holder(inodes, count, &holder) == 0)
        log_warn("%s: not up within %.0f s: port %u is held by another program, %s (pid %d)",
                 task->id, grace_s, task->port, holder.name, holder.pid);
    else
        log_warn("%s: not up within %.0f s: nothing listens at 127.0.0.1:%u. Does its command use "
                 "$PORT? command: %.*s",
                 task->id, grace_s, task->port, SLICE_ARG(task->service->conf->command));
}

static void report_unhealthy(const struct service_task *task, double grace_s)
{
    const struct conf_health *health = &task->service->conf->group->health;
    bool is_refusal = strstr(task->reason, "answered 400") != NULL;
    log_warn("%s: not healthy within %.0f s: 127.0.0.1:%u %s. Let %.*s answer 2xx, or change "
             "health.path or health.grace in weir.yaml",
             task->id, grace_s, task->port,
             task->reason[0] != '\0' ? task->reason : "has not answered yet",
             SLICE_ARG(health->path));
    if (is_refusal && health->host.len > 0)
        log_warn("  the request's Host is %.*s: Django answers 400 to names that are not in its "
                 "ALLOWED_HOSTS",
                 SLICE_ARG(health->host));
}

static void report_never_healthy(struct service_task *task, bool listens)
{
    double grace_s = (double)grace_ms(task) / 1000;
    if (!listens)
        report_not_listening(task, grace_s);
    else
        report_unhealthy(task, grace_s);
    log_warn("  the last it printed:");
    show_last_lines(task);
    char when[32];
    format_wait(service_back_off(task->service, task), when);
    log_warn("  it is stopped, and started anew %s · see all: weir logs %.*s", when,
             SLICE_ARG(task->service->conf->name));
}

/* Returns whether it came up. *ret_listens is for the words about one that did not. */
static bool come_up(struct service_task *task, bool *ret_listens)
{
    int64_t deadline_ms = loop_deadline(grace_ms(task));
    bool runs_since_before = task->is_adopted && !is_leaving(task);
    *ret_listens = task->port == 0 ||
                   (runs_since_before && proc_listens_below(task->shim.shim_pid, task->port));
    if (runs_since_before && *ret_listens)
        return true;
    set_state(task, TASK_STARTING);
    *ret_listens = *ret_listens || await_listening(task, deadline_ms);
    if (!*ret_listens)
        return false;
    if (task->port == 0)
        return await_alive(task, deadline_ms);
    set_state(task, TASK_CHECKING);
    return await_healthy(task, deadline_ms);
}

/* Up to the end of its being useful. */
static void live(struct service_task *task)
{
    bool listens = false;
    bool is_up = come_up(task, &listens);
    if (is_up) {
        announce(task);
        stay_up(task);
    }
    if (is_over(task) && !task->must_stop)
        report_end(task);
    else if (!is_leaving(task))
        report_never_healthy(task, listens);
}

/* No new requests come; those under way may finish. */
static void drain(struct service_task *task)
{
    const struct control *control = task->service->control;
    int64_t deadline_ms = loop_deadline(task->service->conf->drain_ms);
    task->in_flight = -1;
    task->service->targets_changed = true;
    edge_link_wake(task->service->control);
    while (!is_over(task) && !control->is_hurried && loop_now_ms() < deadline_ms) {
        bool is_idle = task->in_flight == 0 && !task->service->targets_changed;
        if (is_idle || (!control->edge.is_reachable && control->is_stopping))
            return;
        (void)fiber_wait(loop_deadline(DRAIN_POLL_MS));
    }
}

static void end_task(struct service_task *task)
{
    const struct control *control = task->service->control;
    bool was_hurried = control->is_hurried;
    if (task->must_stop && task->port != 0 && task->was_healthy && !is_over(task))
        drain(task);
    set_state(task, TASK_STOPPING);
    shim_stop(&task->shim, was_hurried ? 0 : task->service->conf->drain_ms);
    while (!task->shim.is_gone) {
        if (control->is_hurried && !was_hurried) {
            was_hurried = true;
            shim_stop(&task->shim, 0);
        }
        (void)fiber_wait(FIBER_FOREVER);
    }
    /* A shim that was killed took the command with it; what is left of its group goes here. */
    struct process group = {.pid = task->shim.task_pid, .pidfd = -1};
    if (!task->shim.has_ended)
        (void)process_signal_group(&group, SIGKILL);
    if (task->must_stop)
        log_info("%s: stopped", task->id);
}

static void task_main(void *arg)
{
    struct service_task *task = arg;
    struct service *service = task->service;
    char folder[PATH_MAX];
    task->fiber = fiber_current();
    task->started_ms = loop_now_ms();
    int rc = make_path(task, "tasks", "", folder);
    if (rc == 0)
        rc = task->is_adopted ? shim_find(&task->shim, folder, shim_changed) : launch(task);
    if (rc == 0) {
        live(task);
        end_task(task);
    } else {
        report_not_started(task);
    }
    shim_finish(&task->shim);
    (void)folder_remove(folder);
    list_remove(&task->link);
    service->tasks_count--;
    service->targets_changed = true;
    memory_free(task);
    service_changed(service);
}

static struct service_task *task_create(struct service *service, unsigned number)
{
    struct service_task *task = NEW(struct service_task);
    if (task == NULL)
        return NULL;
    task->service = service;
    task->number = number;
    task->shim.process.pidfd = -1;
    io_init(&task->shim.io, NULL);
    (void)snprintf(task->id, sizeof task->id, "%.*s-%u", SLICE_ARG(service->conf->name), number);
    list_append(&service->tasks, &task->link);
    service->tasks_count++;
    return task;
}

static int begin(struct service_task *task)
{
    int rc = fiber_start(task_main, task, NULL);
    if (rc < 0) {
        list_remove(&task->link);
        task->service->tasks_count--;
        memory_free(task);
    }
    return rc;
}

int task_start(struct service *service, unsigned number)
{
    struct service_task *task = task_create(service, number);
    if (task == NULL)
        return -ENOMEM;
    task->hash = service->hash;
    return begin(task);
}

int task_adopt(struct service *service, unsigned number, uint64_t hash, uint16_t port)
{
    struct service_task *task = task_create(service, number);
    if (task == NULL)
        return -ENOMEM;
    task->hash = hash;
    task->port = port;
    task->is_adopted = true;
    /* Taken to be well until the edge says otherwise: a stale one must not go before its time. */
    task->state = TASK_HEALTHY;
    return begin(task);
}
