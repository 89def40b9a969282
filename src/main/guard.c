/* One poll loop over one descriptor. Output goes where the parent's does. */
#include "main/guard.h"

#include "main/descendants.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STOP_MS 5000

static int start_command(struct descendants *all, const char *command, struct error *error)
{
    const char *arguments[] = {"sh", "-c", command, NULL};
    struct process_options options = {
        .program = "/bin/sh",
        .arguments = arguments,
        .input = -1,
        .output = 1,
        .errors = 2,
        .new_session = true,
        .on_parent_death = SIGKILL,
    };
    return process_spawn(&options, &all->command, error);
}

/* As the command ended, so that whoever waits sees the same. */
static int end_as(const struct process_end *end)
{
    sigset_t set;
    if (!end->by_signal)
        return end->code;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, end->code);
    (void)signal(end->code, SIG_DFL);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)kill(getpid(), end->code);
    return 128 + end->code;
}

int guard_main(int argc, const char **argv)
{
    struct descendants all;
    struct error error = {0};
    if (argc != 2) {
        (void)fprintf(stderr, "weir guard is run by weir itself\n");
        return 2;
    }
    int rc = descendants_init(&all);
    if (rc < 0)
        (void)error_set_errno(&error, rc, "cannot wait for signals");
    else
        rc = start_command(&all, argv[1], &error);
    if (rc < 0) {
        (void)fprintf(stderr, "weir: %s\n", error.text);
        return 1;
    }
    while (!all.is_clear) {
        struct pollfd signals = {.fd = all.signal_fd, .events = POLLIN};
        if (poll(&signals, 1, descendants_wait_ms(&all)) > 0)
            (void)descendants_take_signals(&all, STOP_MS);
        (void)descendants_turn(&all);
    }
    return end_as(&all.end);
}
