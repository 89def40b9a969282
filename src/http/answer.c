/* Reading and unframing; who asked, and how, is the caller's. */
#include "http/answer.h"

#include "wire/h1/chunked.h"
#include "wire/h1/head.h"

#include <errno.h>

#define READ_BYTES   16384
#define INTERIMS_MAX 16

/* 1, 0 at the end, or the error. */
static int receive_some(struct io *io, int64_t deadline_ms, struct buffer *bytes)
{
    int rc = buffer_reserve(bytes, READ_BYTES);
    if (rc < 0)
        return rc;
    ssize_t got = io_read_wait(io, bytes->at + bytes->len, READ_BYTES, deadline_ms);
    if (got <= 0)
        return (int)got;
    bytes->len += (size_t)got;
    return 1;
}

int answer_receive(struct io *io, int64_t deadline_ms, struct buffer *ret_bytes)
{
    int rc;
    do
        rc = receive_some(io, deadline_ms, ret_bytes);
    while (rc == 1);
    return rc;
}

static int copy_chunks(struct slice bytes, struct buffer *ret_body)
{
    struct h1_chunked chunked = {0};
    for (;;) {
        struct slice data;
        struct h1_refusal refusal;
        enum h1_chunked_event event = h1_chunked_next(&chunked, &bytes, &data, &refusal);
        if (event == H1_CHUNKED_TRAILERS)
            return 0;
        if (event != H1_CHUNKED_DATA)
            return -EBADMSG;
        int rc = buffer_append(ret_body, data);
        if (rc < 0)
            return rc;
    }
}

static int copy_body(const struct framing *framing, struct slice bytes, struct buffer *ret_body)
{
    switch (framing->kind) {
    case BODY_NONE:
        return 0;
    case BODY_LENGTH:
        if (bytes.len < framing->content_length)
            return -EBADMSG;
        return buffer_append(ret_body, slice_first(bytes, framing->content_length));
    case BODY_CHUNKED:
        return copy_chunks(bytes, ret_body);
    case BODY_UNTIL_CLOSE:
        break;
    }
    return buffer_append(ret_body, bytes);
}

static int parse_head(struct slice *bytes, struct response_head *ret_head)
{
    struct h1_scan scan = {0};
    struct h1_refusal refusal;
    int head_len = h1_scan(&scan, *bytes, &refusal);
    ret_head->fields.count = 0;
    if (head_len <= 0 || h1_parse_response(slice_first(*bytes, (size_t)head_len), METHOD_OTHER,
                                           ret_head, &refusal) < 0)
        return -EBADMSG;
    *bytes = slice_from(*bytes, (size_t)head_len);
    return 0;
}

/* Or something that is none and will not become one. */
static bool holds_head(struct slice bytes, struct response_head *head)
{
    struct h1_scan scan = {0};
    struct h1_refusal refusal;
    for (unsigned i = 0; i < INTERIMS_MAX; i++) {
        scan = (struct h1_scan){0};
        if (h1_scan(&scan, bytes, &refusal) == 0)
            return false;
        if (parse_head(&bytes, head) < 0 || head->status >= 200)
            return true;
    }
    return true;
}

int answer_receive_head(struct io *io, int64_t deadline_ms, struct response_head *head,
                        struct buffer *ret_bytes)
{
    while (!holds_head(buffer_slice(ret_bytes), head)) {
        int rc = receive_some(io, deadline_ms, ret_bytes);
        if (rc <= 0)
            return rc;
    }
    return 0;
}

int answer_parse(struct slice bytes, struct response_head *ret_head, struct buffer *ret_body)
{
    for (unsigned i = 0; i < INTERIMS_MAX; i++) {
        int rc = parse_head(&bytes, ret_head);
        if (rc < 0)
            return rc;
        if (ret_head->status >= 200)
            return ret_body == NULL ? 0 : copy_body(&ret_head->framing, bytes, ret_body);
    }
    return -EBADMSG;
}
