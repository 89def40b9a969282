#include "unit.h"

#include "os/thread.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>

struct seen {
    char name[16];
    bool is_signal_blocked;
    int cpus;
};

static void look_around(void *arg)
{
    struct seen *seen = arg;
    (void)pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
    sigset_t blocked;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    seen->is_signal_blocked = sigismember(&blocked, SIGTERM) == 1;
    seen->cpus = thread_cpu_count();
}

static struct seen run_one(const char *name, int cpu)
{
    struct seen seen = {0};
    struct thread thread;
    assert_int_equal(thread_start(&thread, name, cpu, look_around, &seen), 0);
    thread_join(&thread);
    return seen;
}

static void a_thread_has_its_name_and_no_signals(void **state)
{
    (void)state;
    struct seen seen = run_one("weir-worker-with-a-long-name", THREAD_CPU_ANY);
    assert_string_equal(seen.name, "weir-worker-wit");
    assert_true(seen.is_signal_blocked);
    sigset_t blocked;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_false(sigismember(&blocked, SIGTERM));
}

static void a_pinned_thread_has_one_processor(void **state)
{
    (void)state;
    assert_true(thread_cpu_count() >= 1);
    assert_int_equal(run_one("pinned", 0).cpus, 1);
    assert_int_equal(run_one("pinned", 1000003).cpus, 1);
    assert_int_equal(run_one("free", THREAD_CPU_ANY).cpus, thread_cpu_count());
}

static void wake_promptly(void *arg)
{
    thread_wake_promptly();
    *(bool *)arg = sched_getscheduler(0) == SCHED_OTHER && getpriority(PRIO_PROCESS, 0) == 3;
}

static void a_thread_that_wakes_promptly_keeps_its_share(void **state)
{
    (void)state;
    struct thread thread;
    bool is_kept = false;
    int before = getpriority(PRIO_PROCESS, 0);
    if (setpriority(PRIO_PROCESS, 0, 3) < 0)
        skip();
    assert_int_equal(thread_start(&thread, "prompt", THREAD_CPU_ANY, wake_promptly, &is_kept), 0);
    thread_join(&thread);
    assert_true(is_kept);
    (void)setpriority(PRIO_PROCESS, 0, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_its_name_and_no_signals),
        cmocka_unit_test(a_pinned_thread_has_one_processor),
        cmocka_unit_test(a_thread_that_wakes_promptly_keeps_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
