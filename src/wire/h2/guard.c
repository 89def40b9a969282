/* Frame heads, one after the other; payloads are only counted. */
#include "wire/h2/guard.h"

#include "base/cleanup.h"

/*
 * Prices. A client that does nothing but cancel may do so 200 times, then 40 times a second; one
 * that takes responses may cancel as often as it takes.
 */
#define CREDIT_MAX      10000
#define CREDIT_PER_S    2000
#define COST_RESET      50 /* by the client, or because of it */
#define COST_SETTINGS   50
#define COST_GOAWAY     50
#define COST_EMPTY      20 /* DATA or CONTINUATION without bytes or an end */
#define COST_PING       10
#define COST_UNKNOWN    10
#define COST_PRIORITY   5
#define COST_WINDOW     1
#define COST_SMALL      1 /* DATA of a few bytes */
#define EARN_RESPONSE   60
#define EARN_BYTES_EACH 256 /* body bytes for 1 */

#define SMALL_BYTES    64
#define PRIORITY_BYTES 5

void h2_guard_init(struct h2_guard *guard, int64_t now_ms)
{
    *guard = (struct h2_guard){.credit = CREDIT_MAX, .credited_ms = now_ms};
}

static void earn(struct h2_guard *guard, uint64_t credit)
{
    uint64_t sum = guard->credit + credit;
    guard->credit = sum > CREDIT_MAX ? CREDIT_MAX : (uint32_t)sum;
}

void h2_guard_earn_bytes(struct h2_guard *guard, size_t bytes)
{
    earn(guard, bytes / EARN_BYTES_EACH);
}

void h2_guard_earn_response(struct h2_guard *guard)
{
    earn(guard, EARN_RESPONSE);
}

static bool charge(struct h2_guard *guard, uint32_t cost, int64_t now_ms)
{
    int64_t passed_ms = now_ms - guard->credited_ms;
    if (passed_ms > 0) {
        earn(guard, (uint64_t)passed_ms * CREDIT_PER_S / 1000);
        guard->credited_ms = now_ms;
    }
    if (cost > guard->credit)
        return false;
    guard->credit -= cost;
    return true;
}

bool h2_guard_charge_reset(struct h2_guard *guard, int64_t now_ms)
{
    return charge(guard, COST_RESET, now_ms);
}

static uint32_t cost_of(const struct h2_frame *frame)
{
    bool ends_stream = (frame->flags & H2_FLAG_END_STREAM) != 0;
    switch (frame->type) {
    case H2_DATA:
        if (ends_stream)
            return 0;
        return frame->len == 0 ? COST_EMPTY : frame->len < SMALL_BYTES ? COST_SMALL : 0;
    case H2_HEADERS:
        return 0; /* a request: it is limited by what runs at the same time */
    case H2_CONTINUATION:
        return frame->len == 0 ? COST_EMPTY : 0;
    case H2_PRIORITY:
    case H2_PRIORITY_UPDATE:
        return COST_PRIORITY;
    case H2_RST_STREAM:
        return COST_RESET;
    case H2_SETTINGS:
        return COST_SETTINGS;
    case H2_PING:
        return COST_PING;
    case H2_GOAWAY:
        return COST_GOAWAY;
    case H2_WINDOW_UPDATE:
        return COST_WINDOW;
    default:
        return COST_UNKNOWN;
    }
}

static bool refuse(enum h2_error *ret_error, enum h2_error error)
{
    *ret_error = error;
    return false;
}

/* Streams of clients have odd numbers; of each we keep two bits, in rings. */
static bool has_bit(const uint64_t *ring, uint32_t stream)
{
    uint32_t place = stream / 2 % H2_STREAMS_KNOWN;
    return (ring[place / 64] >> (place % 64) & 1) != 0;
}

static void set_bit(uint64_t *ring, uint32_t stream)
{
    uint32_t place = stream / 2 % H2_STREAMS_KNOWN;
    ring[place / 64] |= UINT64_C(1) << (place % 64);
}

static void clear_bit(uint64_t *ring, uint32_t stream)
{
    uint32_t place = stream / 2 % H2_STREAMS_KNOWN;
    ring[place / 64] &= ~(UINT64_C(1) << (place % 64));
}

static bool is_known(const struct h2_guard *guard, uint32_t stream)
{
    return stream % 2 == 1 && stream <= guard->last_stream &&
           (guard->last_stream - stream) / 2 < H2_STREAMS_KNOWN;
}

/* All streams up to this one are known now; those in between were never opened. */
static void open_stream(struct h2_guard *guard, uint32_t stream)
{
    uint32_t count = (stream - guard->last_stream + 1) / 2;
    for (uint32_t i = 0; i < count && i < H2_STREAMS_KNOWN; i++) {
        clear_bit(guard->opened, stream - 2 * i);
        clear_bit(guard->ended, stream - 2 * i);
    }
    guard->last_stream = stream;
    set_bit(guard->opened, stream);
}

/*
 * RFC 9113 §5.1, §5.1.1: nothing but PRIORITY, WINDOW_UPDATE and RST_STREAM comes on a stream that
 * the client has ended, nothing at all on one that it has passed over. What it sends on one that we
 * have reset may have been under way.
 */
static bool check_stream(struct h2_guard *guard, const struct h2_frame *frame,
                         enum h2_error *ret_error)
{
    uint32_t stream = frame->stream;
    bool is_message = frame->type == H2_DATA || frame->type == H2_HEADERS;
    if (guard->is_target)
        return true;
    if (frame->type == H2_HEADERS && stream % 2 == 1 && stream > guard->last_stream)
        open_stream(guard, stream);
    if (!is_known(guard, stream))
        return true;
    if (is_message && !has_bit(guard->opened, stream))
        return refuse(ret_error, H2_PROTOCOL_ERROR); /* a stream that was passed over */
    if (is_message && has_bit(guard->ended, stream))
        return refuse(ret_error, H2_STREAM_CLOSED); /* a frame behind the end of its stream */
    bool ends = is_message && (frame->flags & H2_FLAG_END_STREAM) != 0;
    if (ends || frame->type == H2_RST_STREAM)
        set_bit(guard->ended, stream);
    return true;
}

static bool check_block(struct h2_guard *guard, const struct h2_frame *frame,
                        enum h2_error *ret_error)
{
    bool goes_on = guard->block_frames > 0;
    bool is_next = frame->type == H2_CONTINUATION && frame->stream == guard->block_stream;
    if (goes_on != (frame->type == H2_CONTINUATION) || (goes_on && !is_next))
        return refuse(ret_error, H2_PROTOCOL_ERROR); /* CONTINUATION out of place */
    if (!goes_on && frame->type != H2_HEADERS)
        return true;
    guard->block_bytes = goes_on ? guard->block_bytes + frame->len : frame->len;
    guard->block_frames++;
    guard->block_stream = frame->stream;
    if (guard->block_frames > H2_BLOCK_FRAMES_MAX || guard->block_bytes > H2_BLOCK_BYTES_MAX)
        return refuse(ret_error, H2_ENHANCE_YOUR_CALM); /* a header block without end */
    if ((frame->flags & H2_FLAG_END_HEADERS) != 0)
        guard->block_frames = 0;
    return true;
}

/* A PRIORITY's bytes as they come. It is not obeyed (RFC 9113 §5.3.2), but what cannot be is an
 * error, which nghttp2 does not look for once priorities of that kind are off. */
static bool check_priority(struct h2_guard *guard, struct slice bytes, enum h2_error *ret_error)
{
    const struct h2_frame *frame = &guard->frame;
    uint32_t seen = frame->len - guard->payload_left;
    for (size_t i = 0; i < bytes.len && seen + i < 4; i++)
        guard->depends_on = guard->depends_on << 8 | (uint8_t)bytes.at[i];
    bool is_known = seen < 4 && seen + bytes.len >= 4;
    if (is_known && (guard->depends_on & INT32_MAX) == frame->stream)
        return refuse(ret_error, H2_PROTOCOL_ERROR); /* a stream that depends on itself */
    return true;
}

static bool check(struct h2_guard *guard, const struct h2_frame *frame, int64_t now_ms,
                  enum h2_error *ret_error)
{
    uint32_t cost = cost_of(frame);
    if (frame->len > H2_FRAME_BYTES_MAX)
        return refuse(ret_error, H2_FRAME_SIZE_ERROR);
    if (frame->type == H2_PRIORITY && frame->stream == 0)
        return refuse(ret_error, H2_PROTOCOL_ERROR); /* PRIORITY on stream 0 */
    if (frame->type == H2_PRIORITY && frame->len != PRIORITY_BYTES)
        return refuse(ret_error, H2_FRAME_SIZE_ERROR);
    if (!check_block(guard, frame, ret_error) || !check_stream(guard, frame, ret_error))
        return false;
    if (cost > 0 && !charge(guard, cost, now_ms))
        return refuse(ret_error, H2_ENHANCE_YOUR_CALM); /* a flood of frames */
    return true;
}

size_t h2_guard_pass(struct h2_guard *guard, struct slice bytes, int64_t now_ms,
                     enum h2_error *ret_error)
{
    size_t at = 0;
    while (at < bytes.len) {
        if (guard->payload_left > 0) {
            size_t part =
                bytes.len - at < guard->payload_left ? bytes.len - at : guard->payload_left;
            if (UNLIKELY(guard->frame.type == H2_PRIORITY) &&
                !check_priority(guard, slice_of(bytes.at + at, part), ret_error))
                return at;
            guard->payload_left -= (uint32_t)part;
            at += part;
            continue;
        }
        size_t start = at;
        while (at < bytes.len && guard->head_len < H2_FRAME_HEAD_BYTES)
            guard->head[guard->head_len++] = (uint8_t)bytes.at[at++];
        if (guard->head_len < H2_FRAME_HEAD_BYTES)
            break;
        guard->head_len = 0;
        guard->frame = h2_frame_unpack(guard->head);
        guard->payload_left = guard->frame.len;
        guard->units += guard->frame.type != H2_CONTINUATION ? 1 : 0;
        if (!check(guard, &guard->frame, now_ms, ret_error)) {
            guard->payload_left = 0;
            return start;
        }
    }
    return bytes.len;
}

bool h2_guard_is_midway(const struct h2_guard *guard)
{
    return guard->block_frames > 0 || guard->head_len > 0 ||
           (guard->payload_left > 0 && guard->frame.type != H2_DATA);
}
