/* One pass over the text. It was checked when the configuration was read: all variables are known.
 */
#include "edge/route/location.h"

#include "http/exchange.h"

#define ESCAPE_BYTES 3

size_t location_bytes_max(struct slice text, const struct exchange *exchange)
{
    size_t variable = exchange->host.len + exchange->action_path.len * ESCAPE_BYTES +
                      exchange->action_query.len + 1;
    size_t bytes = text.len;
    for (size_t i = 0; i < text.len; i++)
        bytes += text.at[i] == '{' ? variable : 0;
    return bytes;
}

/* A path as part of a query: '&', '=', '+' and ';' have a meaning there. Escapes stay. */
static void write_in_query(struct writer *writer, struct slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        char c = path.at[i];
        if (c == '&' || c == '=' || c == '+' || c == ';') {
            write_char(writer, '%');
            write_char(writer, "0123456789ABCDEF"[(uint8_t)c >> 4]);
            c = "0123456789ABCDEF"[c & 15];
        }
        write_char(writer, c);
    }
}

static void write_variable(struct writer *writer, struct slice name,
                           const struct exchange *exchange, bool *is_in_query)
{
    if (slice_equal(name, SLICE("host"))) {
        write_slice(writer, exchange->host);
    } else if (slice_equal(name, SLICE("path"))) {
        if (*is_in_query)
            write_in_query(writer, exchange->action_path);
        else
            write_slice(writer, exchange->action_path);
    } else if (slice_equal(name, SLICE("query")) && exchange->action_query.at != NULL) {
        write_char(writer, *is_in_query ? '&' : '?');
        write_slice(writer, exchange->action_query);
        *is_in_query = true;
    }
}

void location_expand(struct writer *writer, struct slice text, const struct exchange *exchange)
{
    bool is_in_query = false;
    while (text.len > 0) {
        ptrdiff_t open = slice_find(text, '{');
        ptrdiff_t close = open < 0 ? -1 : slice_find(slice_from(text, (size_t)open), '}');
        struct slice plain = slice_first(text, close < 0 ? text.len : (size_t)open);
        write_slice(writer, plain);
        is_in_query |= slice_find(plain, '?') >= 0;
        text = slice_from(text, plain.len);
        if (close < 0)
            continue;
        struct slice name = slice_of(text.at + 1, (size_t)close - 1);
        write_variable(writer, name, exchange, &is_in_query);
        text = slice_from(text, (size_t)close + 1);
    }
}
