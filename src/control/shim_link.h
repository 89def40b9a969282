/*
 * Control's end of a shim (protocol: main/shim.h): starting one, finding one that outlived an
 * earlier control, being told of its end. All calls belong to a loop.
 */
#pragma once

#include "os/io.h"
#include "os/process.h"

#define SHIM_LABEL_BYTES 512

struct shim_link {
    struct io io;           /* closed once all of the task is gone */
    struct process process; /* the shim while it is our child: to be reaped; else none */
    pid_t shim_pid;
    pid_t task_pid;
    bool has_ended; /* the command */
    struct process_end end;
    bool is_gone; /* all of it */
    char label[SHIM_LABEL_BYTES];
    void (*changed)(struct shim_link *link); /* on the loop's own stack */
    size_t len;
    char line[SHIM_LABEL_BYTES + 512];
};

struct shim_options {
    const char *folder; /* the task's own; absolute, as the next two; it exists */
    const char *log;
    const char *directory;
    const char *label; /* one line, given back by shim_find */
    const char *command;
    const char *const *environment;
};

/* Starts a shim and its task; waits until it has begun. 0, or an error with its text. */
int shim_start(struct shim_link *link, const struct shim_options *options,
               void (*changed)(struct shim_link *link), struct error *error);

/* Connects to the shim in that folder; waits for its greeting. 0, or -errno when there is none. */
int shim_find(struct shim_link *link, const char *folder, void (*changed)(struct shim_link *link));

/* SIGTERM to the task's group now, SIGKILL to all of it after `within_ms`. */
void shim_stop(struct shim_link *link, int64_t within_ms);

/* Lets go of the shim; one that is gone is reaped, waiting a moment for it. */
void shim_finish(struct shim_link *link);
