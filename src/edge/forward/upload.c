/* Head and body of a request, written to a target. */
#include "edge/forward/upload.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>

void kept_body_finish(struct kept_body *kept)
{
    block_give(kept->block, BLOCK_LARGE);
    kept->block = NULL;
}

static void keep(struct kept_body *kept, struct slice data)
{
    if (!kept->is_wanted || kept->is_lost || data.len == 0)
        return;
    if (kept->block == NULL)
        kept->block = block_take(BLOCK_LARGE);
    if (kept->block == NULL || data.len > KEPT_BODY_BYTES_MAX - kept->len) {
        kept->is_lost = true;
        return;
    }
    memcpy(kept->block + kept->len, data.at, data.len);
    kept->len += data.len;
}

static const struct framing *framing_of(const struct upload *upload)
{
    return LIKELY(upload->source == NULL) ? &upload->exchange->request.framing
                                          : &upload->source->framing;
}

static bool at_end(const struct upload *upload)
{
    const struct framing *framing = framing_of(upload);
    uint64_t bytes =
        LIKELY(upload->source == NULL) ? upload->exchange->request_bytes : upload->source->bytes;
    return framing->kind == BODY_LENGTH && bytes == framing->content_length;
}

static int read_part(struct upload *upload, bool may_wait, struct slice *ret_data)
{
    struct upload_source *source = upload->source;
    if (LIKELY(source == NULL))
        return may_wait ? exchange_read_body(upload->exchange, ret_data)
                        : exchange_try_body(upload->exchange, ret_data);
    int rc = source->next(source, may_wait, ret_data);
    source->bytes += rc == 1 ? ret_data->len : 0;
    return rc;
}

/* The end of a chunked body, with its trailers. */
static int send_end(struct upload *upload)
{
    struct fields trailers = {.at = NULL};
    if (LIKELY(upload->source == NULL))
        exchange_trailers(upload->exchange, &trailers);
    return call_end(upload->call, &trailers, upload->idle_ms);
}

/* What is to be sent next, kept as far as it is wanted: as exchange_read_body. */
static int next_part(struct upload *upload, struct slice *ret_data)
{
    if (UNLIKELY(upload->first.len > 0)) {
        *ret_data = upload->first;
        upload->first = (struct slice){0};
        return 1;
    }
    if (UNLIKELY(upload->kept->is_ended))
        return 0;
    int rc = read_part(upload, true, ret_data);
    if (rc == 1)
        keep(upload->kept, *ret_data);
    return rc;
}

/* After a part, as long as the pace asks for. */
static int rest(const struct upload *upload, uint64_t bytes)
{
    int64_t pause_us = LIKELY(upload->pace == NULL) ? 0 : upload->pace(upload->pace_arg, bytes);
    return pause_us <= 0 ? 0 : fiber_sleep((pause_us + 999) / 1000);
}

/* Until the body's end. 0, or the error. */
static int pump(struct upload *upload)
{
    for (;;) {
        struct slice data = {0};
        int rc = next_part(upload, &data);
        if (rc < 0) {
            upload->error = rc;
            return rc;
        }
        bool is_last = rc == 0 || at_end(upload);
        upload->kept->is_ended |= is_last;
        rc = rc == 0 ? send_end(upload) : call_send(upload->call, data, !is_last, upload->idle_ms);
        if (rc < 0) {
            upload->target_error = rc;
            return rc;
        }
        if (is_last) {
            upload->is_complete = true;
            return 0;
        }
        rc = rest(upload, data.len);
        if (rc < 0) {
            upload->error = rc;
            return rc;
        }
    }
}

static void upload_main(void *arg)
{
    struct upload *upload = arg;
    int rc = pump(upload);
    if (rc < 0 && rc != -ECANCELED && upload->error < 0)
        call_break(upload->call);
    upload->fiber = NULL;
    if (upload->waiter != NULL)
        fiber_wake(upload->waiter);
}

/* What is there of the body without waiting: 1, 0 at its end, -EAGAIN, or the client's error. */
static int first_part(struct upload *upload, struct slice *ret_data)
{
    struct kept_body *kept = upload->kept;
    *ret_data = slice_of(kept->block, kept->len);
    if (framing_of(upload)->kind == BODY_NONE || kept->is_ended)
        return 0;
    if (kept->len > 0)
        return 1;
    int rc = read_part(upload, false, ret_data);
    if (rc < 0)
        *ret_data = (struct slice){0};
    keep(kept, *ret_data);
    kept->is_ended = rc == 0 || (rc == 1 && at_end(upload));
    return rc;
}

int upload_begin(struct upload *upload, struct exchange *exchange, struct call *call,
                 struct slice head, int64_t idle_ms, struct kept_body *kept)
{
    *upload = (struct upload){.exchange = exchange,
                              .source = upload->source,
                              .call = call,
                              .kept = kept,
                              .idle_ms = idle_ms,
                              .pace = upload->pace,
                              .pace_arg = upload->pace_arg};
    const struct framing *framing = framing_of(upload);
    struct slice data;
    int rc = first_part(upload, &data);
    if (rc < 0 && rc != -EAGAIN) {
        upload->error = rc;
        return rc;
    }
    bool is_last = rc == 0 || kept->is_ended;
    if (UNLIKELY(!call_takes(call, data.len))) {
        upload->first = data;
        data = (struct slice){0};
        is_last = false;
    }
    rc = call_begin(call, head, framing, data, !is_last, idle_ms);
    if (rc == 0 && is_last && framing->kind == BODY_CHUNKED)
        rc = send_end(upload);
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
