/* Parsing by position: traceparent has fixed places, tracestate is a list with its own grammar. */
#include "wire/http/trace_context.h"

#include "wire/http/chars.h"

#include <errno.h>

#define KEY_BYTES_MAX    256
#define TENANT_BYTES_MAX 241
#define SYSTEM_BYTES_MAX 14
#define VALUE_BYTES_MAX  256

/* Lower-case hexadecimal digits only (§3.2.2). */
static bool parse_hex(const char *at, unsigned digits, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < digits; i++) {
        char c = at[i];
        bool is_letter = c >= 'a' && c <= 'f';
        if (!is_letter && !ascii_is_digit(c))
            return false;
        value = value << 4 | hex_digit_value(c);
    }
    *ret_value = value;
    return true;
}

int trace_parent_parse(struct slice text, struct trace_parent *ret_parent)
{
    uint64_t version, high, low, span, flags;
    const char *at = text.at;
    if (text.len < TRACE_PARENT_BYTES || at[2] != '-' || at[35] != '-' || at[52] != '-')
        return -EBADMSG;
    if (!parse_hex(at, 2, &version) || !parse_hex(at + 3, 16, &high) ||
        !parse_hex(at + 19, 16, &low) || !parse_hex(at + 36, 16, &span) ||
        !parse_hex(at + 53, 2, &flags))
        return -EBADMSG;
    bool has_more = text.len > TRACE_PARENT_BYTES;
    if (version == 0xff || (has_more && (version == 0 || at[TRACE_PARENT_BYTES] != '-')))
        return -EBADMSG;
    if ((high | low) == 0 || span == 0)
        return -EBADMSG;
    *ret_parent = (struct trace_parent){high, low, span, (uint8_t)flags};
    return 0;
}

void trace_parent_write(struct writer *writer, const struct trace_parent *parent)
{
    write_literal(writer, "00-");
    write_hex(writer, parent->trace_high, 16);
    write_hex(writer, parent->trace_low, 16);
    write_char(writer, '-');
    write_hex(writer, parent->span, 16);
    write_char(writer, '-');
    write_hex(writer, parent->flags & TRACE_FLAG_SAMPLED, 2);
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

/* Letters in lower case, digits, '_', '-', '*' and '/'; `first` tells whether a digit may begin. */
static bool is_key_part(struct slice part, size_t max, bool digit_first)
{
    if (part.len == 0 || part.len > max || (!is_lower(part.at[0]) && !digit_first))
        return false;
    for (size_t i = 0; i < part.len; i++) {
        char c = part.at[i];
        bool is_other = i > 0 && (c == '_' || c == '-' || c == '*' || c == '/');
        if (!is_lower(c) && !ascii_is_digit(c) && !is_other)
            return false;
    }
    return true;
}

static bool is_key(struct slice key)
{
    ptrdiff_t at = slice_find(key, '@');
    if (at < 0)
        return is_key_part(key, KEY_BYTES_MAX, false);
    return is_key_part(slice_first(key, (size_t)at), TENANT_BYTES_MAX, true) &&
           is_key_part(slice_from(key, (size_t)at + 1), SYSTEM_BYTES_MAX, false);
}

static bool is_value(struct slice value)
{
    if (value.len == 0 || value.len > VALUE_BYTES_MAX || value.at[value.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        if (c < 0x20 || c > 0x7e || c == ',' || c == '=')
            return false;
    }
    return true;
}

/* Is the key of a member further to the left in the same value? */
static bool is_there_before(struct slice value, const char *member, struct slice key)
{
    struct slice rest = slice_of(value.at, (size_t)(member - value.at)), other;
    while (slice_cut(&rest, ',', &other)) {
        other = slice_trim(other);
        if (other.len > key.len && other.at[key.len] == '=' && slice_starts_with(other, key))
            return true;
    }
    return false;
}

bool trace_state_is_valid(struct slice value, unsigned *left)
{
    struct slice rest = value, member;
    while (slice_cut(&rest, ',', &member)) {
        member = slice_trim(member);
        if (member.len == 0)
            continue;
        ptrdiff_t equals = slice_find(member, '=');
        if (*left == 0 || equals < 0)
            return false;
        struct slice key = slice_first(member, (size_t)equals);
        if (!is_key(key) || !is_value(slice_from(member, (size_t)equals + 1)) ||
            is_there_before(value, member.at, key))
            return false;
        (*left)--;
    }
    return true;
}

int trace_parent_of(const struct fields *fields, struct trace_parent *ret_parent)
{
    const struct field *found = NULL;
    for (unsigned i = 0; i < fields->count; i++) {
        if (fields->at[i].id != FIELD_TRACEPARENT)
            continue;
        if (found != NULL)
            return -EBADMSG;
        found = &fields->at[i];
    }
    return found == NULL ? -EBADMSG : trace_parent_parse(found->value, ret_parent);
}

bool trace_has_state(const struct fields *fields)
{
    unsigned left = TRACE_STATE_MEMBERS_MAX;
    for (unsigned i = 0; i < fields->count; i++) {
        if (fields->at[i].id == FIELD_TRACESTATE &&
            !trace_state_is_valid(fields->at[i].value, &left))
            return false;
    }
    return left < TRACE_STATE_MEMBERS_MAX;
}

void trace_state_write(struct writer *writer, const struct fields *fields)
{
    bool is_first = true;
    write_literal(writer, "tracestate: ");
    for (unsigned i = 0; i < fields->count; i++) {
        if (fields->at[i].id != FIELD_TRACESTATE || fields->at[i].value.len == 0)
            continue;
        write_slice(writer, is_first ? SLICE("") : SLICE(","));
        write_slice(writer, fields->at[i].value);
        is_first = false;
    }
    write_literal(writer, "\r\n");
}
