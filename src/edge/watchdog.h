/*
 * Watches that each worker's loop still turns. One that has not for WATCHDOG_PATIENCE_S is stuck,
 * in an endless loop or a lock that nobody gives back; its clients wait in vain, and those of the
 * other workers would next. The process is then ended with SIGABRT: a core dump says where it
 * stood, and the supervisor has another one within a second, on the same sockets.
 *
 * Time in which the whole machine or process stood still does not count.
 */
#pragma once

#include "os/lock.h"
#include "os/thread.h"

#include <stdbool.h>

struct edge;

#define WATCHDOG_PATIENCE_S 10

struct watchdog {
    struct edge *edge;
    struct thread thread;
    struct lock lock;
    struct condition ends;
    bool is_ending;
    bool is_running;
};

/* Before the workers end, watchdog_stop. 0 or a negative errno. */
int watchdog_start(struct watchdog *watchdog, struct edge *edge);

/* Harmless when it was not started. */
void watchdog_stop(struct watchdog *watchdog);
