/* Fixed answers and redirects. */
#include "edge/respond.h"

#include "base/cleanup.h"
#include "edge/route/location.h"
#include "http/exchange.h"

void respond_run(struct exchange *exchange, const struct conf_respond *respond)
{
    exchange_respond(exchange, respond->status, respond->content_type, respond->body, NULL);
}

void redirect_run(struct exchange *exchange, const struct conf_redirect *redirect)
{
    size_t room = location_bytes_max(redirect->to, exchange);
    char *memory = arena_alloc(&exchange->arena, room);
    if (memory == NULL) {
        exchange_respond_error(exchange, 503, "out of memory for this request");
        return;
    }
    struct writer location;
    writer_init(&location, memory, room);
    location_expand(&location, redirect->to, exchange);
    if (writer_slice(&location).len > HTTP_URI_BYTES_MAX) {
        exchange_respond_error(exchange, 414, "the redirect would be too long");
        return;
    }
    struct writer *head = exchange_begin(exchange, redirect->status, (struct slice){0}, 0);
    if (head == NULL)
        return;
    exchange_write_own_fields(head);
    h1_write_field(head, field_name(FIELD_LOCATION), writer_slice(&location));
    (void)exchange_send(exchange, (struct slice){0}, false);
}

void respond_with_folder(struct exchange *exchange)
{
    if (slice_ends_with(exchange->path, SLICE("/"))) {
        exchange_respond_error(exchange, 404, "the rewritten path is that of a folder");
        return;
    }
    struct writer *head = exchange_begin(exchange, 301, (struct slice){0}, 0);
    if (head == NULL)
        return;
    exchange_write_own_fields(head);
    write_literal(head, "Location: ");
    write_slice(head, exchange->path);
    write_char(head, '/');
    if (exchange->query.at != NULL) {
        write_char(head, '?');
        write_slice(head, exchange->query);
    }
    write_literal(head, "\r\n");
    (void)exchange_send(exchange, (struct slice){0}, false);
}
