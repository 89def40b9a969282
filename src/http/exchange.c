/*
 * Requests read and responses written, for handlers: what is the same for all versions of HTTP. How
 * bytes come and go is the business of exchange->ops. Runs on the exchange's fiber.
 */
#include "http/exchange.h"

#include "base/cleanup.h"
#include "http/exchange_ops.h"
#include "http/head_edit.h"
#include "http/session_internal.h"
#include "http/tls_io.h"
#include "http/worker.h"
#include "os/beneath.h"
#include "os/fiber.h"

#include <assert.h>
#include <errno.h>

static const struct slice server_name = SLICE("weir");

/* What has been answered in full stays so. */
static void fail(struct exchange *exchange)
{
    if (exchange->state != RESPONSE_COMPLETE)
        exchange->state = RESPONSE_BROKEN;
    exchange->keep_alive = false;
}

static int send_interim(struct exchange *exchange, struct slice head)
{
    int rc = exchange->ops->send_interim(exchange, head);
    if (rc < 0)
        fail(exchange);
    return rc;
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

/* `room` NULL: wherever it is received. */
static int try_body(struct exchange *exchange, char *room, size_t len, struct slice *ret_data)
{
    *ret_data = (struct slice){0};
    int rc = room == NULL || exchange->ops->receive_body == NULL
                 ? exchange->ops->try_body(exchange, ret_data)
                 : exchange->ops->receive_body(exchange, room, len, ret_data);
    if (rc == -EAGAIN && exchange->request.expects_continue && !exchange->continue_sent &&
        exchange->state == RESPONSE_NONE) {
        exchange->continue_sent = true;
        int sent = send_interim(exchange, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
        return sent < 0 ? sent : -EAGAIN;
    }
    return count_body(exchange, rc, *ret_data);
}

int exchange_try_body(struct exchange *exchange, struct slice *ret_data)
{
    return try_body(exchange, NULL, 0, ret_data);
}

void exchange_trailers(const struct exchange *exchange, struct fields *ret_fields)
{
    exchange->ops->trailers(exchange, ret_fields);
}

int exchange_read_body(struct exchange *exchange, struct slice *ret_data)
{
    return exchange_receive_body(exchange, NULL, 0, ret_data);
}

int exchange_receive_body(struct exchange *exchange, char *room, size_t len, struct slice *ret_data)
{
    for (;;) {
        int rc = try_body(exchange, room, len, ret_data);
        if (rc != -EAGAIN)
            return rc;
        rc = exchange->ops->await_body(exchange);
        if (rc < 0) {
            exchange->keep_alive = false;
            return rc;
        }
    }
}

void exchange_free_head(struct exchange *exchange)
{
    block_give(exchange->head.start, BLOCK_LARGE);
    exchange->head.start = NULL;
}

/* To a CONNECT success means a tunnel, and nothing that frames a body (RFC 9110 §9.3.6). */
static bool opens_tunnel(const struct exchange *exchange, unsigned status)
{
    return exchange->request.method == METHOD_CONNECT && status / 100 == 2;
}

static bool has_no_body(const struct exchange *exchange, unsigned status)
{
    return exchange->request.method == METHOD_HEAD || status < 200 || status == 204 ||
           status == 304 || opens_tunnel(exchange, status);
}

/* Which framing the response gets, and what must then be written about it (RFC 9112 §6). */
static void write_framing(struct exchange *exchange, unsigned status, uint64_t length)
{
    struct writer *head = &exchange->head;
    bool is_known = length != EXCHANGE_LENGTH_UNKNOWN;
    bool may_tell_length = status >= 200 && status != 204 && !opens_tunnel(exchange, status);
    exchange->response_left = 0;
    if (has_no_body(exchange, status)) {
        exchange->response_kind = BODY_NONE;
        if (is_known && may_tell_length)
            h1_write_length(head, length);
    } else if (is_known) {
        exchange->response_kind = length == 0 ? BODY_NONE : BODY_LENGTH;
        exchange->response_left = length;
        h1_write_length(head, length);
    } else {
        exchange->response_kind = exchange->ops->frame_open(exchange);
    }
}

const struct tls_connection *exchange_tls(const struct exchange *exchange)
{
    return exchange->session == NULL ? NULL : tls_io_connection(&exchange->session->io);
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
    h1_write_status_line(head, status, reason);
    write_framing(exchange, status, length);
    if (!opens_tunnel(exchange, status))
        exchange->ops->write_connection(exchange, status);
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
    exchange->ops->write_connection(exchange, exchange->status);
}

/* It is too large, and nothing of it has left: an error does, without what filters would add. */
static int refuse_head(struct exchange *exchange)
{
    for (struct exchange_filter *filter = exchange->filters; filter != NULL; filter = filter->next)
        filter->transforms = false;
    exchange->has_filtered = true;
    exchange->is_transformed = exchange->is_reframed = exchange->is_replaced = false;
    exchange->state = RESPONSE_HEAD;
    exchange_respond_error(exchange, 500, "the response's header does not fit into 64 KiB");
    return -EMSGSIZE;
}

/* The head's last line, when it has not left yet. */
static int end_head(struct exchange *exchange)
{
    if (!exchange_has_head(exchange))
        return 0;
    h1_write_end(&exchange->head);
    return exchange->head.overflown ? refuse_head(exchange) : 0;
}

/* What came of a part that was handed to the version of HTTP, and the head before it. */
static int settle_part(struct exchange *exchange, int rc, size_t body_bytes, bool more)
{
    exchange_free_head(exchange);
    if (rc < 0) {
        fail(exchange);
        return rc;
    }
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
    if (rc == 0)
        rc = end_head(exchange);
    if (rc < 0)
        return rc;
    rc = exchange->ops->send(exchange, data, more);
    return settle_part(exchange, rc, data.len, more);
}

static int flush_to_client(struct exchange *exchange)
{
    if (UNLIKELY(exchange->is_reframed))
        reframe(exchange, 0, true);
    int rc = end_head(exchange);
    if (rc < 0)
        return rc;
    rc = exchange_has_head(exchange) ? exchange->ops->send(exchange, (struct slice){0}, true) : 0;
    return settle_part(exchange, rc, 0, true);
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

void exchange_add_first_filter(struct exchange *exchange, struct exchange_filter *filter)
{
    filter->next = exchange->filters;
    filter->transforms = false;
    exchange->filters = filter;
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
        return exchange_has_head(exchange) ? flush_to_client(exchange) : 0;
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
    if (rc < 0)
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
    int rc = end_head(exchange);
    if (rc < 0)
        return rc;
    rc = exchange->ops->send_trailers(exchange, trailers);
    return settle_part(exchange, rc, 0, false);
}

/* Where filters want to see the bytes, or they cannot leave but through memory. */
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
        rc = exchange_send(exchange, slice_of(block, (size_t)got), more || len > 0);
        if (rc == 0 && len > 0)
            fiber_yield();
    }
    block_give(block, BLOCK_LARGE);
    if (rc < 0)
        exchange_break(exchange);
    return rc;
}

bool exchange_can_send_file(const struct exchange *exchange)
{
    return exchange->filters == NULL && exchange->ops->send_file != NULL &&
           exchange->response_kind == BODY_LENGTH;
}

int exchange_send_file(struct exchange *exchange, int file, uint64_t offset, uint64_t len,
                       bool more)
{
    enum { PART_BYTES = 256 * 1024 };
    if (UNLIKELY(exchange->filters != NULL) && !exchange->has_filtered)
        filter_head(exchange);
    if (UNLIKELY(exchange->is_transformed) && len > 0)
        return read_file(exchange, file, offset, len, more);
    if (exchange->response_kind == BODY_NONE || len == 0)
        return exchange_send(exchange, (struct slice){0}, more);
    if (exchange->ops->send_file == NULL)
        return read_file(exchange, file, offset, len, more);
    assert(exchange->response_kind == BODY_LENGTH);
    int rc = check_length(exchange, (size_t)len, more);
    if (rc == 0 && exchange->state == RESPONSE_HEAD)
        rc = flush_to_client(exchange);
    int64_t at = (int64_t)offset;
    while (rc >= 0 && len > 0) {
        rc = exchange->ops->send_file(exchange, file, &at, len < PART_BYTES ? len : PART_BYTES);
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
    exchange_free_head(exchange);
    fail(exchange);
}

int exchange_relay(struct exchange *exchange, struct io *target, struct inflow *from_target,
                   const struct relay_terms *terms)
{
    return exchange->ops->relay(exchange, target, from_target, terms);
}

/* Filters may hold back what came before: the client gets as much of it as there is. */
void exchange_give_up(struct exchange *exchange)
{
    if (exchange->is_transformed && exchange->state == RESPONSE_BODY) {
        exchange->told_left = EXCHANGE_LENGTH_UNKNOWN;
        (void)send_filtered(exchange, (struct slice){0},
                            exchange->is_replaced ? PART_LAST : PART_FLUSH);
    }
    if (exchange->state != RESPONSE_COMPLETE)
        exchange_break(exchange);
}

bool exchange_will_be_replaced(const struct exchange *exchange)
{
    for (struct exchange_filter *filter = exchange->filters; filter != NULL;
         filter = filter->next) {
        if (filter->ops->replaces != NULL && filter->ops->replaces(filter, exchange))
            return true;
    }
    return false;
}

int exchange_send_replacement(struct exchange *exchange)
{
    if (!exchange->has_filtered)
        filter_head(exchange);
    exchange->told_left = EXCHANGE_LENGTH_UNKNOWN;
    return send_filtered(exchange, (struct slice){0}, PART_LAST);
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

void exchange_note_grpc(struct exchange *exchange, enum grpc_status status)
{
    exchange->notes.has_grpc_status = true;
    exchange->notes.grpc_status = (uint8_t)status;
}

/* A response that is all head, as its trailers would be ("Trailers-Only"). */
static void refuse_grpc(struct exchange *exchange, unsigned status, const char *reason,
                        struct slice fields)
{
    enum grpc_status grpc_status = grpc_status_of_http(status);
    struct writer *head = exchange_begin(exchange, 200, (struct slice){0}, EXCHANGE_LENGTH_UNKNOWN);
    if (head == NULL)
        return;
    exchange_note_grpc(exchange, grpc_status);
    exchange_write_own_fields(head);
    write_slice(head, fields);
    write_literal(head, "Content-Type: application/grpc\r\nGrpc-Status: ");
    write_u64(head, grpc_status);
    write_literal(head, "\r\nGrpc-Message: ");
    grpc_write_message(head, slice_of_cstr(reason == NULL ? http_status_reason(status) : reason));
    write_literal(head, "\r\n");
    (void)exchange_send(exchange, (struct slice){0}, false);
}

void exchange_refuse(struct exchange *exchange, unsigned status, const char *reason,
                     struct slice fields)
{
    if (UNLIKELY(exchange_is_grpc(exchange))) {
        exchange->notes.reason = reason;
        refuse_grpc(exchange, status, reason, fields);
        return;
    }
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
    if (http_is_1_0(&exchange->request) || exchange->state != RESPONSE_NONE)
        return 0;
    char *block = block_take(BLOCK_LARGE);
    if (block == NULL)
        return -ENOMEM;
    struct writer writer;
    writer_init(&writer, block, BLOCK_LARGE_BYTES);
    h1_write_status_line(&writer, interim->status, interim->reason);
    h1_write_forwarded(&writer, &interim->fields, NULL);
    h1_write_end(&writer);
    int rc = writer.overflown ? -EMSGSIZE : send_interim(exchange, writer_slice(&writer));
    block_give(block, BLOCK_LARGE);
    return rc;
}
