/*
 * Paths and authorities in one form. The session normalises each request's path once; everything
 * that decides anything sees the result. Nothing is allocated: the caller brings the room.
 */
#include "wire/http/uri.h"

#include "wire/http/chars.h"

#include <arpa/inet.h>
#include <errno.h>

#define PORT_DIGITS_MAX 5

/* The byte of the escape at s.at[0..2], or -1. */
static int escape_value(struct slice s)
{
    if (s.len < 3 || !char_is(s.at[1], CHAR_HEX) || !char_is(s.at[2], CHAR_HEX))
        return -1;
    return (int)(hex_digit_value(s.at[1]) << 4 | hex_digit_value(s.at[2]));
}

static char *write_escape(char *to, uint8_t byte)
{
    to[0] = '%';
    to[1] = "0123456789ABCDEF"[byte >> 4];
    to[2] = "0123456789ABCDEF"[byte & 15];
    return to + 3;
}

/* Nothing but characters of a path, no "//", and no segment that begins with a dot. */
static bool is_normal(struct slice raw)
{
    char before = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.at[i];
        if (!char_is(c, CHAR_PATH) || (before == '/' && (c == '/' || c == '.')))
            return false;
        before = c;
    }
    return true;
}

/* Writes one segment with its escapes in normal form. Returns its end, or NULL when refused. */
static char *write_segment(struct slice raw, char *to)
{
    while (raw.len > 0) {
        size_t taken = 1;
        uint8_t byte = (uint8_t)raw.at[0];
        if (byte == '%') {
            int value = escape_value(raw);
            if (value <= 0)
                return NULL;
            byte = (uint8_t)value;
            taken = 3;
        } else if (byte == '\\' || byte == 0) {
            return NULL;
        }
        if (char_is((char)byte, taken == 1 ? CHAR_PATH : CHAR_UNRESERVED))
            *to++ = (char)byte;
        else
            to = write_escape(to, byte);
        raw = slice_from(raw, taken);
    }
    return to;
}

static bool is_dots(struct slice s)
{
    return slice_equal(s, SLICE(".")) || slice_equal(s, SLICE(".."));
}

/* The length of an encoded slash or backslash at the front of a normal segment, or 0. */
static size_t encoded_slash(struct slice s)
{
    return slice_starts_with(s, SLICE("%2F")) || slice_starts_with(s, SLICE("%5C")) ? 3 : 0;
}

/* Do parameters begin at the front of a normal segment, for a server that decodes before it cuts?
 */
static bool begins_parameters(struct slice s)
{
    return s.at[0] == ';' || slice_starts_with(s, SLICE("%3B"));
}

/*
 * Would a server that decodes "%2F" or "%5C", or that cuts parameters off at ';' or "%3B" before it
 * looks at the segment, see a dot segment in this one? A plain dot segment is not hidden.
 */
static bool hides_dots(struct slice segment)
{
    if (is_dots(segment))
        return false;
    size_t begin = 0;
    for (size_t i = 0; i < segment.len;) {
        struct slice rest = slice_from(segment, i);
        size_t slash = encoded_slash(rest);
        if ((slash > 0 || begins_parameters(rest)) &&
            is_dots(slice_of(segment.at + begin, i - begin)))
            return true;
        i += slash > 0 ? slash : 1;
        if (slash > 0)
            begin = i;
    }
    return is_dots(slice_from(segment, begin));
}

/* Back to behind the '/' before the last segment of "/a/b/". NULL when that leaves the root. */
static char *drop_last_segment(const char *start, char *to)
{
    if (to - start <= 1)
        return NULL;
    to--;
    while (to[-1] != '/')
        to--;
    return to;
}

int uri_normalise_path(struct slice raw, char *out, struct slice *ret_path)
{
    if (raw.len == 0 || raw.at[0] != '/')
        return -EBADMSG;
    if (is_normal(raw)) {
        *ret_path = raw;
        return 0;
    }

    /* `to` stands behind a '/' whenever a segment begins. */
    struct slice rest = slice_from(raw, 1), part;
    char *to = out;
    *to++ = '/';
    while (slice_cut(&rest, '/', &part)) {
        char *end = write_segment(part, to);
        if (end == NULL)
            return -EBADMSG;
        struct slice segment = slice_of(to, (size_t)(end - to));
        if (hides_dots(segment))
            return -EBADMSG;
        if (segment.len == 0 || slice_equal(segment, SLICE(".")))
            continue;
        if (slice_equal(segment, SLICE(".."))) {
            to = drop_last_segment(out, to);
            if (to == NULL)
                return -EBADMSG;
            continue;
        }
        to = end;
        if (rest.at != NULL)
            *to++ = '/';
    }
    *ret_path = slice_of(out, (size_t)(to - out));
    return 0;
}

void uri_matched_path(struct slice path, char *out, struct slice *ret_path)
{
    *ret_path = path;
    if (slice_find(path, '%') < 0)
        return;
    char *to = out;
    for (size_t i = 0; i < path.len; i++) {
        int value = path.at[i] == '%' ? escape_value(slice_from(path, i)) : -1;
        bool is_open = value > 0 && value != '*' && value != '/' && char_is((char)value, CHAR_PATH);
        *to++ = is_open ? (char)value : path.at[i];
        i += is_open ? 2 : 0;
    }
    *ret_path = slice_of(out, (size_t)(to - out));
}

unsigned uri_readings(struct slice path)
{
    unsigned found = memchr(path.at, ';', path.len) != NULL ? URI_READ_PARAMETERS : 0;
    const char *at = path.at, *end = path.at + path.len;
    while ((at = memchr(at, '%', (size_t)(end - at))) != NULL) {
        struct slice rest = slice_of(at, (size_t)(end - at));
        if (slice_starts_with(rest, SLICE("%2F")))
            found |= URI_READ_SLASH;
        else if (slice_starts_with(rest, SLICE("%5C")))
            found |= URI_READ_BACKSLASH;
        at++;
    }
    return found;
}

int uri_read_path(struct slice path, unsigned reading, char *out, struct slice *ret_path)
{
    char *to = out;
    bool in_parameters = false;
    for (size_t i = 0; i < path.len; i++) {
        struct slice rest = slice_from(path, i);
        bool is_escape =
            ((reading & URI_READ_SLASH) != 0 && slice_starts_with(rest, SLICE("%2F"))) ||
            ((reading & URI_READ_BACKSLASH) != 0 && slice_starts_with(rest, SLICE("%5C")));
        char c = is_escape ? '/' : path.at[i];
        i += is_escape ? 2 : 0;
        if (c == '/')
            in_parameters = false;
        else if (c == ';' && (reading & URI_READ_PARAMETERS) != 0)
            in_parameters = true;
        if (!in_parameters)
            *to++ = c;
    }
    struct slice read = slice_of(out, (size_t)(to - out));
    return uri_normalise_path(read, to, ret_path);
}

bool uri_is_query(struct slice query)
{
    for (size_t i = 0; i < query.len; i++) {
        if (query.at[i] == '%') {
            if (escape_value(slice_from(query, i)) < 0)
                return false;
            i += 2;
        } else if (!char_is(query.at[i], CHAR_QUERY)) {
            return false;
        }
    }
    return true;
}

ptrdiff_t uri_decode(struct slice s, char *out)
{
    char *to = out;
    while (s.len > 0) {
        int value = (uint8_t)s.at[0];
        size_t taken = 1;
        if (value == '%') {
            value = escape_value(s);
            if (value < 0)
                return -EBADMSG;
            taken = 3;
        }
        *to++ = (char)value;
        s = slice_from(s, taken);
    }
    return to - out;
}

/* Digits without a leading zero, up to 65535. */
static int parse_port(struct slice digits, unsigned *ret_port)
{
    unsigned port = 0;
    if (digits.len > PORT_DIGITS_MAX || digits.at[0] == '0')
        return -EBADMSG;
    for (size_t i = 0; i < digits.len; i++) {
        if (!ascii_is_digit(digits.at[i]))
            return -EBADMSG;
        port = port * 10 + (unsigned)(digits.at[i] - '0');
    }
    if (port > 65535)
        return -EBADMSG;
    *ret_port = port;
    return 0;
}

/* "[v6]" up to and with its bracket. Returns its length, or -EBADMSG. Not inlined: names shall not
 * pay for its room. */
static __attribute__((noinline)) ptrdiff_t ipv6_length(struct slice authority)
{
    ptrdiff_t bracket = slice_find(authority, ']');
    char text[INET6_ADDRSTRLEN];
    if (bracket < 0 || (size_t)bracket > sizeof text)
        return -EBADMSG;
    size_t len = (size_t)bracket - 1;
    memcpy(text, authority.at + 1, len);
    text[len] = 0;
    struct in6_addr address;
    return memchr(text, 0, len) == NULL && inet_pton(AF_INET6, text, &address) == 1 ? bracket + 1
                                                                                    : -EBADMSG;
}

/* Labels that are not empty, and perhaps a last dot. Returns its length, or -EBADMSG. */
static ptrdiff_t name_length(struct slice authority)
{
    size_t i = 0;
    bool was_dot = true, has_empty = false;
    for (; i < authority.len && char_is(authority.at[i], CHAR_HOST); i++) {
        bool is_dot = authority.at[i] == '.';
        has_empty |= is_dot && was_dot;
        was_dot = is_dot;
    }
    bool is_ended = i == authority.len || authority.at[i] == ':';
    return i == 0 || has_empty || !is_ended ? -EBADMSG : (ptrdiff_t)i;
}

int uri_parse_authority(struct slice authority, struct slice *ret_host, unsigned *ret_port)
{
    if (authority.len == 0)
        return -EBADMSG;
    bool is_ipv6 = authority.at[0] == '[';
    ptrdiff_t len = is_ipv6 ? ipv6_length(authority) : name_length(authority);
    if (len < 0)
        return -EBADMSG;
    struct slice rest = slice_from(authority, (size_t)len);
    unsigned port = 0;
    if (rest.len > 1) {
        if (rest.at[0] != ':' || parse_port(slice_from(rest, 1), &port) < 0)
            return -EBADMSG;
    } else if (rest.len == 1 && rest.at[0] != ':') {
        return -EBADMSG;
    }
    struct slice host = slice_first(authority, (size_t)len);
    if (!is_ipv6 && host.at[host.len - 1] == '.')
        host.len--;
    *ret_host = host;
    *ret_port = port;
    return 0;
}

int uri_split_authority(struct slice authority, char *out, struct slice *ret_host,
                        unsigned *ret_port)
{
    struct slice host;
    if (uri_parse_authority(authority, &host, ret_port) < 0)
        return -EBADMSG;
    bool has_capitals = false;
    for (size_t i = 0; i < host.len; i++)
        has_capitals |= host.at[i] >= 'A' && host.at[i] <= 'Z';
    for (size_t i = 0; has_capitals && i < host.len; i++)
        out[i] = ascii_lower(host.at[i]);
    *ret_host = has_capitals ? slice_of(out, host.len) : host;
    return 0;
}
