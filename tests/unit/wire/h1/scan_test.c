#include "unit.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "wire/h1/block.h"
#include "wire/h1/head.h"

typedef int scan_function(struct h1_scan *scan, struct slice bytes, struct h1_refusal *ret_refusal);

/* What a scan comes to: the length of the head, 0, or minus the refusal's status. */
static int outcome(int result, struct h1_refusal refusal)
{
    return result < 0 ? -(int)refusal.status : result;
}

static int scan_at_once(scan_function *scan, struct slice bytes)
{
    struct h1_scan state = {0};
    struct h1_refusal refusal = {0};
    int result = scan(&state, bytes, &refusal);
    return outcome(result, refusal);
}

/* Gives `step` bytes more each time. */
static int scan_in_steps(scan_function *scan, struct slice bytes, size_t step)
{
    struct h1_scan state = {0};
    struct h1_refusal refusal = {0};
    int result = 0;
    for (size_t len = 0; len < bytes.len && result == 0;) {
        len = len + step < bytes.len ? len + step : bytes.len;
        result = scan(&state, slice_first(bytes, len), &refusal);
    }
    return outcome(result, refusal);
}

/* The rules again, byte by byte, as plainly as they can be said. */
static int scan_plainly(struct slice bytes, bool has_start_line)
{
    unsigned lines = 0;
    size_t line = 0, i = 0;
    if (has_start_line && slice_starts_with(bytes, SLICE("\r\n")))
        line = i = 2;
    for (; i < bytes.len; i++) {
        if (i >= HTTP_HEAD_BYTES_MAX)
            return -431;
        uint8_t c = (uint8_t)bytes.at[i];
        bool in_start_line = has_start_line && lines == 0;
        if (c != '\r' &&
            i - line >= (in_start_line ? HTTP_URI_BYTES_MAX + 64 : HTTP_LINE_BYTES_MAX))
            return in_start_line ? -414 : -431;
        if (c == '\r') {
            if (i + 1 == bytes.len || i + 1 == HTTP_HEAD_BYTES_MAX)
                continue;
            if (bytes.at[i + 1] != '\n')
                return -400;
            lines++;
            bool is_empty = i == line;
            if (lines > HTTP_FIELDS_MAX + 1U + has_start_line)
                return -431;
            if (is_empty)
                return has_start_line && lines == 1 ? -400 : (int)i + 2;
            line = i + 2;
            i++;
        } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return -400;
        }
    }
    return bytes.len >= HTTP_HEAD_BYTES_MAX ? -431 : 0;
}

static void fill_with_lines(struct prng *prng, char *at, size_t len)
{
    static const char usual[] = "abc: /\t\xc3";
    static const char rare[] = "\r\n\0\x7f\x01";
    for (size_t i = 0; i < len;) {
        uint64_t dice = prng_below(prng, 200);
        if (dice == 0) {
            at[i++] = rare[prng_below(prng, sizeof rare - 1)];
        } else if (dice < 10 && i + 4 <= len) {
            size_t ends = prng_below(prng, 4) == 0 ? 4 : 2;
            memcpy(at + i, "\r\n\r\n", ends);
            i += ends;
        } else {
            at[i++] = usual[prng_below(prng, sizeof usual - 1)];
        }
    }
}

static void scanning_keeps_to_the_plain_rules_however_bytes_come(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 1);
    /* Exactly as long as its bytes: the address sanitizer sees a read too far. */
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = 1 + prng_below(&prng, 400), shift = prng_below(&prng, 64);
        SCOPED_FREE char *memory = memory_alloc(shift + len);
        assert_non_null(memory);
        struct slice bytes = slice_of(memory + shift, len);
        fill_with_lines(&prng, memory + shift, len);
        int expected = scan_plainly(bytes, true);
        assert_int_equal(scan_at_once(h1_scan, bytes), expected);
        assert_int_equal(scan_in_steps(h1_scan, bytes, 1), expected);
        assert_int_equal(scan_in_steps(h1_scan, bytes, 1 + prng_below(&prng, 100)), expected);
        expected = scan_plainly(bytes, false);
        assert_int_equal(scan_at_once(h1_scan_trailers, bytes), expected);
        assert_int_equal(scan_in_steps(h1_scan_trailers, bytes, 1), expected);
    }
}

/* `head` followed by `len` times `filler`, followed by `tail`. */
static int scan_long(const char *head, char filler, size_t len, const char *tail)
{
    size_t head_len = strlen(head), tail_len = strlen(tail);
    SCOPED_FREE char *memory = memory_alloc(head_len + len + tail_len);
    assert_non_null(memory);
    memcpy(memory, head, head_len);
    memset(memory + head_len, filler, len);
    memcpy(memory + head_len + len, tail, tail_len);
    struct slice bytes = slice_of(memory, head_len + len + tail_len);
    int result = scan_at_once(h1_scan, bytes);
    assert_int_equal(scan_in_steps(h1_scan, bytes, 61), result);
    assert_int_equal(scan_plainly(bytes, true), result);
    return result;
}

static void lines_have_a_limit(void **state)
{
    (void)state;
    const char *end = "\r\n\r\n";
    assert_int_equal(scan_long("", 'a', HTTP_URI_BYTES_MAX + 64, end), HTTP_URI_BYTES_MAX + 68);
    assert_int_equal(scan_long("", 'a', HTTP_URI_BYTES_MAX + 65, end), -414);
    assert_int_equal(scan_long("", 'a', HTTP_URI_BYTES_MAX + 65, ""), -414);
    assert_int_equal(scan_long("G\r\n", 'a', HTTP_LINE_BYTES_MAX, end), HTTP_LINE_BYTES_MAX + 7);
    assert_int_equal(scan_long("G\r\n", 'a', HTTP_LINE_BYTES_MAX, ""), 0);
    assert_int_equal(scan_long("G\r\n", 'a', HTTP_LINE_BYTES_MAX, "\r"), 0);
    assert_int_equal(scan_long("G\r\n", 'a', HTTP_LINE_BYTES_MAX + 1, ""), -431);
    assert_int_equal(scan_long("G\r\na:b\r\n", 'a', HTTP_LINE_BYTES_MAX + 1, end), -431);
}

/* A start line and lines of 1 KiB. */
static int scan_lines_of_1024(size_t lines, const char *tail)
{
    size_t tail_len = strlen(tail);
    SCOPED_FREE char *memory = memory_alloc(lines * 1024 + tail_len);
    assert_non_null(memory);
    memset(memory, 'a', lines * 1024);
    for (size_t i = 1; i <= lines; i++)
        memcpy(memory + i * 1024 - 2, "\r\n", 2);
    memcpy(memory + lines * 1024, tail, tail_len);
    struct slice bytes = slice_of(memory, lines * 1024 + tail_len);
    int result = scan_at_once(h1_scan, bytes);
    assert_int_equal(scan_in_steps(h1_scan, bytes, 1), result);
    assert_int_equal(scan_plainly(bytes, true), result);
    return result;
}

static void heads_have_a_limit(void **state)
{
    (void)state;
    char rest[1023];
    memset(rest, 'a', sizeof rest);
    memcpy(rest + 1018, "\r\n\r\n", 5);
    assert_int_equal(scan_lines_of_1024(31, rest), HTTP_HEAD_BYTES_MAX - 2);
    assert_int_equal(scan_lines_of_1024(31, "\r\n"), 31 * 1024 + 2);
    assert_int_equal(scan_lines_of_1024(32, ""), -431);
    assert_int_equal(scan_lines_of_1024(32, "\r\n"), -431);
}

static void fields_have_a_limit(void **state)
{
    (void)state;
    char text[1024] = "GET / HTTP/1.1\r\n";
    size_t len = strlen(text);
    for (unsigned i = 0; i < HTTP_FIELDS_MAX; i++, len += 5)
        memcpy(text + len, "a:b\r\n", 5);
    memcpy(text + len, "\r\n", 2);
    assert_int_equal(scan_at_once(h1_scan, slice_of(text, len + 2)), (int)len + 2);
    memcpy(text + len, "a:b\r\n\r\n", 7);
    assert_int_equal(scan_at_once(h1_scan, slice_of(text, len + 7)), -431);
    struct slice trailers = slice_of(text + 16, len - 16 + 2);
    memcpy(text + len, "\r\n", 2);
    assert_int_equal(scan_at_once(h1_scan_trailers, trailers), (int)trailers.len);
}

static void what_follows_the_head_is_not_looked_at(void **state)
{
    (void)state;
    struct slice bytes = SLICE("G\r\nA:b\r\n\r\n\0\n\r\x7f\r\n\r\n");
    assert_int_equal(scan_at_once(h1_scan, bytes), 10);
    assert_int_equal(scan_at_once(h1_scan_trailers, SLICE("\r\n\n\n\n")), 2);
    assert_int_equal(scan_at_once(h1_scan, SLICE("\r\nG\r\n\r\n\n")), 7);
}

static void a_lone_cr_waits_for_its_lf(void **state)
{
    (void)state;
    assert_int_equal(scan_at_once(h1_scan, SLICE("")), 0);
    assert_int_equal(scan_at_once(h1_scan, SLICE("\r")), 0);
    assert_int_equal(scan_at_once(h1_scan, SLICE("G\r")), 0);
    assert_int_equal(scan_at_once(h1_scan, SLICE("G\r\n\r")), 0);
    assert_int_equal(scan_at_once(h1_scan, SLICE("G\rX")), -400);
    assert_int_equal(scan_in_steps(h1_scan, SLICE("G\r\r\n\r\n"), 1), -400);
    assert_int_equal(scan_at_once(h1_scan_trailers, SLICE("\r")), 0);
    assert_int_equal(scan_at_once(h1_scan, SLICE("\x16\x03\x01")), -400);
}

#ifdef __SSE2__

static void vector_and_portable_classes_agree(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 2);
    char memory[2 * BLOCK_BYTES];
    for (unsigned round = 0; round < 100000; round++) {
        char *at = memory + prng_below(&prng, BLOCK_BYTES);
        for (unsigned i = 0; i < BLOCK_BYTES; i++)
            at[i] = (char)(round % 2 ? prng_next(&prng) : prng_below(&prng, 40));
        struct block_masks vector = block_classify_sse2(at);
        struct block_masks portable = block_classify_portable(at);
        assert_true(vector.cr == portable.cr);
        assert_true(vector.lf == portable.lf);
        assert_true(vector.other == portable.other);
        char byte = at[prng_below(&prng, BLOCK_BYTES)];
        assert_true(block_find_sse2(at, byte) == block_find_portable(at, byte));
    }
}

static void vector_and_portable_search_agree(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 3);
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = prng_below(&prng, 100);
        SCOPED_FREE char *memory = memory_alloc(len + 1);
        assert_non_null(memory);
        for (size_t i = 0; i < len; i++)
            memory[i] = (char)('a' + prng_below(&prng, 1 + round % 60));
        const char *end = memory + len;
        assert_ptr_equal(bytes_find_sse2(memory, end, 'd', 'z'),
                         bytes_find_portable(memory, end, 'd', 'z'));
    }
}

#endif

static void every_byte_has_its_class_at_every_place(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (unsigned place = 0; place < BLOCK_BYTES; place++) {
            char block[BLOCK_BYTES];
            memset(block, 'a', sizeof block);
            block[place] = (char)byte;
            struct block_masks masks = block_classify_portable(block);
            uint64_t bit = UINT64_C(1) << place;
            bool is_control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
            assert_true(block_find_portable(block, (char)byte) == (byte == 'a' ? UINT64_MAX : bit));
            assert_true(masks.cr == (byte == '\r' ? bit : 0));
            assert_true(masks.lf == (byte == '\n' ? bit : 0));
            assert_true(masks.other == (is_control && byte != '\r' && byte != '\n' ? bit : 0));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scanning_keeps_to_the_plain_rules_however_bytes_come),
        cmocka_unit_test(lines_have_a_limit),
        cmocka_unit_test(heads_have_a_limit),
        cmocka_unit_test(fields_have_a_limit),
        cmocka_unit_test(what_follows_the_head_is_not_looked_at),
        cmocka_unit_test(a_lone_cr_waits_for_its_lf),
#ifdef __SSE2__
        cmocka_unit_test(vector_and_portable_classes_agree),
        cmocka_unit_test(vector_and_portable_search_agree),
#endif
        cmocka_unit_test(every_byte_has_its_class_at_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
