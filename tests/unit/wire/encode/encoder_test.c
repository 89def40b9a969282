/* What the encoders write is read again by the libraries' own decoders. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "wire/encode/encoder.h"

#include <brotli/decode.h>
#include <errno.h>
#include <zlib.h>
#include <zstd.h>

#define BYTES     300000
#define OUT_BYTES (BYTES * 2)

static char plain[BYTES], encoded[OUT_BYTES], decoded[BYTES + 1];

static const enum http_encoding encodings[] = {ENCODING_GZIP, ENCODING_BR, ENCODING_ZSTD};

/* Text with some noise in it. */
static int fill(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 1);
    for (size_t i = 0; i < BYTES; i++)
        plain[i] = prng_below(&prng, 10) == 0 ? (char)prng_next(&prng) : (char)('a' + i % 17);
    return 0;
}

/* Returns how many bytes came out; all of the input is used, `is_end` tells whether it ended. */
static size_t decode(enum http_encoding encoding, struct slice from, bool *is_end)
{
    size_t out = 0;
    if (encoding == ENCODING_GZIP) {
        z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)from.at,
                           .avail_in = (unsigned)from.len,
                           .next_out = (Bytef *)decoded,
                           .avail_out = sizeof decoded};
        assert_int_equal(inflateInit2(&stream, 31), Z_OK);
        int rc = inflate(&stream, Z_SYNC_FLUSH);
        assert_true(rc == Z_OK || rc == Z_STREAM_END);
        *is_end = rc == Z_STREAM_END;
        out = stream.total_out;
        assert_int_equal(stream.avail_in, 0);
        inflateEnd(&stream);
    } else if (encoding == ENCODING_BR) {
        BrotliDecoderState *state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
        size_t left = from.len, room = sizeof decoded;
        const uint8_t *next = (const uint8_t *)from.at;
        uint8_t *to = (uint8_t *)decoded;
        BrotliDecoderResult result =
            BrotliDecoderDecompressStream(state, &left, &next, &room, &to, NULL);
        assert_int_not_equal(result, BROTLI_DECODER_RESULT_ERROR);
        *is_end = result == BROTLI_DECODER_RESULT_SUCCESS;
        out = sizeof decoded - room;
        BrotliDecoderDestroyInstance(state);
    } else {
        ZSTD_DCtx *context = ZSTD_createDCtx();
        ZSTD_inBuffer in = {from.at, from.len, 0};
        ZSTD_outBuffer to = {decoded, sizeof decoded, 0};
        size_t rc = 1;
        while (in.pos < in.size && rc != 0) {
            rc = ZSTD_decompressStream(context, &to, &in);
            assert_false(ZSTD_isError(rc));
        }
        *is_end = rc == 0;
        out = to.pos;
        ZSTD_freeDCtx(context);
    }
    return out;
}

/* Gives `len` bytes in parts of `part`, through an output of `room` bytes at a time. */
static size_t encode(struct encoder *encoder, size_t len, size_t part, size_t room)
{
    size_t at = 0;
    for (size_t done = 0; done < len || len == 0; done += part) {
        struct slice data = slice_first(slice_of(plain + done, len - done), part);
        bool is_last = done + part >= len;
        int more = 1;
        while (more != 0) {
            struct writer out;
            writer_init(&out, encoded + at, room);
            more = encoder_run(encoder, &data, is_last ? ENCODER_FINISH : ENCODER_MORE, &out);
            assert_true(more >= 0);
            at += writer_slice(&out).len;
            assert_true(at + room < OUT_BYTES);
        }
        assert_int_equal(data.len, 0);
        if (is_last)
            break;
    }
    return at;
}

static void what_is_encoded_can_be_decoded(void **state)
{
    (void)state;
    static const struct {
        size_t len, part, room;
    } cases[] = {
        {BYTES, BYTES, 200000}, {BYTES, 1000, 65536}, {BYTES, 70000, 13}, {0, 1, 100}, {1, 1, 100},
        {5000, 1, 7},           {65536, 65536, 65536}};
    for (size_t i = 0; i < COUNT_OF(encodings); i++) {
        struct encoder *encoder = encoder_create(encodings[i]);
        assert_non_null(encoder);
        assert_int_equal(encoder_encoding(encoder), encodings[i]);
        for (unsigned k = 0; k < COUNT_OF(cases) * 4; k++) {
            size_t len = cases[k / 4].len;
            static const unsigned levels[] = {0, 1, 5, 9};
            uint64_t told = k % 2 == 0 ? len : ENCODER_LENGTH_UNKNOWN;
            bool is_end;
            assert_int_equal(encoder_begin(encoder, levels[k % 4], told), 0);
            size_t got = encode(encoder, len, cases[k / 4].part, cases[k / 4].room);
            assert_int_equal(decode(encodings[i], slice_of(encoded, got), &is_end), len);
            assert_true(is_end);
            assert_memory_equal(decoded, plain, len);
        }
        encoder_destroy(encoder);
    }
}

static void what_is_flushed_can_be_decoded_so_far(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(encodings); i++) {
        struct encoder *encoder = encoder_create(encodings[i]);
        struct writer out;
        bool is_end;
        writer_init(&out, encoded, sizeof encoded);
        assert_int_equal(encoder_begin(encoder, 0, ENCODER_LENGTH_UNKNOWN), 0);
        for (size_t len = 100; len <= 1000; len += 100) {
            struct slice data = slice_of(plain + len - 100, 100);
            assert_int_equal(encoder_run(encoder, &data, ENCODER_FLUSH, &out), 0);
            assert_int_equal(decode(encodings[i], writer_slice(&out), &is_end), len);
            assert_false(is_end);
            assert_memory_equal(decoded, plain, len);
        }
        encoder_destroy(encoder);
    }
}

static void an_encoder_begins_anew_after_half_a_body(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(encodings); i++) {
        struct encoder *encoder = encoder_create(encodings[i]);
        bool is_end;
        for (int k = 0; k < 3; k++) {
            struct slice data = slice_of(plain, 5000);
            struct writer out;
            writer_init(&out, encoded, sizeof encoded);
            assert_int_equal(encoder_begin(encoder, 0, 20000), 0);
            assert_int_equal(encoder_run(encoder, &data, ENCODER_MORE, &out), 0);
            assert_int_equal(encoder_begin(encoder, 0, 3000), 0);
            size_t got = encode(encoder, 3000, 3000, 65536);
            assert_int_equal(decode(encodings[i], slice_of(encoded, got), &is_end), 3000);
            assert_true(is_end);
        }
        encoder_destroy(encoder);
    }
}

static void memory_may_be_used_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(encodings); i++) {
        for (long nth = 1; nth < 12; nth++) {
            memory_fail_from(nth);
            struct encoder *encoder = encoder_create(encodings[i]);
            if (encoder != NULL && encoder_begin(encoder, 0, 100) == 0) {
                struct slice data = slice_of(plain, 100);
                struct writer out;
                writer_init(&out, encoded, sizeof encoded);
                (void)encoder_run(encoder, &data, ENCODER_FINISH, &out);
            }
            memory_fail_from(0);
            encoder_destroy(encoder);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_can_be_decoded),
        cmocka_unit_test(what_is_flushed_can_be_decoded_so_far),
        cmocka_unit_test(an_encoder_begins_anew_after_half_a_body),
        cmocka_unit_test(memory_may_be_used_up),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
