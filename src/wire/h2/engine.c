/* Frames out of nghttp2. */
#include "wire/h2/engine.h"

#include "base/cleanup.h"

#include <errno.h>

/* Less room than this is not filled with a part of a frame. */
#define PART_BYTES_MIN 1024

#define DATA_BYTES_MAX 16384

int h2_engine_errno(int rc)
{
    return rc == 0 ? 0 : rc == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
}

static size_t room_of(const struct h2_output *output)
{
    return (size_t)(output->room_end - output->room);
}

static void put(struct h2_output *output, const void *bytes, size_t len)
{
    memcpy(output->room, bytes, len);
    output->room += len;
}

/* False: it did not fit. */
static bool put_held(struct h2_output *output)
{
    struct slice part = slice_first(output->held, room_of(output));
    put(output, part.at, part.len);
    output->held = slice_from(output->held, part.len);
    return output->held.len == 0;
}

int h2_output_fill(struct h2_output *output, nghttp2_session *engine,
                   const struct h2_memory *memory)
{
    while (output->held.len == 0 || put_held(output)) {
        const uint8_t *bytes;
        if (UNLIKELY(memory->has_failed))
            return -ENOMEM;
        ssize_t len = nghttp2_session_mem_send(engine, &bytes);
        if (len == NGHTTP2_ERR_NOMEM)
            return -ENOMEM;
        if (len < 0)
            return -EPROTO;
        if (len == 0)
            return 0;
        output->held = slice_of((const char *)bytes, (size_t)len);
    }
    return 0;
}

ssize_t h2_output_data_length(const struct h2_output *output, int32_t session_window,
                              int32_t stream_window, uint32_t frame_bytes_max)
{
    size_t room = room_of(output);
    size_t len = DATA_BYTES_MAX < frame_bytes_max ? DATA_BYTES_MAX : frame_bytes_max;
    if (len > (size_t)session_window)
        len = (size_t)session_window;
    if (len > (size_t)stream_window)
        len = (size_t)stream_window;
    if (room >= PART_BYTES_MIN + H2_FRAME_HEAD_BYTES && len > room - H2_FRAME_HEAD_BYTES)
        len = room - H2_FRAME_HEAD_BYTES;
    return (ssize_t)len;
}

bool h2_output_put_data(struct h2_output *output, const uint8_t head[static H2_FRAME_HEAD_BYTES],
                        struct slice data)
{
    if (room_of(output) < H2_FRAME_HEAD_BYTES + data.len)
        return false;
    put(output, head, H2_FRAME_HEAD_BYTES);
    if (data.len > 0)
        put(output, data.at, data.len);
    return true;
}
