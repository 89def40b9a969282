/*
 * The chunked transfer coding (RFC 9112 §7.1), both ways. The decoder hands out slices of its input
 * and copies nothing.
 */
#pragma once

#include "wire/h1/head.h"

enum h1_chunked_state {
    H1_CHUNK_SIZE,
    H1_CHUNK_EXTENSION,
    H1_CHUNK_SIZE_LF,
    H1_CHUNK_DATA,
    H1_CHUNK_DATA_CR,
    H1_CHUNK_DATA_LF,
    H1_CHUNK_TRAILERS,
};

/* Zero it before a body. */
struct h1_chunked {
    enum h1_chunked_state state;
    uint8_t size_digits;
    uint16_t extension_bytes; /* of this chunk; more than 256 are refused */
    uint64_t left;            /* bytes of the current chunk still to come */
};

enum h1_chunked_event {
    H1_CHUNKED_MORE,     /* all input was used; give more */
    H1_CHUNKED_DATA,     /* *ret_data is a part of the body */
    H1_CHUNKED_TRAILERS, /* the last chunk has been read; what follows is the trailer section, for
                            h1_scan_trailers (often just CRLF) */
    H1_CHUNKED_REFUSED,
};

/* Takes what it can off the front of *bytes; call again until it returns something but DATA. */
enum h1_chunked_event h1_chunked_next(struct h1_chunked *chunked, struct slice *bytes,
                                      struct slice *ret_data, struct h1_refusal *ret_refusal);

/* The longest chunk head: 16 hexadecimal digits and CRLF. */
#define H1_CHUNK_HEAD_BYTES 18

/* Writes "<hex>\r\n" for a chunk of `len` > 0 bytes; returns its length. The data and CRLF follow.
 */
size_t h1_chunk_head(char ret_head[static H1_CHUNK_HEAD_BYTES], uint64_t len);
