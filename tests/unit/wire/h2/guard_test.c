/* What the guard lets pass, frame by frame. */
#include "unit.h"

#include "wire/h2/guard.h"

#define NOW_MS 1000

static struct h2_guard guard;
static enum h2_error error;

static int begin(void **state)
{
    (void)state;
    h2_guard_init(&guard, NOW_MS);
    return 0;
}

static size_t write_frame(char *at, unsigned type, unsigned flags, uint32_t stream, size_t len)
{
    const char head[] = {(char)(len >> 16),    (char)(len >> 8),    (char)len,
                         (char)type,           (char)flags,         (char)(stream >> 24),
                         (char)(stream >> 16), (char)(stream >> 8), (char)stream};
    memcpy(at, head, sizeof head);
    memset(at + sizeof head, 0, len);
    return sizeof head + len;
}

/* Did it pass, as a whole? */
static bool passes_at(int64_t now_ms, unsigned type, unsigned flags, uint32_t stream, size_t len)
{
    static char bytes[H2_FRAME_HEAD_BYTES + 70000];
    size_t all = write_frame(bytes, type, flags, stream, len);
    error = H2_NO_ERROR;
    size_t passed = h2_guard_pass(&guard, slice_of(bytes, all), now_ms, &error);
    assert_true(passed == all || passed == 0);
    return passed == all;
}

static bool passes(unsigned type, unsigned flags, uint32_t stream, size_t len)
{
    return passes_at(NOW_MS, type, flags, stream, len);
}

static bool request_passes(uint32_t stream)
{
    return passes(H2_HEADERS, H2_FLAG_END_HEADERS | H2_FLAG_END_STREAM, stream, 10);
}

static void frames_may_come_in_any_pieces(void **state)
{
    (void)state;
    char bytes[64];
    size_t len = write_frame(bytes, H2_HEADERS, H2_FLAG_END_HEADERS, 1, 10);
    len += write_frame(bytes + len, H2_DATA, H2_FLAG_END_STREAM, 1, 10);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(h2_guard_pass(&guard, slice_of(bytes + i, 1), NOW_MS, &error), 1);
    assert_int_equal(guard.units, 2);
    assert_false(h2_guard_is_midway(&guard));
    assert_false(passes(H2_DATA, 0, 1, 1));
    assert_int_equal(error, H2_STREAM_CLOSED);
}

static void what_is_before_a_refused_frame_passes(void **state)
{
    (void)state;
    char bytes[128];
    size_t first = write_frame(bytes, H2_HEADERS, H2_FLAG_END_HEADERS, 1, 10);
    size_t len = first + write_frame(bytes + first, H2_CONTINUATION, 0, 1, 10);
    assert_int_equal(h2_guard_pass(&guard, slice_of(bytes, len), NOW_MS, &error), first);
    assert_int_equal(error, H2_PROTOCOL_ERROR);
}

static void midway_is_all_but_a_body(void **state)
{
    (void)state;
    char bytes[64];
    size_t len = write_frame(bytes, H2_HEADERS, H2_FLAG_END_HEADERS, 1, 10);
    assert_false(h2_guard_is_midway(&guard));
    (void)h2_guard_pass(&guard, slice_of(bytes, 3), NOW_MS, &error);
    assert_true(h2_guard_is_midway(&guard));
    (void)h2_guard_pass(&guard, slice_of(bytes + 3, 8), NOW_MS, &error);
    assert_true(h2_guard_is_midway(&guard));
    (void)h2_guard_pass(&guard, slice_of(bytes + 11, len - 11), NOW_MS, &error);
    assert_false(h2_guard_is_midway(&guard));
    (void)write_frame(bytes, H2_DATA, 0, 1, 20);
    (void)h2_guard_pass(&guard, slice_of(bytes, 15), NOW_MS, &error);
    assert_false(h2_guard_is_midway(&guard));
}

static void streams_that_ended_take_no_more(void **state)
{
    (void)state;
    assert_true(request_passes(1));
    assert_false(passes(H2_DATA, 0, 1, 1));
    assert_int_equal(error, H2_STREAM_CLOSED);
    assert_true(passes(H2_HEADERS, H2_FLAG_END_HEADERS, 3, 10));
    assert_true(passes(H2_DATA, 0, 3, 1));
    assert_true(passes(H2_RST_STREAM, 0, 3, 4));
    assert_false(passes(H2_HEADERS, H2_FLAG_END_HEADERS, 3, 10));
    assert_true(passes(H2_WINDOW_UPDATE, 0, 3, 4));
    assert_true(passes(H2_RST_STREAM, 0, 3, 4));
}

static void streams_that_were_passed_over_stay_closed(void **state)
{
    (void)state;
    assert_true(request_passes(1));
    assert_true(request_passes(9));
    for (uint32_t stream = 3; stream < 9; stream += 2) {
        assert_false(request_passes(stream));
        assert_int_equal(error, H2_PROTOCOL_ERROR);
    }
    assert_false(request_passes(1));
    assert_int_equal(error, H2_STREAM_CLOSED);
    assert_true(request_passes(11));
}

static void streams_long_ago_are_forgotten(void **state)
{
    (void)state;
    assert_true(request_passes(1));
    assert_true(request_passes(2 * H2_STREAMS_KNOWN - 1));
    assert_false(request_passes(1));
    assert_true(request_passes(2 * H2_STREAMS_KNOWN + 1));
    assert_true(passes(H2_DATA, 0, 1, 1)); /* nghttp2 passes it over */
    assert_true(request_passes(INT32_MAX));
    assert_false(request_passes(INT32_MAX - 2));
    assert_true(passes(H2_DATA, 0, 3, 1));
}

static void header_blocks_are_not_interrupted(void **state)
{
    (void)state;
    assert_true(passes(H2_HEADERS, 0, 1, 10));
    assert_false(passes(H2_PING, 0, 0, 8));
    assert_int_equal(error, H2_PROTOCOL_ERROR);
    begin(NULL);
    assert_true(passes(H2_HEADERS, 0, 1, 10));
    assert_false(passes(H2_CONTINUATION, 0, 3, 10));
    begin(NULL);
    assert_true(passes(H2_HEADERS, 0, 1, 10));
    assert_true(passes(H2_CONTINUATION, H2_FLAG_END_HEADERS, 1, 10));
    assert_true(passes(H2_PING, 0, 0, 8));
}

static void header_blocks_have_bounds(void **state)
{
    (void)state;
    assert_true(passes(H2_HEADERS, 0, 1, 1));
    for (int i = 1; i < H2_BLOCK_FRAMES_MAX; i++)
        assert_true(passes(H2_CONTINUATION, 0, 1, 1));
    assert_false(passes(H2_CONTINUATION, H2_FLAG_END_HEADERS, 1, 1));
    assert_int_equal(error, H2_ENHANCE_YOUR_CALM);
    begin(NULL);
    assert_true(passes(H2_HEADERS, 0, 1, H2_FRAME_BYTES_MAX));
    for (size_t bytes = H2_FRAME_BYTES_MAX; bytes < H2_BLOCK_BYTES_MAX; bytes += H2_FRAME_BYTES_MAX)
        assert_true(passes(H2_CONTINUATION, 0, 1, H2_FRAME_BYTES_MAX));
    assert_false(passes(H2_CONTINUATION, 0, 1, 1));
    assert_int_equal(error, H2_ENHANCE_YOUR_CALM);
    begin(NULL);
    assert_false(passes(H2_HEADERS, 0, 1, H2_FRAME_BYTES_MAX + 1));
    assert_int_equal(error, H2_FRAME_SIZE_ERROR);
}

static void priorities_that_cannot_be_are_refused(void **state)
{
    (void)state;
    char bytes[32];
    size_t len = write_frame(bytes, H2_PRIORITY, 0, 5, 5);
    bytes[H2_FRAME_HEAD_BYTES] = (char)0x80; /* exclusive */
    bytes[H2_FRAME_HEAD_BYTES + 3] = 5;
    assert_true(h2_guard_pass(&guard, slice_of(bytes, len), NOW_MS, &error) < len);
    assert_int_equal(error, H2_PROTOCOL_ERROR);
    begin(NULL);
    bytes[H2_FRAME_HEAD_BYTES + 3] = 7;
    assert_int_equal(h2_guard_pass(&guard, slice_of(bytes, len), NOW_MS, &error), len);
    assert_false(passes(H2_PRIORITY, 0, 0, 5));
    begin(NULL);
    len = write_frame(bytes, H2_PRIORITY, 0, 7, 4);
    bytes[H2_FRAME_HEAD_BYTES + 3] = 7;
    assert_int_equal(h2_guard_pass(&guard, slice_of(bytes, len), NOW_MS, &error), 0);
    assert_int_equal(error, H2_FRAME_SIZE_ERROR);
}

/* How many pass at once. */
static unsigned count_passing(unsigned type, uint32_t stream, size_t len)
{
    unsigned count = 0;
    while (passes(type, 0, stream, len))
        assert_true(++count < 100000);
    assert_int_equal(error, H2_ENHANCE_YOUR_CALM);
    return count;
}

static void floods_run_dry(void **state)
{
    static const struct {
        unsigned type;
        uint32_t stream;
        size_t len;
        unsigned most;
    } rows[] = {
        {H2_RST_STREAM, 1, 4, 200},
        {H2_SETTINGS, 0, 6, 200},
        {H2_GOAWAY, 0, 8, 200},
        {H2_PING, 0, 8, 1000},
        {H2_PRIORITY, 3, 5, 2000},
        {0xbb, 0, 3, 1000},
        {H2_PRIORITY_UPDATE, 0, 4, 2000},
        {H2_WINDOW_UPDATE, 0, 4, 10000},
        {H2_DATA, 3, 0, 500},
        {H2_DATA, 3, 1, 10000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(NULL);
        assert_int_equal(count_passing(rows[i].type, rows[i].stream, rows[i].len), rows[i].most);
    }
}

static void time_and_work_give_credit(void **state)
{
    (void)state;
    assert_int_equal(count_passing(H2_RST_STREAM, 1, 4), 200);
    assert_true(passes_at(NOW_MS + 25, H2_RST_STREAM, 0, 1, 4));
    assert_false(passes_at(NOW_MS + 25, H2_RST_STREAM, 0, 1, 4));
    h2_guard_earn_response(&guard);
    assert_true(passes_at(NOW_MS + 25, H2_RST_STREAM, 0, 1, 4));
    h2_guard_earn_bytes(&guard, 16384);
    assert_true(passes_at(NOW_MS + 25, H2_RST_STREAM, 0, 1, 4));
    assert_false(h2_guard_charge_reset(&guard, NOW_MS + 25));
    assert_true(h2_guard_charge_reset(&guard, NOW_MS + 50));
    for (int i = 0; i < 1000; i++)
        h2_guard_earn_response(&guard); /* no more than at first */
    assert_true(passes_at(NOW_MS + 50, H2_PING, 0, 0, 8));
    assert_int_equal(count_passing(H2_RST_STREAM, 1, 4), 199);
}

static void bodies_and_requests_cost_nothing(void **state)
{
    (void)state;
    for (uint32_t stream = 1; stream < 40000; stream += 2) {
        assert_true(passes(H2_HEADERS, H2_FLAG_END_HEADERS, stream, 10));
        assert_true(passes(H2_DATA, 0, stream, 100));
        assert_true(passes(H2_DATA, H2_FLAG_END_STREAM, stream, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(frames_may_come_in_any_pieces, begin),
        cmocka_unit_test_setup(what_is_before_a_refused_frame_passes, begin),
        cmocka_unit_test_setup(midway_is_all_but_a_body, begin),
        cmocka_unit_test_setup(streams_that_ended_take_no_more, begin),
        cmocka_unit_test_setup(streams_that_were_passed_over_stay_closed, begin),
        cmocka_unit_test_setup(streams_long_ago_are_forgotten, begin),
        cmocka_unit_test_setup(header_blocks_are_not_interrupted, begin),
        cmocka_unit_test_setup(header_blocks_have_bounds, begin),
        cmocka_unit_test_setup(priorities_that_cannot_be_are_refused, begin),
        cmocka_unit_test_setup(floods_run_dry, begin),
        cmocka_unit_test_setup(time_and_work_give_credit, begin),
        cmocka_unit_test_setup(bodies_and_requests_cost_nothing, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
