/* Requests as HTTP/1 frames them, or handed on to HTTP/2. */
#include "http/call.h"

#include "wire/h1/serialise.h"

#include <errno.h>

bool call_is_reused(const struct call *call)
{
    return LIKELY(call->connection != NULL) ? call->connection->is_reused
                                            : h2_call_is_reused(call->stream);
}

int call_open(struct call *call, struct client_pool *pool, int64_t only_fresh_ms, bool must_be_new,
              int64_t deadline_ms, const char **ret_why)
{
    *call = (struct call){.connection = NULL};
    if (UNLIKELY(pool->is_h2))
        return h2_call_open(pool, deadline_ms, &call->stream, ret_why);
    if (!must_be_new)
        call->connection = client_take_idle(pool, only_fresh_ms);
    if (call->connection != NULL)
        return 0;
    return client_connect(pool, deadline_ms, &call->connection, ret_why);
}

/* A part of the body, framed as the target was told. */
static int write_part(struct call *call, struct slice head, struct slice data, int64_t timeout_ms)
{
    struct iovec parts[4];
    int count = 0;
    char chunk_head[H1_CHUNK_HEAD_BYTES];
    if (head.len > 0)
        parts[count++] = (struct iovec){(void *)(uintptr_t)head.at, head.len};
    if (data.len > 0 && call->is_chunked) {
        size_t len = h1_chunk_head(chunk_head, data.len);
        parts[count++] = (struct iovec){chunk_head, len};
    }
    if (data.len > 0)
        parts[count++] = (struct iovec){(void *)(uintptr_t)data.at, data.len};
    if (data.len > 0 && call->is_chunked)
        parts[count++] = (struct iovec){(void *)(uintptr_t) "\r\n", 2};
    return count == 0 ? 0 : io_write_all(&call->connection->io, parts, count, timeout_ms);
}

int call_begin(struct call *call, struct slice head, const struct framing *framing,
               struct slice data, bool more, int64_t timeout_ms)
{
    call->is_chunked = framing->kind == BODY_CHUNKED;
    if (UNLIKELY(call->connection == NULL))
        return h2_call_begin(call->stream, head, data, more || call->is_chunked, timeout_ms);
    return write_part(call, head, data, timeout_ms);
}

int call_send(struct call *call, struct slice data, bool more, int64_t timeout_ms)
{
    if (UNLIKELY(call->connection == NULL))
        return h2_call_send(call->stream, data, more || call->is_chunked, NULL, timeout_ms);
    return write_part(call, (struct slice){0}, data, timeout_ms);
}

int call_end(struct call *call, const struct fields *trailers, int64_t timeout_ms)
{
    if (UNLIKELY(call->connection == NULL))
        return h2_call_send(call->stream, (struct slice){0}, false, trailers, timeout_ms);
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL)
        return -ENOMEM;
    struct writer writer;
    writer_init(&writer, block, BLOCK_LARGE_BYTES);
    h1_write_last_chunk(&writer, trailers);
    struct iovec part = {block, writer_slice(&writer).len};
    int rc = io_write_all(&call->connection->io, &part, 1, timeout_ms);
    block_give(block, BLOCK_LARGE);
    return rc;
}

void call_break(struct call *call)
{
    if (call->connection != NULL)
        io_close(&call->connection->io);
    else
        h2_call_break(call->stream);
}

void call_give_back(struct call *call)
{
    if (LIKELY(call->connection != NULL))
        client_give_back(call->connection);
    else
        h2_call_drop(call->stream);
    *call = (struct call){.connection = NULL};
}

void call_drop(struct call *call)
{
    client_drop(call->connection);
    h2_call_drop(call->stream);
    *call = (struct call){.connection = NULL};
}
