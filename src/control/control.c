/*
 * Control's main fiber: adopt, build what must start, run the services, wait for the end. Two small
 * fibers beside it listen to signals and to the supervisor.
 */
#include "control/control.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "control/adopt.h"
#include "control/build.h"
#include "os/kernel.h"
#include "os/loop.h"
#include "os/signals.h"

#include <errno.h>
#include <stdio.h>

static void stop(struct control *control)
{
    control->is_hurried = control->is_stopping;
    control->is_stopping = true;
    for (unsigned i = 0; i < control->services_count; i++) {
        struct service *service = &control->services[i];
        service_changed(service);
        LIST_FOR_EACH (&service->tasks, link)
            task_wake(CONTAINER_OF(link, struct service_task, link));
    }
    fiber_wake(control->main);
}

static void listen_to_signals(void *arg)
{
    struct control *control = arg;
    struct signals signals;
    int rc = signals_open(&signals, (const int[]){SIGTERM, SIGINT, 0});
    while (rc >= 0) {
        rc = signals_next(&signals, FIBER_FOREVER);
        if (rc > 0)
            stop(control);
    }
}

/* The loop ends at once: tasks stay with their shims, and so does the edge with its targets. */
static void leave(struct control *control)
{
    control->is_orphaned = true;
    loop_stop(loop_current());
}

static void listen_to_supervisor(void *arg)
{
    struct control *control = arg;
    struct io io;
    char bytes[64];
    ssize_t got = 0;
    io_init(&io, NULL);
    if (io_open(&io, control->options->lifeline_fd) == 0) {
        while ((got = io_read_wait(&io, bytes, sizeof bytes, FIBER_FOREVER)) > 0)
            edge_link_restarted(control);
    }
    leave(control);
}

void control_progress(struct control *control)
{
    char summary[1024];
    size_t len = 0;
    summary[0] = '\0';
    if (control->was_ready || control->is_stopping)
        return;
    for (unsigned i = 0; i < control->services_count; i++) {
        const struct service *service = &control->services[i];
        unsigned healthy = service_healthy(service);
        if (healthy < service->conf->tasks_min)
            return;
        int added =
            snprintf(summary + len, sizeof summary - len, "%s%.*s %u/%u", i == 0 ? " · " : ", ",
                     SLICE_ARG(service->conf->name), healthy, service->conf->tasks_min);
        if (added > 0 && (size_t)added < sizeof summary - len)
            len += (size_t)added;
    }
    control->was_ready = true;
    log_info("ready%s", summary);
}

/* Only for services that need a new task: a control that comes back to running ones builds nothing.
 */
static int build_all(struct control *control)
{
    for (unsigned i = 0; i < control->services_count; i++) {
        struct service *service = &control->services[i];
        if (service->conf->build_run.len == 0 || !service_is_short(service))
            continue;
        int rc = build_run(control, service->conf);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void run_services(struct control *control)
{
    int rc = build_all(control);
    if (rc < 0 && rc != -ECANCELED) {
        control->result = CONTROL_GAVE_UP;
        log_error("nothing was started; after a change run `weir up` again");
        return;
    }
    for (unsigned i = 0; i < control->services_count; i++) {
        rc = service_run(&control->services[i]);
        if (rc < 0)
            log_error("%.*s: cannot run: %s", SLICE_ARG(control->services[i].conf->name),
                      strerror(-rc));
    }
    control_progress(control);
    while (!control->is_stopping || control->services_running > 0)
        (void)fiber_wait(FIBER_FOREVER);
}

static void control_main(void *arg)
{
    struct control *control = arg;
    control->main = fiber_current();
    int rc = fiber_start(listen_to_signals, control, NULL);
    if (rc == 0 && control->options->lifeline_fd >= 0)
        rc = fiber_start(listen_to_supervisor, control, NULL);
    /* Adopted tasks first: the edge is never told of fewer targets than there are. */
    if (rc == 0)
        adopt_tasks(control);
    if (rc == 0)
        rc = edge_link_start(control);
    if (rc < 0) {
        log_error("control cannot start: %s", strerror(-rc));
        control->result = 1;
    } else {
        run_services(control);
    }
    loop_stop(loop_current());
}

static int prepare(struct control *control)
{
    const struct snapshot *snapshot = control->options->snapshot;
    control->services = memory_alloc_array(snapshot->services_count + 1, sizeof(struct service));
    if (control->services == NULL)
        return -ENOMEM;
    control->services_count = snapshot->services_count;
    for (unsigned i = 0; i < snapshot->services_count; i++)
        service_init(&control->services[i], control, &snapshot->services[i]);
    port_chooser_init(&control->ports, slice_of_cstr(control->options->state));
    return 0;
}

/*
 * The process ends with this call, so what still waits on the loop (the fibers above, connections
 * to shims) is left to the system.
 */
int control_run(const struct control_options *options)
{
    static struct control control;
    struct kernel *kernel = NULL;
    struct loop *loop = NULL;
    control = (struct control){.options = options};
    int rc = prepare(&control);
    if (rc == 0)
        rc = kernel_real_create(&kernel);
    if (rc == 0)
        rc = loop_create(kernel, &loop);
    if (rc == 0)
        rc = fiber_start(control_main, &control, NULL);
    if (rc == 0)
        rc = loop_run(loop);
    if (rc < 0)
        log_error("control cannot run: %s", strerror(-rc));
    return rc < 0 ? 1 : control.result;
}
