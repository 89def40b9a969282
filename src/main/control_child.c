/* One fiber; the process knows by its lifeline that the supervisor lets it go. */
#include "main/control_child.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "control/control.h"
#include "main/child_spawn.h"
#include "main/children.h"
#include "os/loop.h"
#include "os/pair.h"

#include <errno.h>

static int spawn(struct supervisor *self)
{
    int theirs, passed[2];
    const char *arguments[] = {"weir", CONTROL_PROCESS, self->place.file, self->place.state, NULL};
    int rc = pair_open(&self->lifeline, &theirs);
    if (rc < 0)
        return rc;
    passed[0] = theirs;
    passed[1] = self->configuration.text;
    /* SIGKILL: without a supervisor it would leave, but not while it is stopped. */
    rc = child_spawn("control", arguments, passed, COUNT_OF(passed), SIGKILL, &self->control);
    pair_close_passed(theirs);
    return rc;
}

/* Returns whether it is to be started again, after the wait that it deserves. */
static bool judge_end(struct supervisor *self, const struct process_end *end, int64_t began_ms)
{
    bool gave_up = end->is_known && !end->by_signal && end->code == CONTROL_GAVE_UP;
    if (self->is_stopping || self->is_taking_over)
        return false;
    if (self->control_is_leaving) {
        self->control_is_leaving = false;
        return true;
    }
    if (gave_up && !self->has_served) {
        supervisor_stop(self, 1);
        return false;
    }
    self->has_served = true;
    (void)fiber_sleep(supervisor_note_crash("control", end, began_ms, &self->control_crashes));
    return true;
}

static void control_main(void *arg)
{
    struct supervisor *self = arg;
    bool goes_on = true;
    while (goes_on && !self->is_stopping && !self->is_taking_over) {
        struct process_end end = {0};
        int64_t began_ms = loop_now_ms();
        if (spawn(self) == 0)
            (void)process_wait(&self->control, FIBER_FOREVER, &end);
        io_close(&self->lifeline);
        goes_on = judge_end(self, &end, began_ms);
    }
    self->control_is_over = true;
    fiber_wake(self->main);
    fiber_wake(self->reloading);
}

int control_start(struct supervisor *self)
{
    if (!self->with_control)
        return 0;
    self->control_is_over = false;
    self->control_is_leaving = false;
    int rc = fiber_start(control_main, self, NULL);
    if (rc < 0)
        self->control_is_over = true;
    return rc;
}

void control_tell(struct supervisor *self)
{
    struct iovec byte = {.iov_base = (char[]){'e'}, .iov_len = 1};
    if (io_is_open(&self->lifeline))
        (void)io_write(&self->lifeline, &byte, 1);
}

void control_renew(struct supervisor *self)
{
    if (!self->with_control || self->control.pidfd < 0 || self->is_stopping)
        return;
    self->control_is_leaving = true;
    self->has_served = true;
    io_close(&self->lifeline);
}

void control_terminate(struct supervisor *self)
{
    if (self->control.pidfd >= 0)
        (void)process_terminate(&self->control);
}
