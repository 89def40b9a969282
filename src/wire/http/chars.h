/* The character classes of HTTP and URIs: one table, one bit for each class. */
#pragma once

#include "base/slice.h"

enum {
    CHAR_TOKEN = 1 << 0,      /* tchar, RFC 9110 §5.6.2 */
    CHAR_VALUE = 1 << 1,      /* may stand in a field value, RFC 9110 §5.5: no control but tab */
    CHAR_TARGET = 1 << 2,     /* let through in a request target: no blank, control or '#' */
    CHAR_UNRESERVED = 1 << 3, /* RFC 3986 §2.3 */
    CHAR_PATH = 1 << 4,       /* pchar of RFC 3986 §3.3 but '%', and '/' */
    CHAR_QUERY = 1 << 5,      /* RFC 3986 §3.4 but '%' */
    CHAR_HOST = 1 << 6,       /* of a host that is not an IPv6 address: letter, digit, "-._~" */
    CHAR_HEX = 1 << 7,
};

extern const uint8_t http_chars[256];

static inline bool char_is(char c, unsigned classes)
{
    return (http_chars[(uint8_t)c] & classes) != 0;
}

static inline bool chars_are(struct slice s, unsigned classes)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!char_is(s.at[i], classes))
            return false;
    }
    return true;
}

/* Of a CHAR_HEX character. */
static inline unsigned hex_digit_value(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}
