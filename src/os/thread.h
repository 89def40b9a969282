/*
 * Named threads. All signals are blocked on them: signals are the main thread's business. A thread
 * may make a loop of its own (os/loop.h).
 */
#pragma once

#include <pthread.h>

/* In its owner's memory from thread_start to thread_join. */
struct thread {
    pthread_t id;
    void (*main)(void *arg);
    void *arg; /* borrowed */
    int cpu;
    char name[16];
};

/* Any processor. */
#define THREAD_CPU_ANY (-1)

/*
 * `name` shows in ps and debuggers, cut to 15 bytes. `cpu` counts from 0 among the processors this
 * process may use, and begins again when there are fewer; a pin that the system refuses is left
 * out. Returns 0 or what pthread_create says, as a negative errno.
 */
int thread_start(struct thread *thread, const char *name, int cpu, void (*main)(void *arg),
                 void *arg);

/* Waits until its main has returned. */
void thread_join(struct thread *thread);

/* The processors this process may use; at least 1. */
int thread_cpu_count(void);

/*
 * Asks the kernel to run the calling thread as soon as it wakes, also while other threads of the
 * process compute on the same processor, as one that reads a new configuration does: by the
 * shortest slice (100 us), with which Linux 6.12 and later let a thread that wakes interrupt them.
 * Its share of the time stays as it was. Threads that it starts inherit it. A system that refuses
 * is left as it is.
 */
void thread_wake_promptly(void);
