/* Requests read and responses written over HTTP/1, for handlers. Runs on the session's fiber. */
#include "http/exchange.h"

#include "base/cleanup.h"
#include "http/head_edit.h"
#include "http/session_internal.h"
#include "os/beneath.h"

#include <assert.h>
#include <errno.h>

static const struct slice server_name = SLICE("weir");

struct io *exchange_io(struct exchange *exchange)
{
    return &exchange->session->io;
}

static void fail(struct exchange *exchange)
{
    exchange->state = RESPONSE_BROKEN;
    exchange->keep_alive = false;
}

static int write_parts(struct exchange *exchange, struct iovec *parts, int count)
{
    int rc = io_write_all(exchange_io(exchange), parts, count, exchange->timeout_idle_ms);
    if (rc < 0)
        fail(exchange);
    return rc;
}

static int send_continue(struct exchange *exchange)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    exchange->continue_sent = true;
    struct iovec part = {(void *)(uintptr_t)interim, sizeof interim - 1};
    return write_parts(exchange, &part, 1);
}

/* After a body that failed or is too large no next request is looked for. */
static int count_body(struct exchange *exchange, int rc, struct slice data)
{
    if (rc == 1) {
        exchange->request_bytes += data.len;
        rc = exchange->request_bytes > exchange->body_max ? -EFBIG : 1;
    }
    if (rc < 0 && rc != -EAGAIN)
        exchange->keep_alive = false;
    return rc;
}

int exchange_try_body(struct exchange *exchange, struct slice *ret_data)
{
    struct session *session = exchange->session;
    *ret_data = (struct slice){0};
    int rc = inflow_try_body(&session->inflow, &session->io, ret_data);
    if (rc == -EAGAIN && exchange->request.expects_continue && !exchange->continue_sent &&
        exchange->state == RESPONSE_NONE) {
        int sent = send_continue(exchange);
        return sent < 0 ? sent : -EAGAIN;
    }
    return count_body(exchange, rc, *ret_data);
}

void exchange_trailers(const struct exchange *exchange, struct fields *ret_fields)
{
    inflow_trailers(&exchange->session->inflow, ret_fields);
}

int exchange_read_body(struct exchange *exchange, struct slice *ret_data)
{
    for (;;) {
        int rc = exchange_try_body(exchange, ret_data);
        if (rc != -EAGAIN)
            return rc;
        rc = io_wait(exchange_io(exchange), IO_READABLE, loop_deadline(exchange->timeout_idle_ms));
        if (rc < 0) {
            exchange->keep_alive = false;
            return rc;
        }
    }
}

static void free_head(struct exchange *exchange)
{
    block_give(exchange->head.start, BLOCK_LARGE);
    exchange->head.start = NULL;
}

static bool has_no_body(const struct exchange *exchange, unsigned status)
{
    return exchange->request.method == METHOD_HEAD || status < 200 || status == 204 ||
           status == 304;
}

/* RFC 9112 §6: which framing the response gets, and what must then be written about it. */
static void write_framing(struct exchange *exchange, unsigned status, uint64_t length)
{
    struct writer *head = &exchange->head;
    bool is_known = length != EXCHANGE_LENGTH_UNKNOWN;
    bool may_tell_length = status >= 200 && status != 204;
    exchange->response_left = 0;
    if (has_no_body(exchange, status)) {
        exchange->response_kind = BODY_NONE;
        if (is_known && may_tell_length)
            h1_write_length(head, length);
    } else if (is_known) {
        exchange->response_kind = length == 0 ? BODY_NONE : BODY_LENGTH;
        exchange->response_left = length;
        h1_write_length(head, length);
    } else if (exchange->request.version_minor >= 1) {
        exchange->response_kind = BODY_CHUNKED;
        write_literal(head, "Transfer-Encoding: chunked\r\n");
    } else {
        exchange->response_kind = BODY_UNTIL_CLOSE;
        exchange->keep_alive = false;
    }
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
    if (leaves_body(exchange))
        exchange->keep_alive = false;
    if (!exchange->keep_alive)
        write_literal(head, "Connection: close\r\n");
    else if (exchange->request.version_minor == 0)
        write_literal(head, "Connection: keep-alive\r\n");
}

struct writer *exchange_begin(struct exchange *exchange, unsigned status, struct slice reason,
                              uint64_t length)
{
    assert(exchange->state == RESPONSE_NONE || exchange->state == RESPONSE_HEAD);
    char *block = exchange->head.start;
    if (block == NULL)
        block = block_take(BLOCK_LARGE);
    if (block == NULL) {
        fail(exchange);
        return NULL;
    }
    struct writer *head = &exchange->head;
    writer_init(head, block, BLOCK_LARGE_BYTES);
    exchange->state = RESPONSE_HEAD;
    exchange->status = status;
    exchange->length = length;
    if (session_is_draining(exchange->session))
        exchange->keep_alive = false;
    h1_write_status_line(head, status, reason);
    write_framing(exchange, status, length);
    write_connection(exchange, status);
    write_literal(head, "X-Request-Id: ");
    write_hex(head, exchange->id, 16);
    write_literal(head, "\r\n");
    return head;
}

void exchange_write_own_fields(struct writer *head)
{
    h1_write_field(head, field_name(FIELD_DATE), worker_date());
    h1_write_field(head, field_name(FIELD_SERVER), server_name);
}

/* Filters may hold the first bytes of a body back, and the head with them. */
static bool has_head(const struct exchange *exchange)
{
    return exchange->head.start != NULL;
}

void exchange_set_length(struct exchange *exchange, uint64_t length)
{
    exchange->length = length;
    exchange->is_reframed = true;
    head_remove(&exchange->head, field_name(FIELD_CONTENT_LENGTH));
    head_remove(&exchange->head, field_name(FIELD_TRANSFER_ENCODING));
    head_remove(&exchange->head, field_name(FIELD_CONNECTION));
}

/* Writes the framing of a body that filters change, once its first part, or all of it, is known. */
static void reframe(struct exchange *exchange, size_t len, bool more)
{
    uint64_t length = exchange->length;
    if (!more && length == EXCHANGE_LENGTH_UNKNOWN && !has_no_body(exchange, exchange->status))
        length = len;
    exchange->is_reframed = false;
    write_framing(exchange, exchange->status, length);
    write_connection(exchange, exchange->status);
}

/* Adds the head to the parts when it has not left yet. */
static int add_head(struct exchange *exchange, struct iovec *parts, int *count)
{
    if (!has_head(exchange))
        return 0;
    h1_write_end(&exchange->head);
    if (exchange->head.overflown) {
        exchange_break(exchange);
        return -EMSGSIZE;
    }
    struct slice head = writer_slice(&exchange->head);
    parts[(*count)++] = (struct iovec){exchange->head.start, head.len};
    return 0;
}

static void add_part(struct iovec *parts, int *count, const void *bytes, size_t len)
{
    if (len > 0)
        parts[(*count)++] = (struct iovec){(void *)(uintptr_t)bytes, len};
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
    if (!has_head(exchange) || count < 2)
        return count;
    size_t more = 0;
    for (int i = 1; i < count; i++)
        more += parts[i].iov_len;
    if (more > COPY_BYTES_MAX || more > BLOCK_LARGE_BYTES - parts[0].iov_len)
        return count;
    copy_behind(&parts[0], parts + 1, count - 1);
    return 1;
}

static int send_parts(struct exchange *exchange, struct iovec *parts, int count, size_t body_bytes,
                      bool more)
{
    count = join_parts(exchange, parts, count);
    int rc = count == 0 ? 0 : write_parts(exchange, parts, count);
    free_head(exchange);
    if (rc < 0)
        return rc;
    exchange->response_bytes += body_bytes;
    exchange->state = more ? RESPONSE_BODY : RESPONSE_COMPLETE;
    return 0;
}

/* A body longer or shorter than its Content-Length would shift all that follows. */
static int check_length(struct exchange *exchange, size_t len, bool more)
{
    if (exchange->response_kind != BODY_LENGTH)
        return 0;
    if (len > exchange->response_left || (!more && len != exchange->response_left)) {
        exchange_break(exchange);
        return -EPROTO;
    }
    exchange->response_left -= len;
    return 0;
}

static int send_to_client(struct exchange *exchange, struct slice data, bool more)
{
    assert(exchange->state == RESPONSE_HEAD || exchange->state == RESPONSE_BODY);
    if (UNLIKELY(exchange->is_reframed))
        reframe(exchange, data.len, more);
    if (exchange->response_kind == BODY_NONE)
        data.len = 0;
    int rc = check_length(exchange, data.len, more);
    struct iovec parts[4];
    int count = 0;
    if (rc == 0)
        rc = add_head(exchange, parts, &count);
    if (rc < 0)
        return rc;
    if (exchange->response_kind != BODY_CHUNKED) {
        add_part(parts, &count, data.at, data.len);
        return send_parts(exchange, parts, count, data.len, more);
    }
    char chunk_head[H1_CHUNK_HEAD_BYTES];
    if (data.len > 0) {
        add_part(parts, &count, chunk_head, h1_chunk_head(chunk_head, data.len));
        add_part(parts, &count, data.at, data.len);
    }
    static const char more_follows[] = "\r\n", last_chunk[] = "\r\n0\r\n\r\n";
    const char *after = more ? more_follows : last_chunk;
    size_t skip = data.len > 0 ? 0 : 2;
    add_part(parts, &count, after + skip, strlen(after) - skip);
    return send_parts(exchange, parts, count, data.len, more);
}

static int flush_to_client(struct exchange *exchange)
{
    struct iovec parts[1];
    int count = 0;
    if (UNLIKELY(exchange->is_reframed))
        reframe(exchange, 0, true);
    int rc = add_head(exchange, parts, &count);
    return rc < 0 ? rc : send_parts(exchange, parts, count, 0, true);
}

/* Filters. */

void exchange_add_filter(struct exchange *exchange, struct exchange_filter *filter)
{
    struct exchange_filter **at = &exchange->filters;
    while (*at != NULL)
        at = &(*at)->next;
    filter->next = NULL;
    filter->transforms = false;
    *at = filter;
}

void exchange_end_filters(struct exchange *exchange)
{
    for (struct exchange_filter *filter = exchange->filters; filter != NULL;
         filter = filter->next) {
        if (filter->ops->finish != NULL)
            filter->ops->finish(filter, exchange);
    }
    exchange->filters = NULL;
}

static void filter_head(struct exchange *exchange)
{
    uint64_t told = exchange->length;
    exchange->has_filtered = true;
    for (struct exchange_filter *filter = exchange->filters; filter != NULL;
         filter = filter->next) {
        filter->transforms = filter->ops->head != NULL && filter->ops->head(filter, exchange);
        exchange->is_transformed |= filter->transforms;
    }
    exchange->told_left = told;
    if (has_no_body(exchange, exchange->status))
        exchange->is_transformed = false;
}

/* Hands a part to `filter`, or the next one that wants it, or the client. */
static int pass_on(struct exchange_filter *filter, struct exchange *exchange, struct slice data,
                   enum exchange_part part)
{
    while (filter != NULL && !filter->transforms)
        filter = filter->next;
    if (filter != NULL)
        return filter->ops->body(filter, exchange, data, part);
    if (part == PART_FLUSH && data.len == 0)
        return has_head(exchange) ? flush_to_client(exchange) : 0;
    return send_to_client(exchange, data, part != PART_LAST);
}

int exchange_pass(struct exchange_filter *filter, struct exchange *exchange, struct slice data,
                  enum exchange_part part)
{
    return pass_on(filter->next, exchange, data, part);
}

/* What an action sends must be as long as it has said, whatever filters make of it. */
static int check_told(struct exchange *exchange, size_t len, enum exchange_part part)
{
    if (exchange->told_left == EXCHANGE_LENGTH_UNKNOWN)
        return 0;
    if (len > exchange->told_left || (part == PART_LAST && len != exchange->told_left)) {
        exchange_break(exchange);
        return -EPROTO;
    }
    exchange->told_left -= len;
    return 0;
}

static __attribute__((noinline)) int send_filtered(struct exchange *exchange, struct slice data,
                                                   enum exchange_part part)
{
    assert(exchange->state == RESPONSE_HEAD || exchange->state == RESPONSE_BODY);
    if (!exchange->has_filtered)
        filter_head(exchange);
    if (!exchange->is_transformed)
        return part == PART_FLUSH ? flush_to_client(exchange)
                                  : send_to_client(exchange, data, part == PART_MORE);
    int rc = check_told(exchange, data.len, part);
    if (rc < 0)
        return rc;
    /* From here on nothing can be taken back, even when all of it is still held back. */
    exchange->state = RESPONSE_BODY;
    rc = pass_on(exchange->filters, exchange, data, part);
    if (rc < 0 && exchange->state != RESPONSE_BROKEN)
        exchange_break(exchange);
    return rc;
}

int exchange_send(struct exchange *exchange, struct slice data, bool more)
{
    if (UNLIKELY(exchange->filters != NULL))
        return send_filtered(exchange, data, more ? PART_MORE : PART_LAST);
    return send_to_client(exchange, data, more);
}

int exchange_flush(struct exchange *exchange)
{
    if (UNLIKELY(exchange->filters != NULL))
        return send_filtered(exchange, (struct slice){0}, PART_FLUSH);
    return flush_to_client(exchange);
}

int exchange_pause(struct exchange *exchange)
{
    if (LIKELY(!exchange->is_transformed) || exchange->state != RESPONSE_BODY)
        return 0;
    return send_filtered(exchange, (struct slice){0}, PART_FLUSH);
}

int exchange_end(struct exchange *exchange, const struct fields *trailers)
{
    /* Trailers may be about the bytes that the filters have changed. */
    if (UNLIKELY(exchange->filters != NULL) && !exchange->has_filtered)
        filter_head(exchange);
    if (UNLIKELY(exchange->is_transformed))
        return send_filtered(exchange, (struct slice){0}, PART_LAST);
    if (exchange->response_kind != BODY_CHUNKED || trailers->count == 0)
        return send_to_client(exchange, (struct slice){0}, false);
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL) {
        exchange_break(exchange);
        return -ENOMEM;
    }
    struct writer writer;
    writer_init(&writer, block, BLOCK_LARGE_BYTES);
    h1_write_last_chunk(&writer, trailers);
    struct iovec parts[2];
    int count = 0;
    int rc = add_head(exchange, parts, &count);
    if (rc == 0) {
        struct slice end = writer_slice(&writer);
        add_part(parts, &count, end.at, end.len);
        rc = send_parts(exchange, parts, count, 0, false);
    }
    block_give(block, BLOCK_LARGE);
    return rc;
}

static int send_file_part(struct exchange *exchange, int file, int64_t *offset, size_t len)
{
    struct io *io = exchange_io(exchange);
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

/* Filters and TLS want to see the bytes. */
static int read_file(struct exchange *exchange, int file, uint64_t offset, uint64_t len, bool more)
{
    char *block = block_take(BLOCK_LARGE);
    int rc = block == NULL ? -ENOMEM : 0;
    while (rc == 0 && len > 0) {
        size_t part = len < BLOCK_LARGE_BYTES ? (size_t)len : BLOCK_LARGE_BYTES;
        ssize_t got = beneath_read(file, block, part, offset, true);
        if (got <= 0) {
            rc = got < 0 ? (int)got : -EPROTO; /* the file was cut short under us */
            break;
        }
        offset += (uint64_t)got;
        len -= (uint64_t)got;
        rc = send_filtered(exchange, slice_of(block, (size_t)got),
                           more || len > 0 ? PART_MORE : PART_LAST);
        if (rc == 0 && len > 0)
            fiber_yield();
    }
    block_give(block, BLOCK_LARGE);
    if (rc < 0)
        exchange_break(exchange);
    return rc;
}

int exchange_send_file(struct exchange *exchange, int file, uint64_t offset, uint64_t len,
                       bool more)
{
    enum { PART_BYTES = 256 * 1024 };
    if (UNLIKELY(exchange->filters != NULL) && !exchange->has_filtered)
        filter_head(exchange);
    bool needs_bytes = exchange->is_transformed || exchange_io(exchange)->layer != NULL;
    if (UNLIKELY(needs_bytes) && len > 0)
        return read_file(exchange, file, offset, len, more);
    if (exchange->response_kind == BODY_NONE || len == 0)
        return exchange_send(exchange, (struct slice){0}, more);
    assert(exchange->response_kind == BODY_LENGTH);
    int rc = check_length(exchange, (size_t)len, more);
    if (rc == 0 && exchange->state == RESPONSE_HEAD)
        rc = flush_to_client(exchange);
    int64_t at = (int64_t)offset;
    while (rc >= 0 && len > 0) {
        rc = send_file_part(exchange, file, &at, len < PART_BYTES ? len : PART_BYTES);
        if (rc > 0) {
            len -= (uint64_t)rc;
            exchange->response_bytes += (uint64_t)rc;
            if (len > 0)
                fiber_yield();
        }
    }
    if (rc < 0) {
        fail(exchange);
        return rc;
    }
    exchange->state = more ? RESPONSE_BODY : RESPONSE_COMPLETE;
    return 0;
}

void exchange_break(struct exchange *exchange)
{
    free_head(exchange);
    fail(exchange);
}

void exchange_give_up(struct exchange *exchange)
{
    if (!exchange->is_replaced || !exchange->is_transformed || exchange->state != RESPONSE_BODY) {
        exchange_break(exchange);
        return;
    }
    exchange->told_left = EXCHANGE_LENGTH_UNKNOWN;
    (void)send_filtered(exchange, (struct slice){0}, PART_LAST);
}

static void respond(struct exchange *exchange, unsigned status, struct slice fields,
                    struct slice content_type, struct slice body)
{
    struct writer *head = exchange_begin(exchange, status, (struct slice){0}, body.len);
    if (head == NULL)
        return;
    exchange_write_own_fields(head);
    write_slice(head, fields);
    if (body.len > 0)
        h1_write_field(head, field_name(FIELD_CONTENT_TYPE), content_type);
    (void)exchange_send(exchange, body, false);
}

void exchange_respond(struct exchange *exchange, unsigned status, struct slice content_type,
                      struct slice body, const char *reason)
{
    exchange->notes.reason = reason;
    respond(exchange, status, (struct slice){0}, content_type, body);
}

void exchange_respond_error(struct exchange *exchange, unsigned status, const char *reason)
{
    exchange_refuse(exchange, status, reason, (struct slice){0});
}

void exchange_refuse(struct exchange *exchange, unsigned status, const char *reason,
                     struct slice fields)
{
    char text[256];
    struct writer body;
    writer_init(&body, text, sizeof text);
    write_u64(&body, status);
    write_char(&body, ' ');
    write_slice(&body, slice_of_cstr(http_status_reason(status)));
    write_literal(&body, "\nrequest ");
    write_hex(&body, exchange->id, 16);
    write_char(&body, '\n');
    exchange->notes.reason = reason;
    respond(exchange, status, fields, SLICE("text/plain; charset=utf-8"), writer_slice(&body));
}

int exchange_send_interim(struct exchange *exchange, const struct response_head *interim)
{
    if (exchange->request.version_minor == 0 || exchange->state != RESPONSE_NONE)
        return 0;
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL)
        return -ENOMEM;
    struct writer writer;
    writer_init(&writer, block, BLOCK_LARGE_BYTES);
    h1_write_status_line(&writer, interim->status, interim->reason);
    h1_write_forwarded(&writer, &interim->fields, NULL);
    h1_write_end(&writer);
    struct iovec part = {block, writer_slice(&writer).len};
    int rc = writer.overflown ? -EMSGSIZE : write_parts(exchange, &part, 1);
    block_give(block, BLOCK_LARGE);
    return rc;
}
