/* Cutting a Cookie field into its pairs. */
#include "wire/http/cookie.h"

#include "wire/http/message.h"

/* cookie-octet of RFC 6265 §4.1.1: no control, blank, quote, comma, semicolon or backslash. */
static bool is_octet(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte > 0x20 && byte < 0x7f && c != '"' && c != ',' && c != ';' && c != '\\';
}

static bool is_value(struct slice value)
{
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        value = slice_of(value.at + 1, value.len - 2);
    for (size_t i = 0; i < value.len; i++) {
        if (!is_octet(value.at[i]))
            return false;
    }
    return true;
}

bool cookie_next(struct slice *rest, struct slice *ret_piece, struct slice *ret_name,
                 struct slice *ret_value)
{
    struct slice piece, name, value;
    do {
        if (!slice_cut(rest, ';', &piece))
            return false;
        piece = slice_trim(piece);
    } while (piece.len == 0);
    *ret_piece = piece;
    *ret_name = *ret_value = (struct slice){0};
    ptrdiff_t equals = slice_find(piece, '=');
    if (equals <= 0)
        return true;
    name = slice_first(piece, (size_t)equals);
    value = slice_from(piece, (size_t)equals + 1);
    if (http_is_token(name) && is_value(value)) {
        *ret_name = name;
        *ret_value = value;
    }
    return true;
}

bool cookie_find(struct slice cookies, struct slice name, struct slice *ret_value)
{
    struct slice piece, each, value;
    while (cookie_next(&cookies, &piece, &each, &value)) {
        if (each.len > 0 && slice_equal(each, name)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool is_one_of(struct slice name, const struct slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (name.len > 0 && slice_equal(name, names[i]))
            return true;
    }
    return false;
}

bool cookie_write_others(struct writer *writer, struct slice cookies, const struct slice *names,
                         size_t names_count)
{
    struct slice piece, name, value;
    bool is_any = false;
    while (cookie_next(&cookies, &piece, &name, &value)) {
        if (is_one_of(name, names, names_count))
            continue;
        if (is_any)
            write_literal(writer, "; ");
        write_slice(writer, piece);
        is_any = true;
    }
    return is_any;
}
