/* Head and body of a request, written to a target. */
#include "edge/forward/upload.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>

/* A part of the body, framed as the target was told. `is_last` ends it. */
static int write_part(struct upload *upload, struct slice head, struct slice data, bool is_last)
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
    if (upload->is_chunked) {
        static const char after[] = "\r\n0\r\n\r\n";
        size_t from = data.len > 0 ? 0 : 2, to = is_last ? 7 : 2;
        if (from < to)
            parts[count++] = (struct iovec){(void *)(uintptr_t)(after + from), to - from};
    }
    return count == 0 ? 0 : io_write_all(&upload->upstream->io, parts, count, upload->idle_ms);
}

static bool at_end(const struct exchange *exchange)
{
    const struct framing *framing = &exchange->request.framing;
    return framing->kind == BODY_LENGTH && exchange->request_bytes == framing->content_length;
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
        rc = write_part(upload, (struct slice){0}, data, is_last);
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
    if (rc == -EAGAIN && upload->is_chunked) {
        /* Only the head: no chunk yet. */
        struct iovec part = {(void *)(uintptr_t)head.at, head.len};
        rc = io_write_all(&upstream->io, &part, 1, idle_ms);
    } else {
        rc = write_part(upload, head, data, exchange_has_body(exchange) && is_last);
    }
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
