/* The request says Connection: close, so the answer is read to the end and parsed at once. */
#include "http/ask.h"

#include "base/cleanup.h"
#include "http/answer.h"
#include "os/unix_path.h"

#include <errno.h>

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

static int parse_answer(struct slice answer, struct buffer *ret_body)
{
    SCOPED_FREE struct field *fields = memory_alloc_array(HTTP_FIELDS_MAX, sizeof *fields);
    if (fields == NULL)
        return -ENOMEM;
    struct response_head head = {.fields = {.at = fields, .max = HTTP_FIELDS_MAX}};
    int rc = answer_parse(answer, &head, ret_body);
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
        rc = answer_receive(&io, deadline_ms, &answer);
    io_close(&io);
    if (rc == 0)
        rc = parse_answer(buffer_slice(&answer), ret_body);
    buffer_finish(&answer);
    return rc;
}
