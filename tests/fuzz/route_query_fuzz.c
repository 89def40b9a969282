/*
 * A query's parameters against a name and a pattern: the input's first two lines, then the query.
 * Holds: comparing without a decoded copy finds what comparing decoded copies finds.
 */
#include "fuzz.h"

#include "base/memory.h"
#include "edge/route/match.h"
#include "edge/route/query.h"
#include "wire/http/chars.h"

/* Into `out`, which has room for all of it. */
static struct slice decode(struct slice coded, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < coded.len; i++) {
        char c = coded.at[i] == '+' ? ' ' : coded.at[i];
        if (c == '%' && i + 2 < coded.len && char_is(coded.at[i + 1], CHAR_HEX) &&
            char_is(coded.at[i + 2], CHAR_HEX)) {
            c = (char)(hex_digit_value(coded.at[i + 1]) << 4 | hex_digit_value(coded.at[i + 2]));
            i += 2;
        }
        out[len++] = c;
    }
    return slice_of(out, len);
}

static bool holds_plainly(struct slice query, const struct conf_query_match *wanted, char *room)
{
    struct slice part;
    while (slice_cut(&query, '&', &part)) {
        ptrdiff_t equals = slice_find(part, '=');
        struct slice name = equals < 0 ? part : slice_first(part, (size_t)equals);
        struct slice value = equals < 0 ? SLICE("") : slice_from(part, (size_t)equals + 1);
        if (part.len == 0 || !slice_equal(decode(name, room), wanted->name))
            continue;
        if (pattern_matches(&wanted->value, decode(value, room)))
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice query = slice_of(data, len), name, pattern;
    if (!slice_cut(&query, '\n', &name) || !slice_cut(&query, '\n', &pattern))
        return 0;
    bool has_star = slice_find(pattern, '*') >= 0;
    struct conf_query_match wanted = {
        name, {has_star ? CONF_PATTERN_WILDCARD : CONF_PATTERN_EXACT, pattern}};
    char *room = memory_alloc(query.len + 1);
    CHECK(room != NULL);
    CHECK(query_holds(query, &wanted) == holds_plainly(query, &wanted, room));
    memory_free(room);
    return 0;
}
