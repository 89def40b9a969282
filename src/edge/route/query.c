/* Compares without a decoded copy: a query may have 16 KiB, and most have no such parameter. */
#include "edge/route/query.h"

#include "wire/http/chars.h"

/* The byte that begins at `at`, decoded; *ret_next is where the next one does. */
static char decoded_at(struct slice coded, size_t at, size_t *ret_next)
{
    char c = coded.at[at];
    *ret_next = at + 1;
    if (c == '+')
        return ' ';
    if (c != '%' || coded.len - at < 3 || !char_is(coded.at[at + 1], CHAR_HEX) ||
        !char_is(coded.at[at + 2], CHAR_HEX))
        return c;
    *ret_next = at + 3;
    return (char)(hex_digit_value(coded.at[at + 1]) << 4 | hex_digit_value(coded.at[at + 2]));
}

static bool is_text(struct slice coded, struct slice text)
{
    size_t at = 0, t = 0;
    while (at < coded.len && t < text.len) {
        if (decoded_at(coded, at, &at) != text.at[t++])
            return false;
    }
    return at == coded.len && t == text.len;
}

/* As wildcard_matches of match.c, over what is not decoded yet. */
static bool is_like(struct slice coded, struct slice pattern)
{
    size_t p = 0, at = 0, star = SIZE_MAX, resume = 0, next;
    while (at < coded.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            resume = at;
        } else if (p < pattern.len && pattern.at[p] == decoded_at(coded, at, &next)) {
            p++;
            at = next;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            (void)decoded_at(coded, resume, &resume);
            at = resume;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

bool query_holds(struct slice query, const struct conf_query_match *wanted)
{
    struct slice part, name;
    while (slice_cut(&query, '&', &part)) {
        if (part.len == 0)
            continue;
        (void)slice_cut(&part, '=', &name); /* leaves the value */
        if (!is_text(name, wanted->name))
            continue;
        if (wanted->value.kind == CONF_PATTERN_WILDCARD ? is_like(part, wanted->value.text)
                                                        : is_text(part, wanted->value.text))
            return true;
    }
    return false;
}
