/* Several addresses of one destination, in a simulated world: some answer, refuse, or are silent.
 */
#include "unit.h"

#include "base/list.h"
#include "os/dial.h"
#include "os/kernel.h"
#include "os/sim.h"

#include <errno.h>
#include <string.h>

#define PORT      80
#define ENOUGH_MS 20000

static struct sim *sim;
static struct kernel *own;
static struct loop *loop;
static bool is_finished;

enum manner { ANSWERS, REFUSES, IS_SILENT };

static int begin(void **state)
{
    (void)state;
    static const struct sim_faults none = {.delay_min_us = 1000, .delay_max_us = 1000};
    assert_int_equal(sim_create(42, &none, &sim), 0);
    assert_int_equal(sim_host_create(sim, "10.0.0.1", &own), 0);
    return loop_create(own, &loop);
}

static int end(void **state)
{
    struct sim_stats stats;
    (void)state;
    loop_destroy(loop);
    sim_stats_read(sim, &stats);
    /* Only listeners are left: each attempt was closed. */
    assert_in_range(stats.descriptors, 0, 4);
    sim_destroy(sim);
    return 0;
}

/* A machine that does so. */
static struct address host(const char *ip, enum manner manner)
{
    struct kernel *kernel;
    struct address address;
    assert_int_equal(sim_host_create(sim, ip, &kernel), 0);
    assert_int_equal(address_from_ip(slice_of_cstr(ip), PORT, &address), 0);
    if (manner != REFUSES)
        assert_true(kernel->ops->listen(kernel, &address, 64, false) >= 0);
    if (manner == IS_SILENT)
        assert_int_equal(sim_partition(own, kernel, INT64_MAX), 0);
    return address;
}

static struct {
    struct address addresses[4];
    unsigned count;
    int rc;
    unsigned which;
    int64_t took_ms;
    int64_t deadline_ms;
} dialled;

static void dial_main(void *arg)
{
    struct io io;
    int64_t begun_ms = loop_now_ms();
    (void)arg;
    io_init(&io, NULL);
    dialled.rc = dial_addresses(dialled.addresses, dialled.count,
                                loop_deadline(dialled.deadline_ms), &io, &dialled.which);
    dialled.took_ms = loop_now_ms() - begun_ms;
    assert_int_equal(io_is_open(&io), dialled.rc == 0);
    if (dialled.rc == 0)
        assert_true((io.ready & IO_WRITABLE) != 0);
    io_close(&io);
    is_finished = true;
    loop_stop(loop);
}

static void dial(void)
{
    is_finished = false;
    assert_int_equal(fiber_start(dial_main, NULL, NULL), 0);
    assert_int_equal(loop_run(loop), 0);
    assert_true(is_finished);
}

static void give(unsigned count, const struct address *addresses)
{
    memcpy(dialled.addresses, addresses, count * sizeof *addresses);
    dialled.count = count;
    dialled.deadline_ms = ENOUGH_MS;
}

static void one_that_answers_is_taken_at_once(void **state)
{
    (void)state;
    give(1, (struct address[]){host("10.0.0.2", ANSWERS)});
    dial();
    assert_int_equal(dialled.rc, 0);
    assert_int_equal(dialled.which, 0);
    assert_in_range(dialled.took_ms, 0, 10);
}

static void beside_a_silent_one_the_next_is_tried_after_a_quarter_of_a_second(void **state)
{
    (void)state;
    give(2, (struct address[]){host("fd00::2", IS_SILENT), host("10.0.0.2", ANSWERS)});
    dial();
    assert_int_equal(dialled.rc, 0);
    assert_int_equal(dialled.which, 1);
    assert_in_range(dialled.took_ms, DIAL_STAGGER_MS, DIAL_STAGGER_MS + 20);
}

static void after_one_that_refuses_the_next_is_tried_at_once(void **state)
{
    (void)state;
    give(3, (struct address[]){host("10.0.0.2", REFUSES), host("10.0.0.3", REFUSES),
                               host("10.0.0.4", ANSWERS)});
    dial();
    assert_int_equal(dialled.rc, 0);
    assert_int_equal(dialled.which, 2);
    assert_in_range(dialled.took_ms, 0, 30);
}

/* Two of one family, then one of the other: that comes second. */
static void the_families_take_turns(void **state)
{
    (void)state;
    give(3, (struct address[]){host("fd00::2", IS_SILENT), host("fd00::3", IS_SILENT),
                               host("10.0.0.2", ANSWERS)});
    dial();
    assert_int_equal(dialled.rc, 0);
    assert_int_equal(dialled.which, 2);
    assert_in_range(dialled.took_ms, DIAL_STAGGER_MS, DIAL_STAGGER_MS + 20);
}

static void when_all_refuse_the_last_one_is_told(void **state)
{
    (void)state;
    give(2, (struct address[]){host("10.0.0.2", REFUSES), host("fd00::2", REFUSES)});
    dial();
    assert_int_equal(dialled.rc, -ECONNREFUSED);
    assert_int_equal(dialled.which, 1);
}

static void the_deadline_ends_them_all(void **state)
{
    (void)state;
    give(2, (struct address[]){host("10.0.0.2", IS_SILENT), host("fd00::2", IS_SILENT)});
    dialled.deadline_ms = 700;
    dial();
    assert_int_equal(dialled.rc, -ETIMEDOUT);
    assert_in_range(dialled.took_ms, 700, 710);
}

static struct fiber *dialling;

static void cancel(struct timer *timer)
{
    (void)timer;
    fiber_cancel(dialling);
}

static void who_is_cancelled_leaves_nothing_open(void **state)
{
    struct timer timer;
    (void)state;
    give(2, (struct address[]){host("10.0.0.2", IS_SILENT), host("fd00::2", IS_SILENT)});
    is_finished = false;
    assert_int_equal(fiber_start(dial_main, NULL, &dialling), 0);
    timer_init(&timer, cancel);
    timer_arm(&timer, loop_deadline(400));
    assert_int_equal(loop_run(loop), 0);
    assert_true(is_finished);
    assert_int_equal(dialled.rc, -ECANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_that_answers_is_taken_at_once),
        TEST(beside_a_silent_one_the_next_is_tried_after_a_quarter_of_a_second),
        TEST(after_one_that_refuses_the_next_is_tried_at_once),
        TEST(the_families_take_turns),
        TEST(when_all_refuse_the_last_one_is_told),
        TEST(the_deadline_ends_them_all),
        TEST(who_is_cancelled_leaves_nothing_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
