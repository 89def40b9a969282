/* Frames of HTTP/2 (RFC 9113 §4.1, §6, §7): their heads, types, flags and error codes. */
#pragma once

#include "base/slice.h"

/* What a client says first (RFC 9113 §3.4). Its beginning is a whole head of HTTP/1. */
#define H2_PREFACE      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define H2_PREFACE_HEAD "PRI * HTTP/2.0\r\n\r\n"

#define H2_FRAME_HEAD_BYTES 9

/* The window that we open for a stream whose body turns out to be large, and is read. */
#define H2_WIDE_WINDOW_BYTES (256 * 1024)

enum h2_frame_type {
    H2_DATA = 0,
    H2_HEADERS = 1,
    H2_PRIORITY = 2,
    H2_RST_STREAM = 3,
    H2_SETTINGS = 4,
    H2_PUSH_PROMISE = 5,
    H2_PING = 6,
    H2_GOAWAY = 7,
    H2_WINDOW_UPDATE = 8,
    H2_CONTINUATION = 9,
    H2_PRIORITY_UPDATE = 16, /* RFC 9218 §7.1 */
};

enum h2_flag {
    H2_FLAG_ACK = 1,        /* SETTINGS, PING */
    H2_FLAG_END_STREAM = 1, /* DATA, HEADERS */
    H2_FLAG_END_HEADERS = 4,
    H2_FLAG_PADDED = 8,
    H2_FLAG_PRIORITY = 32,
};

enum h2_error {
    H2_NO_ERROR = 0,
    H2_PROTOCOL_ERROR = 1,
    H2_INTERNAL_ERROR = 2,
    H2_FLOW_CONTROL_ERROR = 3,
    H2_SETTINGS_TIMEOUT = 4,
    H2_STREAM_CLOSED = 5,
    H2_FRAME_SIZE_ERROR = 6,
    H2_REFUSED_STREAM = 7,
    H2_CANCEL = 8,
    H2_COMPRESSION_ERROR = 9,
    H2_CONNECT_ERROR = 10,
    H2_ENHANCE_YOUR_CALM = 11,
    H2_INADEQUATE_SECURITY = 12,
    H2_HTTP_1_1_REQUIRED = 13,
};

struct h2_frame {
    uint32_t len; /* of the payload */
    uint32_t stream;
    uint8_t type; /* enum h2_frame_type, or one that is not known */
    uint8_t flags;
};

static inline struct h2_frame h2_frame_unpack(const uint8_t head[static H2_FRAME_HEAD_BYTES])
{
    return (struct h2_frame){
        .len = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2],
        .type = head[3],
        .flags = head[4],
        .stream =
            ((uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 | head[8]) &
            INT32_MAX,
    };
}
