/* HTTP/2 connections over a simulated network: what takes time, what lacks memory, how they end. */
#include "h2_unit.h"

#include "http/exchange.h"

static exchange_handler *handler;
static struct server server;
static struct {
    unsigned count;
    enum response_state state;
    unsigned status;
    uint64_t request_bytes;
    int error; /* of a handler's last call */
    int64_t ended_ms;
} seen;

static void handle(struct exchange *exchange)
{
    handler(exchange);
}

static void keep_log(const struct exchange *exchange)
{
    seen.count++;
    seen.state = exchange->state;
    seen.status = exchange->status;
    seen.request_bytes = exchange->request_bytes;
    seen.ended_ms = loop_now_ms();
}

static void take(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    session_accept(&server, fd, peer);
}

static int begin_with(const struct sim_faults *faults, size_t block_bytes_max)
{
    memset(&seen, 0, sizeof seen);
    server = (struct server){
        .handle = handle,
        .log = keep_log,
        .head_timeout_ms = 5000,
        .idle_timeout_ms = 3000,
        .body_max = 1 << 20,
    };
    return world_begin(faults, block_bytes_max, take);
}

static int begin(void **state)
{
    (void)state;
    return begin_with(NULL, 64 * BLOCK_LARGE_BYTES);
}

static int begin_poor(void **state)
{
    (void)state;
    return begin_with(NULL, 3 * BLOCK_LARGE_BYTES);
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
    return begin_with(&hostile, 64 * BLOCK_LARGE_BYTES);
}

static int end(void **state)
{
    (void)state;
    return world_end();
}

/* Handlers. */

static void answer(struct exchange *exchange)
{
    exchange_respond(exchange, 200, SLICE("text/plain"), SLICE("hello"), NULL);
}

#define LARGE_BYTES (400 * 1000)
static char large[LARGE_BYTES];

static void answer_much(struct exchange *exchange)
{
    struct writer *head = exchange_begin(exchange, 200, (struct slice){0}, LARGE_BYTES);
    if (head != NULL)
        seen.error = exchange_send(exchange, slice_of(large, LARGE_BYTES), false);
}

static void read_all(struct exchange *exchange)
{
    struct slice data;
    int rc;
    while ((rc = exchange_read_body(exchange, &data)) == 1)
        continue;
    seen.error = rc;
    if (rc == 0)
        answer(exchange);
    else
        exchange_respond_error(exchange, 408, "the body did not arrive");
}

static void read_late(struct exchange *exchange)
{
    (void)fiber_sleep(60000);
    read_all(exchange);
}

static void wait_long(struct exchange *exchange)
{
    seen.error = fiber_sleep(60000);
    if (seen.error == 0)
        answer(exchange);
}

/* What takes its time. */

static void slow_preface(void)
{
    struct client *client = client_open();
    say(client, H2_PREFACE);
    int64_t took_ms = hear_to_end(client);
    assert_true(took_ms >= 5000 && took_ms < 8000);
    assert_int_equal(goaway_error(client), H2_NO_ERROR);
    assert_int_equal(world.worker.counters.head_timeouts, 1);
    io_close(&client->io);
}

static void a_preface_without_settings_is_timed_out(void **state)
{
    (void)state;
    handler = answer;
    world_run(slow_preface);
}

static void slow_block(void)
{
    struct client *client = open_h2(65535);
    assert_int_equal(hear(client), 1);
    say_frame(client, H2_HEADERS, H2_FLAG_END_STREAM, 1, GET_BLOCK);
    /* A field now and then does not buy more time. */
    for (int i = 0; i < 4; i++) {
        (void)fiber_sleep(1000);
        say_frame(client, H2_CONTINUATION, 0, 1, SLICE("\x00\x01x\x01y"));
    }
    int64_t took_ms = hear_to_end(client);
    assert_true(took_ms < 4000);
    assert_int_equal(seen.count, 0);
    assert_int_equal(world.worker.counters.head_timeouts, 1);
    io_close(&client->io);
}

static void a_header_block_that_never_ends_is_timed_out(void **state)
{
    (void)state;
    handler = answer;
    world_run(slow_block);
}

static void busy_for_long(void)
{
    struct client *client = open_h2(65535);
    /* Each write ends inside the next frame's head: always midway, and never slow. */
    static const char ping[] = "\0\0\x08\x06\0\0\0\0\0"
                               "12345678";
    say_bytes(client, ping, 5);
    for (int i = 0; i < 20; i++) {
        (void)fiber_sleep(1000);
        say_bytes(client, ping + 5, sizeof ping - 1 - 5);
        say_bytes(client, ping, 5);
        assert_int_equal(hear(client), 1);
    }
    io_close(&client->io);
}

static void a_client_that_is_always_midway_is_not_slow(void **state)
{
    (void)state;
    handler = answer;
    server.idle_timeout_ms = ENOUGH_MS;
    world_run(busy_for_long);
}

static void idle(void)
{
    struct client *client = open_h2(65535);
    ask(client, 1);
    (void)fiber_sleep(2000);
    ask(client, 3); /* within one turn: its time begins anew all the same */
    int64_t took_ms = hear_to_end(client);
    assert_true(took_ms >= 3000 && took_ms < 4000);
    assert_true(has_ended(client, 1) && has_ended(client, 3));
    assert_int_equal(goaway_error(client), H2_NO_ERROR);
    assert_int_equal(number_at(last_of(client, H2_GOAWAY, 0), 0), 3);
    io_close(&client->io);
}

static void an_idle_connection_is_told_and_closed(void **state)
{
    (void)state;
    handler = answer;
    world_run(idle);
}

static void pinging(void)
{
    struct client *client = open_h2(65535);
    int64_t began_ms = loop_now_ms();
    do {
        say_frame(client, H2_PING, 0, 0, SLICE("12345678"));
        (void)fiber_sleep(100);
        assert_true(loop_now_ms() - began_ms < 5000);
    } while (hear(client) == 1 && count_of(client, H2_GOAWAY, 0) == 0);
    io_close(&client->io);
}

static void pings_do_not_keep_an_idle_connection(void **state)
{
    (void)state;
    handler = answer;
    world_run(pinging);
}

static void slow_body(void)
{
    struct client *client = open_h2(65535);
    say_frame(client, H2_HEADERS, H2_FLAG_END_HEADERS, 1, POST_BLOCK);
    say_frame(client, H2_DATA, 0, 1, SLICE("some"));
    hear_until_ended(client, 1);
    assert_int_equal(seen.error, -ETIMEDOUT);
    assert_int_equal(seen.status, 408);
    assert_int_equal(seen.request_bytes, 4);
    ask(client, 3); /* others are not harmed */
    hear_until_ended(client, 3);
    io_close(&client->io);
}

static void a_body_that_stalls_is_timed_out(void **state)
{
    (void)state;
    handler = read_all;
    world_run(slow_body);
}

static void slow_reader(void)
{
    struct client *client = open_h2(1000);
    int64_t began_ms = loop_now_ms();
    ask(client, 1);
    while (seen.count == 0)
        assert_int_equal(hear(client), 1);
    assert_int_equal(seen.error, -ETIMEDOUT);
    assert_true(seen.ended_ms - began_ms >= 3000 && seen.ended_ms - began_ms < 4000);
    assert_int_equal(hear(client), 1);
    assert_int_equal(data_bytes(client, 1), 1000);
    assert_int_equal(number_at(last_of(client, H2_RST_STREAM, 1), 0), H2_CANCEL);
    io_close(&client->io);
}

static void a_window_that_stays_closed_is_timed_out(void **state)
{
    (void)state;
    handler = answer_much;
    world_run(slow_reader);
}

static void dribbling_reader(void)
{
    struct client *client = open_h2(1);
    int64_t began_ms = loop_now_ms();
    ask(client, 1);
    while (seen.count == 0) {
        say_window(client, 1, 1);
        assert_int_equal(hear(client), 1);
        assert_true(loop_now_ms() - began_ms < 60000);
    }
    assert_int_equal(seen.error, -ETIMEDOUT);
    io_close(&client->io);
}

static void a_window_opened_byte_by_byte_is_timed_out(void **state)
{
    (void)state;
    handler = answer_much;
    world_run(dribbling_reader);
}

static void slow_but_steady(void)
{
    struct client *client = open_h2(2000);
    say_window(client, 0, LARGE_BYTES);
    ask(client, 1);
    while (!has_ended(client, 1)) {
        assert_int_equal(hear(client), 1);
        (void)fiber_sleep(1000);
        say_window(client, 1, 2000);
    }
    assert_int_equal(seen.state, RESPONSE_COMPLETE);
    assert_int_equal(data_bytes(client, 1), LARGE_BYTES);
    io_close(&client->io);
}

static void a_reader_that_is_only_slow_gets_it_all(void **state)
{
    (void)state;
    handler = answer_much;
    world_run(slow_but_steady);
}

static bool ends_midway;

static void deaf(void)
{
    struct client *client = open_h2(1 << 30);
    say_window(client, 0, 1 << 30);
    for (uint32_t stream = 1; stream < 20; stream += 2)
        ask(client, stream);
    if (ends_midway)
        say_frame(client, H2_HEADERS, H2_FLAG_END_STREAM, 21, GET_BLOCK);
    /* It does not read: the kernel's buffers are full, and at last everything ends. */
    int64_t until_ms = loop_deadline(60000);
    while (world.worker.counters.connections_open > 0 && loop_now_ms() < until_ms)
        (void)fiber_sleep(100);
    assert_int_equal(world.worker.counters.connections_open, 0);
    assert_nothing_is_held();
    io_close(&client->io);
}

static void a_client_that_does_not_read_is_given_up(void **state)
{
    (void)state;
    handler = answer_much;
    ends_midway = false;
    world_run(deaf);
}

/* Found by tests/sim: the farewell cannot leave, and nobody waited for it. */
static void a_client_that_does_not_read_is_given_up_inside_a_head(void **state)
{
    (void)state;
    handler = answer_much;
    ends_midway = true;
    world_run(deaf);
}

/* Bodies. */

static void much_both_ways(void)
{
    struct client *client = open_h2(65535);
    ask(client, 1);
    size_t opened = 65535;
    while (!has_ended(client, 1)) {
        assert_int_equal(hear(client), 1);
        size_t got = data_bytes(client, 1);
        if (opened - got < 30000) {
            say_window(client, 0, 40000);
            say_window(client, 1, 40000);
            opened += 40000;
        }
    }
    assert_int_equal(data_bytes(client, 1), LARGE_BYTES);
    assert_int_equal(seen.error, 0);
    io_close(&client->io);
}

static void a_large_answer_goes_through_windows(void **state)
{
    (void)state;
    handler = answer_much;
    world_run(much_both_ways);
}

/* How much was allowed on a stream, or with 0 the connection, so far. */
static size_t allowed(const struct client *client, uint32_t stream)
{
    struct h2_frame frame;
    struct slice payload;
    size_t bytes = 65535;
    for (size_t at = 0; next_frame(client, &at, &frame, &payload);) {
        if (frame.type == H2_WINDOW_UPDATE && frame.stream == stream)
            bytes += number_at(payload, 0);
    }
    return bytes;
}

#define UPLOAD_PARTS 60

static void upload(void)
{
    struct client *client = open_h2(65535);
    say_frame(client, H2_HEADERS, H2_FLAG_END_HEADERS, 1, POST_BLOCK);
    for (size_t i = 1; i <= UPLOAD_PARTS; i++) {
        while (allowed(client, 1) < i * 16384 || allowed(client, 0) < i * 16384)
            assert_int_equal(hear(client), 1);
        say_frame(client, H2_DATA, i == UPLOAD_PARTS ? H2_FLAG_END_STREAM : 0, 1,
                  slice_of(large, 16384));
    }
    hear_until_ended(client, 1);
    assert_int_equal(seen.error, 0);
    assert_int_equal(seen.request_bytes, UPLOAD_PARTS * 16384);
    /* Much that is read gets a wider window. */
    assert_true(allowed(client, 1) >= UPLOAD_PARTS * 16384 + 128 * 1024);
    io_close(&client->io);
}

static void a_large_body_is_read_through_windows(void **state)
{
    (void)state;
    handler = read_all;
    world_run(upload);
}

static void unread(void)
{
    struct client *client = open_h2(65535);
    say_frame(client, H2_HEADERS, H2_FLAG_END_HEADERS, 1, POST_BLOCK);
    for (int i = 0; i < 3; i++)
        say_frame(client, H2_DATA, 0, 1, slice_of(large, 16384));
    assert_int_equal(hear(client), 1);
    assert_int_equal(count_of(client, H2_WINDOW_UPDATE, 1), 0);
    io_close(&client->io);
}

static void windows_stay_closed_while_nobody_reads(void **state)
{
    (void)state;
    handler = read_late;
    world_run(unread);
}

static const struct kernel_ops *plain_ops;
static unsigned writes;

static ssize_t count_send(struct kernel *kernel, int fd, const struct iovec *parts, int count)
{
    writes++;
    return plain_ops->send(kernel, fd, parts, count);
}

static void together(void)
{
    struct client *client = open_h2(65535);
    assert_int_equal(hear(client), 1);
    struct kernel_ops counting = *world.kernel->ops;
    plain_ops = world.kernel->ops;
    counting.send = count_send;
    char frames[64 * (H2_FRAME_HEAD_BYTES + 6)];
    size_t len = 0;
    for (unsigned i = 0; i < 64; i++) {
        const char head[] = {0, 0, 6, H2_HEADERS,       H2_FLAG_END_STREAM | H2_FLAG_END_HEADERS,
                             0, 0, 0, (char)(2 * i + 1)};
        memcpy(frames + len, head, sizeof head);
        memcpy(frames + len + sizeof head, GET_BLOCK.at, 6);
        len += sizeof head + 6;
    }
    world.kernel->ops = &counting;
    writes = 0;
    say_bytes(client, frames, len);
    hear_until_ended(client, 127);
    world.kernel->ops = plain_ops;
    for (uint32_t stream = 1; stream <= 127; stream += 2)
        assert_true(has_ended(client, stream));
    assert_int_equal(seen.count, 64);
    /* The client's one, and ours. */
    assert_int_equal(writes, 2);
    io_close(&client->io);
}

static void answers_of_one_turn_leave_in_one_write(void **state)
{
    (void)state;
    handler = answer;
    world_run(together);
}

/* Ends. */

static void reset_by_client(void)
{
    struct client *client = open_h2(65535);
    ask(client, 1);
    assert_int_equal(hear(client), 1);
    say_frame(client, H2_RST_STREAM, 0, 1, SLICE("\0\0\0\x08"));
    assert_int_equal(hear(client), 1);
    assert_int_equal(seen.error, -ECANCELED);
    assert_int_equal(world.worker.counters.h2_streams_reset, 1);
    io_close(&client->io);
}

static void a_reset_cancels_its_handler(void **state)
{
    (void)state;
    handler = wait_long;
    world_run(reset_by_client);
}

static void lost(void)
{
    struct client *client = open_h2(65535);
    for (uint32_t stream = 1; stream < 20; stream += 2)
        ask(client, stream);
    assert_int_equal(hear(client), 1);
    io_reset(&client->io);
    while (seen.count < 10)
        (void)fiber_sleep(10);
    assert_int_equal(seen.error, -ECANCELED);
    assert_int_equal(world.worker.counters.connections_open, 0);
}

static void a_lost_connection_cancels_all_handlers(void **state)
{
    (void)state;
    handler = wait_long;
    world_run(lost);
}

static void left_open(void)
{
    struct client *client = open_h2(65535);
    for (uint32_t stream = 1; stream < 20; stream += 2)
        ask(client, stream);
    assert_int_equal(hear(client), 1);
    sessions_close();
    while (world.worker.counters.connections_open > 0)
        (void)fiber_sleep(1);
    assert_int_equal(seen.count, 10);
    io_close(&client->io);
}

static void what_is_open_at_the_end_is_cancelled(void **state)
{
    (void)state;
    handler = wait_long;
    world_run(left_open);
}

static void drained(void)
{
    struct client *client = open_h2(65535);
    ask(client, 1);
    assert_int_equal(hear(client), 1);
    assert_int_equal(sessions_drain(true), 1);
    assert_int_equal(hear(client), 1);
    assert_int_equal(number_at(last_of(client, H2_GOAWAY, 0), 0), INT32_MAX);
    ask(client, 3);
    (void)fiber_sleep(1100);
    assert_int_equal(hear(client), 1);
    assert_int_equal(number_at(last_of(client, H2_GOAWAY, 0), 0), 3);
    ask(client, 5); /* too late */
    (void)hear_to_end(client);
    assert_true(has_ended(client, 1) && has_ended(client, 3) && !has_ended(client, 5));
    assert_int_equal(seen.count, 2);
    io_close(&client->io);
}

static void a_drain_finishes_what_is_under_way(void **state)
{
    (void)state;
    handler = wait_long;
    server.idle_timeout_ms = ENOUGH_MS;
    world_run(drained);
}

static void refused(void)
{
    struct client *client = client_open();
    say(client, H2_PREFACE_HEAD "XX\r\n\r\n");
    (void)hear_to_end(client);
    assert_int_equal(goaway_error(client), H2_PROTOCOL_ERROR);
    assert_int_equal(world.worker.counters.h2_violations, 1);
    io_close(&client->io);
}

static void another_preface_is_refused(void **state)
{
    (void)state;
    handler = answer;
    world_run(refused);
}

/* Too little memory. */

static void poor(void)
{
    struct client *client = open_h2(65535);
    for (uint32_t stream = 1; stream < 200; stream += 2)
        ask(client, stream);
    int rc = hear(client);
    /* Some are refused, to be sent again, or the connection ends; nothing is left behind. */
    assert_true(rc <= 1);
    io_close(&client->io);
}

static void requests_without_blocks_are_refused(void **state)
{
    (void)state;
    handler = wait_long;
    world_run(poor);
}

static void every_allocation_in_turn(void)
{
    handler = read_all;
    for (long n = 1; n < 150; n++) {
        struct client *client = open_h2(1000);
        ask(client, 1);
        say_frame(client, H2_HEADERS, H2_FLAG_END_HEADERS, 3, POST_BLOCK);
        say_frame(client, H2_DATA, H2_FLAG_END_STREAM, 3, slice_of(large, 6000));
        memory_fail_from(n);
        (void)fiber_sleep(10);
        memory_fail_from(0);
        (void)hear(client);
        io_close(&client->io);
        while (world.worker.counters.connections_open > 0)
            (void)fiber_sleep(10);
    }
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    world_run(every_allocation_in_turn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_preface_without_settings_is_timed_out, begin, end),
        cmocka_unit_test_setup_teardown(a_header_block_that_never_ends_is_timed_out, begin, end),
        cmocka_unit_test_setup_teardown(a_client_that_is_always_midway_is_not_slow, begin, end),
        cmocka_unit_test_setup_teardown(an_idle_connection_is_told_and_closed, begin, end),
        cmocka_unit_test_setup_teardown(pings_do_not_keep_an_idle_connection, begin, end),
        cmocka_unit_test_setup_teardown(a_body_that_stalls_is_timed_out, begin, end),
        cmocka_unit_test_setup_teardown(a_window_that_stays_closed_is_timed_out, begin, end),
        cmocka_unit_test_setup_teardown(a_window_opened_byte_by_byte_is_timed_out, begin, end),
        cmocka_unit_test_setup_teardown(a_reader_that_is_only_slow_gets_it_all, begin, end),
        cmocka_unit_test_setup_teardown(a_client_that_does_not_read_is_given_up, begin, end),
        cmocka_unit_test_setup_teardown(a_client_that_does_not_read_is_given_up_inside_a_head,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_large_answer_goes_through_windows, begin, end),
        cmocka_unit_test_setup_teardown(a_large_answer_goes_through_windows, begin_hostile, end),
        cmocka_unit_test_setup_teardown(a_large_body_is_read_through_windows, begin, end),
        cmocka_unit_test_setup_teardown(a_large_body_is_read_through_windows, begin_hostile, end),
        cmocka_unit_test_setup_teardown(windows_stay_closed_while_nobody_reads, begin, end),
        cmocka_unit_test_setup_teardown(answers_of_one_turn_leave_in_one_write, begin, end),
        cmocka_unit_test_setup_teardown(a_reset_cancels_its_handler, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_connection_cancels_all_handlers, begin, end),
        cmocka_unit_test_setup_teardown(what_is_open_at_the_end_is_cancelled, begin, end),
        cmocka_unit_test_setup_teardown(a_drain_finishes_what_is_under_way, begin, end),
        cmocka_unit_test_setup_teardown(another_preface_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(requests_without_blocks_are_refused, begin_poor, end),
        cmocka_unit_test_setup_teardown(each_allocation_may_fail, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
