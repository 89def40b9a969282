/* Frames that a client says, and what it has heard. */
#pragma once

#include "http_unit.h"

#include "wire/h2/frame.h"

static inline void say_frame(struct client *client, enum h2_frame_type type, unsigned flags,
                             uint32_t stream, struct slice payload)
{
    uint8_t head[H2_FRAME_HEAD_BYTES] = {(uint8_t)(payload.len >> 16),
                                         (uint8_t)(payload.len >> 8),
                                         (uint8_t)payload.len,
                                         (uint8_t)type,
                                         (uint8_t)flags,
                                         (uint8_t)(stream >> 24),
                                         (uint8_t)(stream >> 16),
                                         (uint8_t)(stream >> 8),
                                         (uint8_t)stream};
    say_bytes(client, head, sizeof head);
    if (payload.len > 0)
        say_bytes(client, payload.at, payload.len);
}

/* GET or POST, http, "/", and "a" as the authority. */
#define GET_BLOCK                                                                                  \
    SLICE("\x82\x86\x84\x41\x01"                                                                   \
          "a")
#define POST_BLOCK                                                                                 \
    SLICE("\x83\x86\x84\x41\x01"                                                                   \
          "a")

static inline void ask(struct client *client, uint32_t stream)
{
    say_frame(client, H2_HEADERS, H2_FLAG_END_STREAM | H2_FLAG_END_HEADERS, stream, GET_BLOCK);
}

static inline void say_settings(struct client *client, uint32_t window)
{
    char payload[] = {
        0, 4, (char)(window >> 24), (char)(window >> 16), (char)(window >> 8), (char)window};
    say_frame(client, H2_SETTINGS, 0, 0, slice_of(payload, sizeof payload));
}

static inline void say_window(struct client *client, uint32_t stream, uint32_t more)
{
    char payload[] = {(char)(more >> 24), (char)(more >> 16), (char)(more >> 8), (char)more};
    say_frame(client, H2_WINDOW_UPDATE, 0, stream, slice_of(payload, sizeof payload));
}

static inline struct client *open_h2(uint32_t window)
{
    struct client *client = client_open();
    say(client, H2_PREFACE);
    say_settings(client, window);
    return client;
}

/* Of what was heard: the next frame from `at`; false at the end. */
static inline bool next_frame(const struct client *client, size_t *at, struct h2_frame *ret_frame,
                              struct slice *ret_payload)
{
    if (client->len - *at < H2_FRAME_HEAD_BYTES)
        return false;
    *ret_frame = h2_frame_unpack((const uint8_t *)client->heard + *at);
    if (client->len - *at < H2_FRAME_HEAD_BYTES + ret_frame->len)
        return false;
    *ret_payload = slice_of(client->heard + *at + H2_FRAME_HEAD_BYTES, ret_frame->len);
    *at += H2_FRAME_HEAD_BYTES + ret_frame->len;
    return true;
}

/* The last frame of that type that was heard, on that stream; fails without one. */
static inline struct slice last_of(const struct client *client, enum h2_frame_type type,
                                   uint32_t stream)
{
    struct h2_frame frame;
    struct slice payload, found = {NULL, 0};
    for (size_t at = 0; next_frame(client, &at, &frame, &payload);) {
        if (frame.type == type && frame.stream == stream)
            found = payload;
    }
    assert_non_null(found.at);
    return found;
}

static inline unsigned count_of(const struct client *client, enum h2_frame_type type,
                                uint32_t stream)
{
    struct h2_frame frame;
    struct slice payload;
    unsigned count = 0;
    for (size_t at = 0; next_frame(client, &at, &frame, &payload);)
        count += frame.type == type && frame.stream == stream;
    return count;
}

static inline size_t data_bytes(const struct client *client, uint32_t stream)
{
    struct h2_frame frame;
    struct slice payload;
    size_t bytes = 0;
    for (size_t at = 0; next_frame(client, &at, &frame, &payload);)
        bytes += frame.type == H2_DATA && frame.stream == stream ? payload.len : 0;
    return bytes;
}

static inline bool has_ended(const struct client *client, uint32_t stream)
{
    struct h2_frame frame;
    struct slice payload;
    for (size_t at = 0; next_frame(client, &at, &frame, &payload);) {
        if (frame.stream == stream && (frame.type == H2_DATA || frame.type == H2_HEADERS) &&
            (frame.flags & H2_FLAG_END_STREAM) != 0)
            return true;
    }
    return false;
}

static inline uint32_t number_at(struct slice payload, size_t at)
{
    assert_true(payload.len >= at + 4);
    const uint8_t *bytes = (const uint8_t *)payload.at + at;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline uint32_t goaway_error(const struct client *client)
{
    return number_at(last_of(client, H2_GOAWAY, 0), 4);
}

/* Listens to the connection's end, however long it takes: that time. */
static inline int64_t hear_to_end(struct client *client)
{
    int64_t began_ms = loop_now_ms();
    while (hear(client) == 1)
        assert_true(loop_now_ms() - began_ms < ENOUGH_MS);
    return loop_now_ms() - began_ms;
}

static inline void hear_until_ended(struct client *client, uint32_t stream)
{
    int64_t until_ms = loop_deadline(ENOUGH_MS);
    while (!has_ended(client, stream)) {
        assert_int_equal(hear(client), 1);
        assert_true(loop_now_ms() < until_ms);
    }
}
