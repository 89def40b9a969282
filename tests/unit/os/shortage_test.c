/* Every allocation fails in turn, with all that follow it: an error, no crash, nothing leaked. */
#include "hosts.h"

#include "base/memory.h"
#include "os/io.h"
#include "os/kernel.h"
#include "os/resolver.h"
#include "os/sim_world.h"

#include <errno.h>

#define ALLOCATIONS_MAX 400
#define ENOUGH_MS       20000

static bool is_complete; /* the whole way was gone, without a failure */

/* A connection within one machine, a line over it, and a name. */

static void close_accepted(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    (void)peer;
    io_discard(fd);
}

static int connect_and_write(const struct address *address)
{
    char byte = 'x';
    struct iovec part = {&byte, 1};
    struct io io;
    io_init(&io, NULL);
    int rc = io_connect_wait(&io, address, loop_deadline(ENOUGH_MS));
    if (rc == 0)
        rc = io_write_all(&io, &part, 1, ENOUGH_MS);
    io_close(&io);
    return rc;
}

static int answer(void *arg, struct slice name, struct address *ret_addresses, unsigned max,
                  int64_t *ttl_ms)
{
    (void)arg;
    (void)name;
    (void)max;
    (void)ttl_ms;
    return address_from_ip(SLICE("10.0.0.9"), 0, ret_addresses) == 0 ? 1 : -ENOENT;
}

static int resolve(void)
{
    struct resolver *resolver = NULL;
    struct address found;
    int rc = resolver_create_stub(answer, NULL, &resolver);
    if (rc == 0)
        rc = resolver_lookup(resolver, SLICE("x.test"), 1, &found, 1, loop_deadline(ENOUGH_MS));
    resolver_destroy(resolver);
    return rc < 0 ? rc : 0;
}

static void idle(void *arg)
{
    (void)arg;
    (void)fiber_wait(FIBER_FOREVER);
}

static int use_network(struct kernel *kernel)
{
    struct acceptor acceptor;
    struct address address;
    assert_int_equal(address_from_ip(SLICE("127.0.0.1"), 0, &address), 0);
    int fd = kernel->ops->listen(kernel, &address, 8, false);
    if (fd < 0)
        return fd;
    (void)kernel->ops->local_address(kernel, fd, &address);
    int rc = acceptor_start(&acceptor, fd, close_accepted);
    if (rc == 0) {
        rc = connect_and_write(&address);
        (void)fiber_sleep(5);
        acceptor_stop(&acceptor);
    }
    kernel->ops->close(kernel, fd);
    return rc;
}

static void go_the_way(void *arg)
{
    (void)arg;
    struct sim_machine *other = NULL;
    int rc = sim_machine_start("10.0.0.2", idle, NULL, &other);
    if (rc == 0)
        rc = use_network(sim_machine_kernel(sim_machine_current()));
    if (rc == 0)
        rc = resolve();
    /* Cancelled: the other machine could not begin, which ends the world. */
    assert_true(rc == 0 || rc == -ENOMEM || rc == -ECANCELED);
    is_complete = rc == 0;
}

static void a_machine_survives_any_failing_allocation(void **state)
{
    (void)state;
    long nth = 0;
    is_complete = false;
    while (!is_complete && ++nth < ALLOCATIONS_MAX) {
        struct sim_report report;
        memory_fail_from(nth);
        int rc = sim_world_run(1, NULL, false, go_the_way, NULL, &report);
        memory_fail_from(0);
        assert_true(rc == 0 || rc == -ENOMEM);
        assert_int_equal(report.stats.descriptors, 0);
    }
    assert_true(is_complete);
    assert_true(nth > 10);
}

/* The same through c-ares, whose heap is ours too. */

static struct loop *loop;

static void look_up_name(void *arg)
{
    struct resolver *resolver = arg;
    struct address found;
    int rc =
        resolver_lookup(resolver, SLICE("app.hosts.test"), 1, &found, 1, loop_deadline(ENOUGH_MS));
    /* c-ares does not always say why it found nothing. */
    assert_true(rc == 1 || rc == -ENOMEM || rc == -ENOENT || rc == -EREMOTEIO);
    is_complete = rc == 1;
    loop_stop(loop);
}

static void try_resolver(void)
{
    struct resolver *resolver = NULL;
    int rc = resolver_create(NULL, &resolver);
    if (rc == 0)
        rc = fiber_start(look_up_name, resolver, NULL);
    if (rc == 0)
        rc = loop_run(loop);
    resolver_destroy(resolver);
    assert_true(rc == 0 || rc == -ENOMEM);
}

static void the_resolver_survives_any_failing_allocation(void **state)
{
    (void)state;
    struct kernel *kernel = NULL;
    long nth = 0;
    char path[64];
    unit_write_hosts(path, sizeof path, "192.0.2.200 app.hosts.test\n");
    is_complete = false;
    while (!is_complete && ++nth < ALLOCATIONS_MAX) {
        assert_int_equal(kernel_real_create(&kernel), 0);
        assert_int_equal(loop_create(kernel, &loop), 0);
        memory_fail_from(nth);
        try_resolver();
        memory_fail_from(0);
        loop_destroy(loop);
        kernel_real_destroy(kernel);
    }
    unit_remove_hosts(path);
    assert_true(is_complete);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_survives_any_failing_allocation),
        cmocka_unit_test(the_resolver_survives_any_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
