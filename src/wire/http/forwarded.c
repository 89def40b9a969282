/* Forwarded, element by element, pair by pair; and the nodes in it and in X-Forwarded-For. */
#include "wire/http/forwarded.h"

#include "base/cleanup.h"
#include "base/writer.h"
#include "wire/http/chars.h"

#include <errno.h>

/* Parameters in one element; the RFC knows four. */
#define PAIRS_MAX 16

static char first_of(struct slice s)
{
    return s.len > 0 ? s.at[0] : '\0';
}

static struct slice take_token(struct slice *rest)
{
    size_t len = 0;
    while (len < rest->len && char_is(rest->at[len], CHAR_TOKEN))
        len++;
    struct slice token = slice_first(*rest, len);
    *rest = slice_from(*rest, len);
    return token;
}

static void skip_blanks(struct slice *rest)
{
    while (first_of(*rest) == ' ' || first_of(*rest) == '\t')
        *rest = slice_from(*rest, 1);
}

/* RFC 9110 §5.6.4; *rest begins with the quote. */
static int take_quoted(struct slice *rest, struct slice *ret_value)
{
    size_t at = 1;
    while (at < rest->len && rest->at[at] != '"') {
        if (rest->at[at] == '\\')
            at++;
        if (at >= rest->len || !char_is(rest->at[at], CHAR_VALUE))
            return -EBADMSG;
        at++;
    }
    if (at >= rest->len)
        return -EBADMSG;
    *ret_value = slice_of(rest->at + 1, at - 1);
    *rest = slice_from(*rest, at + 1);
    return 0;
}

static int take_value(struct slice *rest, struct slice *ret_value)
{
    if (first_of(*rest) == '"')
        return take_quoted(rest, ret_value);
    *ret_value = take_token(rest);
    return ret_value->len == 0 ? -EBADMSG : 0;
}

/* What was seen of an element, so that nothing is said twice. */
struct pairs {
    struct slice names[PAIRS_MAX];
    unsigned count;
};

static int note_name(struct pairs *pairs, struct slice name)
{
    if (name.len == 0 || pairs->count == PAIRS_MAX)
        return -EBADMSG;
    for (unsigned i = 0; i < pairs->count; i++) {
        if (slice_equal_nocase(pairs->names[i], name))
            return -EBADMSG;
    }
    pairs->names[pairs->count++] = name;
    return 0;
}

/* [ forwarded-pair ]: may be nothing. */
static int take_pair(struct slice *rest, struct pairs *pairs, struct forwarded_element *element)
{
    char next = first_of(*rest);
    struct slice value;
    if (rest->len == 0 || next == ';' || next == ',' || next == ' ' || next == '\t')
        return 0;
    struct slice name = take_token(rest);
    int rc = note_name(pairs, name);
    if (rc < 0 || first_of(*rest) != '=')
        return -EBADMSG;
    *rest = slice_from(*rest, 1);
    rc = take_value(rest, &value);
    if (rc < 0)
        return rc;
    if (slice_equal_nocase(name, SLICE("for")))
        element->for_node = value;
    else if (slice_equal_nocase(name, SLICE("host")))
        element->host = value;
    else if (slice_equal_nocase(name, SLICE("proto")))
        element->proto = value;
    return 0;
}

/* Empty elements of a list say nothing (RFC 9110 §5.6.1.2). */
static void skip_empty(struct slice *rest)
{
    skip_blanks(rest);
    while (first_of(*rest) == ',') {
        *rest = slice_from(*rest, 1);
        skip_blanks(rest);
    }
}

int forwarded_next(struct slice *rest, struct forwarded_element *ret_element)
{
    struct forwarded_element element = {0};
    struct pairs pairs = {.count = 0};
    skip_empty(rest);
    if (rest->len == 0)
        return 0;
    int rc = take_pair(rest, &pairs, &element);
    while (rc == 0 && first_of(*rest) == ';') {
        *rest = slice_from(*rest, 1);
        rc = take_pair(rest, &pairs, &element);
    }
    skip_blanks(rest);
    if (rc < 0 || (rest->len > 0 && first_of(*rest) != ','))
        return -EBADMSG;
    *ret_element = element;
    return 1;
}

/* Of digits, or "_" and what hides it (§6.3). */
static bool is_port(struct slice port)
{
    uint64_t number;
    if (first_of(port) == '_' && port.len > 1) {
        for (size_t i = 1; i < port.len; i++) {
            if (!char_is(port.at[i], CHAR_UNRESERVED) || port.at[i] == '~')
                return false;
        }
        return true;
    }
    return port.len <= 5 && slice_parse_u64(port, &number) == 0 && number <= UINT16_MAX;
}

int forwarded_split_node(struct slice node, bool bare_v6, struct slice *ret_host)
{
    struct slice host = node, port = {NULL, 0};
    ptrdiff_t colon = slice_find(node, ':');
    if (first_of(node) == '[') {
        ptrdiff_t end = slice_find(node, ']');
        if (end < 0)
            return -EINVAL;
        host = slice_of(node.at + 1, (size_t)end - 1);
        port = slice_from(node, (size_t)end + 1);
        if (slice_find(host, ':') < 0 || (port.len > 0 && first_of(port) != ':'))
            return -EINVAL;
        port = port.len > 0 ? slice_from(port, 1) : (struct slice){NULL, 0};
    } else if (colon >= 0 && slice_find(slice_from(node, (size_t)colon + 1), ':') < 0) {
        host = slice_first(node, (size_t)colon);
        port = slice_from(node, (size_t)colon + 1);
    } else if (colon >= 0 && !bare_v6) {
        return -EINVAL;
    }
    if (host.len == 0 || (port.at != NULL && !is_port(port)))
        return -EINVAL;
    *ret_host = host;
    return 0;
}

void forwarded_write_for(struct writer *writer, struct slice address)
{
    write_literal(writer, "for=");
    if (slice_find(address, ':') < 0) {
        forwarded_write_value(writer, address);
        return;
    }
    write_literal(writer, "\"[");
    write_slice(writer, address);
    write_literal(writer, "]\"");
}

void forwarded_write_value(struct writer *writer, struct slice value)
{
    bool is_token = value.len > 0 && chars_are(value, CHAR_TOKEN);
    if (!is_token)
        write_char(writer, '"');
    write_slice(writer, value);
    if (!is_token)
        write_char(writer, '"');
}
