/* The supervisor as its parts see it. Not for anybody else. */
#pragma once

#include "cli/place.h"
#include "main/configuration.h"
#include "main/kept_maintenance.h"
#include "main/sockets.h"
#include "os/io.h"
#include "os/process.h"
#include "os/signals.h"

#include <limits.h>

#define STATE_MODE       0700
#define RESTART_FIRST_MS 50
#define RESTART_MAX_MS   30000
#define PROVED_MS        60000 /* a child that ran so long has proved itself */

struct edge_child;

/* The process that keeps certificates (keeper_child.h). */
struct keeper_process {
    struct process process; /* pidfd -1: not running */
    struct io lifeline;
    struct fiber *fiber;    /* keeps it running; NULL: it has ended */
    struct fiber *awaiting; /* waits for has_made, or NULL */
    unsigned crashes;
    bool has_made;   /* the certificates that are made here are there, or cannot be made */
    bool is_leaving; /* it was let go, to be started anew */
    bool is_over;    /* its fiber has ended, or never began */
};

struct supervisor {
    const char *command; /* "edge" or "up" */
    int argc;            /* as it was started, from the command on */
    const char **argv;
    struct place place;
    char note_path[PATH_MAX];
    char accepted_path[PATH_MAX]; /* the text that was accepted last */
    char admin_path[PATH_MAX];
    char overseer_path[PATH_MAX];
    char starting_path[PATH_MAX];       /* the same, of an edge that does not serve yet */
    struct configuration configuration; /* the accepted one */
    struct configuration file, kept;    /* at the start, to choose from; zeroed: there is none */
    int64_t kept_s;                     /* since when `kept` was accepted, in seconds since 1970 */
    struct sockets sockets;
    char maintenance_path[PATH_MAX];
    struct kept_maintenance maintenance;
    int admin_fd; /* listening; -1: not yet */

    struct list edges;          /* of struct edge_child, owned; the one that starts as well */
    struct edge_child *current; /* the one that accepts; NULL while it is started anew */
    unsigned edges_starting;    /* fibers that start one */
    bool is_renewing;           /* a take-over is under way */
    unsigned edge_crashes;      /* in a row */

    struct keeper_process keeper;

    struct process control; /* pidfd -1: not running */
    struct io lifeline;     /* control's */
    unsigned control_crashes;
    bool with_control;
    bool control_is_over;    /* its fiber has ended, or never began */
    bool control_is_leaving; /* it was let go, to be started anew */

    struct signals signals;
    struct fiber *main;
    struct fiber *reloading; /* the fiber that reloads; never ends */
    bool reload_is_wanted;
    bool upgrade_is_wanted;
    bool credentials_are_wanted; /* to be read again */
    bool credentials_are_unsent; /* the edge may have others than those that were read */
    bool renewal_is_wanted;      /* another process for the edge, whatever the file says */
    bool has_unadopted;          /* an edge of before runs, and does not answer */
    bool has_served;             /* a control that gives up must not end what others began */
    bool is_taking_over;         /* from this very process, as it was with an older binary */
    bool is_stopping;
    bool is_hurried;
    int result;
};

/* How long to wait before a child that crashed is started anew; `crashes` counts those in a row. */
int64_t supervisor_note_crash(const char *name, const struct process_end *end, int64_t began_ms,
                              unsigned *crashes);

/* Stops everything; the second time at once. */
void supervisor_stop(struct supervisor *self, int result);

/* The configuration that serves is kept for the next supervisor. */
void supervisor_keep_accepted(struct supervisor *self);
