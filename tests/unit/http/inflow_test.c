/* Heads and bodies as they come in. */
#include "http_unit.h"

#include "http/inflow.h"

/* The receiving end of the one connection of a test. */
static struct {
    int fd;
    struct io io;
    struct inflow inflow;
    struct client *client;
} receiver;

static void keep(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    (void)peer;
    receiver.fd = fd;
}

static int begin(void **state)
{
    (void)state;
    return world_begin(NULL, 16 * BLOCK_LARGE_BYTES, keep);
}

static int end(void **state)
{
    (void)state;
    return world_end();
}

static void connect_receiver(void)
{
    receiver.fd = -1;
    receiver.client = client_open();
    while (receiver.fd < 0)
        assert_int_equal(fiber_sleep(1), 0);
    io_init(&receiver.io, NULL);
    assert_int_equal(io_open(&receiver.io, receiver.fd), 0);
    inflow_init(&receiver.inflow, BLOCK_SMALL);
}

static void close_receiver(void)
{
    inflow_finish(&receiver.inflow);
    io_close(&receiver.io);
    io_close(&receiver.client->io);
}

/* Sends, and waits until it has arrived. */
static void send_text(const char *text)
{
    say(receiver.client, text);
    assert_int_equal(fiber_sleep(1), 0);
}

static void fill(void)
{
    assert_true(io_wait(&receiver.io, IO_READABLE, loop_deadline(ENOUGH_MS)) > 0);
    assert_true(inflow_fill(&receiver.inflow, &receiver.io) > 0);
}

/* A head of "HEAD" alone, so that what follows is the body. */
static void begin_body(enum body_kind kind, uint64_t length)
{
    const struct framing framing = {.kind = kind, .content_length = length};
    send_text("HEAD");
    fill();
    inflow_begin_body(&receiver.inflow, 4, &framing);
}

static int try_body(struct slice *ret_data)
{
    return inflow_try_body(&receiver.inflow, &receiver.io, ret_data);
}

static void expect_part(const char *text)
{
    struct slice data = {0};
    assert_int_equal(try_body(&data), 1);
    if (!slice_equal(data, slice_of_cstr(text)))
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(data), text);
}

static void expect_result(int expected)
{
    struct slice data;
    assert_int_equal(try_body(&data), expected);
}

static void length_bodies(void)
{
    connect_receiver();
    begin_body(BODY_LENGTH, 10);
    assert_false(receiver.inflow.body_ended);
    expect_result(-EAGAIN);
    assert_null(receiver.inflow.block); /* nothing is held while it waits */
    send_text("01234");
    expect_part("01234");
    assert_false(inflow_at_last_part(&receiver.inflow));
    expect_result(-EAGAIN);
    send_text("56789GET");
    expect_part("56789");
    assert_true(inflow_at_last_part(&receiver.inflow));
    expect_result(0);
    expect_result(0);
    assert_true(receiver.inflow.body_ended);
    assert_true(slice_equal(inflow_bytes(&receiver.inflow), SLICE("GET")));
    close_receiver();
}

static void a_body_of_known_length_ends_there_and_leaves_what_follows(void **state)
{
    (void)state;
    world_run(length_bodies);
}

static void expect_received(char *room, size_t len, const char *text, bool is_there)
{
    struct slice data = {0};
    assert_int_equal(inflow_receive_body(&receiver.inflow, &receiver.io, room, len, &data), 1);
    if (!slice_equal(data, slice_of_cstr(text)))
        fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(data), text);
    assert_true((data.at == room) == is_there);
}

static void bodies_in_a_room(void)
{
    char room[8];
    struct slice data;
    connect_receiver();
    begin_body(BODY_LENGTH, 20);
    send_text("01");
    fill();
    expect_received(room, sizeof room, "01", false); /* it has come with the head, say */
    assert_int_equal(inflow_receive_body(&receiver.inflow, &receiver.io, room, sizeof room, &data),
                     -EAGAIN);
    assert_null(receiver.inflow.block);
    send_text("23456789abcdefghijGET");
    expect_received(room, sizeof room, "23456789", true);
    expect_received(room, sizeof room, "abcdefgh", true);
    expect_received(room, sizeof room, "ij", true);
    assert_int_equal(inflow_receive_body(&receiver.inflow, &receiver.io, room, sizeof room, &data),
                     0);
    assert_true(receiver.inflow.body_ended);
    fill();
    assert_true(slice_equal(inflow_bytes(&receiver.inflow), SLICE("GET")));
    close_receiver();
    connect_receiver();
    begin_body(BODY_CHUNKED, 0);
    send_text("3\r\nabc\r\n0\r\n\r\n");
    expect_received(room, sizeof room, "abc", false);
    close_receiver();
}

static void a_body_of_known_length_is_received_in_its_place(void **state)
{
    (void)state;
    world_run(bodies_in_a_room);
}

static void chunked_bodies(void)
{
    connect_receiver();
    begin_body(BODY_CHUNKED, 0);
    expect_result(-EAGAIN);
    send_text("5\r\nhel");
    expect_part("hel");
    assert_false(inflow_at_last_part(&receiver.inflow));
    expect_result(-EAGAIN);
    send_text("lo\r\n3;x=y\r\n");
    expect_part("lo");
    expect_result(-EAGAIN);
    send_text("abc\r\n0\r\n\r\nGET");
    expect_part("abc");
    expect_result(0);
    struct fields trailers;
    inflow_trailers(&receiver.inflow, &trailers);
    assert_int_equal(trailers.count, 0);
    assert_true(slice_equal(inflow_bytes(&receiver.inflow), SLICE("GET")));
    close_receiver();
}

static void a_chunked_body_comes_without_its_framing(void **state)
{
    (void)state;
    world_run(chunked_bodies);
}

static void last_parts(void)
{
    connect_receiver();
    begin_body(BODY_CHUNKED, 0);
    send_text("3\r\nabc\r\n0\r\n\r\n");
    expect_part("abc");
    assert_true(inflow_at_last_part(&receiver.inflow));
    expect_result(0);
    close_receiver();
    connect_receiver();
    begin_body(BODY_UNTIL_CLOSE, 0);
    send_text("abc");
    expect_part("abc");
    assert_false(inflow_at_last_part(&receiver.inflow));
    close_receiver();
}

static void the_last_part_is_known_where_the_end_came_with_it(void **state)
{
    (void)state;
    world_run(last_parts);
}

static void trailing_fields(void)
{
    connect_receiver();
    begin_body(BODY_CHUNKED, 0);
    send_text("1\r\na\r\n0\r\nX-Sum: 1");
    expect_part("a");
    expect_result(-EAGAIN);
    send_text("23\r\nContent-Length: 5\r\n\r\nGET");
    expect_result(0);
    struct fields trailers;
    inflow_trailers(&receiver.inflow, &trailers);
    assert_int_equal(trailers.count, 1);
    assert_true(slice_equal(trailers.at[0].name, SLICE("X-Sum")));
    assert_true(slice_equal(trailers.at[0].value, SLICE("123")));
    assert_true(slice_equal(inflow_bytes(&receiver.inflow), SLICE("GET")));
    close_receiver();
}

static void trailers_may_be_cut_anywhere_and_framing_among_them_is_dropped(void **state)
{
    (void)state;
    world_run(trailing_fields);
}

static void broken_framing(void)
{
    static const char *const bodies[] = {"x\r\n", "5\nhello", "1\r\nab\r\n",
                                         "0\r\nbad field\r\n\r\n", "ffffffffffffffffff\r\n"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        connect_receiver();
        begin_body(BODY_CHUNKED, 0);
        send_text(bodies[i]);
        struct slice data;
        int rc;
        do {
            rc = try_body(&data);
        } while (rc == 1);
        assert_int_equal(rc, -EBADMSG);
        close_receiver();
    }
}

static void broken_framing_is_an_error(void **state)
{
    (void)state;
    world_run(broken_framing);
}

static void early_ends(void)
{
    static const struct {
        enum body_kind kind;
        const char *text;
        int result;
    } cases[] = {
        {BODY_LENGTH, "012", -ECONNRESET},          {BODY_CHUNKED, "5\r\nab", -ECONNRESET},
        {BODY_CHUNKED, "2\r\nab\r\n", -ECONNRESET}, {BODY_CHUNKED, "2\r\nab\r\n0\r\n", -ECONNRESET},
        {BODY_UNTIL_CLOSE, "all of it", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        connect_receiver();
        begin_body(cases[i].kind, 10);
        send_text(cases[i].text);
        io_shutdown_write(&receiver.client->io);
        struct slice data;
        int rc;
        do {
            rc = inflow_read_body(&receiver.inflow, &receiver.io, 1000, &data);
        } while (rc == 1);
        assert_int_equal(rc, cases[i].result);
        close_receiver();
    }
}

static void a_connection_that_ends_inside_the_body_is_an_error(void **state)
{
    (void)state;
    world_run(early_ends);
}

static void late_bodies(void)
{
    connect_receiver();
    begin_body(BODY_LENGTH, 3);
    struct slice data;
    int64_t began_ms = loop_now_ms();
    assert_int_equal(inflow_read_body(&receiver.inflow, &receiver.io, 700, &data), -ETIMEDOUT);
    assert_in_range(loop_now_ms() - began_ms, 700, 710);
    send_text("abc");
    assert_int_equal(inflow_read_body(&receiver.inflow, &receiver.io, 700, &data), 1);
    assert_int_equal(inflow_read_body(&receiver.inflow, &receiver.io, 700, &data), 0);
    close_receiver();
}

static void a_body_is_waited_for_no_longer_than_told(void **state)
{
    (void)state;
    world_run(late_bodies);
}

static void bodies_of_nothing(void)
{
    connect_receiver();
    begin_body(BODY_NONE, 0);
    assert_true(receiver.inflow.body_ended);
    expect_result(0);
    close_receiver();
}

static void no_body_has_ended_before_it_began(void **state)
{
    (void)state;
    world_run(bodies_of_nothing);
}

static void growing_heads(void)
{
    enum { LINES = 3, LINE_BYTES = 2000 };
    char line[LINE_BYTES + 1] = "X: ";
    memset(line + 3, 'v', LINE_BYTES - 5);
    line[LINE_BYTES - 2] = '\r';
    line[LINE_BYTES - 1] = '\n';
    struct h1_refusal refusal;
    connect_receiver();
    send_text("GET / HTTP/1.1\r\n");
    fill();
    assert_int_equal(inflow_scan_head(&receiver.inflow, &refusal), 0);
    assert_int_equal(receiver.inflow.block_size, BLOCK_SMALL);
    for (int i = 0; i < LINES; i++) {
        send_text(line);
        while (receiver.inflow.end < 16U + (unsigned)(i + 1) * LINE_BYTES)
            fill();
        assert_int_equal(inflow_scan_head(&receiver.inflow, &refusal), 0);
    }
    assert_int_equal(receiver.inflow.block_size, BLOCK_LARGE);
    send_text("\r\n");
    fill();
    assert_int_equal(inflow_scan_head(&receiver.inflow, &refusal), 16 + LINES * LINE_BYTES + 2);
    assert_true(slice_starts_with(inflow_bytes(&receiver.inflow), SLICE("GET / HTTP/1.1\r\nX: v")));
    assert_int_equal(world.worker.idle_count[BLOCK_SMALL], 1); /* given back */
    close_receiver();
}

static void a_head_that_outgrows_its_block_moves_to_a_large_one(void **state)
{
    (void)state;
    world_run(growing_heads);
}

static void pinned_heads(void)
{
    enum { BODY_BYTES = 300000 };
    static char body[BODY_BYTES];
    for (size_t i = 0; i < BODY_BYTES; i++)
        body[i] = (char)('a' + i % 23);
    const struct framing framing = {.kind = BODY_LENGTH, .content_length = BODY_BYTES};
    connect_receiver();
    send_text("HEAD0123456");
    fill();
    const char *head = receiver.inflow.block;
    inflow_begin_body(&receiver.inflow, 11, &framing);
    inflow_pin(&receiver.inflow);
    size_t received = 0, sent = 0;
    while (received < BODY_BYTES) {
        if (sent < BODY_BYTES) {
            say_bytes(receiver.client, body + sent, 30000);
            sent += 30000;
        }
        struct slice data;
        int rc = inflow_read_body(&receiver.inflow, &receiver.io, 1000, &data);
        assert_int_equal(rc, 1);
        assert_memory_equal(data.at, body + received, data.len);
        received += data.len;
        assert_memory_equal(head, "HEAD0123456", 11);
    }
    expect_result(0);
    inflow_unpin(&receiver.inflow);
    inflow_trim(&receiver.inflow);
    assert_nothing_is_held();
    close_receiver();
}

static void a_pinned_head_stays_while_its_body_passes(void **state)
{
    (void)state;
    world_run(pinned_heads);
}

/* All of a body that comes as fast as it is read; `behind` comes with its last bytes. */
static void bulk_body(enum body_kind kind, size_t len, const char *behind, uint8_t *ret_largest)
{
    enum { PART = 50000 };
    char part[PART];
    memset(part, 'x', sizeof part);
    begin_body(kind, len);
    *ret_largest = BLOCK_SMALL;
    for (size_t sent = 0, received = 0; received < len;) {
        size_t now = len - sent < PART ? len - sent : PART;
        if (now > 0)
            say_bytes(receiver.client, part, now);
        sent += now;
        if (now > 0 && sent == len)
            say(receiver.client, behind);
        struct slice data;
        assert_int_equal(inflow_read_body(&receiver.inflow, &receiver.io, 1000, &data), 1);
        assert_true(data.len > 0 && data.len <= block_bytes(receiver.inflow.block_size));
        received += data.len;
        if (receiver.inflow.block_size > *ret_largest)
            *ret_largest = receiver.inflow.block_size;
    }
}

static void bulk(void)
{
    uint8_t largest;
    connect_receiver();
    bulk_body(BODY_LENGTH, BLOCK_LARGE_BYTES, "", &largest);
    assert_int_equal(largest, BLOCK_LARGE);
    expect_result(0);
    bulk_body(BODY_LENGTH, 500000, "NEXT", &largest);
    assert_int_equal(largest, BLOCK_HUGE);
    expect_result(0);
    assert_true(slice_equal(inflow_bytes(&receiver.inflow), SLICE("NEXT")));
    assert_int_equal(world.worker.huge_count, 1);
    close_receiver();
    assert_nothing_is_held();
}

static void a_large_body_has_larger_blocks(void **state)
{
    (void)state;
    world_run(bulk);
}

/* What was received behind a body fills most of a huge block; then comes a body of its own. */
static void bulk_behind(void)
{
    static char text[BLOCK_HUGE_BYTES];
    const struct framing framing = {.kind = BODY_LENGTH, .content_length = 2 * sizeof text};
    struct slice data;
    connect_receiver();
    memset(text, 'y', sizeof text);
    receiver.inflow.block = block_take_bulk(&receiver.inflow.block_size);
    assert_int_equal(receiver.inflow.block_size, BLOCK_HUGE);
    memcpy(receiver.inflow.block, text, sizeof text);
    receiver.inflow.end = sizeof text;
    inflow_begin_body(&receiver.inflow, 4, &framing);
    inflow_pin(&receiver.inflow);
    say_bytes(receiver.client, text, 1000);
    assert_int_equal(fiber_sleep(1), 0);
    assert_true(inflow_fill(&receiver.inflow, &receiver.io) > 0);
    assert_int_equal(receiver.inflow.block_size, BLOCK_HUGE);
    assert_int_equal(try_body(&data), 1);
    for (size_t i = 0; i < data.len; i++)
        assert_int_equal(data.at[i], 'y');
    inflow_unpin(&receiver.inflow);
    close_receiver();
    assert_nothing_is_held();
}

static void nothing_outgrows_the_block_it_moves_to(void **state)
{
    (void)state;
    world_run(bulk_behind);
}

static void pins_and_trims(void)
{
    connect_receiver();
    send_text("HEAD");
    fill();
    const struct framing framing = {.kind = BODY_NONE};
    inflow_begin_body(&receiver.inflow, 4, &framing);
    inflow_pin(&receiver.inflow);
    inflow_trim(&receiver.inflow);
    assert_null(receiver.inflow.block);
    assert_memory_equal(receiver.inflow.pinned, "HEAD", 4);
    assert_int_equal(world.worker.idle_count[BLOCK_SMALL], 0);
    inflow_unpin(&receiver.inflow);
    assert_int_equal(world.worker.idle_count[BLOCK_SMALL], 1);
    inflow_unpin(&receiver.inflow);
    close_receiver();
}

static void a_trim_gives_back_all_but_what_is_pinned(void **state)
{
    (void)state;
    world_run(pins_and_trims);
}

static void full_blocks(void)
{
    static char bytes[BLOCK_LARGE_BYTES + 10];
    memset(bytes, 'x', sizeof bytes);
    connect_receiver();
    ssize_t got = 1;
    size_t sent = 0;
    while (got > 0) {
        size_t part = sizeof bytes - sent < 10000 ? sizeof bytes - sent : 10000;
        say_bytes(receiver.client, bytes + sent, part);
        sent += part;
        assert_int_equal(fiber_sleep(1), 0);
        do {
            got = inflow_fill(&receiver.inflow, &receiver.io);
        } while (got > 0);
        if (got == -EAGAIN)
            got = 1;
    }
    assert_int_equal(got, -EMSGSIZE);
    assert_int_equal(inflow_bytes(&receiver.inflow).len, BLOCK_LARGE_BYTES);
    close_receiver();
}

static void more_than_a_large_block_is_never_kept(void **state)
{
    (void)state;
    world_run(full_blocks);
}

static void missing_blocks(void)
{
    connect_receiver();
    send_text("HEAD");
    world.worker.block_bytes_max = 0;
    assert_int_equal(inflow_fill(&receiver.inflow, &receiver.io), -ENOMEM);
    world.worker.block_bytes_max = BLOCK_LARGE_BYTES;
    fill();
    assert_true(slice_equal(inflow_bytes(&receiver.inflow), SLICE("HEAD")));
    close_receiver();
}

static void without_a_block_nothing_is_read_and_nothing_lost(void **state)
{
    (void)state;
    world_run(missing_blocks);
}

static void single_bytes(void)
{
    static const char text[] = "4\r\nWeir\r\nB\r\n is a river\r\n0\r\nX-T: 1\r\n\r\n";
    char body[64] = "";
    size_t len = 0;
    connect_receiver();
    begin_body(BODY_CHUNKED, 0);
    int rc = -EAGAIN;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        assert_int_equal(rc, -EAGAIN);
        say_bytes(receiver.client, &text[i], 1);
        assert_int_equal(fiber_sleep(1), 0);
        struct slice data;
        while ((rc = try_body(&data)) == 1) {
            memcpy(body + len, data.at, data.len);
            len += data.len;
        }
    }
    assert_int_equal(rc, 0);
    assert_string_equal(body, "Weir is a river");
    struct fields trailers;
    inflow_trailers(&receiver.inflow, &trailers);
    assert_int_equal(trailers.count, 1);
    close_receiver();
}

static void a_body_may_come_byte_by_byte(void **state)
{
    (void)state;
    world_run(single_bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_of_known_length_ends_there_and_leaves_what_follows),
        TEST(a_body_of_known_length_is_received_in_its_place),
        TEST(a_chunked_body_comes_without_its_framing),
        TEST(the_last_part_is_known_where_the_end_came_with_it),
        TEST(trailers_may_be_cut_anywhere_and_framing_among_them_is_dropped),
        TEST(broken_framing_is_an_error),
        TEST(a_connection_that_ends_inside_the_body_is_an_error),
        TEST(a_body_is_waited_for_no_longer_than_told),
        TEST(no_body_has_ended_before_it_began),
        TEST(a_head_that_outgrows_its_block_moves_to_a_large_one),
        TEST(a_large_body_has_larger_blocks),
        TEST(nothing_outgrows_the_block_it_moves_to),
        TEST(a_pinned_head_stays_while_its_body_passes),
        TEST(a_trim_gives_back_all_but_what_is_pinned),
        TEST(more_than_a_large_block_is_never_kept),
        TEST(without_a_block_nothing_is_read_and_nothing_lost),
        TEST(a_body_may_come_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
