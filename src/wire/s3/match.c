/* Each '*' takes as little as it can; on a mismatch the last one takes a byte more. */
#include "wire/s3/match.h"

/* How many bytes one '?' takes: a whole character, or a byte that is none. */
static size_t character(struct slice text, size_t at)
{
    size_t len = 1;
    if (((unsigned char)text.at[at] & 0xc0) == 0xc0) {
        while (len < 4 && at + len < text.len && ((unsigned char)text.at[at + len] & 0xc0) == 0x80)
            len++;
    }
    return len;
}

static bool is_same(char a, char b, bool ignores_case)
{
    return a == b || (ignores_case && ascii_lower(a) == ascii_lower(b));
}

static bool match(struct slice pattern, struct slice text, bool ignores_case)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.len && pattern.at[p] == '?') {
            p++;
            t += character(text, t);
        } else if (p < pattern.len && is_same(pattern.at[p], text.at[t], ignores_case)) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

bool s3_match(struct slice pattern, struct slice text)
{
    return match(pattern, text, false);
}

bool s3_match_nocase(struct slice pattern, struct slice text)
{
    return match(pattern, text, true);
}

static bool match_star(struct slice pattern, struct slice text,
                       bool (*is_equal)(struct slice, struct slice))
{
    ptrdiff_t star = slice_find(pattern, '*');
    if (star < 0)
        return is_equal(pattern, text);
    struct slice before = slice_first(pattern, (size_t)star);
    struct slice behind = slice_from(pattern, (size_t)star + 1);
    return text.len >= before.len + behind.len && is_equal(before, slice_first(text, before.len)) &&
           is_equal(behind, slice_from(text, text.len - behind.len));
}

bool s3_match_star(struct slice pattern, struct slice text)
{
    return match_star(pattern, text, slice_equal);
}

bool s3_match_star_nocase(struct slice pattern, struct slice text)
{
    return match_star(pattern, text, slice_equal_nocase);
}
