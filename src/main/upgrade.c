/* The new binary is tried first: one that does not run, or refuses the file, is not taken. */
#include "main/upgrade.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "main/control_child.h"
#include "main/edges.h"
#include "main/keeper_child.h"
#include "os/loop.h"
#include "os/self.h"

#include <errno.h>
#include <string.h>

#define TRY_MS  30000
#define WAKE_MS 200

/* Does it run, and does it accept the file? */
static bool is_usable(const struct supervisor *self, const char *program)
{
    const char *arguments[] = {"weir", "check", "-f", self->place.file, NULL};
    struct process_options options = {
        .program = program, .arguments = arguments, .input = -1, .output = -1, .errors = 2};
    struct process process;
    struct process_end end = {0};
    struct error error = {0};
    char text[PROCESS_END_TEXT_BYTES];
    if (process_spawn(&options, &process, &error) < 0) {
        log_error("no take-over: %s", error.text);
        return false;
    }
    if (process_wait(&process, loop_deadline(TRY_MS), &end) < 0) {
        log_error("no take-over: `%s check` does not end", program);
        (void)process_signal(&process, SIGKILL);
        (void)process_wait(&process, FIBER_FOREVER, &end);
        return false;
    }
    if (!end.by_signal && end.code == 0)
        return true;
    log_error("no take-over: `%s check -f %s` ended with %s", program, self->place.file,
              process_end_format(&end, text));
    return false;
}

/* They would outlive their supervisor's memory, unknown to the next one. One that a signal has
 * stopped would not leave. */
static void let_children_go(struct supervisor *self)
{
    self->is_taking_over = true;
    control_renew(self);
    keeper_let_go(self);
    while (!self->control_is_over || !self->keeper.is_over) {
        (void)fiber_wait(loop_deadline(WAKE_MS));
        if (self->control.pidfd >= 0)
            process_wake(self->control.pid);
        if (self->keeper.process.pidfd >= 0)
            process_wake(self->keeper.process.pid);
    }
}

static int become(const struct supervisor *self, const char *program)
{
    SCOPED_FREE const char **arguments =
        memory_alloc_array((size_t)self->argc + 2, sizeof *arguments);
    if (arguments == NULL)
        return -ENOMEM;
    arguments[0] = "weir";
    for (int i = 0; i < self->argc; i++)
        arguments[i + 1] = self->argv[i];
    return self_become(program, arguments, UPGRADE_VARIABLE "=1");
}

void upgrade(struct supervisor *self)
{
    char program[PATH_MAX];
    int rc = self_program_path(program, sizeof program);
    if (rc == 0 && !is_usable(self, program))
        return;
    if (rc == 0) {
        log_info("%s takes over", program);
        let_children_go(self);
        edges_write_note(self);
        if (!self->is_stopping)
            rc = become(self, program);
    }
    if (self->is_stopping)
        return;
    log_error("no take-over: %s: %s", program, strerror(-rc));
    self->is_taking_over = false;
    (void)self_take_variable(UPGRADE_VARIABLE);
    (void)control_start(self);
    (void)keeper_start(self);
}
