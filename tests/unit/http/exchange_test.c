/* What handlers make of a request, as the client hears it. */
#include "http_unit.h"

#include "http/exchange.h"

#include <stdlib.h>
#include <unistd.h>

/* The handler of the test that runs, and what the log was told last. */
static exchange_handler *handler;
static struct {
    unsigned count;
    enum response_state state;
    unsigned status;
    uint64_t request_bytes, response_bytes;
    const char *reason;
} logged;

static void handle(struct exchange *exchange)
{
    handler(exchange);
}

static void keep_log(const struct exchange *exchange)
{
    logged.count++;
    logged.state = exchange->state;
    logged.status = exchange->status;
    logged.request_bytes = exchange->request_bytes;
    logged.response_bytes = exchange->response_bytes;
    logged.reason = exchange->notes.reason;
}

static struct server server = {
    .handle = handle,
    .log = keep_log,
    .head_timeout_ms = 5000,
    .idle_timeout_ms = 3000,
    .body_max = 100,
};

static void take(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    session_accept(&server, fd, peer);
}

static int begin(void **state)
{
    (void)state;
    memset(&logged, 0, sizeof logged);
    return world_begin(NULL, 16 * BLOCK_LARGE_BYTES, take);
}

static int end(void **state)
{
    (void)state;
    return world_end();
}

/* One request of a new client, what it hears of the answer, and whether the connection stays. */
static void expect_answer(exchange_handler *by, const char *request, const char *answer, bool stays)
{
    handler = by;
    struct client *client = client_open();
    say(client, request);
    expect(client, answer, stays);
    io_close(&client->io);
}

static void answer_plainly(struct exchange *exchange)
{
    exchange_respond(exchange, 200, SLICE("text/plain"), SLICE("hello"), NULL);
}

static void plain_answers(void)
{
    expect_answer(answer_plainly, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: weir\r\n"
                  "Content-Type: text/plain\r\n\r\nhello",
                  true);
    assert_int_equal(logged.state, RESPONSE_COMPLETE);
    assert_int_equal(logged.response_bytes, 5);
    expect_answer(answer_plainly, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\nServer: weir\r\n"
                  "Content-Type: text/plain\r\n\r\nhello",
                  false);
    expect_answer(answer_plainly, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: weir\r\n"
                  "Content-Type: text/plain\r\n\r\n",
                  true);
    assert_int_equal(logged.response_bytes, 0);
}

static void a_whole_response_is_sent_with_its_length(void **state)
{
    (void)state;
    world_run(plain_answers);
}

static void old_clients(void)
{
    expect_answer(answer_plainly, "GET / HTTP/1.0\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\nServer: weir\r\n"
                  "Content-Type: text/plain\r\n\r\nhello",
                  false);
    expect_answer(answer_plainly, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n"
                  "Server: weir\r\nContent-Type: text/plain\r\n\r\nhello",
                  true);
}

static void a_client_of_1_0_is_told_when_its_connection_stays(void **state)
{
    (void)state;
    world_run(old_clients);
}

static void send_parts_of_unknown_length(struct exchange *exchange)
{
    assert_non_null(exchange_begin(exchange, 200, SLICE(""), EXCHANGE_LENGTH_UNKNOWN));
    assert_int_equal(exchange_send(exchange, SLICE("hello "), true), 0);
    assert_int_equal(exchange_send(exchange, SLICE(""), true), 0);
    assert_int_equal(exchange_send(exchange, SLICE("world"), true), 0);
    assert_int_equal(exchange_send(exchange, SLICE(""), false), 0);
}

static void unknown_lengths(void)
{
    expect_answer(send_parts_of_unknown_length, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n",
                  true);
    assert_int_equal(logged.response_bytes, 11); /* of body, without the framing */
    expect_answer(send_parts_of_unknown_length, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello world", false);
    expect_answer(send_parts_of_unknown_length, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
                  "HTTP/1.1 200 OK\r\n\r\n", true);
}

static void a_body_of_unknown_length_is_chunked_or_ends_with_the_connection(void **state)
{
    (void)state;
    world_run(unknown_lengths);
}

static void send_trailers(struct exchange *exchange)
{
    struct field fields[] = {{.name = SLICE("X-Sum"), .value = SLICE("9")}};
    const struct fields trailers = {fields, 1, 1};
    assert_non_null(exchange_begin(exchange, 200, SLICE("Fine"), EXCHANGE_LENGTH_UNKNOWN));
    if (slice_equal(exchange->path, SLICE("/body")))
        assert_int_equal(exchange_send(exchange, SLICE("hi"), true), 0);
    assert_int_equal(exchange_end(exchange, &trailers), 0);
}

static void trailing_fields(void)
{
    expect_answer(send_trailers, "GET /body HTTP/1.1\r\nHost: a\r\n\r\n",
                  "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "2\r\nhi\r\n0\r\nX-Sum: 9\r\n\r\n",
                  true);
    expect_answer(send_trailers, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                  "HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 9\r\n\r\n",
                  true);
    expect_answer(send_trailers, "GET /body HTTP/1.0\r\n\r\n",
                  "HTTP/1.1 200 Fine\r\nConnection: close\r\n\r\nhi", false);
}

static void trailers_go_behind_the_last_chunk_and_nowhere_else(void **state)
{
    (void)state;
    world_run(trailing_fields);
}

/* The status stands in the path, as in /304; the length told is 7. */
static void answer_with_status(struct exchange *exchange)
{
    uint64_t status;
    assert_int_equal(slice_parse_u64(slice_from(exchange->path, 1), &status), 0);
    assert_non_null(exchange_begin(exchange, (unsigned)status, SLICE(""), 7));
    assert_int_equal(exchange_send(exchange, SLICE("7 bytes"), false), 0);
}

static void bodiless_statuses(void)
{
    expect_answer(answer_with_status, "GET /304 HTTP/1.1\r\nHost: a\r\n\r\n",
                  "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", true);
    expect_answer(answer_with_status, "GET /204 HTTP/1.1\r\nHost: a\r\n\r\n",
                  "HTTP/1.1 204 No Content\r\n\r\n", true);
    expect_answer(answer_with_status, "GET /404 HTTP/1.1\r\nHost: a\r\n\r\n",
                  "HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\n7 bytes", true);
}

static void statuses_without_a_body_never_get_one(void **state)
{
    (void)state;
    world_run(bodiless_statuses);
}

static void begin_twice(struct exchange *exchange)
{
    struct writer *head = exchange_begin(exchange, 200, SLICE(""), 1000);
    assert_non_null(head);
    h1_write_field(head, SLICE("X-First"), SLICE("forgotten"));
    exchange_respond_error(exchange, 504, "it took too long");
}

static void second_thoughts(void)
{
    handler = begin_twice;
    struct client *client = client_open();
    say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hear(client), 1);
    assert_null(strstr(client->heard, "X-First"));
    const char *id = strstr(client->heard, "X-Request-Id: ");
    const char *told = strstr(client->heard, "504 Gateway Timeout\nrequest ");
    assert_true(id != NULL && told != NULL);
    assert_memory_equal(id + strlen("X-Request-Id: "),
                        told + strlen("504 Gateway Timeout\nrequest "), 16);
    assert_int_equal(logged.status, 504);
    assert_string_equal(logged.reason, "it took too long");
    io_close(&client->io);
}

static void a_response_may_be_begun_anew_until_bytes_have_left(void **state)
{
    (void)state;
    world_run(second_thoughts);
}

static void send_too_much(struct exchange *exchange)
{
    assert_non_null(exchange_begin(exchange, 200, SLICE(""), 5));
    assert_int_equal(exchange_send(exchange, SLICE("123"), true), 0);
    assert_int_equal(exchange_send(exchange, SLICE("456"), true), -EPROTO);
    assert_int_equal(exchange->state, RESPONSE_BROKEN);
}

static void send_too_little(struct exchange *exchange)
{
    assert_non_null(exchange_begin(exchange, 200, SLICE(""), 5));
    assert_int_equal(exchange_send(exchange, SLICE("123"), true), 0);
    assert_int_equal(exchange_send(exchange, SLICE("4"), false), -EPROTO);
}

static void wrong_lengths(void)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n123";
    expect_answer(send_too_much, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", head, false);
    assert_int_equal(logged.state, RESPONSE_BROKEN);
    assert_int_equal(logged.response_bytes, 3);
    expect_answer(send_too_little, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", head, false);
}

static void a_body_of_another_length_than_told_is_cut_never_shifted(void **state)
{
    (void)state;
    world_run(wrong_lengths);
}

static void overflow_the_head(struct exchange *exchange)
{
    static char value[BLOCK_LARGE_BYTES];
    memset(value, 'x', sizeof value);
    struct writer *head = exchange_begin(exchange, 200, SLICE(""), 0);
    assert_non_null(head);
    h1_write_field(head, SLICE("X-Big"), slice_of(value, sizeof value));
    if (slice_equal(exchange->path, SLICE("/flush")))
        assert_int_equal(exchange_flush(exchange), -EMSGSIZE);
    else
        assert_int_equal(exchange_send(exchange, SLICE(""), false), -EMSGSIZE);
}

static void heads_too_long(void)
{
    static const char *const requests[] = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "GET /flush HTTP/1.1\r\nHost: a\r\n\r\n"};
    handler = overflow_the_head;
    for (size_t i = 0; i < COUNT_OF(requests); i++) {
        struct client *client = client_open();
        say(client, requests[i]);
        assert_int_equal(hear(client), 1);
        assert_null(strstr(client->heard, "X-Big"));
        assert_non_null(strstr(client->heard, "500 Internal Server Error\nrequest "));
        assert_int_equal(logged.state, RESPONSE_COMPLETE);
        assert_int_equal(logged.status, 500);
        assert_string_equal(logged.reason, "the response's header does not fit into 64 KiB");
        io_close(&client->io);
    }
}

static void a_head_too_long_for_its_block_is_a_500_and_gives_the_block_back(void **state)
{
    (void)state;
    world_run(heads_too_long);
}

static void find_no_block(struct exchange *exchange)
{
    world.worker.block_bytes_max = 0;
    exchange_respond(exchange, 200, SLICE("text/plain"), SLICE("hello"), NULL);
    assert_int_equal(exchange->state, RESPONSE_BROKEN);
}

static void missing_blocks(void)
{
    expect_answer(find_no_block, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", false);
    assert_int_equal(world.worker.counters.responses[0], 1);
}

static void without_a_block_for_the_head_the_connection_ends(void **state)
{
    (void)state;
    world_run(missing_blocks);
}

static void echo(struct exchange *exchange)
{
    char body[256];
    size_t len = 0;
    struct slice data;
    int rc;
    while ((rc = exchange_read_body(exchange, &data)) == 1) {
        memcpy(body + len, data.at, data.len);
        len += data.len;
    }
    if (rc == 0)
        exchange_respond(exchange, 200, SLICE("text/plain"), slice_of(body, len), NULL);
    else
        exchange_respond_error(exchange, rc == -EFBIG ? 413 : rc == -ETIMEDOUT ? 408 : 400, "body");
}

#define ECHOED(length, body)                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\nServer: weir\r\n"                            \
    "Content-Type: text/plain\r\n\r\n" body

static void request_bodies(void)
{
    expect_answer(echo, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd",
                  ECHOED("4", "abcd"), true);
    assert_int_equal(logged.request_bytes, 4);
    expect_answer(echo,
                  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n",
                  ECHOED("4", "abcd"), true);
    assert_int_equal(logged.request_bytes, 4);
}

static void handlers_read_bodies_without_framing(void **state)
{
    (void)state;
    world_run(request_bodies);
}

static void expect_status(exchange_handler *by, const char *request, const char *status, bool stays)
{
    handler = by;
    struct client *client = client_open();
    say(client, request);
    int left = hear(client);
    for (int i = 0; client->len == 0 && left == 1 && i < 100; i++)
        left = hear(client);
    assert_true(strncmp(client->heard, status, strlen(status)) == 0);
    assert_int_equal(strstr(client->heard, "Connection: close\r\n") == NULL, stays);
    assert_int_equal(left, stays);
    io_close(&client->io);
}

static void large_requests(void)
{
    char request[400] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n";
    size_t head = strlen(request);
    memset(request + head, 'x', 101);
    expect_status(echo, request, "HTTP/1.1 413 ", false);
    char chunked[400] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n";
    head = strlen(chunked);
    memset(chunked + head, 'x', 101);
    (void)snprintf(chunked + head + 101, 20, "\r\n0\r\n\r\n");
    expect_status(echo, chunked, "HTTP/1.1 413 ", false);
}

static void a_body_over_its_maximum_is_refused_and_ends_the_connection(void **state)
{
    (void)state;
    world_run(large_requests);
}

static void bad_bodies(void)
{
    expect_status(echo,
                  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
                  "HTTP/1.1 400 ", false);
}

static void broken_framing_ends_the_connection_behind_the_answer(void **state)
{
    (void)state;
    world_run(bad_bodies);
}

static void late_bodies(void)
{
    handler = echo;
    struct client *client = client_open();
    int64_t began_ms = loop_now_ms();
    say(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabcd");
    while (logged.count == 0)
        assert_int_equal(fiber_sleep(1), 0);
    assert_in_range(loop_now_ms() - began_ms, server.idle_timeout_ms, server.idle_timeout_ms + 20);
    assert_int_equal(logged.status, 408);
    assert_int_equal(hear(client), 0);
    io_close(&client->io);
}

static void a_body_that_stops_coming_is_not_waited_for_longer_than_idle(void **state)
{
    (void)state;
    world_run(late_bodies);
}

static void send_interim_first(struct exchange *exchange)
{
    struct field fields[] = {{.name = SLICE("Link"), .value = SLICE("</a.css>; rel=preload")}};
    struct response_head hint = {.status = 103, .fields = {fields, 1, 1}};
    assert_int_equal(exchange_send_interim(exchange, &hint), 0);
    answer_plainly(exchange);
    assert_int_equal(exchange_send_interim(exchange, &hint), 0); /* too late: dropped */
}

static void interim_responses(void)
{
    expect_answer(send_interim_first, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                  "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: weir\r\n"
                  "Content-Type: text/plain\r\n\r\nhello",
                  true);
    expect_answer(send_interim_first, "GET / HTTP/1.0\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\nServer: weir\r\n"
                  "Content-Type: text/plain\r\n\r\nhello",
                  false);
}

static void interim_responses_go_to_1_1_clients_alone(void **state)
{
    (void)state;
    world_run(interim_responses);
}

static void asking_to_continue(void)
{
    handler = echo;
    struct client *client = client_open();
    say(client, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    expect_and_stay(client, "HTTP/1.1 100 Continue\r\n\r\n");
    say(client, "abcd");
    expect_and_stay(client, ECHOED("4", "abcd"));
    io_close(&client->io);
    expect_answer(echo,
                  "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                  "Content-Length: 4\r\n\r\nabcd",
                  ECHOED("4", "abcd"), true); /* it did not wait: no need to ask it */
    expect_answer(answer_plainly,
                  "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                  "Content-Length: 4\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\nServer: weir\r\n"
                  "Content-Type: text/plain\r\n\r\nhello",
                  false); /* whether the body comes nobody knows */
}

static void a_client_that_waits_for_100_gets_it_only_when_its_body_is_read(void **state)
{
    (void)state;
    world_run(asking_to_continue);
}

static int file;

static void send_file(struct exchange *exchange)
{
    bool is_cut = slice_equal(exchange->path, SLICE("/cut"));
    assert_non_null(exchange_begin(exchange, 200, SLICE(""), 9));
    assert_int_equal(exchange_send_file(exchange, file, 2, 4, true), is_cut ? -EPROTO : 0);
    if (!is_cut)
        assert_int_equal(exchange_send_file(exchange, file, 0, 5, false), 0);
}

static void open_file(const char *text)
{
    char path[] = "/tmp/weir-exchange-XXXXXX";
    file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
}

static void file_answers(void)
{
    open_file("0123456789");
    expect_answer(send_file, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n234501234", true);
    assert_int_equal(logged.response_bytes, 9);
    expect_answer(send_file, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true);
    assert_int_equal(close(file), 0);
}

static void parts_of_files_are_sent_as_they_are(void **state)
{
    (void)state;
    world_run(file_answers);
}

static void cut_files(void)
{
    open_file("0123456");
    assert_int_equal(ftruncate(file, 3), 0);
    handler = send_file;
    struct client *client = client_open();
    say(client, "GET /cut HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_and_end(client, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n2");
    assert_int_equal(logged.state, RESPONSE_BROKEN);
    assert_int_equal(logged.response_bytes, 1);
    io_close(&client->io);
    assert_int_equal(close(file), 0);
}

static void a_file_that_was_cut_short_is_seen_as_a_truncation(void **state)
{
    (void)state;
    world_run(cut_files);
}

#define LARGE_BYTES 1000000

static void send_much(struct exchange *exchange)
{
    static char bytes[LARGE_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)('a' + i % 26);
    assert_non_null(exchange_begin(exchange, 200, SLICE(""), sizeof bytes));
    int rc = exchange_send(exchange, slice_of(bytes, sizeof bytes), false);
    assert_int_equal(rc, slice_equal(exchange->path, SLICE("/stuck")) ? -ETIMEDOUT : 0);
}

static void large_answers(void)
{
    handler = send_much;
    struct client *client = client_open();
    say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hear(client), 1);
    const char *body = strstr(client->heard, "\r\n\r\n") + 4;
    assert_int_equal(client->len - (size_t)(body - client->heard), LARGE_BYTES);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        assert_int_equal(body[i], 'a' + i % 26);
    say(client, "GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n");
    int64_t began_ms = loop_now_ms();
    while (logged.count < 2)
        assert_int_equal(fiber_sleep(1), 0); /* and reads nothing */
    assert_in_range(loop_now_ms() - began_ms, server.idle_timeout_ms, server.idle_timeout_ms + 20);
    assert_int_equal(logged.state, RESPONSE_BROKEN);
    io_close(&client->io);
}

static void a_large_body_waits_for_its_client_but_not_for_ever(void **state)
{
    (void)state;
    world_run(large_answers);
}

static void open_tunnel(struct exchange *exchange)
{
    assert_non_null(
        exchange_begin(exchange, 200, SLICE("Connection Established"), EXCHANGE_LENGTH_UNKNOWN));
    assert_int_equal(exchange_flush(exchange), 0);
}

static void tunnels(void)
{
    handler = open_tunnel;
    struct client *client = client_open();
    say(client, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
    assert_int_equal(hear(client), 0);
    assert_true(
        strncmp(client->heard, "HTTP/1.1 200 Connection Established\r\nX-Request-Id: ", 51) == 0);
    assert_null(strstr(client->heard, "Transfer-Encoding"));
    assert_null(strstr(client->heard, "Content-Length"));
    assert_null(strstr(client->heard, "Connection:"));
    io_close(&client->io);
}

static void a_tunnel_begins_without_framing(void **state)
{
    (void)state;
    world_run(tunnels);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_response_is_sent_with_its_length),
        TEST(a_client_of_1_0_is_told_when_its_connection_stays),
        TEST(a_body_of_unknown_length_is_chunked_or_ends_with_the_connection),
        TEST(trailers_go_behind_the_last_chunk_and_nowhere_else),
        TEST(statuses_without_a_body_never_get_one),
        TEST(a_response_may_be_begun_anew_until_bytes_have_left),
        TEST(a_body_of_another_length_than_told_is_cut_never_shifted),
        TEST(a_head_too_long_for_its_block_is_a_500_and_gives_the_block_back),
        TEST(without_a_block_for_the_head_the_connection_ends),
        TEST(handlers_read_bodies_without_framing),
        TEST(a_body_over_its_maximum_is_refused_and_ends_the_connection),
        TEST(broken_framing_ends_the_connection_behind_the_answer),
        TEST(a_body_that_stops_coming_is_not_waited_for_longer_than_idle),
        TEST(interim_responses_go_to_1_1_clients_alone),
        TEST(a_client_that_waits_for_100_gets_it_only_when_its_body_is_read),
        TEST(parts_of_files_are_sent_as_they_are),
        TEST(a_file_that_was_cut_short_is_seen_as_a_truncation),
        TEST(a_tunnel_begins_without_framing),
        TEST(a_large_body_waits_for_its_client_but_not_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
