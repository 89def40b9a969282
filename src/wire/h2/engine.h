/*
 * What both sides of HTTP/2, session.c for clients and client.c for targets, have in common in how
 * they use nghttp2: its frames are written into memory of the owner's.
 */
#pragma once

#include "wire/h2/frame.h"
#include "wire/h2/memory.h"

/* 0, -ENOMEM or -EPROTO for what nghttp2 returned. */
int h2_engine_errno(int rc);

/* Where frames go while the owner asks for them. */
struct h2_output {
    char *room, *room_end; /* borrowed */
    struct slice held;     /* of a frame that did not fit; nghttp2's until the next is asked for */
};

static inline void h2_output_begin(struct h2_output *output, char *room, size_t len)
{
    output->room = room;
    output->room_end = room + len;
}

/* Until there is no more room, or no more to be sent. 0, -ENOMEM or -EPROTO. */
int h2_output_fill(struct h2_output *output, nghttp2_session *engine,
                   const struct h2_memory *memory);

/* How long a DATA frame should be, within windows, room and the other side's limit. */
ssize_t h2_output_data_length(const struct h2_output *output, int32_t session_window,
                              int32_t stream_window, uint32_t frame_bytes_max);

/* A DATA frame, copied from where the body lies to where it leaves from. False: it does not fit. */
bool h2_output_put_data(struct h2_output *output, const uint8_t head[static H2_FRAME_HEAD_BYTES],
                        struct slice data);
