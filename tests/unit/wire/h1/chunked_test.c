#include "unit.h"

#include "base/cleanup.h"
#include "wire/h1/chunked.h"

#define BODY_BYTES_MAX 2048

struct decoded {
    enum h1_chunked_event event; /* the one that ended it */
    struct h1_refusal refusal;
    char body[BODY_BYTES_MAX];
    size_t len;
    size_t rest; /* bytes not taken */
};

/* Feeds bytes up to the end; true when the decoder wants no more. */
static bool feed(struct h1_chunked *chunked, struct slice bytes, struct decoded *decoded)
{
    for (;;) {
        struct slice data;
        decoded->event = h1_chunked_next(chunked, &bytes, &data, &decoded->refusal);
        decoded->rest = bytes.len;
        if (decoded->event != H1_CHUNKED_DATA)
            return decoded->event != H1_CHUNKED_MORE;
        assert_true(data.len > 0 && decoded->len + data.len <= BODY_BYTES_MAX);
        memcpy(decoded->body + decoded->len, data.at, data.len);
        decoded->len += data.len;
    }
}

static void decode(struct slice bytes, struct decoded *decoded)
{
    struct h1_chunked chunked = {0};
    *decoded = (struct decoded){0};
    (void)feed(&chunked, bytes, decoded);
}

static void chunks_are_joined(void **state)
{
    (void)state;
    struct decoded decoded;
    decode(SLICE("4\r\nWiki\r\n6;a=b\r\npedia \r\n0A\r\nin chunks.\r\n0\r\n\r\n"), &decoded);
    assert_int_equal(decoded.event, H1_CHUNKED_TRAILERS);
    assert_true(slice_equal(slice_of(decoded.body, decoded.len), SLICE("Wikipedia in chunks.")));
    assert_int_equal(decoded.rest, 2);
}

static void every_split_gives_the_same(void **state)
{
    (void)state;
    struct slice text = SLICE("4;x\r\nWiki\r\n5\r\npedia\r\n000;y=\"z\"\r\nA: b\r\n\r\n");
    for (size_t first = 0; first <= text.len; first++) {
        for (size_t second = first; second <= text.len; second++) {
            struct h1_chunked chunked = {0};
            struct decoded decoded = {0};
            size_t ends[] = {first, second, text.len}, from = 0;
            for (unsigned i = 0; i < COUNT_OF(ends); from = ends[i++]) {
                if (feed(&chunked, slice_of(text.at + from, ends[i] - from), &decoded))
                    break;
            }
            assert_int_equal(decoded.event, H1_CHUNKED_TRAILERS);
            assert_true(slice_equal(slice_of(decoded.body, decoded.len), SLICE("Wikipedia")));
        }
    }
}

static void faulty_chunks_are_refused(void **state)
{
    (void)state;
    static const struct slice texts[] = {
        SLICE("\r\n"),
        SLICE(";a\r\n"),
        SLICE("g\r\n"),
        SLICE("-1\r\n"),
        SLICE("+1\r\n"),
        SLICE("0x1\r\n"),
        SLICE(" 1\r\n"),
        SLICE("1 \r\n"),
        SLICE("1 ;a\r\n"),
        SLICE("1; a\r\n"),
        SLICE("1;a\tb\r\n"),
        SLICE("1;a\0b\r\n"),
        SLICE("1\n"),
        SLICE("1;a\n"),
        SLICE("1\ra"),
        SLICE("1\r\r\n"),
        SLICE("1;a\rb"),
        SLICE("1\r\nab\r\n"),
        SLICE("1\r\na\n"),
        SLICE("1\r\na\rb"),
        SLICE("1\r\na0\r\n"),
        SLICE("1\r\na\r\n\r\n"),
        SLICE("00000000000000001\r\n"),
        SLICE("8000000000000000\r\n"),
        SLICE("ffffffffffffffff\r\n"),
        SLICE("10000000000000000\r\n"),
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct decoded decoded;
        decode(texts[i], &decoded);
        if (decoded.event != H1_CHUNKED_REFUSED)
            fail_msg("accepted: %.*s", SLICE_ARG(texts[i]));
        assert_int_equal(decoded.refusal.status, 400);
        assert_non_null(decoded.refusal.text);
    }
}

static void an_early_end_is_an_open_state(void **state)
{
    (void)state;
    struct decoded decoded;
    decode(SLICE("5\r\nabc"), &decoded);
    assert_int_equal(decoded.event, H1_CHUNKED_MORE);
    assert_int_equal(decoded.len, 3);
    decode(SLICE("5\r\nabcde"), &decoded);
    assert_int_equal(decoded.event, H1_CHUNKED_MORE);
    decode(SLICE("0\r"), &decoded);
    assert_int_equal(decoded.event, H1_CHUNKED_MORE);
}

static void extensions_are_bounded_for_each_chunk(void **state)
{
    (void)state;
    char text[1024];
    struct decoded decoded;
    memset(text, 'x', sizeof text);
    memcpy(text, "1;", 2);
    memcpy(text + 2 + 256, "\r\na\r\n1;", 7);
    memcpy(text + 2 + 256 + 7 + 256, "\r\nb\r\n0\r\n", 8);
    decode(slice_of(text, 2 + 256 + 7 + 256 + 8), &decoded);
    assert_int_equal(decoded.event, H1_CHUNKED_TRAILERS);
    assert_int_equal(decoded.len, 2);
    memset(text + 2, 'x', 257);
    memcpy(text + 2 + 257, "\r\n", 2);
    decode(slice_of(text, 2 + 257 + 2), &decoded);
    assert_int_equal(decoded.event, H1_CHUNKED_REFUSED);
}

static void the_largest_chunk_is_taken(void **state)
{
    (void)state;
    struct decoded decoded;
    decode(SLICE("7fffffffffffffff\r\nabc"), &decoded);
    assert_int_equal(decoded.event, H1_CHUNKED_MORE);
    assert_int_equal(decoded.len, 3);
    decode(SLICE("0000000000000001\r\na\r\n"), &decoded);
    assert_int_equal(decoded.event, H1_CHUNKED_MORE);
    assert_int_equal(decoded.len, 1);
}

static void trailers_stay_with_the_caller(void **state)
{
    (void)state;
    struct h1_chunked chunked = {0};
    struct h1_refusal refusal;
    struct slice text = SLICE("0\r\nX-Sum: 1\r\nContent-Length: 5\r\nHost: a\r\nY: 2\r\n\r\nnext");
    struct slice data;
    assert_int_equal(h1_chunked_next(&chunked, &text, &data, &refusal), H1_CHUNKED_TRAILERS);
    assert_int_equal(h1_chunked_next(&chunked, &text, &data, &refusal), H1_CHUNKED_TRAILERS);
    struct h1_scan scan = {0};
    int len = h1_scan_trailers(&scan, text, &refusal);
    assert_int_equal(len, text.len - 4);
    struct field at[4];
    struct fields fields = {at, 0, COUNT_OF(at)};
    assert_int_equal(h1_parse_trailers(slice_first(text, (size_t)len), &fields, &refusal), 0);
    assert_int_equal(fields.count, 2);
    assert_true(slice_equal(at[0].name, SLICE("X-Sum")));
    assert_true(slice_equal(at[1].value, SLICE("2")));
    fields.max = 3;
    assert_true(h1_parse_trailers(slice_first(text, (size_t)len), &fields, &refusal) < 0);
    assert_int_equal(refusal.status, 431);
}

static void the_usual_trailer_section_is_empty(void **state)
{
    (void)state;
    struct h1_scan scan = {0};
    struct h1_refusal refusal;
    struct fields fields = {NULL, 0, 0};
    assert_int_equal(h1_scan_trailers(&scan, SLICE("\r\n"), &refusal), 2);
    assert_int_equal(h1_parse_trailers(SLICE("\r\n"), &fields, &refusal), 0);
    assert_int_equal(fields.count, 0);
}

static void chunk_heads_are_short_hexadecimal(void **state)
{
    (void)state;
    static const struct {
        uint64_t len;
        const char *text;
    } rows[] = {
        {1, "1\r\n"},
        {15, "f\r\n"},
        {16, "10\r\n"},
        {65536, "10000\r\n"},
        {UINT64_MAX, "ffffffffffffffff\r\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char head[H1_CHUNK_HEAD_BYTES];
        size_t len = h1_chunk_head(head, rows[i].len);
        assert_true(slice_equal(slice_of(head, len), slice_of_cstr(rows[i].text)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_are_joined),
        cmocka_unit_test(every_split_gives_the_same),
        cmocka_unit_test(faulty_chunks_are_refused),
        cmocka_unit_test(an_early_end_is_an_open_state),
        cmocka_unit_test(extensions_are_bounded_for_each_chunk),
        cmocka_unit_test(the_largest_chunk_is_taken),
        cmocka_unit_test(trailers_stay_with_the_caller),
        cmocka_unit_test(the_usual_trailer_section_is_empty),
        cmocka_unit_test(chunk_heads_are_short_hexadecimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
