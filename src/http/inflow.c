/* Blocks, heads and bodies as they come in. Serves sessions (requests) and the client (responses).
 */
#include "http/inflow.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>

/* Less room than this behind what is there, and a new block is taken. */
#define ROOM_BYTES_MIN 1024

static uint32_t capacity(uint8_t block_size)
{
    return (uint32_t)block_bytes((enum block_size)block_size);
}

static void drop_block(struct inflow *inflow)
{
    if (inflow->block != inflow->pinned)
        block_give(inflow->block, inflow->block_size);
    inflow->block = NULL;
    inflow->start = inflow->end = 0;
}

void inflow_init(struct inflow *inflow, enum block_size head_block_size)
{
    *inflow = (struct inflow){.head_block_size = (uint8_t)head_block_size, .body_ended = true};
}

void inflow_finish(struct inflow *inflow)
{
    drop_block(inflow);
    inflow_unpin(inflow);
}

int inflow_fill_wait(struct inflow *inflow, struct io *io, int64_t deadline_ms)
{
    ssize_t got = inflow_fill(inflow, io);
    while (got == -EAGAIN) {
        int rc = io_wait(io, IO_READABLE, deadline_ms);
        got = rc < 0 ? rc : inflow_fill(inflow, io);
    }
    return got == 0 ? -ECONNRESET : got < 0 ? (int)got : 0;
}

void inflow_trim(struct inflow *inflow)
{
    if (inflow->block != NULL && inflow_is_empty(inflow))
        drop_block(inflow);
}

void inflow_pin(struct inflow *inflow)
{
    assert(inflow->pinned == NULL);
    inflow->pinned = inflow->block;
    inflow->pinned_size = inflow->block_size;
}

void inflow_unpin(struct inflow *inflow)
{
    if (inflow->pinned != inflow->block)
        block_give(inflow->pinned, inflow->pinned_size);
    inflow->pinned = NULL;
}

/* Moves what is unread to the front of a fresh block. */
static int adopt_block(struct inflow *inflow, char *block, uint8_t size)
{
    if (block == NULL)
        return -ENOMEM;
    uint32_t len = inflow->end - inflow->start;
    if (len > 0)
        memcpy(block, inflow->block + inflow->start, len);
    drop_block(inflow);
    inflow->block = block;
    inflow->block_size = size;
    inflow->end = len;
    return 0;
}

/* Of that size, or larger where what is unread needs it. */
static int take_block(struct inflow *inflow, enum block_size size)
{
    if (inflow->end - inflow->start + ROOM_BYTES_MIN > block_bytes(size))
        size = BLOCK_HUGE;
    return adopt_block(inflow, block_take(size), (uint8_t)size);
}

/* Is so much of a body to come that a larger block spares calls? */
static bool is_bulk(const struct inflow *inflow)
{
    return !inflow->body_ended && (inflow->is_bulk || inflow->body_left > BLOCK_LARGE_BYTES);
}

static int take_body_block(struct inflow *inflow)
{
    uint8_t size;
    if (!is_bulk(inflow))
        return take_block(inflow, BLOCK_LARGE);
    char *block = block_take_bulk(&size);
    return adopt_block(inflow, block, size);
}

static int make_room(struct inflow *inflow)
{
    if (inflow->block == NULL)
        return inflow->body_ended ? take_block(inflow, inflow->head_block_size)
                                  : take_body_block(inflow);
    bool is_pinned = inflow->block == inflow->pinned;
    bool is_outgrown = is_bulk(inflow) && inflow->block_size != BLOCK_HUGE;
    if (inflow_is_empty(inflow) && (is_pinned || is_outgrown)) {
        drop_block(inflow);
        return take_body_block(inflow);
    }
    if (inflow_is_empty(inflow))
        inflow->start = inflow->end = 0;
    if (capacity(inflow->block_size) - inflow->end >= ROOM_BYTES_MIN)
        return 0;
    if (inflow->block_size == BLOCK_SMALL || is_pinned)
        return take_block(inflow, BLOCK_LARGE);
    if (inflow->start > 0) {
        memmove(inflow->block, inflow->block + inflow->start, inflow->end - inflow->start);
        inflow->end -= inflow->start;
        inflow->start = 0;
        return 0;
    }
    return capacity(inflow->block_size) > inflow->end ? 0 : -EMSGSIZE;
}

ssize_t inflow_fill(struct inflow *inflow, struct io *io)
{
    int rc = make_room(inflow);
    if (rc < 0)
        return rc;
    uint32_t room = capacity(inflow->block_size) - inflow->end;
    ssize_t got = io_read(io, inflow->block + inflow->end, room);
    if (got > 0)
        inflow->end += (uint32_t)got;
    inflow->is_bulk |= got == (ssize_t)room && room >= BLOCK_LARGE_BYTES;
    return got;
}

int inflow_scan_head(struct inflow *inflow, struct h1_refusal *ret_refusal)
{
    return h1_scan(&inflow->scan, inflow_bytes(inflow), ret_refusal);
}

void inflow_begin_body(struct inflow *inflow, size_t head_len, const struct framing *framing)
{
    inflow->start += (uint32_t)head_len;
    inflow->scan = (struct h1_scan){0};
    inflow->chunked = (struct h1_chunked){0};
    inflow->body_kind = (uint8_t)framing->kind;
    inflow->body_left = framing->kind == BODY_LENGTH ? framing->content_length : 0;
    inflow->body_ended = framing->kind == BODY_NONE;
    inflow->is_bulk = false;
    inflow->unread = 0;
    inflow->trailers_len = 0;
}

static int next_of_length(struct inflow *inflow, struct slice *ret_data)
{
    if (inflow->body_left == 0) {
        inflow->body_ended = true;
        return 0;
    }
    struct slice bytes = slice_first(inflow_bytes(inflow), inflow->body_left);
    if (bytes.len == 0)
        return -EAGAIN;
    inflow->body_left -= bytes.len;
    inflow->unread = (uint32_t)bytes.len;
    *ret_data = bytes;
    return 1;
}

static int next_trailers(struct inflow *inflow)
{
    struct h1_refusal refusal;
    int len = h1_scan_trailers(&inflow->scan, inflow_bytes(inflow), &refusal);
    if (len <= 0)
        return len < 0 ? -EBADMSG : -EAGAIN;
    struct fields fields = {worker_current()->fields, 0, HTTP_FIELDS_MAX};
    if (h1_parse_trailers(slice_first(inflow_bytes(inflow), (size_t)len), &fields, &refusal) < 0)
        return -EBADMSG;
    inflow->scan = (struct h1_scan){0};
    inflow->trailers_len = (uint32_t)len;
    inflow->start += (uint32_t)len;
    inflow->body_ended = true;
    return 0;
}

static int next_of_chunked(struct inflow *inflow, struct slice *ret_data)
{
    if (inflow->chunked.state == H1_CHUNK_TRAILERS)
        return next_trailers(inflow);
    struct slice bytes = inflow_bytes(inflow), data;
    size_t before = bytes.len;
    struct h1_refusal refusal;
    enum h1_chunked_event event = h1_chunked_next(&inflow->chunked, &bytes, &data, &refusal);
    inflow->start += (uint32_t)(before - bytes.len);
    switch (event) {
    case H1_CHUNKED_MORE:
        return -EAGAIN;
    case H1_CHUNKED_DATA:
        *ret_data = data;
        return 1;
    case H1_CHUNKED_TRAILERS:
        return next_trailers(inflow);
    case H1_CHUNKED_REFUSED:
        break;
    }
    return -EBADMSG;
}

static int next_until_close(struct inflow *inflow, struct slice *ret_data)
{
    struct slice bytes = inflow_bytes(inflow);
    if (bytes.len == 0)
        return -EAGAIN;
    inflow->unread = (uint32_t)bytes.len;
    *ret_data = bytes;
    return 1;
}

static int next_received(struct inflow *inflow, struct slice *ret_data)
{
    switch ((enum body_kind)inflow->body_kind) {
    case BODY_LENGTH:
        return next_of_length(inflow, ret_data);
    case BODY_CHUNKED:
        return next_of_chunked(inflow, ret_data);
    case BODY_UNTIL_CLOSE:
        return next_until_close(inflow, ret_data);
    case BODY_NONE:
        break;
    }
    return 0;
}

int inflow_try_body(struct inflow *inflow, struct io *io, struct slice *ret_data)
{
    if (inflow->body_ended)
        return 0;
    inflow->start += inflow->unread;
    inflow->unread = 0;
    for (;;) {
        int rc = next_received(inflow, ret_data);
        if (rc != -EAGAIN)
            return rc;
        ssize_t got = inflow_fill(inflow, io);
        if (got == -EAGAIN)
            inflow_trim(inflow);
        if (got == 0 && inflow->body_kind == BODY_UNTIL_CLOSE) {
            inflow->body_ended = true;
            return 0;
        }
        if (got <= 0)
            return got == 0 ? -ECONNRESET : got == -EMSGSIZE ? -EBADMSG : (int)got;
    }
}

int inflow_receive_body(struct inflow *inflow, struct io *io, char *room, size_t len,
                        struct slice *ret_data)
{
    inflow->start += inflow->unread;
    inflow->unread = 0;
    if (inflow->body_kind != BODY_LENGTH || inflow->body_left == 0 || !inflow_is_empty(inflow))
        return inflow_try_body(inflow, io, ret_data);
    ssize_t got = io_read(io, room, len < inflow->body_left ? len : (size_t)inflow->body_left);
    if (got == -EAGAIN)
        inflow_trim(inflow);
    if (got <= 0)
        return got == 0 ? -ECONNRESET : (int)got;
    inflow->body_left -= (uint64_t)got;
    *ret_data = slice_of(room, (size_t)got);
    return 1;
}

int inflow_read_body(struct inflow *inflow, struct io *io, int64_t timeout_ms,
                     struct slice *ret_data)
{
    for (;;) {
        int rc = inflow_try_body(inflow, io, ret_data);
        if (rc != -EAGAIN)
            return rc;
        rc = io_wait(io, IO_READABLE, loop_deadline(timeout_ms));
        if (rc < 0)
            return rc;
    }
}

bool inflow_at_last_part(const struct inflow *inflow)
{
    if (inflow->body_kind == BODY_LENGTH)
        return inflow->body_left == 0;
    return inflow->body_kind == BODY_CHUNKED &&
           slice_equal(inflow_bytes(inflow), SLICE("\r\n0\r\n\r\n"));
}

void inflow_trailers(const struct inflow *inflow, struct fields *ret_fields)
{
    *ret_fields = (struct fields){worker_current()->fields, 0, HTTP_FIELDS_MAX};
    struct h1_refusal refusal;
    struct slice section =
        slice_of(inflow->block + inflow->start - inflow->trailers_len, inflow->trailers_len);
    /* It was parsed before the body was said to have ended: this cannot fail. */
    if (section.len > 0 && h1_parse_trailers(section, ret_fields, &refusal) < 0)
        ret_fields->count = 0;
}
