/* The request says Connection: close, so the answer is read to the end and parsed at once. */
#include "http/ask.h"

#include "base/cleanup.h"
#include "os/io.h"
#include "os/unix_path.h"
#include "wire/h1/chunked.h"
#include "wire/h1/head.h"

#include <errno.h>

#define READ_BYTES 16384

static int connect_to(struct io *io, const char *socket_path, int64_t deadline_ms)
{
    struct unix_path path;
    int rc = unix_path_open(&path, socket_path);
    if (rc < 0)
        return rc;
    rc = io_connect_wait(io, &path.address, deadline_ms);
    unix_path_close(&path);
    return rc;
}

static int send_request(struct io *io, const char *method, const char *target, struct slice body)
{
    struct buffer head;
    buffer_init(&head, HTTP_HEAD_BYTES_MAX);
    int rc = buffer_format(&head,
                           "%s %s HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n"
                           "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                           method, target, body.len);
    struct iovec parts[] = {
        {.iov_base = head.at, .iov_len = head.len},
        {.iov_base = (void *)(uintptr_t)body.at, .iov_len = body.len},
    };
    if (rc == 0)
        rc = io_write_all(io, parts, COUNT_OF(parts), 10000);
    buffer_finish(&head);
    return rc;
}

static int receive_all(struct io *io, int64_t deadline_ms, struct buffer *answer)
{
    for (;;) {
        int rc = buffer_reserve(answer, READ_BYTES);
        if (rc < 0)
            return rc;
        ssize_t got = io_read_wait(io, answer->at + answer->len, READ_BYTES, deadline_ms);
        if (got <= 0)
            return (int)got;
        answer->len += (size_t)got;
    }
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

static int parse_answer(struct slice answer, struct buffer *ret_body)
{
    struct h1_scan scan = {0};
    struct h1_refusal refusal;
    int head_len = h1_scan(&scan, answer, &refusal);
    SCOPED_FREE struct field *fields = memory_alloc_array(HTTP_FIELDS_MAX, sizeof *fields);
    if (fields == NULL)
        return -ENOMEM;
    struct response_head head = {.fields = {.at = fields, .max = HTTP_FIELDS_MAX}};
    if (head_len <= 0 ||
        h1_parse_response(slice_first(answer, (size_t)head_len), METHOD_OTHER, &head, &refusal) < 0)
        return -EBADMSG;
    int rc = copy_body(&head.framing, slice_from(answer, (size_t)head_len), ret_body);
    return rc < 0 ? rc : (int)head.status;
}

int ask(const char *socket_path, const char *method, const char *target, struct slice body,
        int64_t deadline_ms, struct buffer *ret_body)
{
    struct io io;
    struct buffer answer;
    io_init(&io, NULL);
    int rc = connect_to(&io, socket_path, deadline_ms);
    if (rc < 0)
        return rc;
    buffer_init(&answer, ASK_ANSWER_BYTES_MAX);
    rc = send_request(&io, method, target, body);
    if (rc == 0)
        rc = receive_all(&io, deadline_ms, &answer);
    io_close(&io);
    if (rc == 0)
        rc = parse_answer(buffer_slice(&answer), ret_body);
    buffer_finish(&answer);
    return rc;
}
