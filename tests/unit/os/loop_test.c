#include "unit.h"

#include "os/kernel.h"
#include "os/loop.h"
#include "os/thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define POSTERS   4
#define POSTS     2000
#define LIFETIMES 300

struct poster {
    struct thread thread;
    struct loop *loop;
    struct numbered *jobs;
    int seen; /* on the loop: how many of its jobs ran */
};

struct numbered {
    struct job job;
    struct poster *poster;
    int number;
};

static struct kernel *kernel;
static struct loop *loop;
static int left;

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

static void check_order(struct job *job)
{
    struct numbered *numbered = CONTAINER_OF(job, struct numbered, job);
    assert_int_equal(numbered->number, numbered->poster->seen++);
    if (--left == 0)
        loop_stop(loop);
}

static void post_many(void *arg)
{
    struct poster *poster = arg;
    for (int i = 0; i < POSTS; i++) {
        poster->jobs[i] = (struct numbered){{.run = check_order}, poster, i};
        loop_post(poster->loop, &poster->jobs[i].job);
    }
}

static void posted_jobs_all_run_in_each_threads_order(void **state)
{
    (void)state;
    struct poster posters[POSTERS] = {0};
    open_loop();
    left = POSTERS * POSTS;
    for (int i = 0; i < POSTERS; i++) {
        posters[i].loop = loop;
        posters[i].jobs = calloc(POSTS, sizeof *posters[i].jobs);
        assert_int_equal(
            thread_start(&posters[i].thread, "poster", THREAD_CPU_ANY, post_many, &posters[i]), 0);
    }
    assert_int_equal(loop_run(loop), 0);
    for (int i = 0; i < POSTERS; i++) {
        thread_join(&posters[i].thread);
        assert_int_equal(posters[i].seen, POSTS);
        free(posters[i].jobs);
    }
    close_loop();
}

static void stop_it(struct job *job)
{
    (void)job;
    loop_stop(loop);
}

static void post_one(void *arg)
{
    struct poster *poster = arg;
    loop_post(poster->loop, &poster->jobs[0].job);
}

static void stay_busy(struct task *busy)
{
    task_queue(busy);
}

/*
 * The poster may still be inside loop_post when its job ends the loop, which does not sleep and so
 * sees the job at once: sanitizers watch.
 */
static void a_posted_job_may_end_the_loop(void **state)
{
    (void)state;
    struct task busy;
    task_init(&busy, stay_busy);
    for (int i = 0; i < LIFETIMES; i++) {
        struct numbered last = {.job = {.run = stop_it}};
        struct poster poster = {.jobs = &last};
        open_loop();
        task_queue(&busy);
        poster.loop = loop;
        assert_int_equal(thread_start(&poster.thread, "poster", THREAD_CPU_ANY, post_one, &poster),
                         0);
        assert_int_equal(loop_run(loop), 0);
        list_remove(&busy.link);
        close_loop();
        thread_join(&poster.thread);
    }
}

static void stop_from_elsewhere(void *arg)
{
    loop_stop(arg);
}

static void another_thread_stops_the_loop(void **state)
{
    (void)state;
    struct thread thread;
    open_loop();
    assert_int_equal(thread_start(&thread, "stopper", THREAD_CPU_ANY, stop_from_elsewhere, loop),
                     0);
    assert_int_equal(loop_run(loop), 0);
    thread_join(&thread);
    close_loop();
}

static char order[8];

static void note(char what)
{
    size_t len = strlen(order);
    assert_true(len + 1 < sizeof order);
    order[len] = what;
    order[len + 1] = '\0';
}

static struct timer early, late, taken_back;
static struct task task;

static void fire_taken_back(struct timer *timer)
{
    (void)timer;
    note('x');
}

static void fire_early(struct timer *timer)
{
    (void)timer;
    note('e');
    timer_cancel(&taken_back);
    task_queue(&task);
    task_queue(&task);
}

static void fire_late(struct timer *timer)
{
    (void)timer;
    note('l');
    loop_stop(loop);
}

/* However late this thread is let on: the last timer is armed when the rest has run. */
static void run_task(struct task *which)
{
    (void)which;
    note('t');
    timer_arm(&late, loop_deadline(4));
}

static void timers_and_tasks_run_once_and_in_time(void **state)
{
    (void)state;
    open_loop();
    order[0] = '\0';
    timer_init(&early, fire_early);
    timer_init(&late, fire_late);
    timer_init(&taken_back, fire_taken_back);
    task_init(&task, run_task);
    timer_arm(&taken_back, loop_deadline(8));
    timer_arm(&early, loop_deadline(3));
    assert_true(timer_is_armed(&early));
    assert_int_equal(loop_run(loop), 0);
    assert_string_equal(order, "etl");
    assert_false(timer_is_armed(&early));
    close_loop();
}

static void an_endless_timeout_is_no_deadline(void **state)
{
    (void)state;
    open_loop();
    assert_true(loop_deadline(INT64_MAX) == INT64_MAX);
    assert_true(loop_deadline(5) == loop_now_ms() + 5);
    assert_ptr_equal(loop_current(), loop);
    close_loop();
    assert_null(loop_current());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posted_jobs_all_run_in_each_threads_order),
        cmocka_unit_test(a_posted_job_may_end_the_loop),
        cmocka_unit_test(another_thread_stops_the_loop),
        cmocka_unit_test(timers_and_tasks_run_once_and_in_time),
        cmocka_unit_test(an_endless_timeout_is_no_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
