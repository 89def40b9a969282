/* Documents are rendered into memory that is doubled until they fit. */
#include "edge/admin/reply.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "http/exchange.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define DOCUMENT_BYTES     ((size_t)1 << 16)
#define DOCUMENT_BYTES_MAX ((size_t)1 << 25)
#define MESSAGE_BYTES      1024
#define ERROR_BYTES        (MESSAGE_BYTES * 8)

static void reply(struct exchange *exchange, unsigned status, struct slice content_type,
                  reply_render *render, const void *arg)
{
    for (size_t bytes = DOCUMENT_BYTES; bytes <= DOCUMENT_BYTES_MAX; bytes *= 2) {
        SCOPED_FREE char *memory = memory_alloc_raw(bytes);
        if (memory == NULL)
            break;
        struct writer writer;
        writer_init(&writer, memory, bytes);
        render(&writer, arg);
        if (!writer.overflown) {
            exchange_respond(exchange, status, content_type, writer_slice(&writer), NULL);
            return;
        }
    }
    exchange_respond_error(exchange, 503, "out of memory for this request");
}

void reply_document(struct exchange *exchange, struct slice content_type, reply_render *render,
                    const void *arg)
{
    reply(exchange, 200, content_type, render, arg);
}

static struct slice render_error(struct writer *writer, struct slice message, struct slice at)
{
    struct json_writer json;
    json_writer_init(&json, writer);
    json_open_object(&json, NULL);
    json_put_text(&json, "error", message);
    if (at.len > 0)
        json_put_text(&json, "at", at);
    json_close_object(&json);
    write_char(writer, '\n');
    return writer_slice(writer);
}

static void render_text(struct writer *writer, const void *arg)
{
    (void)render_error(writer, slice_of_cstr(arg), (struct slice){0});
}

void reply_error_text(struct exchange *exchange, unsigned status, const char *text)
{
    reply(exchange, status, REPLY_JSON, render_text, text);
}

void reply_error(struct exchange *exchange, unsigned status, struct slice at, const char *format,
                 ...)
{
    char message[MESSAGE_BYTES], document[ERROR_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    struct writer writer;
    writer_init(&writer, document, sizeof document);
    exchange_respond(exchange, status, REPLY_JSON,
                     render_error(&writer, slice_of_cstr(message), slice_first(at, MESSAGE_BYTES)),
                     NULL);
}

void reply_wrong_method(struct exchange *exchange, struct slice allowed)
{
    char document[ERROR_BYTES];
    struct writer writer;
    writer_init(&writer, document, sizeof document);
    struct slice body =
        render_error(&writer, SLICE("this method is not allowed here"), (struct slice){0});
    struct writer *head = exchange_begin(exchange, 405, (struct slice){0}, body.len);
    if (head == NULL)
        return;
    exchange_write_own_fields(head);
    h1_write_field(head, field_name(FIELD_ALLOW), allowed);
    h1_write_field(head, field_name(FIELD_CONTENT_TYPE), REPLY_JSON);
    (void)exchange_send(exchange, body, false);
}

bool reply_read_body(struct exchange *exchange, struct buffer *body)
{
    struct slice data;
    int rc;
    while ((rc = exchange_read_body(exchange, &data)) == 1) {
        rc = buffer_append(body, data);
        if (rc < 0)
            break;
    }
    if (rc == -EMSGSIZE || rc == -EFBIG)
        reply_error(exchange, 413, (struct slice){0}, "the document is too large");
    else if (rc == -ENOMEM)
        reply_error(exchange, 503, (struct slice){0}, "out of memory for this request");
    else if (rc < 0)
        exchange_break(exchange);
    return rc == 0;
}
