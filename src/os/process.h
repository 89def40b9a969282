/*
 * Other programs: starting them, being told of their end, signalling them. A process is held by its
 * pidfd, so that a signal never reaches a stranger who got the same number later.
 *
 * Everything but process_wait works without a loop.
 */
#pragma once

#include "base/error.h"

#include <signal.h>
#include <sys/types.h>

struct process {
    pid_t pid;
    int pidfd; /* owned; readable once the process has ended; -1: none */
    bool is_child;
};

/* How it ended. Of processes that are not our children only the fact is known. */
struct process_end {
    bool is_known;
    bool by_signal;
    int code; /* exit status, or the signal */
};

struct process_options {
    const char *program;            /* a path; PATH is not searched */
    const char *const *arguments;   /* ends in NULL; the first is the program's name */
    const char *const *environment; /* ends in NULL; NULL: this process's own */
    const char *directory;          /* NULL: this process's own */
    int input, output, errors;      /* descriptors 0, 1 and 2 over there; -1: /dev/null */
    const int *passed;              /* become 3, 4, …; no other descriptor is passed on */
    unsigned passed_count;
    bool new_session;    /* of its own: no signal from this terminal, a group to be signalled */
    int on_parent_death; /* the signal it gets when the calling thread ends; 0: none */
};

/*
 * Starts a program with no signal blocked, ignored or caught. Returns 0, or the error of whichever
 * step failed, exec included, with its text in *error (may be NULL).
 */
int process_spawn(const struct process_options *options, struct process *ret_process,
                  struct error *error);

/*
 * Holds a process that we did not start; it may be our child all the same, when this program was
 * another one before (self_become). `start_ticks` (os/proc.h) tells it from a later one of the
 * same number. Returns 0, -ESRCH when it is gone, -EPERM.
 */
int process_hold(pid_t pid, uint64_t start_ticks, struct process *ret_process);

/* Lets go; the process runs on. Harmless when none is held. */
void process_release(struct process *process);

/* Waits in a fiber until it has ended, and reaps a child. 0 and released, -ETIMEDOUT, -ECANCELED,
 * or -errno. */
int process_wait(struct process *process, int64_t deadline_ms, struct process_end *ret_end);

/* 0, -ESRCH when it has ended, -EPERM. */
int process_signal(const struct process *process, int number);

/* SIGTERM, and SIGCONT so that one that was stopped hears it. As process_signal. */
int process_terminate(const struct process *process);

/*
 * SIGCONT to one that a signal has stopped. To others it is not sent: it would end the stop of a
 * debugger, or of a leak checker, that waits for it.
 */
void process_wake(pid_t pid);

/* To its whole process group; only for one that leads its group and has not been released. */
int process_signal_group(const struct process *process, int number);

/*
 * A duplicate of descriptor `fd` of that process (pidfd_getfd), close-on-exec. -EPERM where the
 * system allows that to none but root and parents.
 */
int process_take_descriptor(const struct process *process, int fd);

/* "exit status 1", "signal 9 (Killed)", "an unknown result". Enough room: PROCESS_END_TEXT_BYTES.
 */
#define PROCESS_END_TEXT_BYTES 64
const char *process_end_format(const struct process_end *end,
                               char ret_text[static PROCESS_END_TEXT_BYTES]);
