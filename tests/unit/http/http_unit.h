/*
 * What the tests of src/http share: one worker over a simulated kernel, so that timeouts cost no
 * time, a listener of its own, and a client that says bytes and compares what it hears.
 */
#pragma once

#include "unit.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "http/session.h"
#include "http/worker.h"
#include "os/kernel.h"
#include "os/sim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define QUIET_MS    50 /* nothing more comes after so long */
#define ENOUGH_MS   600000
#define HEARD_BYTES (1 << 20)

static struct {
    struct sim *sim;
    struct kernel *kernel;
    struct loop *loop;
    struct worker worker;
    int listening_fd;
    struct address address;
    struct acceptor acceptor;
    bool is_finished;
} world;

struct client {
    struct io io;
    size_t len;
    char heard[HEARD_BYTES];
};

static inline int world_begin(const struct sim_faults *faults, size_t block_bytes_max,
                              void (*on_accept)(struct acceptor *, int, const struct address *))
{
    memset(&world, 0, sizeof world);
    assert_int_equal(sim_create(42, faults, &world.sim), 0);
    assert_int_equal(sim_host_create(world.sim, "10.0.0.1", &world.kernel), 0);
    assert_int_equal(loop_create(world.kernel, &world.loop), 0);
    worker_init(&world.worker, 0, 42, block_bytes_max);
    assert_int_equal(address_from_ip(SLICE("127.0.0.1"), 0, &world.address), 0);
    world.listening_fd = world.kernel->ops->listen(world.kernel, &world.address, 64, false);
    assert_true(world.listening_fd >= 0);
    assert_int_equal(
        world.kernel->ops->local_address(world.kernel, world.listening_fd, &world.address), 0);
    assert_int_equal(acceptor_start(&world.acceptor, world.listening_fd, on_accept), 0);
    return 0;
}

/* All that was taken has been given back. */
static inline void assert_nothing_is_held(void)
{
    assert_int_equal(world.worker.block_bytes,
                     world.worker.idle_count[BLOCK_SMALL] * BLOCK_SMALL_BYTES +
                         world.worker.idle_count[BLOCK_LARGE] * BLOCK_LARGE_BYTES +
                         world.worker.idle_count[BLOCK_HUGE] * BLOCK_HUGE_BYTES);
}

static inline int world_end(void)
{
    struct sim_stats stats;
    if (!world.is_finished) { /* cmocka left the fiber in its middle: nothing can be ended */
        print_message("failed on a fiber; CMOCKA_TEST_ABORT=1 tells where\n");
        abort();
    }
    acceptor_stop(&world.acceptor);
    world.kernel->ops->close(world.kernel, world.listening_fd);
    assert_nothing_is_held();
    worker_finish(&world.worker);
    loop_destroy(world.loop);
    sim_stats_read(world.sim, &stats);
    assert_int_equal(stats.descriptors, 0);
    sim_destroy(world.sim);
    return 0;
}

static inline void await_other_fibers(void)
{
    struct fiber_stats stats;
    int64_t until_ms = loop_deadline(ENOUGH_MS);
    for (fiber_stats_read(&stats); stats.running > 1; fiber_stats_read(&stats)) {
        assert_true(loop_now_ms() < until_ms);
        assert_int_equal(fiber_sleep(10), 0);
    }
}

static inline void world_main(void *arg)
{
    void (*body)(void) = *(void (**)(void))arg;
    body();
    sessions_close();
    await_other_fibers();
    assert_int_equal(world.worker.counters.connections_open, 0);
    world.is_finished = true;
    loop_stop(world.loop);
}

/* Runs a test's body on a fiber, then ends what it left open. */
static inline void world_run(void (*body)(void))
{
    assert_int_equal(fiber_start(world_main, &body, NULL), 0);
    assert_int_equal(loop_run(world.loop), 0);
    assert_true(world.is_finished);
}

/* One at a time. */
static inline struct client *client_open(void)
{
    static struct client client;
    client.len = 0;
    io_init(&client.io, NULL);
    assert_int_equal(io_connect_wait(&client.io, &world.address, loop_deadline(ENOUGH_MS)), 0);
    return &client;
}

static inline void say_bytes(struct client *client, const void *bytes, size_t len)
{
    struct iovec part = {(void *)(uintptr_t)bytes, len};
    assert_int_equal(io_write_all(&client->io, &part, 1, ENOUGH_MS), 0);
}

static inline void say(struct client *client, const char *text)
{
    say_bytes(client, text, strlen(text));
}

/* Listens until nothing more comes: 1 when the connection is still there, 0 or an error at its end.
 */
static inline int hear(struct client *client)
{
    for (;;) {
        assert_true(client->len < sizeof client->heard - 1);
        ssize_t got = io_read_wait(&client->io, client->heard + client->len,
                                   sizeof client->heard - 1 - client->len, loop_deadline(QUIET_MS));
        if (got > 0)
            client->len += (size_t)got;
        client->heard[client->len] = '\0';
        if (got <= 0)
            return got == -ETIMEDOUT ? 1 : (int)got;
    }
}

/* Takes lines of that field away: their values are not the test's. */
static inline void leave_out(struct client *client, const char *field)
{
    char *line = client->heard;
    while ((line = strstr(line, field)) != NULL) {
        char *end = strstr(line, "\r\n");
        assert_non_null(end);
        client->len -= (size_t)(end + 2 - line);
        memmove(line, end + 2, strlen(end + 2) + 1);
    }
}

/* What comes, but for Date and X-Request-Id, is just this; then the connection stays or ends. */
static inline void expect(struct client *client, const char *text, bool stays)
{
    assert_int_equal(hear(client), stays ? 1 : 0);
    leave_out(client, "Date: ");
    leave_out(client, "X-Request-Id: ");
    assert_string_equal(client->heard, text);
    client->len = 0;
}

static inline void expect_and_stay(struct client *client, const char *text)
{
    expect(client, text, true);
}

static inline void expect_and_end(struct client *client, const char *text)
{
    expect(client, text, false);
}
