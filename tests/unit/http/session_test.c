/* The life of a client's connection. */
#include "http_unit.h"

#include "http/exchange.h"
#include "http/session_internal.h"

static struct server server;
static long fail_accept_from; /* 0: never */
static struct {
    unsigned count;
    char host[64], path[64], query[64], client[64];
    unsigned port;
    int waited; /* what a handler's wait returned */
    unsigned status;
    enum response_state state;
} seen;

static void copy(char *to, struct slice from)
{
    assert_true(from.len < 64);
    (void)snprintf(to, 64, "%.*s", SLICE_ARG(from));
}

static void answer(struct exchange *exchange)
{
    seen.count++;
    copy(seen.host, exchange->host);
    copy(seen.path, exchange->path);
    copy(seen.query, exchange->query);
    copy(seen.client, exchange->client);
    seen.port = exchange->port;
    exchange_respond(exchange, 200, SLICE("text/plain"), exchange->path, NULL);
}

static void keep_log(const struct exchange *exchange)
{
    seen.status = exchange->status;
    seen.state = exchange->state;
}

static void take(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    memory_fail_from(fail_accept_from);
    session_accept(&server, fd, peer);
    memory_fail_from(0);
}

static int begin_over(const struct sim_faults *faults)
{
    memset(&seen, 0, sizeof seen);
    fail_accept_from = 0;
    server = (struct server){
        .handle = answer,
        .log = keep_log,
        .head_timeout_ms = 5000,
        .idle_timeout_ms = 3000,
        .body_max = 1 << 20,
    };
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
        .delay_min_us = 50,
        .delay_max_us = 900,
        .short_ppm = 300000,
        .again_ppm = 300000,
        .pipe_bytes = 700,
    };
    (void)state;
    return begin_over(&hostile);
}

static int end(void **state)
{
    (void)state;
    return world_end();
}

#define ANSWER(path, length)                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\nServer: weir\r\n"                            \
    "Content-Type: text/plain\r\n\r\n" path

static void requests_in_a_row(void)
{
    struct client *client = client_open();
    say(client, "GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_and_stay(client, ANSWER("/one", "4"));
    assert_int_equal(world.worker.counters.connections_open, 1);
    assert_nothing_is_held(); /* between requests */
    say(client, "GET /three HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_and_stay(client, ANSWER("/three", "6"));
    assert_int_equal(world.worker.counters.connections_accepted, 1);
    assert_int_equal(world.worker.counters.requests, 2);
    assert_int_equal(world.worker.counters.responses[2], 2);
    assert_int_equal(world.worker.counters.bytes_sent, 10);
    io_close(&client->io);
    assert_int_equal(fiber_sleep(10), 0);
    assert_int_equal(world.worker.counters.connections_open, 0);
}

static void a_connection_serves_one_request_after_another(void **state)
{
    (void)state;
    world_run(requests_in_a_row);
}

static void pipelines(void)
{
    enum { REQUESTS = 50 };
    struct client *client = client_open();
    char text[REQUESTS * 40], expected[REQUESTS * 120];
    size_t len = 0, expected_len = 0;
    for (int i = 10; i < 10 + REQUESTS; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i);
        expected_len += (size_t)snprintf(expected + expected_len, sizeof expected - expected_len,
                                         ANSWER("/%d", "3"), i);
    }
    say(client, text);
    expect_and_stay(client, expected);
    assert_int_equal(seen.count, REQUESTS);
    io_close(&client->io);
}

static void requests_sent_at_once_are_answered_in_order(void **state)
{
    (void)state;
    world_run(pipelines);
}

static void single_bytes(void)
{
    static const char text[] =
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    struct client *client = client_open();
    for (size_t i = 0; i < sizeof text - 1; i++) {
        say_bytes(client, &text[i], 1);
        assert_int_equal(fiber_sleep(1), 0);
    }
    expect_and_stay(client, ANSWER("/a", "2") ANSWER("/b", "2"));
    io_close(&client->io);
}

static void a_head_may_come_byte_by_byte(void **state)
{
    (void)state;
    world_run(single_bytes);
}

static void one_form(void)
{
    struct client *client = client_open();
    say(client, "GET /a%7Eb/../c//d?x=%41 HTTP/1.1\r\nHost: WWW.Example.ORG:8080\r\n\r\n");
    assert_int_equal(hear(client), 1);
    assert_string_equal(seen.host, "www.example.org");
    assert_int_equal(seen.port, 8080);
    assert_string_equal(seen.path, "/c/d");
    assert_string_equal(seen.query, "x=%41");
    assert_string_equal(seen.client, "127.0.0.1");
    say(client, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hear(client), 1);
    assert_string_equal(seen.path, "*");
    assert_int_equal(seen.port, 0);
    say(client, "GET http://other.example/p HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hear(client), 1);
    assert_string_equal(seen.host, "other.example");
    assert_string_equal(seen.path, "/p");
    io_close(&client->io);
}

static void handlers_see_one_form_of_host_and_path(void **state)
{
    (void)state;
    world_run(one_form);
}

/* The status that comes for it, and the end of the connection behind it. */
static void expect_refusal(const char *request, const char *status_line)
{
    uint64_t before = world.worker.counters.requests_refused;
    struct client *client = client_open();
    say(client, request);
    assert_int_equal(hear(client), 0);
    if (strncmp(client->heard, status_line, strlen(status_line)) != 0)
        fail_msg("%s: %s", request, client->heard);
    assert_non_null(strstr(client->heard, "\r\nConnection: close\r\n"));
    assert_int_equal(world.worker.counters.requests_refused, before + 1);
    io_close(&client->io);
}

static void refusals(void)
{
    expect_refusal("\x16\x03\x01 hello\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n");
    expect_refusal("GET / HTTP/1.1\nHost: a\n\n", "HTTP/1.1 400 Bad Request\r\n");
    expect_refusal("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n");
    expect_refusal("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n");
    expect_refusal("GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n");
    expect_refusal("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n");
    expect_refusal("GET / HTTP/3.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 ");
    expect_refusal("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n",
                   "HTTP/1.1 400 Bad Request\r\n");
    assert_int_equal(seen.count, 0); /* no handler saw them */
}

static void what_is_not_http_is_refused_and_the_connection_ends(void **state)
{
    (void)state;
    world_run(refusals);
}

static void long_heads(void)
{
    static char head[HTTP_HEAD_BYTES_MAX + 200] = "GET / HTTP/1.1\r\nHost: a\r\n";
    size_t len = strlen(head);
    while (len < HTTP_HEAD_BYTES_MAX) {
        (void)snprintf(head + len, sizeof head - len, "X-Filler: %0990d\r\n", 0);
        len += strlen(head + len);
        if (len > sizeof head - 1010)
            break;
    }
    memset(head + len, 'x', sizeof head - 1 - len);
    expect_refusal(head, "HTTP/1.1 431 ");
}

static void a_head_over_the_maximum_is_refused(void **state)
{
    (void)state;
    world_run(long_heads);
}

static void slow_heads(void)
{
    struct client *client = client_open();
    int64_t began_ms = loop_now_ms();
    say(client, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 1000 && world.worker.counters.head_timeouts == 0; i++) {
        say(client, i % 2 == 0 ? "X: y" : "\r\n"); /* always a little more */
        assert_int_equal(fiber_sleep(100), 0);
    }
    assert_in_range(loop_now_ms() - began_ms, 5000, 5200);
    assert_int_equal(hear(client), 0);
    assert_true(strncmp(client->heard, "HTTP/1.1 408 ", 13) == 0);
    io_close(&client->io);
}

static void a_head_has_its_time_however_it_trickles_in(void **state)
{
    (void)state;
    world_run(slow_heads);
}

static void idle_connections(void)
{
    struct client *client = client_open();
    int64_t began_ms = loop_now_ms();
    assert_true(io_wait(&client->io, IO_READABLE, loop_deadline(ENOUGH_MS)) > 0);
    assert_in_range(loop_now_ms() - began_ms, 3000, 3020);
    expect_and_end(client, "");
    io_close(&client->io);
    client = client_open();
    assert_int_equal(fiber_sleep(2000), 0);
    say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hear(client), 1);
    began_ms = loop_now_ms();
    assert_true(io_wait(&client->io, IO_READABLE, loop_deadline(ENOUGH_MS)) > 0);
    assert_in_range(loop_now_ms() - began_ms, 3000 - QUIET_MS - 20, 3020);
    io_close(&client->io);
    assert_int_equal(world.worker.counters.head_timeouts, 0);
}

static void an_idle_connection_ends_without_a_word(void **state)
{
    (void)state;
    world_run(idle_connections);
}

static void say_nothing(struct exchange *exchange)
{
    (void)exchange;
}

static void answer_half(struct exchange *exchange)
{
    assert_non_null(exchange_begin(exchange, 200, SLICE(""), EXCHANGE_LENGTH_UNKNOWN));
    assert_int_equal(exchange_send(exchange, SLICE("half"), true), 0);
}

static void begin_alone(struct exchange *exchange)
{
    assert_non_null(exchange_begin(exchange, 200, SLICE(""), 100));
}

static void unsettled_answers(void)
{
    server.handle = say_nothing;
    struct client *client = client_open();
    say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hear(client), 1);
    assert_true(strncmp(client->heard, "HTTP/1.1 500 ", 13) == 0);
    io_close(&client->io);
    server.handle = answer_half;
    client = client_open();
    say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_and_end(client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    io_close(&client->io);
    client = client_open(); /* an orderly end would pass for the body's */
    say(client, "GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(hear(client), -ECONNRESET);
    io_close(&client->io);
    server.handle = begin_alone;
    client = client_open();
    say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_and_end(client, "");
    assert_int_equal(seen.state, RESPONSE_BROKEN);
    io_close(&client->io);
}

static void what_a_handler_leaves_unfinished_is_never_taken_for_whole(void **state)
{
    (void)state;
    world_run(unsettled_answers);
}

static void unread_bodies(void)
{
    struct client *client = client_open();
    say(client, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345"
                "GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_and_stay(client, ANSWER("/a", "2") ANSWER("/b", "2"));
    say(client, "POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n123");
    expect_and_stay(client, ANSWER("/c", "2"));
    say(client, "45GET /d HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_and_stay(client, ANSWER("/d", "2"));
    int64_t began_ms = loop_now_ms();
    say(client, "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n123");
    expect_and_stay(client, ANSWER("/e", "2"));
    assert_true(io_wait(&client->io, IO_READABLE, loop_deadline(ENOUGH_MS)) > 0);
    expect_and_end(client, ""); /* the rest was long in coming */
    assert_in_range(loop_now_ms() - began_ms, 2000, 2020);
    io_close(&client->io);
    assert_int_equal(seen.count, 5);
}

static void a_body_nobody_read_is_let_by_within_two_seconds(void **state)
{
    (void)state;
    world_run(unread_bodies);
}

static void tunnels(void)
{
    struct client *client = client_open();
    say(client, "GET /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
                "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hear(client), 0);
    assert_int_equal(seen.count, 1);
    io_close(&client->io);
    client = client_open();
    say(client, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"
                "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hear(client), 0);
    assert_int_equal(seen.count, 2);
    io_close(&client->io);
}

static void what_follows_a_refused_tunnel_is_no_request(void **state)
{
    (void)state;
    world_run(tunnels);
}

static struct fiber *waiting;

static void answer_late(struct exchange *exchange)
{
    waiting = fiber_current();
    seen.waited = fiber_wait(loop_deadline(ENOUGH_MS));
    waiting = NULL;
    answer(exchange);
}

static void drains(void)
{
    struct client *client = client_open();
    assert_int_equal(fiber_sleep(10), 0);
    assert_int_equal(sessions_drain(true), 0);
    expect_and_end(client, "");
    io_close(&client->io);
    server.handle = answer_late;
    client = client_open();
    say(client, "GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(fiber_sleep(10), 0);
    assert_non_null(waiting);
    assert_int_equal(sessions_drain(true), 1);
    fiber_wake(waiting);
    expect_and_end(client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n"
                           "Server: weir\r\nContent-Type: text/plain\r\n\r\n/late");
    io_close(&client->io);
}

static void a_drain_closes_idle_connections_and_lets_busy_ones_answer(void **state)
{
    (void)state;
    world_run(drains);
}

static void heads_under_way(void)
{
    struct client *client = client_open();
    say(client, "GET /a HTTP/1.1\r\n");
    assert_int_equal(fiber_sleep(10), 0);
    assert_int_equal(sessions_drain(true), 1);
    say(client, "Host: a\r\n\r\n");
    expect_and_end(client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n"
                           "Server: weir\r\nContent-Type: text/plain\r\n\r\n/a");
    io_close(&client->io);
}

static void a_head_under_way_when_the_drain_begins_is_still_answered(void **state)
{
    (void)state;
    world_run(heads_under_way);
}

static void closes(void)
{
    server.handle = answer_late;
    struct client *client = client_open();
    say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(fiber_sleep(10), 0);
    sessions_close();
    await_other_fibers();
    assert_int_equal(seen.waited, -ECANCELED);
    assert_int_equal(world.worker.counters.connections_open, 0);
    io_close(&client->io);
}

static void closing_all_cancels_the_handlers_that_wait(void **state)
{
    (void)state;
    world_run(closes);
}

static void lost_clients(void)
{
    server.handle = answer_late;
    struct client *client = client_open();
    say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(fiber_sleep(10), 0);
    io_reset(&client->io);
    await_other_fibers();
    assert_int_equal(seen.waited, -ECANCELED);
    assert_int_equal(seen.state, RESPONSE_BROKEN);
}

static void a_client_that_resets_cancels_its_handler(void **state)
{
    (void)state;
    world_run(lost_clients);
}

static void half_closed_clients(void)
{
    struct client *client = client_open();
    say(client, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    io_shutdown_write(&client->io);
    expect_and_end(client, ANSWER("/a", "2"));
    io_close(&client->io);
}

static void a_client_that_only_stops_sending_still_gets_its_answer(void **state)
{
    (void)state;
    world_run(half_closed_clients);
}

static void short_memory(void)
{
    fail_accept_from = 1;
    struct client *client = client_open();
    assert_true(hear(client) <= 0);
    fail_accept_from = 0;
    io_close(&client->io);
    assert_int_equal(world.worker.counters.sessions_refused, 1);
    world.worker.block_bytes_max = 0;
    client = client_open();
    say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(hear(client) <= 0);
    assert_int_equal(client->len, 0);
    io_close(&client->io);
    world.worker.block_bytes_max = 4 * BLOCK_LARGE_BYTES;
    client = client_open();
    say(client, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_and_stay(client, ANSWER("/a", "2"));
    io_close(&client->io);
}

static void a_connection_there_is_no_memory_for_is_closed_and_counted(void **state)
{
    (void)state;
    world_run(short_memory);
}

/* Each allocation of a request fails in turn: the client gets an answer or an end, nothing stays.
 */
static void failing_allocations(void)
{
    for (long nth = 1; nth < 12; nth++) {
        struct client *client = client_open();
        assert_int_equal(fiber_sleep(1), 0);
        static char request[9000];
        (void)snprintf(request, sizeof request, "GET /%05000d HTTP/1.1\r\nHost: a\r\n\r\n", 0);
        say(client, request);
        memory_fail_from(nth);
        int left = hear(client);
        memory_fail_from(0);
        assert_true(left <= 0 || client->len > 0);
        if (client->len > 0)
            assert_true(strncmp(client->heard, "HTTP/1.1 ", 9) == 0);
        io_close(&client->io);
        assert_int_equal(fiber_sleep(100), 0);
        assert_int_equal(world.worker.counters.connections_open, 0);
        assert_nothing_is_held();
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    server.handle = say_nothing;
    world_run(failing_allocations);
}

static void uncounted_requests(void)
{
    server.is_uncounted = true;
    struct client *client = client_open();
    say(client, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_and_stay(client, ANSWER("/a", "2"));
    assert_int_equal(world.worker.counters.requests, 0);
    assert_int_equal(world.worker.counters.bytes_sent, 0);
    io_close(&client->io);
}

static void requests_that_are_no_traffic_are_not_counted(void **state)
{
    (void)state;
    world_run(uncounted_requests);
}

static void many_over_a_bad_line(void)
{
    for (int i = 0; i < 20; i++) {
        struct client *client = client_open();
        say(client, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345"
                    "GET /b HTTP/1.1\r\nHost: a\r\n\r\n"
                    "GET /c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        int left = hear(client);
        while (left == 1)
            left = hear(client);
        /* A body that is late may end the connection behind its answer. */
        assert_int_equal(left, 0);
        assert_true(strncmp(client->heard, "HTTP/1.1 200 OK\r\n", 17) == 0);
        io_close(&client->io);
    }
    assert_true(seen.count >= 20);
}

static void a_line_that_stutters_changes_no_answer(void **state)
{
    (void)state;
    world_run(many_over_a_bad_line);
}

static void serve_socks(struct session *session, struct server *of)
{
    struct iovec part = {(void *)(uintptr_t) "socks", 5};
    assert_ptr_equal(of, &server);
    assert_int_equal(io_write_all(&session->io, &part, 1, 1000), 0);
}

static void socks_beside_requests(void)
{
    server.serve_socks = serve_socks;
    struct client *client = client_open();
    say(client, "\5\1");
    assert_int_equal(hear(client), 0);
    assert_string_equal(client->heard, "socks");
    io_close(&client->io);
    client = client_open();
    say(client, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hear(client), 1);
    assert_int_equal(seen.count, 1);
    client->len = 0;
    say(client, "\5\1"); /* behind a request it is none, and nothing else */
    assert_int_equal(hear(client), 0);
    assert_true(strncmp(client->heard, "HTTP/1.1 400 ", 13) == 0);
    io_close(&client->io);
    server.serve_socks = NULL;
    client = client_open();
    say(client, "\5\1\r\n\r\n");
    assert_int_equal(hear(client), 0);
    assert_true(strncmp(client->heard, "HTTP/1.1 400 ", 13) == 0);
    io_close(&client->io);
}

static void a_first_byte_of_socks_is_for_who_serves_it(void **state)
{
    (void)state;
    world_run(socks_beside_requests);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_serves_one_request_after_another),
        TEST(requests_sent_at_once_are_answered_in_order),
        TEST(a_head_may_come_byte_by_byte),
        TEST(handlers_see_one_form_of_host_and_path),
        TEST(what_is_not_http_is_refused_and_the_connection_ends),
        TEST(a_head_over_the_maximum_is_refused),
        TEST(a_head_has_its_time_however_it_trickles_in),
        TEST(an_idle_connection_ends_without_a_word),
        TEST(what_a_handler_leaves_unfinished_is_never_taken_for_whole),
        TEST(a_body_nobody_read_is_let_by_within_two_seconds),
        TEST(what_follows_a_refused_tunnel_is_no_request),
        TEST(a_drain_closes_idle_connections_and_lets_busy_ones_answer),
        TEST(a_head_under_way_when_the_drain_begins_is_still_answered),
        TEST(closing_all_cancels_the_handlers_that_wait),
        TEST(a_client_that_resets_cancels_its_handler),
        TEST(a_client_that_only_stops_sending_still_gets_its_answer),
        TEST(a_connection_there_is_no_memory_for_is_closed_and_counted),
        TEST(every_allocation_may_fail),
        TEST(a_first_byte_of_socks_is_for_who_serves_it),
        TEST(requests_that_are_no_traffic_are_not_counted),
        cmocka_unit_test_setup_teardown(a_line_that_stutters_changes_no_answer, begin_hostile, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
