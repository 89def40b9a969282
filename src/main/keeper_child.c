/* As control_child.c, but that there may be nothing to do for it: its fiber then waits. */
#include "main/keeper_child.h"

#include "base/cleanup.h"
#include "control/identity/keeper.h"
#include "control/identity/wants.h"
#include "main/child_spawn.h"
#include "main/children.h"
#include "main/reload.h"
#include "os/loop.h"
#include "os/pair.h"

#include <errno.h>

#define MADE_MS 5000

static int spawn(struct supervisor *self)
{
    struct keeper_process *keeper = &self->keeper;
    int theirs;
    const char *arguments[] = {"weir", KEEPER_PROCESS, self->place.file, self->place.state, NULL};
    int rc = pair_open(&keeper->lifeline, &theirs);
    if (rc < 0)
        return rc;
    const int passed[] = {theirs, self->configuration.text};
    /* It would leave by itself, but not while it is stopped. */
    rc =
        child_spawn("certificates", arguments, passed, COUNT_OF(passed), SIGKILL, &keeper->process);
    pair_close_passed(theirs);
    return rc;
}

static void hear(struct supervisor *self, const char *bytes, size_t len)
{
    bool have_changed = false;
    for (size_t i = 0; i < len; i++) {
        have_changed |= bytes[i] == KEEPER_CHANGED;
        self->keeper.has_made |= bytes[i] == KEEPER_MADE;
    }
    if (self->keeper.awaiting != NULL && self->keeper.has_made)
        fiber_wake(self->keeper.awaiting);
    if (have_changed)
        reload_ask_credentials(self);
}

/* Until its end of the lifeline is closed, by whatever end of it. */
static void hear_all(struct supervisor *self)
{
    char bytes[64];
    ssize_t got;
    while ((got = io_read_wait(&self->keeper.lifeline, bytes, sizeof bytes, FIBER_FOREVER)) > 0)
        hear(self, bytes, (size_t)got);
}

static void run_once(struct supervisor *self)
{
    struct keeper_process *keeper = &self->keeper;
    struct process_end end = {0};
    int64_t began_ms = loop_now_ms();
    if (spawn(self) == 0) {
        hear_all(self);
        io_close(&keeper->lifeline);
        (void)process_wait(&keeper->process, FIBER_FOREVER, &end);
    }
    io_close(&keeper->lifeline);
    if (keeper->is_leaving)
        keeper->is_leaving = false;
    else if (!self->is_stopping && !self->is_taking_over)
        (void)fiber_sleep(
            supervisor_note_crash("the keeper of certificates", &end, began_ms, &keeper->crashes));
}

static void keeper_main(void *arg)
{
    struct supervisor *self = arg;
    while (!self->is_stopping && !self->is_taking_over) {
        if (keeper_is_wanted(self->configuration.snapshot))
            run_once(self);
        else
            (void)fiber_wait(FIBER_FOREVER);
    }
    self->keeper.is_over = true;
    self->keeper.fiber = NULL;
    fiber_wake(self->main);
    if (self->reloading != NULL)
        fiber_wake(self->reloading);
}

int keeper_start(struct supervisor *self)
{
    self->keeper.is_over = false;
    self->keeper.is_leaving = false;
    int rc = fiber_start(keeper_main, self, &self->keeper.fiber);
    if (rc < 0)
        self->keeper.is_over = true;
    return rc;
}

void keeper_await_made(struct supervisor *self)
{
    int64_t deadline_ms = loop_deadline(MADE_MS);
    self->keeper.awaiting = fiber_current();
    while (keeper_is_wanted(self->configuration.snapshot) && !self->keeper.has_made &&
           !self->is_stopping && fiber_wait(deadline_ms) == 0)
        ;
    self->keeper.awaiting = NULL;
    /* They are read on the fiber of reloads. */
    while (self->credentials_are_wanted && !self->is_stopping && loop_now_ms() < deadline_ms)
        (void)fiber_sleep(1);
}

/* It leaves as soon as it hears that; one that waits for work is told to look. */
void keeper_let_go(struct supervisor *self)
{
    struct keeper_process *keeper = &self->keeper;
    keeper->is_leaving = keeper->process.pidfd >= 0;
    if (io_is_open(&keeper->lifeline))
        io_shutdown_write(&keeper->lifeline);
    if (keeper->process.pidfd < 0 && keeper->fiber != NULL)
        fiber_wake(keeper->fiber);
}

void keeper_follow(struct supervisor *self, const struct snapshot *before)
{
    struct keeper_process *keeper = &self->keeper;
    struct iovec byte = {.iov_base = (char[]){KEEPER_TRY}, .iov_len = 1};
    if (keeper->fiber == NULL)
        return;
    if (keeper_must_change(before, self->configuration.snapshot)) {
        keeper_let_go(self);
    } else if (io_is_open(&keeper->lifeline)) {
        (void)io_write(&keeper->lifeline, &byte, 1);
    }
}

void keeper_terminate(struct supervisor *self)
{
    if (self->keeper.process.pidfd >= 0)
        (void)process_terminate(&self->keeper.process);
    else if (self->keeper.fiber != NULL)
        fiber_wake(self->keeper.fiber);
}
