/* Two connections joined: what goes by, and how it ends. */
#include "http_unit.h"

#include "http/relay.h"

/* Both ends of each side: the tests' own, and the relay's. */
static struct {
    struct io near, far;
    int accepted;
} sides[2];

enum { CLIENT, TARGET };

static struct inflow received[2];
static struct {
    bool is_told;
    struct relay_result result;
} ended;

static void keep(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    (void)peer;
    sides[sides[CLIENT].accepted < 0 ? CLIENT : TARGET].accepted = fd;
}

static int begin_over(const struct sim_faults *faults)
{
    memset(&ended, 0, sizeof ended);
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

static int end(void **state)
{
    (void)state;
    return world_end();
}

static void told(void *arg, const struct relay_result *result)
{
    assert_ptr_equal(arg, &ended);
    assert_false(ended.is_told);
    ended.is_told = true;
    ended.result = *result;
}

static void open_side(int side)
{
    io_init(&sides[side].near, NULL);
    assert_int_equal(io_connect_wait(&sides[side].near, &world.address, loop_deadline(ENOUGH_MS)),
                     0);
    while (sides[side].accepted < 0)
        assert_int_equal(fiber_sleep(1), 0);
    io_init(&sides[side].far, NULL);
    assert_int_equal(io_open(&sides[side].far, sides[side].accepted), 0);
    inflow_init(&received[side], BLOCK_SMALL);
}

static void open_sides(void)
{
    sides[CLIENT].accepted = sides[TARGET].accepted = -1;
    open_side(CLIENT);
    open_side(TARGET);
}

static bool resets_idle;

static int join(void)
{
    const struct relay_terms terms = {
        .idle_ms = 5000, .resets_idle = resets_idle, .on_end = told, .arg = &ended};
    return relay_start(&sides[CLIENT].far, &received[CLIENT], &sides[TARGET].far, &received[TARGET],
                       &terms);
}

static void close_sides(void)
{
    for (int i = 0; i < 2; i++) {
        inflow_finish(&received[i]);
        io_close(&sides[i].near);
        io_close(&sides[i].far);
    }
}

static void put(int side, const char *text)
{
    struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
    assert_int_equal(io_write_all(&sides[side].near, &part, 1, ENOUGH_MS), 0);
}

static void expect_at(int side, const char *text)
{
    char bytes[64];
    size_t len = 0;
    while (len < strlen(text)) {
        ssize_t got = io_read_wait(&sides[side].near, bytes + len, strlen(text) - len,
                                   loop_deadline(ENOUGH_MS));
        assert_true(got > 0);
        len += (size_t)got;
    }
    assert_memory_equal(bytes, text, len);
}

static void expect_end_at(int side, int expected)
{
    char byte;
    assert_int_equal(io_read_wait(&sides[side].near, &byte, 1, loop_deadline(ENOUGH_MS)), expected);
}

static void await_end(int error)
{
    for (int i = 0; i < 10000 && !ended.is_told; i++)
        assert_int_equal(fiber_sleep(10), 0);
    assert_true(ended.is_told);
    assert_int_equal(ended.result.error, error);
    assert_int_equal(world.worker.counters.connections_open, 0);
}

static void both_ways(void)
{
    open_sides();
    put(CLIENT, "early");
    assert_int_equal(fiber_sleep(10), 0);
    while (inflow_bytes(&received[CLIENT]).len < 5) {
        if (inflow_fill(&received[CLIENT], &sides[CLIENT].far) == -EAGAIN)
            assert_int_equal(fiber_sleep(1), 0);
    }
    assert_int_equal(join(), 0);
    assert_int_equal(world.worker.counters.connections_open, 1);
    expect_at(TARGET, "early"); /* what was received before goes first */
    put(TARGET, "answer");
    expect_at(CLIENT, "answer");
    io_shutdown_write(&sides[CLIENT].near);
    expect_end_at(TARGET, 0);
    put(TARGET, "late"); /* the other half is still open */
    expect_at(CLIENT, "late");
    io_shutdown_write(&sides[TARGET].near);
    expect_end_at(CLIENT, 0);
    await_end(0);
    assert_int_equal(ended.result.to_target_bytes, 5);
    assert_int_equal(ended.result.to_client_bytes, 10);
    close_sides();
}

static void bytes_go_both_ways_until_both_sides_have_ended(void **state)
{
    (void)state;
    world_run(both_ways);
}

#define MANY ((size_t)3000000)

static void send_many(void *arg)
{
    static char bytes[100000];
    struct io *io = arg;
    for (size_t sent = 0; sent < MANY; sent += sizeof bytes) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)((sent + i) % 251);
        struct iovec part = {bytes, sizeof bytes};
        assert_int_equal(io_write_all(io, &part, 1, ENOUGH_MS), 0);
    }
    io_shutdown_write(io);
}

static void much(void)
{
    static char bytes[70000];
    size_t len = 0;
    open_sides();
    assert_int_equal(join(), 0);
    assert_int_equal(fiber_start(send_many, &sides[TARGET].near, NULL), 0);
    for (;;) {
        ssize_t got =
            io_read_wait(&sides[CLIENT].near, bytes, sizeof bytes, loop_deadline(ENOUGH_MS));
        assert_true(got >= 0);
        for (ssize_t i = 0; i < got; i++)
            assert_int_equal(bytes[i], (char)((len + (size_t)i) % 251));
        len += (size_t)got;
        if (got == 0)
            break;
    }
    assert_int_equal(len, MANY);
    io_shutdown_write(&sides[CLIENT].near);
    await_end(0);
    assert_int_equal(ended.result.to_client_bytes, MANY);
    close_sides();
    assert_nothing_is_held();
}

static void much_goes_by_whole_and_in_order(void **state)
{
    (void)state;
    world_run(much);
}

static void idle(void)
{
    open_sides();
    assert_int_equal(join(), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(fiber_sleep(3000), 0);
        put(i % 2, "x");
        expect_at(1 - i % 2, "x");
    }
    int64_t began_ms = loop_now_ms();
    assert_nothing_is_held(); /* while nothing waits to be passed on */
    await_end(-ETIMEDOUT);
    assert_in_range(loop_now_ms() - began_ms, 4900, 5100);
    expect_end_at(CLIENT, resets_idle ? -ECONNRESET : 0);
    expect_end_at(TARGET, resets_idle ? -ECONNRESET : 0);
    close_sides();
}

static void without_a_byte_it_ends(void **state)
{
    (void)state;
    resets_idle = false;
    world_run(idle);
}

static void where_only_an_end_tells_the_end_a_time_out_is_a_reset(void **state)
{
    (void)state;
    resets_idle = true;
    world_run(idle);
}

static void broken(void)
{
    open_sides();
    assert_int_equal(join(), 0);
    put(CLIENT, "x");
    expect_at(TARGET, "x");
    io_reset(&sides[CLIENT].near);
    await_end(-ECONNRESET);
    expect_end_at(TARGET, -ECONNRESET);
    close_sides();
}

static void a_reset_ends_both_sides(void **state)
{
    (void)state;
    world_run(broken);
}

static void cut_off(void)
{
    open_sides();
    assert_int_equal(join(), 0);
    relays_close();
    await_end(-ECANCELED);
    expect_end_at(CLIENT, -ECONNRESET);
    close_sides();
}

static void it_can_be_cut_off(void **state)
{
    (void)state;
    world_run(cut_off);
}

/* More was received already than a large block holds. */
static void much_before(void)
{
    enum { BYTES = 200000 };
    static char got[BYTES];
    size_t len = 0;
    open_sides();
    struct inflow *inflow = &received[TARGET];
    inflow->block = block_take_bulk(&inflow->block_size);
    assert_int_equal(inflow->block_size, BLOCK_HUGE);
    memset(inflow->block, 'z', BYTES);
    inflow->end = BYTES;
    assert_int_equal(join(), 0);
    while (len < BYTES) {
        ssize_t part =
            io_read_wait(&sides[CLIENT].near, got + len, BYTES - len, loop_deadline(ENOUGH_MS));
        assert_true(part > 0);
        len += (size_t)part;
    }
    for (size_t i = 0; i < BYTES; i++)
        assert_int_equal(got[i], 'z');
    relays_close();
    close_sides();
    assert_nothing_is_held();
}

static void all_that_was_received_before_goes_by(void **state)
{
    (void)state;
    world_run(much_before);
}

static void shortages(void)
{
    open_sides();
    put(CLIENT, "early");
    assert_int_equal(fiber_sleep(10), 0);
    assert_int_equal(inflow_fill(&received[CLIENT], &sides[CLIENT].far), 5);
    for (long n = 1; n <= 2; n++) {
        memory_fail_from(n);
        int rc = join();
        memory_fail_from(0);
        assert_int_equal(rc, -ENOMEM); /* nothing was taken */
        assert_true(io_is_open(&sides[CLIENT].far) && io_is_open(&sides[TARGET].far));
        assert_int_equal(inflow_bytes(&received[CLIENT]).len, 5);
    }
    assert_false(ended.is_told);
    close_sides();
}

static void without_memory_nothing_is_taken(void **state)
{
    (void)state;
    world_run(shortages);
}

int main(void)
{
#define TEST(function)    cmocka_unit_test_setup_teardown(function, begin, end)
#define HOSTILE(function) cmocka_unit_test_setup_teardown(function, begin_hostile, end)
    const struct CMUnitTest tests[] = {
        TEST(bytes_go_both_ways_until_both_sides_have_ended),
        HOSTILE(bytes_go_both_ways_until_both_sides_have_ended),
        TEST(much_goes_by_whole_and_in_order),
        HOSTILE(much_goes_by_whole_and_in_order),
        TEST(without_a_byte_it_ends),
        TEST(where_only_an_end_tells_the_end_a_time_out_is_a_reset),
        TEST(a_reset_ends_both_sides),
        TEST(it_can_be_cut_off),
        TEST(all_that_was_received_before_goes_by),
        TEST(without_memory_nothing_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
