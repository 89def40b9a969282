/*
 * Descriptors on the loop. Each test runs over Linux and over the simulated kernel; most of them
 * also over a simulated network that is late, stutters, and says -EAGAIN for nothing.
 */
#include "unit.h"

#include "os/io.h"
#include "os/kernel.h"
#include "os/sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum where { REAL, SIMULATED, HOSTILE };

#define ENOUGH_MS 20000
#define LONG_TEXT 300000

static const struct sim_faults hostile = {
    .delay_min_us = 50,
    .delay_max_us = 900,
    .loss_ppm = 2000,
    .short_ppm = 300000,
    .again_ppm = 300000,
    .pipe_bytes = 3000,
};

static struct kernel *kernel;
static struct loop *loop;
static struct sim *sim;
static bool is_finished;

static int begin(void **state)
{
    enum where where = *(enum where *)*state;
    sim = NULL;
    if (where == REAL) {
        assert_int_equal(kernel_real_create(&kernel), 0);
    } else {
        assert_int_equal(sim_create(42, where == HOSTILE ? &hostile : NULL, &sim), 0);
        assert_int_equal(sim_host_create(sim, "10.0.0.1", &kernel), 0);
    }
    return loop_create(kernel, &loop);
}

static int end(void **state)
{
    (void)state;
    loop_destroy(loop);
    if (sim == NULL) {
        kernel_real_destroy(kernel);
        return 0;
    }
    struct sim_stats stats;
    sim_stats_read(sim, &stats);
    assert_int_equal(stats.descriptors, 0);
    sim_destroy(sim);
    return 0;
}

static void finish(void)
{
    is_finished = true;
    loop_stop(loop);
}

static void run(fiber_main *main)
{
    is_finished = false;
    assert_int_equal(fiber_start(main, NULL, NULL), 0);
    assert_int_equal(loop_run(loop), 0);
    assert_true(is_finished);
}

/* A listener and one connection over it. */
static struct {
    int listening_fd;
    struct address address;
    struct acceptor acceptor;
    struct fiber *accepting;
    int accepted_fd;
    int accepted_count;
    struct io client, server;
} net;

static void keep_accepted(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    assert_true(peer->len > 0);
    net.accepted_fd = fd;
    net.accepted_count++;
    if (net.accepting != NULL)
        fiber_wake(net.accepting);
}

static void open_listener(void)
{
    memset(&net, 0, sizeof net);
    net.accepted_fd = -1;
    assert_int_equal(address_from_ip(SLICE("127.0.0.1"), 0, &net.address), 0);
    net.listening_fd = kernel->ops->listen(kernel, &net.address, 64, false);
    assert_true(net.listening_fd >= 0);
    assert_int_equal(kernel->ops->local_address(kernel, net.listening_fd, &net.address), 0);
    assert_true(address_port(&net.address) > 0);
    assert_int_equal(acceptor_start(&net.acceptor, net.listening_fd, keep_accepted), 0);
}

static void close_listener(void)
{
    acceptor_stop(&net.acceptor);
    kernel->ops->close(kernel, net.listening_fd);
}

static void wait_for_accept(void)
{
    net.accepting = fiber_current();
    while (net.accepted_fd < 0)
        assert_int_equal(fiber_wait(loop_deadline(ENOUGH_MS)), 0);
    net.accepting = NULL;
}

static void open_pair(void)
{
    open_listener();
    io_init(&net.client, NULL);
    io_init(&net.server, NULL);
    assert_int_equal(io_connect_wait(&net.client, &net.address, loop_deadline(ENOUGH_MS)), 0);
    wait_for_accept();
    assert_int_equal(io_open(&net.server, net.accepted_fd), 0);
}

static void close_pair(void)
{
    io_close(&net.client);
    io_close(&net.server);
    close_listener();
}

static char text_byte(size_t at)
{
    return (char)(at * 7 + at / 251);
}

/* Reads what write_text wrote up to the end of the stream; returns its length. */
static size_t read_text(struct io *io)
{
    static char bytes[5000];
    size_t at = 0;
    for (;;) {
        ssize_t got = io_read_wait(io, bytes, sizeof bytes, loop_deadline(ENOUGH_MS));
        assert_true(got >= 0);
        if (got == 0)
            return at;
        for (ssize_t i = 0; i < got; i++)
            assert_int_equal(bytes[i], text_byte(at++));
    }
}

static void write_text(struct io *io, size_t len)
{
    char *bytes = malloc(len + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = text_byte(i);
    struct iovec parts[3] = {{bytes, len / 3}, {NULL, 0}, {bytes + len / 3, len - len / 3}};
    assert_int_equal(io_write_all(io, parts, 3, ENOUGH_MS), 0);
    free(bytes);
}

static void echo(void *arg)
{
    struct io *io = arg;
    char bytes[700];
    for (;;) {
        ssize_t got = io_read_wait(io, bytes, sizeof bytes, loop_deadline(ENOUGH_MS));
        assert_true(got >= 0);
        if (got == 0)
            break;
        struct iovec part = {bytes, (size_t)got};
        assert_int_equal(io_write_all(io, &part, 1, ENOUGH_MS), 0);
    }
    io_shutdown_write(io);
}

static void write_and_end(void *arg)
{
    write_text(arg, LONG_TEXT);
    io_shutdown_write(arg);
}

static void talk_to_echo(void *arg)
{
    (void)arg;
    open_pair();
    assert_int_equal(fiber_start(echo, &net.server, NULL), 0);
    assert_int_equal(fiber_start(write_and_end, &net.client, NULL), 0);
    assert_int_equal(read_text(&net.client), LONG_TEXT);
    close_pair();
    finish();
}

/* Reader and writer of one descriptor wait at the same time. */
static void an_echo_gives_back_every_byte(void **state)
{
    (void)state;
    run(talk_to_echo);
}

static size_t fill(struct io *io)
{
    static char bytes[64 * 1024];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = text_byte(0);
    size_t total = 0;
    for (int failures = 0; failures < 50;) {
        struct iovec part = {bytes, sizeof bytes};
        ssize_t put = io_write(io, &part, 1);
        if (put == -EAGAIN && io_wait(io, IO_WRITABLE, loop_deadline(30)) == -ETIMEDOUT)
            break;
        failures += put < 0;
        total += put > 0 ? (size_t)put : 0;
    }
    return total;
}

static void fill_and_drain(void *arg)
{
    (void)arg;
    static char bytes[9000];
    open_pair();
    size_t filled = fill(&net.client), drained = 0;
    assert_true(filled > 0);
    struct iovec part = {bytes, 1};
    assert_int_equal(io_write_all(&net.client, &part, 1, 20), -ETIMEDOUT);
    while (drained < filled) {
        ssize_t got = io_read_wait(&net.server, bytes, sizeof bytes, loop_deadline(ENOUGH_MS));
        assert_true(got > 0);
        drained += (size_t)got;
    }
    assert_int_equal(drained, filled);
    assert_int_equal(io_wait(&net.client, IO_WRITABLE, loop_deadline(ENOUGH_MS)), IO_WRITABLE);
    close_pair();
    finish();
}

static void a_full_pipe_holds_the_writer_back(void **state)
{
    (void)state;
    run(fill_and_drain);
}

static void connect_to_nobody(void *arg)
{
    (void)arg;
    open_listener();
    close_listener();
    struct io io;
    io_init(&io, NULL);
    assert_int_equal(io_connect_wait(&io, &net.address, loop_deadline(ENOUGH_MS)), -ECONNREFUSED);
    assert_false(io_is_open(&io));
    finish();
}

static void connecting_to_nobody_is_refused(void **state)
{
    (void)state;
    run(connect_to_nobody);
}

static void reset_server_soon(void *arg)
{
    (void)arg;
    assert_int_equal(fiber_sleep(5), 0);
    io_reset(&net.server);
}

static void read_until_reset(void *arg)
{
    (void)arg;
    char byte;
    open_pair();
    assert_int_equal(fiber_start(reset_server_soon, NULL, NULL), 0);
    assert_int_equal(io_read_wait(&net.client, &byte, 1, loop_deadline(ENOUGH_MS)), -ECONNRESET);
    assert_int_equal(io_read_wait(&net.client, &byte, 1, loop_deadline(ENOUGH_MS)), 0);
    struct iovec part = {&byte, 1};
    assert_int_equal(io_write(&net.client, &part, 1), -EPIPE);
    close_pair();
    finish();
}

static void a_reset_is_told_once_to_the_reader(void **state)
{
    (void)state;
    run(read_until_reset);
}

static void write_after_reset(void *arg)
{
    (void)arg;
    char byte = 'x';
    struct iovec part = {&byte, 1};
    open_pair();
    io_reset(&net.server);
    assert_int_equal(io_wait(&net.client, IO_PEER_DONE, loop_deadline(ENOUGH_MS)), IO_PEER_DONE);
    assert_int_equal(io_write(&net.client, &part, 1), -ECONNRESET);
    assert_int_equal(io_write(&net.client, &part, 1), -EPIPE);
    close_pair();
    finish();
}

static void a_writer_hears_of_the_reset_then_of_the_broken_pipe(void **state)
{
    (void)state;
    run(write_after_reset);
}

static void close_with_unread_data(void *arg)
{
    (void)arg;
    char byte = 'x';
    struct iovec part = {&byte, 1};
    open_pair();
    assert_int_equal(io_write_all(&net.client, &part, 1, ENOUGH_MS), 0);
    assert_int_equal(io_wait(&net.server, IO_READABLE, loop_deadline(ENOUGH_MS)), IO_READABLE);
    io_close(&net.server);
    assert_int_equal(io_read_wait(&net.client, &byte, 1, loop_deadline(ENOUGH_MS)), -ECONNRESET);
    close_pair();
    finish();
}

static void closing_on_unread_data_resets(void **state)
{
    (void)state;
    run(close_with_unread_data);
}

static void write_to_the_closed(void *arg)
{
    (void)arg;
    char byte = 'x';
    open_pair();
    io_close(&net.server);
    assert_int_equal(io_read_wait(&net.client, &byte, 1, loop_deadline(ENOUGH_MS)), 0);
    int rc = 0;
    for (int64_t until = loop_deadline(ENOUGH_MS); rc == 0 && loop_now_ms() < until;) {
        struct iovec part = {&byte, 1};
        rc = io_write_all(&net.client, &part, 1, ENOUGH_MS);
        assert_int_equal(fiber_sleep(1), 0);
    }
    assert_int_equal(rc, -EPIPE);
    close_pair();
    finish();
}

static void writing_to_a_closed_peer_breaks_the_pipe(void **state)
{
    (void)state;
    run(write_to_the_closed);
}

static void end_one_half(void *arg)
{
    (void)arg;
    char byte;
    open_pair();
    io_shutdown_write(&net.client);
    assert_int_equal(io_wait(&net.server, IO_PEER_DONE, loop_deadline(ENOUGH_MS)), IO_PEER_DONE);
    assert_int_equal(io_read_wait(&net.server, &byte, 1, loop_deadline(ENOUGH_MS)), 0);
    assert_int_equal(io_read_wait(&net.server, &byte, 1, loop_deadline(ENOUGH_MS)), 0);
    assert_int_equal(fiber_start(write_and_end, &net.server, NULL), 0);
    assert_int_equal(read_text(&net.client), LONG_TEXT);
    byte = 'x';
    struct iovec part = {&byte, 1};
    assert_int_equal(io_write_all(&net.client, &part, 1, ENOUGH_MS), -EPIPE);
    close_pair();
    finish();
}

static void the_other_half_still_carries(void **state)
{
    (void)state;
    run(end_one_half);
}

static void wait_until_failed(const struct io *io)
{
    for (int64_t until = loop_deadline(ENOUGH_MS); (io->ready & IO_FAILED) == 0;) {
        assert_true(loop_now_ms() < until);
        assert_int_equal(fiber_sleep(1), 0);
    }
}

static void end_both_halves(void *arg)
{
    (void)arg;
    open_pair();
    io_shutdown_write(&net.client);
    assert_int_equal(io_wait(&net.server, IO_PEER_DONE, loop_deadline(ENOUGH_MS)), IO_PEER_DONE);
    assert_int_equal(fiber_sleep(5), 0);
    assert_int_equal(net.server.ready & IO_FAILED, 0);
    io_shutdown_write(&net.server);
    wait_until_failed(&net.server);
    wait_until_failed(&net.client);
    close_pair();
    open_pair();
    io_reset(&net.server);
    wait_until_failed(&net.client);
    close_pair();
    finish();
}

static void a_connection_has_failed_when_both_halves_ended_or_by_reset(void **state)
{
    (void)state;
    run(end_both_halves);
}

static void wait_in_vain(void *arg)
{
    (void)arg;
    char byte;
    open_pair();
    int64_t began_ms = loop_now_ms();
    assert_int_equal(io_wait(&net.client, IO_READABLE, loop_deadline(15)), -ETIMEDOUT);
    assert_true(loop_now_ms() - began_ms >= 15);
    assert_int_equal(io_read_wait(&net.client, &byte, 1, loop_deadline(-5)), -ETIMEDOUT);
    assert_int_equal(io_wait(&net.client, IO_PEER_DONE, loop_deadline(1)), -ETIMEDOUT);
    assert_int_equal(
        io_wait_either(&net.client, IO_READABLE, &net.server, IO_READABLE, loop_deadline(1)),
        -ETIMEDOUT);
    close_pair();
    finish();
}

static void waits_end_at_their_deadline(void **state)
{
    (void)state;
    run(wait_in_vain);
}

static int reader_result, writer_result, waiters_left;

static void wait_to_read(void *arg)
{
    reader_result = io_wait(arg, IO_READABLE, FIBER_FOREVER);
    waiters_left--;
}

static void wait_to_write(void *arg)
{
    (void)fill(arg);
    writer_result = io_wait(arg, IO_WRITABLE, FIBER_FOREVER);
    waiters_left--;
}

static void close_under_waiters(void *arg)
{
    (void)arg;
    open_pair();
    waiters_left = 2;
    assert_int_equal(fiber_start(wait_to_read, &net.client, NULL), 0);
    assert_int_equal(fiber_start(wait_to_write, &net.client, NULL), 0);
    while (net.client.reading == NULL || net.client.writing == NULL ||
           (net.client.ready & IO_WRITABLE) != 0)
        assert_int_equal(fiber_sleep(50), 0);
    io_close(&net.client);
    while (waiters_left > 0)
        assert_int_equal(fiber_sleep(1), 0);
    assert_int_equal(reader_result, -ECONNABORTED);
    assert_int_equal(writer_result, -ECONNABORTED);
    close_pair();
    finish();
}

static void closing_wakes_those_who_wait(void **state)
{
    (void)state;
    run(close_under_waiters);
}

static void write_one_soon(void *arg)
{
    char byte = 'x';
    struct iovec part = {&byte, 1};
    assert_int_equal(fiber_sleep(3), 0);
    assert_int_equal(io_write_all(arg, &part, 1, ENOUGH_MS), 0);
}

static void wait_for_either(void *arg)
{
    (void)arg;
    open_pair();
    assert_int_equal(fiber_start(write_one_soon, &net.client, NULL), 0);
    assert_int_equal(io_wait_either(&net.client, IO_READABLE, &net.server, IO_READABLE,
                                    loop_deadline(ENOUGH_MS)),
                     1);
    assert_int_equal(net.server.ready & IO_READABLE, IO_READABLE);
    assert_int_equal(net.client.ready & IO_READABLE, 0);
    assert_int_equal(io_wait(&net.client, IO_READABLE | IO_WRITABLE, loop_deadline(ENOUGH_MS)),
                     IO_WRITABLE);
    close_pair();
    finish();
}

static void one_of_two_descriptors_is_enough(void **state)
{
    (void)state;
    run(wait_for_either);
}

static void be_cancelled(void *arg)
{
    reader_result = io_wait(arg, IO_READABLE, FIBER_FOREVER);
}

static void cancel_reader(void *arg)
{
    (void)arg;
    struct fiber *reader;
    char byte = 'x';
    struct iovec part = {&byte, 1};
    open_pair();
    assert_int_equal(fiber_start(be_cancelled, &net.client, &reader), 0);
    assert_int_equal(fiber_sleep(1), 0);
    fiber_cancel(reader);
    assert_int_equal(fiber_sleep(1), 0);
    assert_int_equal(reader_result, -ECANCELED);
    assert_null(net.client.reading);
    assert_int_equal(io_write_all(&net.server, &part, 1, ENOUGH_MS), 0);
    assert_int_equal(io_read_wait(&net.client, &byte, 1, loop_deadline(ENOUGH_MS)), 1);
    close_pair();
    finish();
}

static void a_cancelled_wait_leaves_the_descriptor_whole(void **state)
{
    (void)state;
    run(cancel_reader);
}

static rlim_t soft_limit;

static void use_up_descriptors(void)
{
    if (sim != NULL) {
        sim_host_limit(kernel, 2); /* the listener and the client */
        return;
    }
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    soft_limit = limit.rlim_cur;
    int lowest_free = dup(net.listening_fd);
    assert_true(lowest_free >= 0);
    assert_int_equal(close(lowest_free), 0);
    limit.rlim_cur = (rlim_t)lowest_free;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void free_descriptors(void)
{
    if (sim != NULL) {
        sim_host_limit(kernel, 100);
        return;
    }
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = soft_limit;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void accept_without_descriptors(void *arg)
{
    (void)arg;
    open_listener();
    io_init(&net.client, NULL);
    io_init(&net.server, NULL);
    assert_int_equal(io_connect(&net.client, &net.address), 0);
    use_up_descriptors();
    for (int64_t until = loop_deadline(ENOUGH_MS); !timer_is_armed(&net.acceptor.pause);) {
        assert_true(loop_now_ms() < until);
        assert_int_equal(fiber_sleep(1), 0);
    }
    assert_int_equal(net.accepted_count, 0);
    assert_false(io_is_open(&net.acceptor.io));
    free_descriptors();
    wait_for_accept();
    kernel->ops->close(kernel, net.accepted_fd);
    close_pair();
    finish();
}

static void accepting_pauses_when_descriptors_are_used_up(void **state)
{
    (void)state;
    run(accept_without_descriptors);
}

#define CROWD 100

static void close_accepted(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    (void)peer;
    kernel->ops->close(kernel, fd);
    if (++net.accepted_count == CROWD)
        fiber_wake(net.accepting);
}

static void connect_a_crowd(void *arg)
{
    (void)arg;
    static struct io clients[CROWD];
    open_listener();
    net.acceptor.on_accept = close_accepted;
    net.accepting = fiber_current();
    for (int i = 0; i < CROWD; i++) {
        io_init(&clients[i], NULL);
        assert_int_equal(io_connect(&clients[i], &net.address), 0);
    }
    while (net.accepted_count < CROWD)
        assert_int_equal(fiber_wait(loop_deadline(ENOUGH_MS)), 0);
    for (int i = 0; i < CROWD; i++)
        io_close(&clients[i]);
    close_listener();
    finish();
}

/* More than are accepted in one turn. */
static void a_crowd_is_accepted_to_the_last(void **state)
{
    (void)state;
    run(connect_a_crowd);
}

#define FILE_BYTES 20000

static int open_text_file(void)
{
    char path[] = "/tmp/weir-io-test-XXXXXX";
    char bytes[FILE_BYTES];
    int file = mkstemp(path);
    assert_true(file >= 0);
    (void)unlink(path);
    for (size_t at = 0; at < FILE_BYTES; at++)
        bytes[at] = text_byte(at);
    assert_int_equal(write(file, bytes, FILE_BYTES), FILE_BYTES);
    return file;
}

static void send_file_and_end(void *arg)
{
    int file = open_text_file();
    int64_t offset = 0;
    while (offset < FILE_BYTES) {
        ssize_t put = io_send_file(arg, file, &offset, (size_t)(FILE_BYTES - offset));
        if (put == -EAGAIN)
            assert_int_equal(io_wait(arg, IO_WRITABLE, loop_deadline(ENOUGH_MS)), IO_WRITABLE);
        else
            assert_true(put > 0);
    }
    assert_int_equal(io_send_file(arg, file, &offset, 1), 0);
    io_shutdown_write(arg);
    (void)close(file);
}

static void receive_file(void *arg)
{
    (void)arg;
    open_pair();
    assert_int_equal(fiber_start(send_file_and_end, &net.server, NULL), 0);
    assert_int_equal(read_text(&net.client), FILE_BYTES);
    close_pair();
    finish();
}

static void a_file_is_sent_whole(void **state)
{
    (void)state;
    run(receive_file);
}

static void use_closed(void *arg)
{
    (void)arg;
    char byte = 'x';
    struct iovec part = {&byte, 1};
    open_pair();
    int fd = net.client.fd;
    assert_int_equal(io_release(&net.client), fd);
    assert_int_equal(io_release(&net.client), -1);
    assert_int_equal(io_read(&net.client, &byte, 1), -ECONNABORTED);
    assert_int_equal(io_write(&net.client, &part, 1), -ECONNABORTED);
    assert_int_equal(io_wait(&net.client, IO_READABLE, FIBER_FOREVER), -ECONNABORTED);
    assert_int_equal(io_connected(&net.client), -ECONNABORTED);
    io_reset(&net.client);
    io_close(&net.client);
    assert_int_equal(io_open(&net.client, fd), 0);
    assert_int_equal(io_write_all(&net.client, &part, 1, ENOUGH_MS), 0);
    assert_int_equal(io_read_wait(&net.server, &byte, 1, loop_deadline(ENOUGH_MS)), 1);
    close_pair();
    finish();
}

static void a_released_descriptor_can_be_opened_again(void **state)
{
    (void)state;
    run(use_closed);
}

static enum where real = REAL, simulated = SIMULATED, in_hostile = HOSTILE;

#define OVER(where, test)                                                                          \
    {                                                                                              \
#test ", " #where, test, begin, end, &where                                                \
    }
#define OVER_BOTH(test) OVER(real, test), OVER(simulated, test)
#define OVER_ALL(test)  OVER_BOTH(test), OVER(in_hostile, test)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER_ALL(an_echo_gives_back_every_byte),
        OVER_ALL(a_full_pipe_holds_the_writer_back),
        OVER_ALL(connecting_to_nobody_is_refused),
        OVER_BOTH(a_reset_is_told_once_to_the_reader),
        OVER_BOTH(a_writer_hears_of_the_reset_then_of_the_broken_pipe),
        OVER_BOTH(closing_on_unread_data_resets),
        OVER_ALL(writing_to_a_closed_peer_breaks_the_pipe),
        OVER_ALL(the_other_half_still_carries),
        OVER_ALL(a_connection_has_failed_when_both_halves_ended_or_by_reset),
        OVER_ALL(waits_end_at_their_deadline),
        OVER_ALL(closing_wakes_those_who_wait),
        OVER_BOTH(one_of_two_descriptors_is_enough),
        OVER_ALL(a_cancelled_wait_leaves_the_descriptor_whole),
        OVER_ALL(accepting_pauses_when_descriptors_are_used_up),
        OVER_ALL(a_crowd_is_accepted_to_the_last),
        OVER_ALL(a_file_is_sent_whole),
        OVER_BOTH(a_released_descriptor_can_be_opened_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
