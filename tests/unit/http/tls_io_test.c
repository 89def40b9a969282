/* TLS below a connection, over a network that cuts everything into pieces; and sessions by it. */
#include "http_unit.h"

#include "tls_unit.h"

#include "http/exchange.h"
#include "http/tls_io.h"

#define MUCH_BYTES 700000

static struct made made;
static struct tls_identity *identity;
static struct tls_tickets *tickets;
static struct tls_listener *listener;
static struct tls_client *tls_client, *h2_client;

static struct io far_end;
static int accepted;
static struct server server;

static const struct tls_identity *choose(void *arg, struct slice name, bool wants_acme)
{
    (void)arg;
    (void)wants_acme;
    return slice_equal(name, SLICE("a.example")) ? identity : NULL;
}

static void make_contexts(void)
{
    struct tls_certificate *certificate = NULL;
    make_certificate(&made, "DNS:a.example", MADE_EC);
    assert_int_equal(tls_certificate_parse(slice_of_cstr(made.chain), slice_of_cstr(made.key_pem),
                                           &certificate, NULL),
                     0);
    const struct tls_identity_settings settings = {.certificates = &certificate,
                                                   .certificates_count = 1,
                                                   .alpn = TLS_ALPN_HTTP2,
                                                   .name = SLICE("a")};
    assert_int_equal(tls_identity_create(&settings, &identity, NULL), 0);
    tls_certificate_unref(certificate);
    assert_int_equal(tls_tickets_create(&tickets), 0);
    const struct tls_listener_settings listener_settings = {.choose = choose, .tickets = tickets};
    assert_int_equal(tls_listener_create(&listener_settings, &listener), 0);
    const struct tls_client_settings client_settings = {
        .is_verified = true, .authorities_pem = slice_of_cstr(made.chain), .has_http1 = true};
    assert_int_equal(tls_client_create(&client_settings, &tls_client, NULL), 0);
    const struct tls_client_settings h2_settings = {
        .is_verified = true, .authorities_pem = slice_of_cstr(made.chain), .has_h2 = true};
    assert_int_equal(tls_client_create(&h2_settings, &h2_client, NULL), 0);
}

static int make(void **state)
{
    (void)state;
    make_contexts();
    return 0;
}

static int away(void **state)
{
    (void)state;
    tls_client_unref(tls_client);
    tls_client_unref(h2_client);
    tls_listener_unref(listener);
    tls_tickets_unref(tickets);
    tls_identity_unref(identity);
    made_free(&made);
    return 0;
}

static void keep(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    if (server.handle != NULL)
        session_accept(&server, fd, peer);
    else
        accepted = fd;
}

static int begin_over(const struct sim_faults *faults)
{
    accepted = -1;
    memset(&server, 0, sizeof server);
    return world_begin(faults, 64 * BLOCK_LARGE_BYTES, keep);
}

static int begin(void **state)
{
    (void)state;
    return begin_over(NULL);
}

static int begin_hostile(void **state)
{
    static const struct sim_faults hostile = {
        .delay_min_us = 50, .delay_max_us = 900, .short_ppm = 300000, .again_ppm = 300000};
    (void)state;
    return begin_over(&hostile);
}

/* All that is sent does. */
static int begin_wide(void **state)
{
    static const struct sim_faults wide = {.pipe_bytes = (size_t)16 << 20};
    (void)state;
    (void)begin_over(&wide);
    world.worker.block_bytes_max = (size_t)64 << 20;
    return 0;
}

/* Less than an answer fits between the two ends. */
static int begin_narrow(void **state)
{
    static const struct sim_faults narrow = {.pipe_bytes = 20000};
    (void)state;
    return begin_over(&narrow);
}

static int end(void **state)
{
    (void)state;
    return world_end();
}

static struct client *connect_as(struct tls_client *settings)
{
    const char *why = NULL;
    struct client *client = client_open();
    assert_int_equal(tls_io_connect(&client->io, settings, SLICE("a.example")), 0);
    int rc = tls_io_handshake_wait(&client->io, loop_deadline(ENOUGH_MS), &why);
    if (rc < 0)
        fail_msg("handshake: %d %s", rc, why == NULL ? "" : why);
    return client;
}

static struct client *connect_by_tls(void)
{
    return connect_as(tls_client);
}

static void accept_main(void *arg)
{
    const char *why = NULL;
    (void)arg;
    while (accepted < 0)
        assert_int_equal(fiber_sleep(1), 0);
    io_init(&far_end, NULL);
    assert_int_equal(io_open(&far_end, accepted), 0);
    assert_int_equal(tls_io_accept(&far_end, listener, (struct slice){0}), 0);
    assert_int_equal(tls_io_handshake_wait(&far_end, loop_deadline(ENOUGH_MS), &why), 0);
}

static char byte_at(size_t i)
{
    return (char)(i * 31 + i / 251);
}

/* In parts of all lengths, so that records are joined and split. */
static void write_much(struct io *io)
{
    static char bytes[MUCH_BYTES];
    size_t at = 0;
    for (size_t i = 0; i < MUCH_BYTES; i++)
        bytes[i] = byte_at(i);
    for (size_t turn = 1; at < MUCH_BYTES; turn++) {
        struct iovec parts[3];
        for (int i = 0; i < 3; i++) {
            size_t want = (turn * 7919 * (size_t)(i + 1)) % 40000;
            size_t len = want < MUCH_BYTES - at ? want : MUCH_BYTES - at;
            parts[i] = (struct iovec){bytes + at, len};
            at += len;
        }
        assert_int_equal(io_write_all(io, parts, 3, ENOUGH_MS), 0);
    }
    io_shutdown_write(io);
}

static void read_much(struct io *io)
{
    char bytes[5000];
    size_t at = 0;
    ssize_t got;
    while ((got = io_read_wait(io, bytes, 1 + at % sizeof bytes, loop_deadline(ENOUGH_MS))) > 0) {
        for (ssize_t i = 0; i < got; i++)
            assert_int_equal(bytes[i], byte_at(at + (size_t)i));
        at += (size_t)got;
    }
    assert_int_equal(got, 0);
    assert_int_equal(at, MUCH_BYTES);
}

static void write_main(void *arg)
{
    write_much(arg);
}

static void much_both_ways(void)
{
    struct fiber *fiber;
    assert_int_equal(fiber_start(accept_main, NULL, NULL), 0);
    struct client *client = connect_by_tls();
    await_other_fibers();
    assert_int_equal(fiber_start(write_main, &far_end, &fiber), 0);
    read_much(&client->io);
    await_other_fibers();
    assert_int_equal(fiber_start(write_main, &client->io, &fiber), 0);
    read_much(&far_end);
    await_other_fibers();
    io_close(&client->io);
    io_close(&far_end);
}

static void much_goes_by_whole_and_in_order(void **state)
{
    (void)state;
    world_run(much_both_ways);
}

/* Whoever sends without being read from waits; what was taken still arrives. */
static void slow_reader(void)
{
    struct fiber *fiber;
    assert_int_equal(fiber_start(accept_main, NULL, NULL), 0);
    struct client *client = connect_by_tls();
    await_other_fibers();
    assert_int_equal(fiber_start(write_main, &far_end, &fiber), 0);
    assert_int_equal(fiber_sleep(10000), 0);
    read_much(&client->io);
    await_other_fibers();
    io_close(&client->io);
    io_close(&far_end);
}

static void a_slow_reader_gets_it_all(void **state)
{
    (void)state;
    world_run(slow_reader);
}

static void quiet(void)
{
    assert_int_equal(fiber_start(accept_main, NULL, NULL), 0);
    struct client *client = connect_by_tls();
    await_other_fibers();
    assert_int_equal(fiber_sleep(100), 0); /* the tickets are there by now */
    assert_true((client->io.ready & IO_READABLE) != 0);
    assert_true(tls_io_is_quiet(&client->io));
    assert_true((client->io.ready & IO_READABLE) == 0);
    struct iovec part = {(char[]){'x'}, 1};
    assert_int_equal(io_write_all(&far_end, &part, 1, ENOUGH_MS), 0);
    assert_true(io_wait(&client->io, IO_READABLE, loop_deadline(ENOUGH_MS)) > 0);
    assert_false(tls_io_is_quiet(&client->io));
    char byte;
    assert_int_equal(io_read_wait(&client->io, &byte, 1, loop_deadline(ENOUGH_MS)), 1);
    io_reset(&far_end);
    assert_int_equal(io_read_wait(&client->io, &byte, 1, loop_deadline(ENOUGH_MS)), -ECONNRESET);
    io_close(&client->io);
}

static void tickets_are_nothing_to_read(void **state)
{
    (void)state;
    world_run(quiet);
}

/* Sessions. */

static void answer(struct exchange *exchange)
{
    struct slice data;
    while (exchange_read_body(exchange, &data) == 1)
        ;
    exchange_respond(exchange, 200, SLICE("text/plain"),
                     exchange->is_secure ? SLICE("secure") : SLICE("plain"), NULL);
}

static void begin_server(void)
{
    server = (struct server){.handle = answer,
                             .tls = listener,
                             .head_timeout_ms = 10000,
                             .idle_timeout_ms = 60000,
                             .body_max = UINT64_MAX};
}

static void expect_heard(struct client *client, const char *words)
{
    (void)hear(client);
    if (strstr(client->heard, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, client->heard);
}

static void requests(void)
{
    begin_server();
    struct client *client = connect_by_tls();
    for (int i = 0; i < 3; i++) {
        client->len = 0;
        say(client, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
        expect_heard(client, "\r\n\r\nsecure");
    }
    assert_int_equal(world.worker.counters.handshakes, 1);
    assert_int_equal(world.worker.counters.requests, 3);
    say(client, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    assert_int_equal(hear(client), 0); /* by close_notify, or it would be a reset */
    io_close(&client->io);
}

static void a_session_answers_requests(void **state)
{
    (void)state;
    world_run(requests);
}

static char large[60000];

static void answer_large(struct exchange *exchange)
{
    exchange_respond(exchange, 200, SLICE("text/plain"), slice_of(large, sizeof large), NULL);
}

static void expect_large(struct client *client)
{
    char bytes[5000];
    size_t all = 0;
    ssize_t got;
    while ((got = io_read_wait(&client->io, bytes, sizeof bytes, loop_deadline(ENOUGH_MS))) > 0)
        all += (size_t)got;
    assert_int_equal(got, 0);
    assert_true(all > sizeof large);
    io_close(&client->io);
}

/* A part waits in the kernel, and what is behind it in the layer. */
static void slow_last(const char *field, bool drains)
{
    begin_server();
    server.handle = answer_large;
    struct client *client = connect_by_tls();
    say(client, "GET / HTTP/1.1\r\nHost: a.example\r\n");
    say(client, field);
    say(client, "\r\n");
    assert_int_equal(fiber_sleep(10), 0);
    if (drains)
        assert_int_equal(sessions_drain(true), 1);
    assert_int_equal(fiber_sleep(10000), 0);
    expect_large(client);
}

/* The preface, SETTINGS, and GET http://a/ on stream 1. */
#define H2_HELLO "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
#define H2_GET   "\0\0\6\1\5\0\0\0\1\x82\x86\x84\x41\1a"
#define H2_PING  "\0\0\x8\6\0\0\0\0\0somebody"

static void slow_last_h2(bool is_plain)
{
    begin_server();
    server.handle = answer_large;
    server.tls = is_plain ? NULL : listener;
    struct client *client = is_plain ? client_open() : connect_as(h2_client);
    say_bytes(client, H2_HELLO H2_GET, sizeof H2_HELLO H2_GET - 1);
    assert_int_equal(fiber_sleep(10), 0);
    assert_int_equal(sessions_drain(true), 1);
    assert_int_equal(fiber_sleep(10000), 0);
    expect_large(client);
}

/* Where ALPN has chosen HTTP/1.1 the preface is no beginning. */
static void preface(void)
{
    begin_server();
    struct client *client = connect_by_tls();
    say_bytes(client, H2_HELLO H2_GET, sizeof H2_HELLO H2_GET - 1);
    expect_heard(client, "HTTP/1.1 505 ");
    assert_int_equal(world.worker.counters.h2_connections, 0);
    io_close(&client->io);
}

static void by_tls_alpn_alone_chooses_http2(void **state)
{
    (void)state;
    world_run(preface);
}

static void slow_lasts(void)
{
    slow_last("Connection: close\r\n", false);
    slow_last("Connection: close\r\n", true);
    slow_last("", true);
    slow_last_h2(false);
    slow_last_h2(true);
}

static void the_last_answer_waits_for_a_slow_reader(void **state)
{
    (void)state;
    world_run(slow_lasts);
}

enum { STREAMS = 125 };

static uint64_t turn_most;

/* Once a turn: what was answered since the one before. */
static void watch_main(void *arg)
{
    uint64_t sent = 0;
    (void)arg;
    for (int turn = 0; turn < 10000 && sent < STREAMS * sizeof large; turn++) {
        uint64_t before = sent;
        sent = world.worker.counters.bytes_sent;
        turn_most = sent - before > turn_most ? sent - before : turn_most;
        fiber_yield();
    }
    assert_int_equal(sent, STREAMS * sizeof large);
}

static void answer_watched(struct exchange *exchange)
{
    if (world.worker.counters.requests == 0 && turn_most == 0) {
        turn_most = 1;
        assert_int_equal(fiber_start(watch_main, NULL, NULL), 0);
    }
    answer_large(exchange);
}

/* More than a hundred streams on one connection, all to be answered at once. */
static void share_h2(void)
{
    struct io io;
    begin_server();
    server.handle = answer_watched;
    server.tls = NULL;
    io_init(&io, NULL);
    assert_int_equal(io_connect_wait(&io, &world.address, loop_deadline(ENOUGH_MS)), 0);
    char hello[] = H2_HELLO "\0\0\4\x8\0\0\0\0\0\1\0\0"; /* the connection's window: 16 MiB */
    char get[] = H2_GET;
    assert_int_equal(io_write(&io, &(struct iovec){hello, sizeof hello}, 1), sizeof hello);
    for (int i = 0; i < STREAMS; i++) {
        get[8] = (char)(1 + 2 * i);
        assert_int_equal(io_write(&io, &(struct iovec){get, sizeof get - 1}, 1), sizeof get - 1);
    }
    assert_int_equal(fiber_sleep(10), 0);
    await_other_fibers();
    assert_true(turn_most < STREAMS * sizeof large * 3 / 4);
    io_close(&io);
}

static void one_connection_of_http2_leaves_others_their_turn(void **state)
{
    (void)state;
    world_run(share_h2);
}

static void answer_from_block(struct exchange *exchange)
{
    char *block = block_take(BLOCK_LARGE);
    if (block != NULL)
        exchange_respond(exchange, 200, SLICE("text/plain"), slice_of(large, sizeof large), NULL);
    block_give(block, BLOCK_LARGE);
}

/* Answers that nobody takes hold nearly all blocks, but not for as long as each alone might. */
static void still_h2(void)
{
    struct io io;
    begin_server();
    server.handle = answer_from_block;
    server.tls = NULL;
    io_init(&io, NULL);
    assert_int_equal(io_connect_wait(&io, &world.address, loop_deadline(ENOUGH_MS)), 0);
    char hello[] = H2_HELLO "\0\0\6\4\0\0\0\0\0\0\4\0\0\0\0"; /* windows of no byte */
    char get[] = H2_GET;
    assert_int_equal(io_write(&io, &(struct iovec){hello, sizeof hello - 1}, 1), sizeof hello - 1);
    for (int i = 0; i < 63; i++) {
        get[8] = (char)(1 + 2 * i);
        assert_int_equal(io_write(&io, &(struct iovec){get, sizeof get - 1}, 1), sizeof get - 1);
    }
    assert_int_equal(fiber_sleep(10), 0);
    assert_true(blocks_are_scarce());
    assert_true(world.worker.idle_count[BLOCK_LARGE] < 16);
    assert_int_equal(fiber_sleep(3000), 0);
    assert_true(world.worker.idle_count[BLOCK_LARGE] > 48);
    struct client *client = client_open();
    say(client, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    expect_large(client);
    io_close(&io);
}

static void answers_of_http2_that_nobody_takes_leave_others_their_blocks(void **state)
{
    (void)state;
    world_run(still_h2);
}

/* Who asks for nothing is idle, also when each frame comes in two pieces. */
static void idle_h2(void)
{
    begin_server();
    server.tls = NULL;
    struct client *client = client_open();
    say_bytes(client, H2_HELLO, sizeof H2_HELLO - 1);
    for (int i = 0; i < 20 && world.worker.counters.connections_open > 0; i++) {
        (void)io_write(&client->io, &(struct iovec){(char[]){H2_PING}, 5}, 1);
        assert_int_equal(fiber_sleep(5000), 0);
        (void)io_write(&client->io, &(struct iovec){(char[]){H2_PING} + 5, 12}, 1);
        assert_int_equal(fiber_sleep(5), 0);
    }
    assert_int_equal(world.worker.counters.connections_open, 0);
    assert_true(loop_now_ms() < 75000);
    io_close(&client->io);
}

static void an_idle_connection_of_http2_ends(void **state)
{
    (void)state;
    world_run(idle_h2);
}

/* Who never reads it does not keep the connection for ever. */
static void never_last(void)
{
    begin_server();
    server.handle = answer_large;
    struct client *client = connect_by_tls();
    say(client, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    assert_int_equal(fiber_sleep(server.idle_timeout_ms - 5000), 0);
    assert_int_equal(world.worker.counters.connections_open, 1);
    assert_int_equal(fiber_sleep(10000), 0);
    assert_int_equal(world.worker.counters.connections_open, 0);
    io_close(&client->io);
}

static void the_last_answer_waits_only_so_long(void **state)
{
    (void)state;
    world_run(never_last);
}

static void plain(void)
{
    begin_server();
    struct client *client = client_open();
    say(client, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_int_equal(hear(client), 0);
    assert_non_null(strstr(client->heard, "HTTP/1.1 400 "));
    io_close(&client->io);
    assert_int_equal(world.worker.counters.handshakes_failed[HANDSHAKE_PLAIN], 1);
}

static void plain_http_is_answered_in_plain(void **state)
{
    (void)state;
    world_run(plain);
}

static void half_open(void)
{
    begin_server();
    struct client *client = client_open();
    assert_int_equal(fiber_sleep(1000), 0);
    assert_int_equal(world.worker.counters.connections_open, 1);
    say_bytes(client, "\x16\x03\x01\x02", 4);
    assert_int_equal(fiber_sleep(9500), 0);
    assert_int_equal(world.worker.counters.connections_open, 0);
    assert_int_equal(world.worker.counters.head_timeouts, 1);
    assert_int_equal(world.worker.counters.handshakes_failed[HANDSHAKE_SLOW], 1);
    io_close(&client->io);
}

static void a_slow_handshake_is_timed_out(void **state)
{
    (void)state;
    world_run(half_open);
}

static void shortage(void)
{
    begin_server();
    for (long n = 1; n <= 4; n++) {
        struct client *client = client_open();
        memory_fail_from(n);
        assert_int_equal(fiber_sleep(5), 0); /* the server accepts */
        memory_fail_from(0);
        io_close(&client->io);
        assert_int_equal(fiber_sleep(100), 0);
    }
    struct client *client = connect_by_tls();
    say(client, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    expect_heard(client, "secure");
    io_close(&client->io);
}

static void without_memory_one_connection_is_refused(void **state)
{
    (void)state;
    world_run(shortage);
}

int main(void)
{
#define TEST(function)    cmocka_unit_test_setup_teardown(function, begin, end)
#define HOSTILE(function) cmocka_unit_test_setup_teardown(function, begin_hostile, end)
#define WIDE(function)    cmocka_unit_test_setup_teardown(function, begin_wide, end)
#define NARROW(function)  cmocka_unit_test_setup_teardown(function, begin_narrow, end)
    const struct CMUnitTest tests[] = {
        TEST(much_goes_by_whole_and_in_order),
        HOSTILE(much_goes_by_whole_and_in_order),
        TEST(a_slow_reader_gets_it_all),
        HOSTILE(a_slow_reader_gets_it_all),
        TEST(tickets_are_nothing_to_read),
        TEST(a_session_answers_requests),
        HOSTILE(a_session_answers_requests),
        TEST(plain_http_is_answered_in_plain),
        TEST(a_slow_handshake_is_timed_out),
        TEST(without_memory_one_connection_is_refused),
        NARROW(the_last_answer_waits_for_a_slow_reader),
        NARROW(the_last_answer_waits_only_so_long),
        TEST(an_idle_connection_of_http2_ends),
        TEST(by_tls_alpn_alone_chooses_http2),
        TEST(answers_of_http2_that_nobody_takes_leave_others_their_blocks),
        WIDE(one_connection_of_http2_leaves_others_their_turn),
    };
    return cmocka_run_group_tests(tests, make, away);
}
