/* pthreads with a name, a processor, and no signals. */
#include "os/thread.h"

#include <assert.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS_MIN 100000

int thread_cpu_count(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
        return 1;
    int count = CPU_COUNT(&allowed);
    return count > 0 ? count : 1;
}

/* The processor numbered `nth` among those allowed. */
static int find_cpu(const cpu_set_t *allowed, int nth)
{
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, allowed) && nth-- == 0)
            return cpu;
    }
    return -1;
}

static void pin(int nth)
{
    cpu_set_t allowed;
    if (nth < 0 || sched_getaffinity(0, sizeof allowed, &allowed) < 0)
        return;
    int cpu = find_cpu(&allowed, nth % thread_cpu_count());
    if (cpu < 0)
        return;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(cpu, &only);
    (void)sched_setaffinity(0, sizeof only, &only);
}

static void *thread_body(void *arg)
{
    struct thread *thread = arg;
    (void)pthread_setname_np(pthread_self(), thread->name);
    pin(thread->cpu);
    thread->main(thread->arg);
    return NULL;
}

int thread_start(struct thread *thread, const char *name, int cpu, void (*main)(void *arg),
                 void *arg)
{
    *thread = (struct thread){.main = main, .arg = arg, .cpu = cpu};
    (void)snprintf(thread->name, sizeof thread->name, "%s", name);
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread->id, NULL, thread_body, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

void thread_join(struct thread *thread)
{
    int rc = pthread_join(thread->id, NULL);
    assert(rc == 0);
    (void)rc;
}

/* The kernel's struct sched_attr in its first version, which Debian's libc does not have. */
struct scheduling {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns; /* under SCHED_OTHER: the slice */
    uint64_t deadline_ns;
    uint64_t period_ns;
};

void thread_wake_promptly(void)
{
    struct scheduling now = {0};
    if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) < 0 || now.policy != SCHED_OTHER)
        return;
    now.size = sizeof now;
    now.runtime_ns = SLICE_NS_MIN;
    (void)syscall(SYS_sched_setattr, 0, &now, 0);
}
