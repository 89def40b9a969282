/* Fixed answers and redirects. */
#include "edge/respond.h"

#include "base/cleanup.h"
#include "http/exchange.h"

#include <errno.h>

void respond_run(struct exchange *exchange, const struct conf_respond *respond)
{
    exchange_respond(exchange, respond->status, respond->content_type, respond->body, NULL);
}

/* The value of {host}, {path} or {query}; false for any other name. */
static bool variable(const struct exchange *exchange, struct slice name, struct slice *ret_value)
{
    if (slice_equal(name, SLICE("host")))
        *ret_value = exchange->host;
    else if (slice_equal(name, SLICE("path")))
        *ret_value = exchange->path;
    else if (slice_equal(name, SLICE("query")))
        *ret_value = exchange->query;
    else
        return false;
    return true;
}

static void write_variable(struct writer *writer, const struct exchange *exchange,
                           struct slice name)
{
    struct slice value;
    if (!variable(exchange, name, &value))
        return;
    if (slice_equal(name, SLICE("query")) && value.at != NULL)
        write_char(writer, '?');
    write_slice(writer, value);
}

static void expand(struct writer *writer, const struct exchange *exchange, struct slice text)
{
    while (text.len > 0) {
        ptrdiff_t open = slice_find(text, '{');
        ptrdiff_t close = open < 0 ? -1 : slice_find(slice_from(text, (size_t)open), '}');
        if (close < 0) {
            write_slice(writer, text);
            return;
        }
        write_slice(writer, slice_first(text, (size_t)open));
        struct slice inside = slice_from(text, (size_t)open + 1);
        write_variable(writer, exchange, slice_first(inside, (size_t)close - 1));
        text = slice_from(text, (size_t)(open + close) + 1);
    }
}

void redirect_run(struct exchange *exchange, const struct conf_redirect *redirect)
{
    size_t room =
        redirect->to.len + exchange->host.len + exchange->path.len + exchange->query.len + 2;
    /* Each variable may stand more than once; what does not fit is an error, not a cut. */
    room *= 4;
    char *memory = arena_alloc(&exchange->arena, room);
    if (memory == NULL) {
        exchange_respond_error(exchange, 503, "out of memory for this request");
        return;
    }
    struct writer location;
    writer_init(&location, memory, room);
    expand(&location, exchange, redirect->to);
    if (location.overflown) {
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
