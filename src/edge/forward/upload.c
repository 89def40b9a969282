/* Head and body of a request, written to a target. */
#include "edge/forward/upload.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>

/* A part of the body, framed as the target was told. */
static int write_part(struct upload *upload, struct slice head, struct slice data)
{
    struct iovec parts[4];
    int count = 0;
    char chunk_head[H1_CHUNK_HEAD_BYTES];
    if (head.len > 0)
        parts[count++] = (struct iovec){(void *)(uintptr_t)head.at, head.len};
    if (data.len > 0 && upload->is_chunked) {
        size_t len = h1_chunk_head(chunk_head, data.len);
        parts[count++] = (struct iovec){chunk_head, len};
    }
    if (data.len > 0)
        parts[count++] = (struct iovec){(void *)(uintptr_t)data.at, data.len};
    if (data.len > 0 && upload->is_chunked)
        parts[count++] = (struct iovec){(void *)(uintptr_t) "\r\n", 2};
    return count == 0 ? 0 : io_write_all(&upload->upstream->io, parts, count, upload->idle_ms);
}

static bool at_end(const struct exchange *exchange)
{
    const struct framing *framing = &exchange->request.framing;
    return framing->kind == BODY_LENGTH && exchange->request_bytes == framing->content_length;
}

/* The end of a chunked body, with its trailers. */
static int write_end(struct upload *upload)
{
    struct fields trailers;
    exchange_trailers(upload->exchange, &trailers);
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL)
        return -ENOMEM;
    struct writer writer;
    writer_init(&writer, block, BLOCK_LARGE_BYTES);
    h1_write_last_chunk(&writer, &trailers);
    struct iovec part = {block, writer_slice(&writer).len};
    int rc = io_write_all(&upload->upstream->io, &part, 1, upload->idle_ms);
    block_give(block, BLOCK_LARGE);
    return rc;
}

/* Until the body's end. 0, or the error. */
static int pump(struct upload *upload)
{
    for (;;) {
        struct slice data = {0};
        int rc = exchange_read_body(upload->exchange, &data);
        if (rc < 0) {
            upload->error = rc;
            return rc;
        }
        bool is_last = rc == 0 || at_end(upload->exchange);
        rc = rc == 0 ? write_end(upload) : write_part(upload, (struct slice){0}, data);
        if (rc < 0) {
            upload->target_error = rc;
            return rc;
        }
        if (is_last) {
            upload->is_complete = true;
            return 0;
        }
    }
}

static void upload_main(void *arg)
{
    struct upload *upload = arg;
    int rc = pump(upload);
    if (rc < 0 && rc != -ECANCELED && upload->error < 0)
        io_close(&upload->upstream->io);
    upload->fiber = NULL;
    if (upload->waiter != NULL)
        fiber_wake(upload->waiter);
}

int upload_begin(struct upload *upload, struct exchange *exchange, struct upstream *upstream,
                 struct slice head, int64_t idle_ms)
{
    *upload = (struct upload){.exchange = exchange, .upstream = upstream, .idle_ms = idle_ms};
    upload->is_chunked = exchange->request.framing.kind == BODY_CHUNKED;
    struct slice data = {0};
    int rc = exchange_has_body(exchange) ? exchange_try_body(exchange, &data) : 0;
    if (rc < 0 && rc != -EAGAIN) {
        upload->error = rc;
        return rc;
    }
    bool is_last = rc == 0 || (rc == 1 && at_end(exchange));
    rc = write_part(upload, head, data);
    if (rc == 0 && is_last && upload->is_chunked)
        rc = write_end(upload);
    upload->is_complete = is_last;
    if (rc < 0 || is_last)
        return rc;
    return fiber_start(upload_main, upload, &upload->fiber);
}

static int await_fiber(void *arg)
{
    struct upload *upload = arg;
    upload->waiter = fiber_current();
    while (upload->fiber != NULL)
        (void)fiber_wait(FIBER_FOREVER);
    upload->waiter = NULL;
    return 0;
}

bool upload_end(struct upload *upload)
{
    if (upload->fiber != NULL) {
        fiber_cancel(upload->fiber);
        (void)fiber_shield(await_fiber, upload, FIBER_FOREVER);
    }
    return upload->is_complete;
}
