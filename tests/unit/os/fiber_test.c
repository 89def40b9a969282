#include "unit.h"

#include "os/kernel.h"
#include "os/loop.h"

#include <errno.h>
#include <string.h>

static struct kernel *kernel;
static struct loop *loop;

static int begin(void **state)
{
    (void)state;
    return kernel_real_create(&kernel) < 0 || loop_create(kernel, &loop) < 0;
}

static int end(void **state)
{
    (void)state;
    loop_destroy(loop);
    kernel_real_destroy(kernel);
    return 0;
}

static void run(fiber_main *main, void *arg)
{
    assert_int_equal(fiber_start(main, arg, NULL), 0);
    assert_int_equal(loop_run(loop), 0);
}

static void sleep_in_turn(void *arg)
{
    int64_t began_ms = loop_now_ms();
    assert_int_equal(fiber_sleep(20), 0);
    assert_true(loop_now_ms() - began_ms >= 20);
    *(int *)arg = 1;
    loop_stop(loop);
}

static void sleeping_lasts_at_least_as_long(void **state)
{
    (void)state;
    int done = 0;
    run(sleep_in_turn, &done);
    assert_int_equal(done, 1);
}

static char order[64];

static void note(const char *what)
{
    size_t len = strlen(order);
    assert_true(len + strlen(what) < sizeof order);
    memcpy(order + len, what, strlen(what) + 1);
}

static void child(void *arg)
{
    note(arg);
    fiber_yield();
    note(arg);
}

static void parent(void *arg)
{
    static char names[2][2] = {"b", "c"};
    (void)arg;
    assert_int_equal(fiber_start(child, names[0], NULL), 0);
    assert_int_equal(fiber_start(child, names[1], NULL), 0);
    note("a");
    fiber_yield();
    note("a");
    fiber_yield();
    fiber_yield();
    loop_stop(loop);
}

static void fibers_take_turns(void **state)
{
    (void)state;
    order[0] = '\0';
    run(parent, NULL);
    assert_string_equal(order, "abcabc");
}

static int wait_shielded(void *arg)
{
    (void)arg;
    return fiber_wait(loop_deadline(10));
}

static struct fiber *victim;

static void be_cancelled(void *arg)
{
    int *results = arg;
    results[0] = fiber_wait(FIBER_FOREVER);
    results[1] = fiber_wait(FIBER_FOREVER);
    results[2] = fiber_shield(wait_shielded, NULL, loop_deadline(1000));
    results[3] = fiber_sleep(1000);
    loop_stop(loop);
}

static void cancel_it(void *arg)
{
    assert_int_equal(fiber_start(be_cancelled, arg, &victim), 0);
    fiber_yield();
    fiber_cancel(victim);
}

static void cancellation_is_sticky_but_for_shields(void **state)
{
    (void)state;
    int results[4] = {0};
    run(cancel_it, results);
    assert_int_equal(results[0], -ECANCELED);
    assert_int_equal(results[1], -ECANCELED);
    assert_int_equal(results[2], -ETIMEDOUT);
    assert_int_equal(results[3], -ECANCELED);
}

#define MANY 3000
static int running;

static void use_stack(void *arg)
{
    (void)arg;
    volatile char deep[8000];
    memset((char *)(uintptr_t)deep, running & 0x7f, sizeof deep);
    char expected = deep[0];
    fiber_yield();
    for (size_t i = 0; i < sizeof deep; i++)
        assert_int_equal(deep[i], expected);
    if (--running == 0)
        loop_stop(loop);
}

static void start_many(void *arg)
{
    (void)arg;
    running = MANY;
    for (int i = 0; i < MANY; i++)
        assert_int_equal(fiber_start(use_stack, NULL, NULL), 0);
}

static void stacks_do_not_mix(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++)
        run(start_many, NULL);
    struct fiber_stats stats;
    fiber_stats_read(&stats);
    assert_int_equal(stats.running, 0);
    assert_true(stats.stack_bytes_high > 8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleeping_lasts_at_least_as_long),
        cmocka_unit_test(fibers_take_turns),
        cmocka_unit_test(cancellation_is_sticky_but_for_shields),
        cmocka_unit_test(stacks_do_not_mix),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
