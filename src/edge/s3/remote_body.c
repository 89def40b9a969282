/* What s3_body gives, held back at its end; and around that, where it is wanted, the coding. */
#include "edge/s3/remote_body.h"

#include "base/cleanup.h"

#include <errno.h>

/* Of the coding. There are endpoints that take none above 16 MiB. */
#define CHUNK_BYTES ((uint64_t)1 << 20)

#define TRAILER_PREFIX "x-amz-checksum-"

/* Of the last part the last bytes are kept back. */
static void hold_back(struct remote_body *self, struct slice *data)
{
    size_t len = data->len < sizeof self->held ? data->len : sizeof self->held;
    memcpy(self->held, data->at + data->len - len, len);
    self->held_len = len;
    data->len -= len;
}

/* Who was told to stop has not met a fault of the client's. */
static int fail(struct s3_body *body, int rc)
{
    if (!fiber_is_cancelled(fiber_current()))
        return rc;
    body->call->fault.code = S3_NO_FAULT;
    return -ECANCELED;
}

/* The next part of the content, as exchange_read_body and exchange_try_body. */
static int next_content(struct remote_body *self, bool may_wait, struct slice *ret_data)
{
    struct s3_body *body = &self->body;
    for (;;) {
        if (self->is_proved) {
            *ret_data = slice_of(self->held, self->held_len);
            self->held_len = 0;
            return ret_data->len > 0 ? 1 : 0;
        }
        int rc = may_wait ? s3_body_next(body, ret_data) : s3_body_try(body, ret_data);
        if (rc < 0)
            return rc == -EAGAIN ? rc : fail(body, rc);
        self->is_proved = rc == 0;
        if (rc == 1 && body->come == body->length)
            hold_back(self, ret_data);
        if (rc == 1 && ret_data->len > 0)
            return 1;
    }
}

static int next_plain(struct upload_source *source, bool may_wait, struct slice *ret_data)
{
    struct remote_body *self = CONTAINER_OF(source, struct remote_body, source);
    return next_content(self, may_wait, ret_data);
}

/* The coding. */

static size_t trailer_bytes(const struct s3_body *body)
{
    size_t value = (s3_sum_bytes(body->check_kind) + 2) / 3 * 4;
    return strlen(TRAILER_PREFIX ":") + strlen(s3_checksum_word(body->check_kind)) + value;
}

static size_t digits(uint64_t value)
{
    size_t count = 1;
    while (value >>= 4)
        count++;
    return count;
}

/* "SIZE\r\n", the bytes, "\r\n". */
static uint64_t chunk_bytes(uint64_t size)
{
    return digits(size) + size + 4;
}

static uint64_t coded_bytes(const struct s3_body *body)
{
    uint64_t whole = body->length / CHUNK_BYTES, rest = body->length % CHUNK_BYTES;
    return whole * chunk_bytes(CHUNK_BYTES) + (rest > 0 ? chunk_bytes(rest) : 0) +
           strlen("0\r\n\r\n\r\n") + trailer_bytes(body);
}

/* Behind the chunk before, if there was one. */
static struct slice begin_chunk(struct remote_body *self)
{
    struct writer writer;
    bool is_first = self->left == self->body.length;
    self->chunk_left = self->left < CHUNK_BYTES ? self->left : CHUNK_BYTES;
    self->left -= self->chunk_left;
    writer_init(&writer, self->line, sizeof self->line);
    if (!is_first)
        write_literal(&writer, "\r\n");
    write_hex(&writer, self->chunk_left, (unsigned)digits(self->chunk_left));
    write_literal(&writer, "\r\n");
    return writer_slice(&writer);
}

static struct slice end_coding(struct remote_body *self)
{
    struct writer writer;
    char room[S3_SUM_BASE64_MAX];
    const struct s3_body *body = &self->body;
    self->has_ended = true;
    writer_init(&writer, self->line, sizeof self->line);
    if (body->length > 0)
        write_literal(&writer, "\r\n");
    write_literal(&writer, "0\r\n" TRAILER_PREFIX);
    write_slice(&writer, slice_of_cstr(s3_checksum_word(body->check_kind)));
    write_char(&writer, ':');
    write_slice(&writer, s3_base64_write(body->check_sum, s3_sum_bytes(body->check_kind), room));
    write_literal(&writer, "\r\n\r\n");
    return writer_slice(&writer);
}

static int next_coded(struct upload_source *source, bool may_wait, struct slice *ret_data)
{
    struct remote_body *self = CONTAINER_OF(source, struct remote_body, source);
    if (self->has_ended)
        return 0;
    if (self->part.len == 0) {
        int rc = next_content(self, may_wait, &self->part);
        if (rc < 0)
            return rc;
        if (rc == 0) {
            *ret_data = end_coding(self);
            return 1;
        }
    }
    if (self->chunk_left == 0) {
        *ret_data = begin_chunk(self);
        return 1;
    }
    size_t len = self->part.len < self->chunk_left ? self->part.len : (size_t)self->chunk_left;
    *ret_data = slice_first(self->part, len);
    self->part = slice_from(self->part, len);
    self->chunk_left -= len;
    return 1;
}

static void begin_coding(struct remote_body *self)
{
    self->is_coded = true;
    self->left = self->body.length;
    self->source.next = next_coded;
    self->source.framing = (struct framing){.kind = BODY_LENGTH,
                                            .content_length = coded_bytes(&self->body),
                                            .has_content_length = true};
}

static void begin_plain(struct remote_body *self)
{
    uint64_t length = self->body.length;
    bool is_known = length != EXCHANGE_LENGTH_UNKNOWN;
    const struct framing *sent = &self->body.call->exchange->request.framing;
    self->source.next = next_plain;
    self->source.framing = (struct framing){
        .kind = !is_known    ? BODY_CHUNKED
                : length > 0 ? BODY_LENGTH
                             : BODY_NONE,
        .content_length = is_known ? length : 0,
        .has_content_length = is_known && (length > 0 || sent->has_content_length),
    };
}

/* No part can come: it would be one too long. */
static int read_empty(struct remote_body *self)
{
    struct slice data;
    int rc = s3_body_next(&self->body, &data);
    self->is_proved = rc == 0;
    return rc;
}

int remote_body_init(struct remote_body *self, struct s3_call *call)
{
    int rc = s3_body_init(&self->body, call, false, S3_CHECKSUM_KINDS);
    if (rc < 0)
        return rc;
    if (self->body.is_trailed && self->body.chunks != NULL &&
        call->remote->backend.s3.takes_trailers)
        begin_coding(self);
    else
        begin_plain(self);
    return self->body.length == 0 ? read_empty(self) : 0;
}

void remote_body_finish(struct remote_body *self)
{
    s3_body_finish(&self->body);
}
