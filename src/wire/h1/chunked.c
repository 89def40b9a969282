/*
 * The chunked coding, decoded strictly: CRLF and nothing else ends a line, sizes are at most 16
 * digits, no blanks, extensions are skipped within a bound.
 */
#include "wire/h1/chunked.h"

#include "wire/h1/parse.h"
#include "wire/http/chars.h"

#include <assert.h>

#define SIZE_DIGITS_MAX     16
#define EXTENSION_BYTES_MAX 256

enum turn { TURN_NEXT, TURN_LAST_CHUNK, TURN_REFUSED };

static enum turn refuse(struct h1_refusal *ret_refusal, const char *text)
{
    (void)h1_refuse(ret_refusal, 400, text);
    return TURN_REFUSED;
}

static enum turn take_size(struct h1_chunked *chunked, char c, struct h1_refusal *ret_refusal)
{
    if (char_is(c, CHAR_HEX)) {
        if (++chunked->size_digits > SIZE_DIGITS_MAX)
            return refuse(ret_refusal, "chunk size too long");
        chunked->left = chunked->left << 4 | hex_digit_value(c);
        return TURN_NEXT;
    }
    if (chunked->size_digits == 0)
        return refuse(ret_refusal, "no chunk size");
    if (chunked->left > INT64_MAX)
        return refuse(ret_refusal, "chunk too large");
    if (c == '\r')
        chunked->state = H1_CHUNK_SIZE_LF;
    else if (c == ';')
        chunked->state = H1_CHUNK_EXTENSION;
    else
        return refuse(ret_refusal, "bad chunk size");
    return TURN_NEXT;
}

static enum turn take_extension(struct h1_chunked *chunked, char c, struct h1_refusal *ret_refusal)
{
    if (c == '\r')
        chunked->state = H1_CHUNK_SIZE_LF;
    else if (!char_is(c, CHAR_VALUE) || c == ' ' || c == '\t')
        return refuse(ret_refusal, "bad chunk extension");
    else if (++chunked->extension_bytes > EXTENSION_BYTES_MAX)
        return refuse(ret_refusal, "chunk extension too long");
    return TURN_NEXT;
}

static enum turn take_size_lf(struct h1_chunked *chunked, char c, struct h1_refusal *ret_refusal)
{
    if (c != '\n')
        return refuse(ret_refusal, "bare CR behind a chunk size");
    chunked->state = chunked->left > 0 ? H1_CHUNK_DATA : H1_CHUNK_TRAILERS;
    return chunked->left > 0 ? TURN_NEXT : TURN_LAST_CHUNK;
}

/* One byte of what stands between the data of two chunks. */
static enum turn take_byte(struct h1_chunked *chunked, char c, struct h1_refusal *ret_refusal)
{
    switch (chunked->state) {
    case H1_CHUNK_SIZE:
        return take_size(chunked, c, ret_refusal);
    case H1_CHUNK_EXTENSION:
        return take_extension(chunked, c, ret_refusal);
    case H1_CHUNK_SIZE_LF:
        return take_size_lf(chunked, c, ret_refusal);
    case H1_CHUNK_DATA_CR:
        chunked->state = H1_CHUNK_DATA_LF;
        return c == '\r' ? TURN_NEXT : refuse(ret_refusal, "chunk longer than its size");
    case H1_CHUNK_DATA_LF:
        *chunked = (struct h1_chunked){.state = H1_CHUNK_SIZE};
        return c == '\n' ? TURN_NEXT : refuse(ret_refusal, "bare CR behind a chunk");
    case H1_CHUNK_DATA:
    case H1_CHUNK_TRAILERS:
        break;
    }
    assert(!"data and trailers are not taken byte by byte");
    return TURN_REFUSED;
}

enum h1_chunked_event h1_chunked_next(struct h1_chunked *chunked, struct slice *bytes,
                                      struct slice *ret_data, struct h1_refusal *ret_refusal)
{
    if (chunked->state == H1_CHUNK_TRAILERS)
        return H1_CHUNKED_TRAILERS;
    while (bytes->len > 0) {
        if (chunked->state == H1_CHUNK_DATA) {
            size_t len = bytes->len < chunked->left ? bytes->len : (size_t)chunked->left;
            *ret_data = slice_first(*bytes, len);
            *bytes = slice_from(*bytes, len);
            chunked->left -= len;
            if (chunked->left == 0)
                chunked->state = H1_CHUNK_DATA_CR;
            return H1_CHUNKED_DATA;
        }
        char c = bytes->at[0];
        *bytes = slice_from(*bytes, 1);
        switch (take_byte(chunked, c, ret_refusal)) {
        case TURN_NEXT:
            break;
        case TURN_LAST_CHUNK:
            return H1_CHUNKED_TRAILERS;
        case TURN_REFUSED:
            return H1_CHUNKED_REFUSED;
        }
    }
    return H1_CHUNKED_MORE;
}

size_t h1_chunk_head(char ret_head[static H1_CHUNK_HEAD_BYTES], uint64_t len)
{
    assert(len > 0);
    size_t digits = (67 - (size_t)__builtin_clzll(len)) / 4;
    for (size_t i = digits; i > 0; i--, len >>= 4)
        ret_head[i - 1] = "0123456789abcdef"[len & 15];
    ret_head[digits] = '\r';
    ret_head[digits + 1] = '\n';
    return digits + 2;
}
