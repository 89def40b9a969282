/* An exchange over HTTP/1: bodies by the session's inflow, responses written to its connection. */
#include "http/exchange_ops.h"

#include "base/cleanup.h"
#include "http/relay.h"
#include "http/session_internal.h"

#include <errno.h>

static int write_parts(struct exchange *exchange, struct iovec *parts, int count)
{
    return io_write_all(&exchange->session->io, parts, count, exchange->timeout_idle_ms);
}

static int try_body(struct exchange *exchange, struct slice *ret_data)
{
    struct session *session = exchange->session;
    return inflow_try_body(&session->inflow, &session->io, ret_data);
}

static int receive_body(struct exchange *exchange, char *room, size_t len, struct slice *ret_data)
{
    struct session *session = exchange->session;
    return inflow_receive_body(&session->inflow, &session->io, room, len, ret_data);
}

static int await_body(struct exchange *exchange)
{
    return io_wait(&exchange->session->io, IO_READABLE, loop_deadline(exchange->timeout_idle_ms));
}

static void trailers(const struct exchange *exchange, struct fields *ret_fields)
{
    inflow_trailers(&exchange->session->inflow, ret_fields);
}

static enum body_kind frame_open(struct exchange *exchange)
{
    if (exchange->request.version_minor == 0) {
        exchange->keep_alive = false;
        return BODY_UNTIL_CLOSE;
    }
    write_literal(&exchange->head, "Transfer-Encoding: chunked\r\n");
    return BODY_CHUNKED;
}

/* RFC 9112 §9.6: the client is told when the rest of its body will not be read. */
static bool leaves_body(const struct exchange *exchange)
{
    const struct inflow *inflow = &exchange->session->inflow;
    if (inflow->body_ended || exchange->request.framing.kind == BODY_NONE)
        return false;
    bool may_never_come = exchange->request.expects_continue && !exchange->continue_sent &&
                          exchange->request_bytes == 0;
    return may_never_come || (exchange->request.framing.kind == BODY_LENGTH &&
                              inflow->body_left > SESSION_SKIP_BYTES_MAX);
}

static void write_connection(struct exchange *exchange, unsigned status)
{
    struct writer *head = &exchange->head;
    if (status == 101)
        return;
    if (session_is_draining(exchange->session) || leaves_body(exchange))
        exchange->keep_alive = false;
    if (!exchange->keep_alive)
        write_literal(head, "Connection: close\r\n");
    else if (exchange->request.version_minor == 0)
        write_literal(head, "Connection: keep-alive\r\n");
}

static int send_interim(struct exchange *exchange, struct slice head)
{
    struct iovec part = {(void *)(uintptr_t)head.at, head.len};
    return write_parts(exchange, &part, 1);
}

static void add_part(struct iovec *parts, int *count, const void *bytes, size_t len)
{
    if (len > 0)
        parts[(*count)++] = (struct iovec){(void *)(uintptr_t)bytes, len};
}

static void add_head(const struct exchange *exchange, struct iovec *parts, int *count)
{
    if (exchange_has_head(exchange)) {
        struct slice head = writer_slice(&exchange->head);
        add_part(parts, count, head.at, head.len);
    }
}

/* Up to this many bytes a copy behind the head is cheaper than a second part. */
#define COPY_BYTES_MAX 4096

static void copy_behind(struct iovec *head, const struct iovec *parts, int count)
{
    char *end = (char *)head->iov_base + head->iov_len;
    for (int i = 0; i < count; i++) {
        memcpy(end, parts[i].iov_base, parts[i].iov_len);
        end += parts[i].iov_len;
        head->iov_len += parts[i].iov_len;
    }
}

static int join_parts(const struct exchange *exchange, struct iovec *parts, int count)
{
    if (!exchange_has_head(exchange) || count < 2)
        return count;
    size_t more = 0;
    for (int i = 1; i < count; i++)
        more += parts[i].iov_len;
    if (more > COPY_BYTES_MAX || more > BLOCK_LARGE_BYTES - parts[0].iov_len)
        return count;
    copy_behind(&parts[0], parts + 1, count - 1);
    return 1;
}

static int send_parts(struct exchange *exchange, struct iovec *parts, int count)
{
    count = join_parts(exchange, parts, count);
    return count == 0 ? 0 : write_parts(exchange, parts, count);
}

static int send_chunk(struct exchange *exchange, struct slice data, bool more)
{
    struct iovec parts[4];
    int count = 0;
    char chunk_head[H1_CHUNK_HEAD_BYTES];
    add_head(exchange, parts, &count);
    if (data.len > 0) {
        add_part(parts, &count, chunk_head, h1_chunk_head(chunk_head, data.len));
        add_part(parts, &count, data.at, data.len);
    }
    static const char more_follows[] = "\r\n", last_chunk[] = "\r\n0\r\n\r\n";
    const char *after = more ? more_follows : last_chunk;
    size_t skip = data.len > 0 ? 0 : 2;
    add_part(parts, &count, after + skip, strlen(after) - skip);
    return send_parts(exchange, parts, count);
}

static int send_part(struct exchange *exchange, struct slice data, bool more)
{
    if (exchange->response_kind == BODY_CHUNKED)
        return send_chunk(exchange, data, more);
    struct iovec parts[2];
    int count = 0;
    add_head(exchange, parts, &count);
    add_part(parts, &count, data.at, data.len);
    return send_parts(exchange, parts, count);
}

static int send_trailers(struct exchange *exchange, const struct fields *fields)
{
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL)
        return -ENOMEM;
    struct writer writer;
    writer_init(&writer, block, BLOCK_LARGE_BYTES);
    h1_write_last_chunk(&writer, fields);
    struct iovec parts[2];
    int count = 0;
    struct slice end = writer_slice(&writer);
    add_head(exchange, parts, &count);
    add_part(parts, &count, end.at, end.len);
    int rc = send_parts(exchange, parts, count);
    block_give(block, BLOCK_LARGE);
    return rc;
}

static int send_file(struct exchange *exchange, int file, int64_t *offset, size_t len)
{
    struct io *io = &exchange->session->io;
    for (;;) {
        ssize_t put = io_send_file(io, file, offset, len);
        if (put == 0)
            return -EPROTO; /* the file was cut short under us */
        if (put != -EAGAIN)
            return (int)put;
        int rc = io_wait(io, IO_WRITABLE, loop_deadline(exchange->timeout_idle_ms));
        if (rc < 0)
            return rc;
    }
}

static int relay(struct exchange *exchange, struct io *target, struct inflow *from_target,
                 const struct relay_terms *terms)
{
    struct session *session = exchange->session;
    return relay_start(&session->io, &session->inflow, target, from_target, terms);
}

#define H1_FUNCTIONS                                                                               \
    .try_body = try_body, .receive_body = receive_body, .await_body = await_body,                  \
    .trailers = trailers, .frame_open = frame_open, .write_connection = write_connection,          \
    .send_interim = send_interim, .send = send_part, .send_trailers = send_trailers,               \
    .relay = relay

const struct exchange_ops exchange_h1 = {H1_FUNCTIONS, .send_file = send_file};
const struct exchange_ops exchange_h1_layered = {H1_FUNCTIONS};
