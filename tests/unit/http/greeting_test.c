/* Connections that begin with a PROXY header, and those that carry no requests. */
#include "http_unit.h"

#include "http/exchange.h"
#include "http/session_internal.h"

#define HEADER "PROXY TCP4 192.0.2.7 198.51.100.1 1000 443\r\n"
#define GET    "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define ANSWER                                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: weir\r\nContent-Type: text/plain\r\n\r\nok"

static struct server server;
static struct network sender;
static long fail_from;
static unsigned served;
static struct proxy_header origin;
static char client_text[64];

static void answer(struct exchange *exchange)
{
    (void)snprintf(client_text, sizeof client_text, "%.*s", SLICE_ARG(exchange->client));
    exchange_origin(exchange, &origin);
    served++;
    exchange_respond(exchange, 200, SLICE("text/plain"), SLICE("ok"), NULL);
}

static void take(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    session_accept(&server, fd, peer);
}

static int begin_over(const struct sim_faults *faults)
{
    served = 0;
    fail_from = 0;
    server = (struct server){.handle = answer,
                             .head_timeout_ms = 5000,
                             .idle_timeout_ms = 3000,
                             .body_max = 1 << 20,
                             .expects_proxy_header = true};
    return world_begin(faults, 16 * BLOCK_LARGE_BYTES, take);
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

static int end(void **state)
{
    (void)state;
    return world_end();
}

static void expect_origin(void)
{
    static const struct proxy_header expected = {
        PROXY_IPV4, {{192, 0, 2, 7}, 1000}, {{198, 51, 100, 1}, 443}};
    assert_string_equal(client_text, "192.0.2.7");
    assert_memory_equal(&origin, &expected, sizeof origin);
}

static void whole_and_in_pieces(void)
{
    struct client *client = client_open();
    say(client, HEADER GET);
    expect_and_stay(client, ANSWER);
    expect_origin();
    say(client, GET);
    expect_and_stay(client, ANSWER);
    expect_origin();
    assert_int_equal(world.worker.counters.connections_accepted, 1);
    assert_int_equal(world.worker.counters.connections_open, 1);
    io_close(&client->io);
    client = client_open();
    for (const char *at = HEADER GET; *at != '\0'; at++) {
        say_bytes(client, at, 1);
        assert_int_equal(fiber_sleep(1), 0);
    }
    expect_and_stay(client, ANSWER);
    expect_origin();
    io_close(&client->io);
    assert_int_equal(world.worker.counters.proxy_headers_refused, 0);
}

static void the_header_tells_the_client_for_all_its_requests(void **state)
{
    (void)state;
    world_run(whole_and_in_pieces);
}

static void nothing_held(void)
{
    struct client *client = client_open();
    say(client, HEADER);
    assert_int_equal(fiber_sleep(10), 0);
    assert_nothing_is_held();
    io_close(&client->io);
}

static void behind_it_an_idle_connection_holds_nothing(void **state)
{
    (void)state;
    world_run(nothing_held);
}

static void too_slow(void)
{
    struct client *client = client_open();
    int64_t began_ms = loop_now_ms();
    for (const char *at = "PROXY TCP4 192.0"; *at != '\0'; at++) {
        say_bytes(client, at, 1);
        assert_int_equal(fiber_sleep(250), 0);
    }
    assert_true(io_wait(&client->io, IO_READABLE, loop_deadline(ENOUGH_MS)) > 0);
    assert_in_range(loop_now_ms() - began_ms, 5000, 5020);
    expect_and_end(client, "");
    assert_int_equal(world.worker.counters.head_timeouts, 1);
    io_close(&client->io);
}

static void it_has_a_head_s_time(void **state)
{
    (void)state;
    world_run(too_slow);
}

static void refused(void)
{
    static const char *const starts[] = {"GET / HTTP/1.1\r\n", "PROXY TCP4 1\r\n", "\r\n\r\nx"};
    for (size_t i = 0; i < COUNT_OF(starts); i++) {
        struct client *client = client_open();
        say(client, starts[i]);
        assert_true(hear(client) <= 0);
        assert_int_equal(client->len, 0);
        assert_int_equal(world.worker.counters.proxy_headers_refused, i + 1);
        io_close(&client->io);
    }
    struct client *client = client_open(); /* cut short */
    say(client, "PROXY ");
    io_close(&client->io);
    assert_int_equal(fiber_sleep(10), 0);
    assert_int_equal(world.worker.counters.proxy_headers_refused, COUNT_OF(starts) + 1);
    client = client_open(); /* nothing at all */
    io_close(&client->io);
    assert_int_equal(fiber_sleep(10), 0);
    assert_int_equal(world.worker.counters.proxy_headers_refused, COUNT_OF(starts) + 1);
    assert_int_equal(served, 0);
}

static void without_it_a_connection_ends(void **state)
{
    (void)state;
    world_run(refused);
}

static void strangers(void)
{
    server.senders = &sender;
    server.senders_count = 1;
    assert_int_equal(network_parse(SLICE("192.0.2.0/24"), &sender), 0);
    struct client *client = client_open();
    assert_true(hear(client) <= 0);
    assert_int_equal(world.worker.counters.proxy_headers_refused, 1);
    assert_int_equal(world.worker.counters.connections_open, 0);
    io_close(&client->io);
    assert_int_equal(network_parse(SLICE("loopback"), &sender), 0);
    client = client_open();
    say(client, HEADER GET);
    expect_and_stay(client, ANSWER);
    io_close(&client->io);
}

static void only_those_named_may_send_it(void **state)
{
    (void)state;
    world_run(strangers);
}

static void shortages(void)
{
    for (long n = 1; n < 20; n++) {
        struct client *client = client_open();
        assert_int_equal(fiber_sleep(10), 0);
        memory_fail_from(n);
        struct iovec part = {(void *)(uintptr_t) "" HEADER, sizeof HEADER - 1};
        int rc = io_write_all(&client->io, &part, 1, ENOUGH_MS);
        if (rc == 0)
            (void)fiber_sleep(10);
        memory_fail_from(0);
        io_close(&client->io);
        assert_int_equal(fiber_sleep(10), 0);
        assert_int_equal(world.worker.counters.connections_open, 0);
    }
}

static void without_memory_the_connection_ends(void **state)
{
    (void)state;
    world_run(shortages);
}

static void drains(void)
{
    struct client *client = client_open();
    say(client, "PROXY ");
    assert_int_equal(fiber_sleep(10), 0);
    assert_int_equal(sessions_drain(true), 0);
    assert_true(hear(client) <= 0);
    io_close(&client->io);
}

static void a_drain_does_not_wait_for_it(void **state)
{
    (void)state;
    world_run(drains);
}

/* Reads what is there, as a relay would take it, and says it back. */
static void echo(struct session *session, struct server *of)
{
    assert_ptr_equal(of, &server);
    served++;
    session_origin(session, &origin);
    (void)snprintf(client_text, sizeof client_text, "%.*s", (int)session->client_len,
                   session->client);
    while (inflow_is_empty(&session->inflow)) {
        if (io_wait(&session->io, IO_READABLE, loop_deadline(ENOUGH_MS)) < 0 ||
            inflow_fill(&session->inflow, &session->io) <= 0)
            return;
    }
    struct slice bytes = inflow_bytes(&session->inflow);
    struct iovec part = {(void *)(uintptr_t)bytes.at, bytes.len};
    (void)io_write_all(&session->io, &part, 1, ENOUGH_MS);
}

static void raw_connections(void)
{
    server.serve = echo;
    struct client *client = client_open();
    say(client, HEADER "hello");
    expect_and_end(client, "hello");
    expect_origin();
    io_close(&client->io);
    server.expects_proxy_header = false;
    client = client_open();
    assert_int_equal(fiber_sleep(10), 0);
    assert_int_equal(served, 2); /* before the client has said anything */
    assert_int_equal(fiber_sleep(60000), 0);
    say(client, "hello");
    expect_and_end(client, "hello");
    assert_string_equal(client_text, "127.0.0.1");
    assert_int_equal(origin.family, PROXY_IPV4);
    assert_int_equal(origin.destination.port, address_port(&world.address));
    io_close(&client->io);
    client = client_open();
    assert_int_equal(fiber_sleep(10), 0);
    assert_int_equal(world.worker.counters.connections_open, 1);
    sessions_close();
    assert_int_equal(hear(client), 0);
    io_close(&client->io);
}

static void a_connection_without_requests_is_served_from_its_first_byte(void **state)
{
    (void)state;
    world_run(raw_connections);
}

int main(void)
{
#define TEST(function)    cmocka_unit_test_setup_teardown(function, begin, end)
#define HOSTILE(function) cmocka_unit_test_setup_teardown(function, begin_hostile, end)
    const struct CMUnitTest tests[] = {
        TEST(the_header_tells_the_client_for_all_its_requests),
        HOSTILE(the_header_tells_the_client_for_all_its_requests),
        TEST(behind_it_an_idle_connection_holds_nothing),
        TEST(it_has_a_head_s_time),
        TEST(without_it_a_connection_ends),
        TEST(only_those_named_may_send_it),
        TEST(without_memory_the_connection_ends),
        TEST(a_drain_does_not_wait_for_it),
        TEST(a_connection_without_requests_is_served_from_its_first_byte),
        HOSTILE(a_connection_without_requests_is_served_from_its_first_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
