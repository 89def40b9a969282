/* The simulated world itself: its clock, its chance, what only it can do to a network. */
#include "unit.h"

#include "base/hash.h"
#include "os/io.h"
#include "os/offload.h"
#include "os/random.h"
#include "os/resolver.h"
#include "os/sim_world.h"

#include <errno.h>

#define DAY_MS    INT64_C(86400000)
#define ECHO_PORT 7

static struct sim_report report;

static int run_with(uint64_t seed, const struct sim_faults *faults, fiber_main *scenario, void *arg)
{
    return sim_world_run(seed, faults, false, scenario, arg, &report);
}

static void run(fiber_main *scenario)
{
    assert_int_equal(run_with(1, NULL, scenario, NULL), 0);
    assert_false(report.was_stuck);
    assert_int_equal(report.stats.descriptors, 0);
}

/* A machine that gives back what it is sent. */

static void echo(void *arg)
{
    struct io io;
    char bytes[200];
    io_init(&io, NULL);
    if (io_open(&io, (int)(intptr_t)arg) < 0)
        return;
    for (;;) {
        ssize_t got = io_read_wait(&io, bytes, sizeof bytes, loop_deadline(300000));
        struct iovec part = {bytes, got > 0 ? (size_t)got : 0};
        if (got <= 0 || io_write_all(&io, &part, 1, 300000) < 0)
            break;
    }
    io_close(&io);
}

static void accept_echo(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    (void)peer;
    assert_int_equal(fiber_start(echo, (void *)(intptr_t)fd, NULL), 0);
}

static void echo_machine(void *arg)
{
    (void)arg;
    struct kernel *kernel = sim_machine_kernel(sim_machine_current());
    struct acceptor acceptor;
    struct address any;
    assert_int_equal(address_from_ip(SLICE("0.0.0.0"), ECHO_PORT, &any), 0);
    int fd = kernel->ops->listen(kernel, &any, 128, false);
    assert_true(fd >= 0);
    assert_int_equal(acceptor_start(&acceptor, fd, accept_echo), 0);
    while (fiber_wait(FIBER_FOREVER) == 0)
        ;
    acceptor_stop(&acceptor);
    kernel->ops->close(kernel, fd);
}

static int connect_to(struct io *io, const char *ip, int64_t timeout_ms)
{
    struct address address;
    io_init(io, NULL);
    assert_int_equal(address_from_ip(slice_of_cstr(ip), ECHO_PORT, &address), 0);
    return io_connect_wait(io, &address, loop_deadline(timeout_ms));
}

/* 0 when the byte came back. */
static int ping(struct io *io, int64_t timeout_ms)
{
    char byte = 'p';
    struct iovec part = {&byte, 1};
    int rc = io_write_all(io, &part, 1, timeout_ms);
    if (rc < 0)
        return rc;
    ssize_t got = io_read_wait(io, &byte, 1, loop_deadline(timeout_ms));
    return got == 1 ? 0 : got == 0 ? -ECONNRESET : (int)got;
}

/* Time */

static void sleep_a_year(void *arg)
{
    (void)arg;
    int64_t began_ms = loop_now_ms(), began_us = loop_wall_us();
    for (int day = 0; day < 365; day++)
        assert_int_equal(fiber_sleep(DAY_MS), 0);
    assert_true(loop_now_ms() == began_ms + 365 * DAY_MS);
    assert_true(loop_wall_us() == began_us + 365 * DAY_MS * 1000);
}

static void a_year_passes_at_once(void **state)
{
    (void)state;
    run(sleep_a_year);
}

static void jump_wall_clock(void *arg)
{
    (void)arg;
    int64_t now_ms = loop_now_ms(), wall_us = loop_wall_us();
    sim_jump_wall_clock(sim_world_sim(), -3600 * INT64_C(1000000));
    assert_int_equal(fiber_sleep(10), 0); /* by then it is seen */
    assert_true(loop_now_ms() == now_ms + 10);
    assert_true(loop_wall_us() == wall_us + 10000 - 3600 * INT64_C(1000000));
}

static void the_wall_clock_jumps_alone(void **state)
{
    (void)state;
    run(jump_wall_clock);
}

static void wait_for_nothing(void *arg)
{
    *(int *)arg = fiber_wait(FIBER_FOREVER);
}

static void a_deadlock_is_found_and_dissolved(void **state)
{
    (void)state;
    int result = 0;
    assert_int_equal(run_with(1, NULL, wait_for_nothing, &result), -EDEADLK);
    assert_int_equal(result, -ECANCELED);
}

static void spin(void *arg)
{
    int *is_over = arg;
    while (!fiber_is_cancelled(fiber_current()))
        fiber_yield();
    *is_over = 1;
}

static void spinning_is_found(void **state)
{
    (void)state;
    int is_over = 0;
    assert_int_equal(run_with(1, NULL, spin, &is_over), -ELOOP);
    assert_int_equal(is_over, 1);
}

/* Chance */

static void hear_echoes(void *arg)
{
    (void)arg;
    assert_int_equal(sim_machine_start("10.0.0.2", echo_machine, NULL, NULL), 0);
    for (int i = 0; i < 20; i++) {
        struct io io;
        if (connect_to(&io, "10.0.0.2", 60000) < 0)
            continue;
        for (int j = 0; j < 5 && ping(&io, 60000) == 0; j++)
            ;
        io_close(&io);
    }
}

static void the_same_seed_gives_the_same_run(void **state)
{
    (void)state;
    struct sim_faults faults;
    struct prng prng;
    prng_init(&prng, 5);
    uint64_t traces[30];
    for (uint64_t seed = 0; seed < 30; seed++) {
        sim_faults_draw(&prng, &faults);
        faults.delay_max_us += 100;
        assert_int_equal(run_with(seed, &faults, hear_echoes, NULL), 0);
        traces[seed] = report.trace;
        assert_true(report.stats.happenings > 20);
        assert_int_equal(report.stats.descriptors, 0);
        assert_int_equal(run_with(seed, &faults, hear_echoes, NULL), 0);
        assert_true(report.trace == traces[seed]);
        assert_int_equal(run_with(seed + 1000, &faults, hear_echoes, NULL), 0);
        assert_false(report.trace == traces[seed]);
    }
}

static void draw_bytes(void *arg)
{
    random_bytes(arg, 16);
}

static void randomness_comes_from_the_seed(void **state)
{
    (void)state;
    char once[16], again[16], other[16];
    assert_int_equal(run_with(3, NULL, draw_bytes, once), 0);
    assert_int_equal(run_with(3, NULL, draw_bytes, again), 0);
    assert_int_equal(run_with(4, NULL, draw_bytes, other), 0);
    assert_memory_equal(once, again, 16);
    assert_memory_not_equal(once, other, 16);
}

/* Network */

static void cross_a_partition(void *arg)
{
    (void)arg;
    struct sim_machine *server;
    struct io io, late;
    assert_int_equal(sim_machine_start("10.0.0.2", echo_machine, NULL, &server), 0);
    assert_int_equal(connect_to(&io, "10.0.0.2", 5000), 0);
    assert_int_equal(ping(&io, 1000), 0);
    struct kernel *here = sim_machine_kernel(sim_machine_current());
    assert_int_equal(sim_partition(here, sim_machine_kernel(server), INT64_MAX), 0);
    assert_int_equal(ping(&io, 3000), -ETIMEDOUT);
    assert_int_equal(connect_to(&late, "10.0.0.2", 3000), -ETIMEDOUT);
    sim_heal(sim_world_sim());
    char byte;
    assert_int_equal(io_read_wait(&io, &byte, 1, loop_deadline(60000)), 1); /* it was only late */
    assert_int_equal(ping(&io, 1000), 0);
    assert_int_equal(connect_to(&late, "10.0.0.2", 3000), 0);
    io_close(&io);
    io_close(&late);
    sim_machine_stop(server);
    assert_true(sim_machine_has_ended(server));
    assert_int_equal(connect_to(&late, "10.0.0.2", 3000), -ECONNREFUSED);
}

static void a_partition_delays_and_heals(void **state)
{
    (void)state;
    run(cross_a_partition);
}

static void stay_partitioned(void *arg)
{
    (void)arg;
    struct sim_machine *server;
    struct io io;
    assert_int_equal(sim_machine_start("10.0.0.2", echo_machine, NULL, &server), 0);
    assert_int_equal(connect_to(&io, "10.0.0.2", 5000), 0);
    assert_int_equal(sim_partition(sim_machine_kernel(sim_machine_current()),
                                   sim_machine_kernel(server), 2 * DAY_MS),
                     0);
    assert_int_equal(ping(&io, DAY_MS), -ETIMEDOUT);
    assert_true(loop_now_ms() < DAY_MS / 24);
    io_close(&io);
    int64_t began_ms = loop_now_ms();
    assert_int_equal(connect_to(&io, "10.0.0.2", DAY_MS), -ETIMEDOUT);
    assert_in_range(loop_now_ms() - began_ms, 127000, 127010);
    assert_int_equal(connect_to(&io, "10.9.9.9", DAY_MS), -ETIMEDOUT); /* nobody has it */
    sim_heal(sim_world_sim());
}

static void a_lost_peer_times_out_as_in_linux(void **state)
{
    (void)state;
    run(stay_partitioned);
}

static void reach_both_workers(void *arg)
{
    (void)arg;
    struct io io;
    assert_int_equal(sim_machine_start("10.0.0.2", echo_machine, NULL, NULL), 0);
    assert_int_equal(sim_machine_start("::2", echo_machine, NULL, NULL), 0);
    assert_int_equal(connect_to(&io, "10.0.0.2", 5000), 0);
    assert_int_equal(ping(&io, 1000), 0);
    io_close(&io);
    assert_int_equal(connect_to(&io, "127.0.0.1", 5000), -ECONNREFUSED);
    assert_int_equal(sim_machine_start("not an address", echo_machine, NULL, NULL), -EINVAL);
}

static void loopback_is_each_machines_own(void **state)
{
    (void)state;
    run(reach_both_workers);
}

static void use_unix_socket(void *arg)
{
    (void)arg;
    struct kernel *kernel = sim_machine_kernel(sim_machine_current());
    struct acceptor acceptor;
    struct address path;
    struct io io;
    assert_int_equal(address_from_path(SLICE("/run/echo"), &path), 0);
    io_init(&io, NULL);
    assert_int_equal(io_connect_wait(&io, &path, loop_deadline(1000)), -ECONNREFUSED);
    int fd = kernel->ops->listen(kernel, &path, 128, false);
    assert_int_equal(kernel->ops->listen(kernel, &path, 128, false), -EADDRINUSE);
    assert_int_equal(acceptor_start(&acceptor, fd, accept_echo), 0);
    assert_int_equal(io_connect_wait(&io, &path, loop_deadline(1000)), 0);
    assert_int_equal(ping(&io, 1000), 0);
    io_close(&io);
    acceptor_stop(&acceptor);
    kernel->ops->close(kernel, fd);
}

static void unix_sockets_are_streams_too(void **state)
{
    (void)state;
    run(use_unix_socket);
}

/* What other modules do in a simulated world. */

static void set_flag(void *arg)
{
    *(int *)arg = 1;
}

static void offload_some(void *arg)
{
    (void)arg;
    int64_t began_ms = loop_now_ms();
    for (int i = 0; i < 20; i++) {
        int was_run = 0;
        assert_int_equal(offload(set_flag, &was_run), 0);
        assert_int_equal(was_run, 1);
    }
    assert_true(loop_now_ms() > began_ms);
}

static void blocking_work_takes_virtual_time(void **state)
{
    (void)state;
    run(offload_some);
}

static int stub_result;
static int stub_asked;

static int answer(void *arg, struct slice name, struct address *ret_addresses, unsigned max,
                  int64_t *ttl_ms)
{
    (void)arg;
    assert_true(max > 0 && slice_equal(name, SLICE("db.internal")));
    stub_asked++;
    *ttl_ms = 30000;
    assert_int_equal(address_from_ip(SLICE("10.0.0.9"), 0, ret_addresses), 0);
    return stub_result;
}

static void resolve_through_failures(void *arg)
{
    (void)arg;
    struct resolver *resolver;
    struct resolver_stats stats;
    struct address found;
    const struct slice name = SLICE("DB.internal");
    assert_int_equal(resolver_create_stub(answer, NULL, &resolver), 0);
    stub_result = 1;
    stub_asked = 0;
    assert_int_equal(resolver_lookup(resolver, name, 1, &found, 1, FIBER_FOREVER), 1);
    assert_int_equal(fiber_sleep(29000), 0);
    assert_int_equal(resolver_lookup(resolver, name, 1, &found, 1, FIBER_FOREVER), 1);
    assert_int_equal(stub_asked, 1);
    stub_result = -ETIMEDOUT; /* its time is over, and the servers are silent: the old one serves */
    for (int hour = 0; hour < 23; hour++) {
        assert_int_equal(fiber_sleep(3600000), 0);
        assert_int_equal(resolver_lookup(resolver, name, 1, &found, 1, FIBER_FOREVER), 1);
    }
    resolver_stats_read(resolver, &stats);
    assert_int_equal(stats.served_old, 23);
    assert_int_equal(fiber_sleep(2 * 3600000), 0);
    assert_int_equal(resolver_lookup(resolver, name, 1, &found, 1, FIBER_FOREVER), -ETIMEDOUT);
    resolver_destroy(resolver);
}

static void the_last_good_answer_serves_for_a_day(void **state)
{
    (void)state;
    run(resolve_through_failures);
}

static void resolve_denied(void *arg)
{
    (void)arg;
    struct resolver *resolver;
    struct address found;
    const struct slice name = SLICE("db.internal");
    assert_int_equal(resolver_create_stub(answer, NULL, &resolver), 0);
    stub_result = 1;
    stub_asked = 0;
    assert_int_equal(resolver_lookup(resolver, name, 1, &found, 1, FIBER_FOREVER), 1);
    stub_result = 0; /* no address */
    assert_int_equal(fiber_sleep(40000), 0);
    assert_int_equal(resolver_lookup(resolver, name, 1, &found, 1, FIBER_FOREVER), 1);
    assert_int_equal(fiber_sleep(58000), 0);
    assert_int_equal(resolver_lookup(resolver, name, 1, &found, 1, FIBER_FOREVER), 1);
    assert_int_equal(fiber_sleep(4000), 0);
    assert_int_equal(resolver_lookup(resolver, name, 1, &found, 1, FIBER_FOREVER), -ENOENT);
    int asked = stub_asked;
    assert_int_equal(resolver_lookup(resolver, name, 1, &found, 1, FIBER_FOREVER), -ENOENT);
    assert_int_equal(stub_asked, asked);
    stub_result = 1;
    assert_int_equal(fiber_sleep(3000), 0);
    assert_int_equal(resolver_lookup(resolver, name, 1, &found, 1, FIBER_FOREVER), 1);
    resolver_destroy(resolver);
}

static void a_denied_name_serves_a_minute_more(void **state)
{
    (void)state;
    run(resolve_denied);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_year_passes_at_once),
        cmocka_unit_test(the_wall_clock_jumps_alone),
        cmocka_unit_test(a_deadlock_is_found_and_dissolved),
        cmocka_unit_test(spinning_is_found),
        cmocka_unit_test(the_same_seed_gives_the_same_run),
        cmocka_unit_test(randomness_comes_from_the_seed),
        cmocka_unit_test(a_partition_delays_and_heals),
        cmocka_unit_test(a_lost_peer_times_out_as_in_linux),
        cmocka_unit_test(loopback_is_each_machines_own),
        cmocka_unit_test(unix_sockets_are_streams_too),
        cmocka_unit_test(blocking_work_takes_virtual_time),
        cmocka_unit_test(the_last_good_answer_serves_for_a_day),
        cmocka_unit_test(a_denied_name_serves_a_minute_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
