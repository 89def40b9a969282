/*
 * The control plane as a process: it keeps the services of a configuration running, and the edge
 * told of their tasks. It holds nothing that cannot be found again: tasks live with their shims,
 * and the next control adopts them.
 */
#pragma once

#include "control/edge_link.h"
#include "control/port.h"
#include "control/service.h"

struct control_options {
    struct snapshot *snapshot; /* borrowed until control_run returns */
    const char *state;         /* the state folder, absolute; it exists */
    int lifeline_fd; /* to the supervisor, owned: a byte means that the edge was started anew, the
                        end that the supervisor is gone. -1: none */
};

/* control_run's result when what the user wrote cannot work (a build fails): not to be tried again
 * before that has changed. */
#define CONTROL_GAVE_UP 3

/* The internal command below which builds run (main/guard.h). */
#define CONTROL_GUARD "guard"

struct control {
    const struct control_options *options;
    struct service *services; /* owned */
    unsigned services_count;
    unsigned services_running;
    struct port_chooser ports;
    struct edge_link edge;
    struct fiber *main;
    bool is_stopping;
    bool is_hurried;  /* asked twice: no drain */
    bool is_orphaned; /* the supervisor is gone: leave, and leave the tasks running */
    bool was_ready;
    int result;
};

/*
 * Makes a loop and runs on it until SIGTERM or SIGINT (tasks are drained and stopped; a second
 * signal stops them at once) or until the supervisor is gone (they stay). Returns an exit code.
 */
int control_run(const struct control_options *options);

/* Tells once that all services are up. */
void control_progress(struct control *control);
