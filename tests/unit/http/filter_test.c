/* Filters between an action and the client: heads edited, bodies changed, framing made anew. */
#include "http_unit.h"

#include "http/exchange.h"
#include "http/head_edit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static exchange_handler *handler;
static unsigned finished;

static void handle(struct exchange *exchange)
{
    handler(exchange);
}

static struct server server = {
    .handle = handle,
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
    finished = 0;
    return world_begin(NULL, 16 * BLOCK_LARGE_BYTES, take);
}

static int end(void **state)
{
    (void)state;
    return world_end();
}

static void expect_answer(exchange_handler *by, const char *request, const char *answer, bool stays)
{
    handler = by;
    struct client *client = client_open();
    say(client, request);
    expect(client, answer, stays);
    io_close(&client->io);
}

#define GET    "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_10 "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
#define HEAD   "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"

static void count_end(struct exchange_filter *filter, struct exchange *exchange)
{
    (void)filter;
    (void)exchange;
    finished++;
}

/* Only looks at the head. */
static bool mark_head(struct exchange_filter *filter, struct exchange *exchange)
{
    (void)filter;
    head_remove(&exchange->head, SLICE("Server"));
    h1_write_field(&exchange->head, SLICE("Marked"), SLICE("yes"));
    return false;
}

static const struct exchange_filter_ops marks = {.head = mark_head, .finish = count_end};

/* Each byte twice; 'k' is held back until something else comes. */
struct doubler {
    struct exchange_filter filter;
    bool holds;
};

static bool doubles(struct exchange_filter *filter, struct exchange *exchange)
{
    (void)filter;
    exchange_set_length(exchange, EXCHANGE_LENGTH_UNKNOWN);
    return true;
}

static int double_bytes(struct exchange_filter *filter, struct exchange *exchange,
                        struct slice data, enum exchange_part part)
{
    struct doubler *doubler = CONTAINER_OF(filter, struct doubler, filter);
    char out[64];
    struct writer writer;
    writer_init(&writer, out, sizeof out);
    if (doubler->holds && (data.len > 0 || part != PART_MORE))
        write_literal(&writer, "kk");
    doubler->holds = part == PART_MORE && data.len > 0 && data.at[data.len - 1] == 'k';
    for (size_t i = 0; i < data.len - (doubler->holds ? 1 : 0); i++) {
        write_char(&writer, data.at[i]);
        write_char(&writer, data.at[i]);
    }
    return exchange_pass(filter, exchange, writer_slice(&writer), part);
}

static const struct exchange_filter_ops doubling = {
    .head = doubles, .body = double_bytes, .finish = count_end};

static void add(struct exchange *exchange, const struct exchange_filter_ops *ops)
{
    struct doubler *doubler = arena_alloc_zero(&exchange->arena, sizeof *doubler);
    assert_non_null(doubler);
    doubler->filter.ops = ops;
    exchange_add_filter(exchange, &doubler->filter);
}

static void answer_marked(struct exchange *exchange)
{
    add(exchange, &marks);
    exchange_respond(exchange, 200, SLICE("text/plain"), SLICE("hello"), NULL);
}

static void error_marked(struct exchange *exchange)
{
    add(exchange, &marks);
    assert_non_null(exchange_begin(exchange, 200, SLICE(""), 7));
    exchange_respond_error(exchange, 404, "none");
}

static void heads_are_edited_body(void)
{
    expect_answer(answer_marked, GET,
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n"
                  "Marked: yes\r\n\r\nhello",
                  true);
    expect_answer(answer_marked, HEAD,
                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n"
                  "Marked: yes\r\n\r\n",
                  true);
    handler = error_marked;
    struct client *client = client_open();
    say(client, GET);
    assert_int_equal(hear(client), 1);
    assert_non_null(strstr(client->heard, "HTTP/1.1 404"));
    assert_non_null(strstr(client->heard, "Marked: yes"));
    io_close(&client->io);
    assert_int_equal(finished, 3);
}

static void heads_are_edited(void **state)
{
    (void)state;
    world_run(heads_are_edited_body);
}

static void answer_doubled(struct exchange *exchange)
{
    add(exchange, &doubling);
    add(exchange, &marks);
    exchange_respond(exchange, 200, SLICE("text/plain"), SLICE("abc"), NULL);
}

static void answer_doubled_twice(struct exchange *exchange)
{
    add(exchange, &doubling);
    add(exchange, &doubling);
    exchange_respond(exchange, 200, SLICE("text/plain"), SLICE("ab"), NULL);
}

static void answer_doubled_in_parts(struct exchange *exchange)
{
    add(exchange, &doubling);
    assert_non_null(exchange_begin(exchange, 200, SLICE(""), 6));
    assert_int_equal(exchange_send(exchange, SLICE("k"), true), 0);
    assert_int_equal(exchange->state, RESPONSE_BODY); /* nothing has left, but nothing goes back */
    assert_int_equal(exchange_send(exchange, SLICE("b"), true), 0);
    assert_int_equal(exchange_send(exchange, SLICE("ck"), true), 0);
    assert_int_equal(exchange_pause(exchange), 0);
    assert_int_equal(exchange_send(exchange, SLICE("dk"), false), 0);
}

static void answer_doubled_to_trailers(struct exchange *exchange)
{
    struct field fields[] = {{.name = SLICE("X-Sum"), .value = SLICE("9")}};
    const struct fields trailers = {fields, 1, 1};
    add(exchange, &doubling);
    assert_non_null(exchange_begin(exchange, 200, SLICE(""), EXCHANGE_LENGTH_UNKNOWN));
    assert_int_equal(exchange_send(exchange, SLICE("a"), true), 0);
    assert_int_equal(exchange_end(exchange, &trailers), 0);
}

static void bodies_are_changed_body(void)
{
    expect_answer(answer_doubled, GET,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nMarked: yes\r\n"
                  "Content-Length: 6\r\n\r\naabbcc",
                  true);
    expect_answer(answer_doubled, GET_10,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nMarked: yes\r\n"
                  "Content-Length: 6\r\nConnection: keep-alive\r\n\r\naabbcc",
                  true);
    expect_answer(answer_doubled, HEAD,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nMarked: yes\r\n\r\n", true);
    expect_answer(answer_doubled_twice, GET,
                  "HTTP/1.1 200 OK\r\nServer: weir\r\nContent-Type: text/plain\r\n"
                  "Content-Length: 8\r\n\r\naaaabbbb",
                  true);
    expect_answer(answer_doubled_in_parts, GET,
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "4\r\nkkbb\r\n2\r\ncc\r\n2\r\nkk\r\n4\r\nddkk\r\n0\r\n\r\n",
                  true);
    expect_answer(answer_doubled_in_parts, GET_10,
                  "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nkkbbcckkddkk", false);
    expect_answer(answer_doubled_to_trailers, GET,
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\naa\r\n0\r\n\r\n",
                  true);
}

static void bodies_are_changed_and_framed_anew(void **state)
{
    (void)state;
    world_run(bodies_are_changed_body);
}

static void end_too_early(struct exchange *exchange)
{
    add(exchange, &doubling);
    assert_non_null(exchange_begin(exchange, 200, SLICE(""), 6));
    assert_int_equal(exchange_send(exchange, SLICE("abc"), true), 0);
    assert_int_equal(exchange_send(exchange, SLICE("d"), false), -EPROTO);
    assert_int_equal(exchange->state, RESPONSE_BROKEN);
}

static void short_bodies(void)
{
    expect_answer(end_too_early, GET,
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\naabbcc\r\n", false);
    assert_int_equal(finished, 1);
}

static void a_body_shorter_than_told_is_a_visible_truncation(void **state)
{
    (void)state;
    world_run(short_bodies);
}

static void send_file_doubled(struct exchange *exchange)
{
    char path[] = "/tmp/weir-filter-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    add(exchange, &doubling);
    assert_non_null(exchange_begin(exchange, 200, SLICE(""), 5));
    assert_int_equal(exchange_send_file(exchange, fd, 2, 3, true), 0);
    assert_int_equal(exchange_send_file(exchange, fd, 7, 2, false), 0);
    close(fd);
}

static void files_body(void)
{
    expect_answer(send_file_doubled, GET,
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "6\r\n223344\r\n4\r\n7788\r\n0\r\n\r\n",
                  true);
}

static void files_are_read_for_filters(void **state)
{
    (void)state;
    world_run(files_body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(heads_are_edited, begin, end),
        cmocka_unit_test_setup_teardown(bodies_are_changed_and_framed_anew, begin, end),
        cmocka_unit_test_setup_teardown(a_body_shorter_than_told_is_a_visible_truncation, begin,
                                        end),
        cmocka_unit_test_setup_teardown(files_are_read_for_filters, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
