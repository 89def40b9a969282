/* Range and the lists of entity tags: used where whole representations are at hand. */
#include "wire/http/range.h"

#include "wire/http/message.h"

#include <errno.h>

/* Digits; what does not fit counts as the largest number. False when there are none or others. */
static bool parse_position(struct slice digits, uint64_t *ret_position)
{
    int result = slice_parse_u64(digits, ret_position);
    if (result == -ERANGE) {
        for (size_t i = 0; i < digits.len; i++) {
            if (!ascii_is_digit(digits.at[i]))
                return false;
        }
        *ret_position = UINT64_MAX;
        return true;
    }
    return result == 0;
}

enum spec { SPEC_BAD, SPEC_NONE, SPEC_RANGE };

/* "first-last", "first-" or "-length". */
static enum spec parse_spec(struct slice spec, uint64_t size, struct byte_range *ret_range)
{
    struct slice rest = spec, first_text;
    uint64_t first, last = UINT64_MAX;
    if (!slice_cut(&rest, '-', &first_text) || rest.at == NULL)
        return SPEC_BAD;
    if (first_text.len == 0) {
        uint64_t length;
        if (!parse_position(rest, &length))
            return SPEC_BAD;
        if (length == 0 || size == 0)
            return SPEC_NONE;
        *ret_range = (struct byte_range){length < size ? size - length : 0, size - 1};
        return SPEC_RANGE;
    }
    if (!parse_position(first_text, &first) || (rest.len > 0 && !parse_position(rest, &last)) ||
        first > last)
        return SPEC_BAD;
    if (first >= size)
        return SPEC_NONE;
    *ret_range = (struct byte_range){first, last < size ? last : size - 1};
    return SPEC_RANGE;
}

static bool overlaps(const struct byte_range *ranges, int count, struct byte_range range)
{
    for (int i = 0; i < count; i++) {
        if (range.first <= ranges[i].last && ranges[i].first <= range.last)
            return true;
    }
    return false;
}

int http_range_parse(struct slice value, uint64_t size,
                     struct byte_range ret_ranges[static HTTP_RANGES_MAX])
{
    struct slice unit, list = value, spec;
    if (!slice_cut(&list, '=', &unit) || list.at == NULL ||
        !slice_equal_nocase(unit, SLICE("bytes")))
        return 0;
    int count = 0, specs = 0;
    while (http_list_next(&list, &spec)) {
        struct byte_range range;
        enum spec kind = parse_spec(spec, size, &range);
        if (kind == SPEC_BAD || ++specs > HTTP_RANGES_MAX)
            return 0;
        if (kind == SPEC_NONE)
            continue;
        if (overlaps(ret_ranges, count, range))
            return 0;
        ret_ranges[count++] = range;
    }
    return specs > 0 && count == 0 ? -ERANGE : count;
}

static bool is_weak(struct slice tag)
{
    return slice_starts_with(tag, SLICE("W/"));
}

/*
 * Takes the next tag off a list. A backslash is an ordinary character in a tag, unlike in a quoted
 * string. False at the end, or where the list stops being one.
 */
static bool next_tag(struct slice *list, struct slice *ret_tag)
{
    while (list->len > 0 && (list->at[0] == ' ' || list->at[0] == '\t' || list->at[0] == ','))
        *list = slice_from(*list, 1);
    size_t prefix = is_weak(*list) ? 2 : 0;
    struct slice quoted = slice_from(*list, prefix);
    if (quoted.len < 2 || quoted.at[0] != '"')
        return false;
    ptrdiff_t close = slice_find(slice_from(quoted, 1), '"');
    if (close < 0)
        return false;
    size_t len = prefix + (size_t)close + 2;
    struct slice rest = slice_trim(slice_from(*list, len));
    if (rest.len > 0 && rest.at[0] != ',')
        return false;
    *ret_tag = slice_first(*list, len);
    *list = rest;
    return true;
}

bool http_etag_list_has(struct slice list, struct slice tag, bool strong)
{
    if (slice_equal(slice_trim(list), SLICE("*")))
        return true;
    if (strong && is_weak(tag))
        return false;
    struct slice opaque = slice_from(tag, is_weak(tag) ? 2 : 0), member;
    while (next_tag(&list, &member)) {
        if (is_weak(member)) {
            if (strong)
                continue;
            member = slice_from(member, 2);
        }
        if (slice_equal(member, opaque))
            return true;
    }
    return false;
}
