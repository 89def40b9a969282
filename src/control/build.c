/* Below a guard, with the service's environment, on control's own output. */
#include "control/build.h"

#include "base/log.h"
#include "control/control.h"
#include "control/environment.h"
#include "os/loop.h"
#include "os/self.h"

#include <errno.h>

#define POLL_MS 100

static int await_end(struct control *control, struct process *process, struct process_end *ret_end)
{
    bool was_told = false;
    for (;;) {
        int rc = process_wait(process, loop_deadline(POLL_MS), ret_end);
        if (rc != -ETIMEDOUT)
            return rc;
        /* The guard passes it on; the second one is at once. */
        if ((control->is_stopping && !was_told) || control->is_hurried)
            (void)process_terminate(process);
        was_told = control->is_stopping;
    }
}

static int start(const struct conf_service *service, struct process *ret_process)
{
    struct error error = {0};
    struct environment environment;
    int rc = environment_make(&environment, service, "build", 0);
    if (rc < 0)
        return rc;
    const char *arguments[] = {"weir", CONTROL_GUARD, service->build_run.at, NULL};
    struct process_options options = {
        .program = SELF_PROGRAM,
        .arguments = arguments,
        .environment = environment.variables,
        .directory = service->directory.at,
        .input = -1,
        .output = 1,
        .errors = 2,
        .new_session = true,
        .on_parent_death = SIGTERM,
    };
    rc = process_spawn(&options, ret_process, &error);
    environment_finish(&environment);
    if (rc < 0)
        log_error("%.*s: its build cannot be started: %s", SLICE_ARG(service->name), error.text);
    return rc;
}

int build_run(struct control *control, const struct conf_service *service)
{
    struct process process;
    struct process_end end = {0};
    char text[PROCESS_END_TEXT_BYTES];
    int64_t began_ms = loop_now_ms();
    log_info("%.*s: building: %.*s", SLICE_ARG(service->name), SLICE_ARG(service->build_run));
    int rc = start(service, &process);
    if (rc == 0)
        rc = await_end(control, &process, &end);
    if (control->is_stopping)
        return -ECANCELED;
    if (rc < 0)
        return -EPROTO;
    if (end.code != 0 || end.by_signal) {
        log_error("%.*s: its build failed with %s; what it printed stands above. It was: %.*s (in "
                  "%.*s)",
                  SLICE_ARG(service->name), process_end_format(&end, text),
                  SLICE_ARG(service->build_run), SLICE_ARG(service->directory));
        return -EPROTO;
    }
    log_info("%.*s: built in %.1f s", SLICE_ARG(service->name),
             (double)(loop_now_ms() - began_ms) / 1000);
    return 0;
}
