/*
 * The Cookie field of requests (RFC 6265 §4.2.1): pairs of a name and a value with "; " between
 * them. Pure functions over a field's value. Clients send what is no such pair, too: that is never
 * taken for a cookie, and passed on as it came.
 */
#pragma once

#include "base/writer.h"

/*
 * Takes the next piece, up to a ';', off *rest; false at the end. *ret_name is empty unless the
 * piece is a pair: a token, '=', and cookie-octets that may stand in one pair of quotes, which are
 * part of the value.
 */
bool cookie_next(struct slice *rest, struct slice *ret_piece, struct slice *ret_name,
                 struct slice *ret_value);

/* The value of the first pair of that name, in its exact case; false when there is none. */
bool cookie_find(struct slice cookies, struct slice name, struct slice *ret_value);

/*
 * Writes all pieces but the pairs of these names, with "; " between them. Returns whether anything
 * was written.
 */
bool cookie_write_others(struct writer *writer, struct slice cookies, const struct slice *names,
                         size_t names_count);
