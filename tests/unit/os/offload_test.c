#include "unit.h"

#include "os/kernel.h"
#include "os/offload.h"
#include "os/thread.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

#define LOOPS  3
#define FIBERS 40
#define ROUNDS 25

static struct kernel *kernel;
static struct loop *loop;

static void open_loop(void)
{
    assert_int_equal(kernel_real_create(&kernel), 0);
    assert_int_equal(loop_create(kernel, &loop), 0);
}

static void close_loop(void)
{
    loop_destroy(loop);
    kernel_real_destroy(kernel);
}

static void run(fiber_main *main, void *arg)
{
    assert_int_equal(fiber_start(main, arg, NULL), 0);
    assert_int_equal(loop_run(loop), 0);
}

static void note_thread(void *arg)
{
    *(pthread_t *)arg = pthread_self();
}

static void ask_for_thread(void *arg)
{
    assert_int_equal(offload(note_thread, arg), 0);
    loop_stop(loop);
}

static void a_job_runs_on_another_thread(void **state)
{
    (void)state;
    pthread_t ran_on = pthread_self();
    open_loop();
    assert_int_equal(offload_start(2), 0);
    run(ask_for_thread, &ran_on);
    assert_false(pthread_equal(ran_on, pthread_self()));
    offload_stop();
    close_loop();
}

/* Holds a worker until it is let go. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool is_open;
    bool was_passed;
};

static void open_gate(struct gate *gate)
{
    (void)pthread_mutex_lock(&gate->lock);
    gate->is_open = true;
    (void)pthread_cond_broadcast(&gate->opened);
    (void)pthread_mutex_unlock(&gate->lock);
}

static void pass_gate(void *arg)
{
    struct gate *gate = arg;
    (void)pthread_mutex_lock(&gate->lock);
    while (!gate->is_open)
        (void)pthread_cond_wait(&gate->opened, &gate->lock);
    gate->was_passed = true;
    (void)pthread_mutex_unlock(&gate->lock);
}

static void wait_at_gate(void *arg)
{
    struct gate *gate = arg;
    assert_int_equal(offload(pass_gate, gate), 0);
    assert_true(gate->was_passed);
    assert_true(fiber_is_cancelled(fiber_current()));
    assert_int_equal(fiber_sleep(1000), -ECANCELED);
    loop_stop(loop);
}

static void cancel_at_gate(void *arg)
{
    struct fiber *waiting = NULL;
    assert_int_equal(fiber_start(wait_at_gate, arg, &waiting), 0);
    assert_int_equal(fiber_sleep(2), 0);
    fiber_cancel(waiting);
    fiber_wake(waiting);
    assert_int_equal(fiber_sleep(2), 0);
    open_gate(arg);
}

static void a_cancelled_fiber_still_waits_for_its_job(void **state)
{
    (void)state;
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false};
    open_loop();
    assert_int_equal(offload_start(1), 0);
    run(cancel_at_gate, &gate);
    offload_stop();
    close_loop();
}

struct storm {
    struct thread thread;
    struct loop *loop;
    int fibers_left;
};

static atomic_int jobs_run;

static void count_job(void *arg)
{
    atomic_fetch_add(&jobs_run, 1);
    ++*(int *)arg; /* not atomic: the hand-over orders it */
}

static void offload_often(void *arg)
{
    struct storm *storm = arg;
    int mine = 0;
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(offload(count_job, &mine), 0);
        assert_int_equal(mine, i + 1);
    }
    if (--storm->fibers_left == 0)
        loop_stop(storm->loop);
}

static void run_storm(void *arg)
{
    struct storm *storm = arg;
    struct kernel *own_kernel = NULL;
    assert_int_equal(kernel_real_create(&own_kernel), 0);
    assert_int_equal(loop_create(own_kernel, &storm->loop), 0);
    storm->fibers_left = FIBERS;
    for (int i = 0; i < FIBERS; i++)
        assert_int_equal(fiber_start(offload_often, storm, NULL), 0);
    assert_int_equal(loop_run(storm->loop), 0);
    loop_destroy(storm->loop);
    kernel_real_destroy(own_kernel);
}

static void a_storm_from_several_loops_is_weathered(void **state)
{
    (void)state;
    struct storm storms[LOOPS] = {0};
    atomic_store(&jobs_run, 0);
    assert_int_equal(offload_start(4), 0);
    for (int i = 0; i < LOOPS; i++)
        assert_int_equal(
            thread_start(&storms[i].thread, "storm", THREAD_CPU_ANY, run_storm, &storms[i]), 0);
    for (int i = 0; i < LOOPS; i++)
        thread_join(&storms[i].thread);
    offload_stop();
    assert_int_equal(atomic_load(&jobs_run), LOOPS * FIBERS * ROUNDS);
    struct offload_stats stats;
    offload_stats_read(&stats);
    assert_int_equal(stats.finished, LOOPS * FIBERS * ROUNDS);
    assert_int_equal(stats.queued, 0);
    assert_true(stats.queued_high > 0 && stats.queued_high <= LOOPS * FIBERS);
}

static int done_count;

static void count_done(struct offload_job *job)
{
    (void)job;
    if (++done_count == 30)
        loop_stop(loop);
}

static void stopping_finishes_what_was_taken(void **state)
{
    (void)state;
    struct offload_job jobs[30];
    int ran = 0;
    open_loop();
    done_count = 0;
    assert_int_equal(offload_start(1), 0);
    for (int i = 0; i < 30; i++) {
        jobs[i] = (struct offload_job){.fn = count_job, .arg = &ran, .done = count_done};
        assert_int_equal(offload_submit(&jobs[i]), 0);
    }
    offload_stop();
    assert_int_equal(ran, 30);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(done_count, 30);
    close_loop();
}

static void be_refused(void *arg)
{
    assert_int_equal(offload(count_job, arg), -ESHUTDOWN);
    loop_stop(loop);
}

static void without_threads_a_job_is_refused(void **state)
{
    (void)state;
    int ran = 0;
    open_loop();
    run(be_refused, &ran);
    assert_int_equal(ran, 0);
    close_loop();
    offload_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_on_another_thread),
        cmocka_unit_test(a_cancelled_fiber_still_waits_for_its_job),
        cmocka_unit_test(a_storm_from_several_loops_is_weathered),
        cmocka_unit_test(stopping_finishes_what_was_taken),
        cmocka_unit_test(without_threads_a_job_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
