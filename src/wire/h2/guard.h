/*
 * Looks at the frames of a client, or of a target, before they are taken: what RFC 9113 forbids but
 * nghttp2 lets pass, and what is allowed but costs us more than the other side. Pure; time is told
 * by the caller.
 *
 * A flood is anything that comes without end and moves nothing: resets, pings, settings, empty
 * frames, priorities, window updates. Each such frame costs credit, which time, and the bytes and
 * responses that the client takes, give back. A client without credit left is told to calm down
 * (RFC 9113 §10.5) and its connection ends. The prices are in guard.c.
 */
#pragma once

#include "wire/h2/frame.h"

/* We let clients send no larger payloads (SETTINGS_MAX_FRAME_SIZE, the least there is). */
#define H2_FRAME_BYTES_MAX 16384

/* Of a header block, as it is sent: compressed (RFC 9113 §10.5.1). */
#define H2_BLOCK_BYTES_MAX  65536
#define H2_BLOCK_FRAMES_MAX 10

/* Streams below the highest one of which it is known how they ended. */
#define H2_STREAMS_KNOWN 1024

struct h2_guard {
    uint8_t head[H2_FRAME_HEAD_BYTES];
    uint8_t head_len;
    bool is_target;        /* streams are ours: it opens none */
    uint8_t block_frames;  /* of the header block that comes in; 0: none does */
    uint32_t block_stream; /* and whose it is */
    uint32_t block_bytes;
    uint32_t payload_left;
    uint32_t depends_on;   /* of PRIORITY, as far as it has come */
    struct h2_frame frame; /* whose payload comes in */
    uint32_t last_stream;  /* the highest one of the client */
    uint64_t opened[H2_STREAMS_KNOWN / 64];
    uint64_t ended[H2_STREAMS_KNOWN / 64]; /* the client has ended or reset it */
    uint32_t units; /* frames that have begun, a header block counted as one */
    uint32_t credit;
    int64_t credited_ms;
};

void h2_guard_init(struct h2_guard *guard, int64_t now_ms);

/*
 * Looks at the next bytes behind the client's preface. Returns how many of them may be taken: all,
 * or with *ret_error those before a frame that ends the connection.
 */
size_t h2_guard_pass(struct h2_guard *guard, struct slice bytes, int64_t now_ms,
                     enum h2_error *ret_error);

/* The client has taken that much of responses' bodies; a response whole. Of a target: so much went
 * either way; a request was sent. */
void h2_guard_earn_bytes(struct h2_guard *guard, size_t bytes);
void h2_guard_earn_response(struct h2_guard *guard);

/* The client made us reset a stream. False: it had no credit left for that. */
bool h2_guard_charge_reset(struct h2_guard *guard, int64_t now_ms);

/* A header block, or a frame other than DATA, has begun and is not there whole. */
bool h2_guard_is_midway(const struct h2_guard *guard);
