/*
 * Slices: a borrowed run of bytes. A slice owns nothing and need not end in NUL; whoever hands one
 * out says how long its bytes live. The empty slice may have a NULL start.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *at; /* borrowed */
    size_t len;
};

/* A slice of a string literal, without its NUL. */
#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})

/* For printf's "%.*s". */
#define SLICE_ARG(slice) (int)(slice).len, (slice).at

static inline struct slice slice_of(const void *at, size_t len)
{
    return (struct slice){at, len};
}

static inline struct slice slice_of_cstr(const char *text)
{
    return (struct slice){text, text == NULL ? 0 : strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Equal but for the case of ASCII letters. */
bool slice_equal_nocase(struct slice a, struct slice b);

bool slice_starts_with(struct slice s, struct slice prefix);
bool slice_ends_with(struct slice s, struct slice suffix);

/* The part from byte `from` on; empty when `from` lies behind the end. */
static inline struct slice slice_from(struct slice s, size_t from)
{
    return from >= s.len ? (struct slice){s.at + s.len, 0}
                         : (struct slice){s.at + from, s.len - from};
}

static inline struct slice slice_first(struct slice s, size_t len)
{
    return (struct slice){s.at, len < s.len ? len : s.len};
}

/* The first place of `byte`, or -1. */
ptrdiff_t slice_find(struct slice s, char byte);

/* The first place of `needle`, or -1. The empty needle is found at 0. */
ptrdiff_t slice_search(struct slice s, struct slice needle);

/* Without blanks and tabs at both ends (OWS of RFC 9110 §5.6.3). */
struct slice slice_trim(struct slice s);

/*
 * Takes the part before the first `separator` off the front of *rest. Without a separator it takes
 * all. Returns false when *rest was already used up (its start is NULL).
 */
bool slice_cut(struct slice *rest, char separator, struct slice *ret_part);

/* Orders like memcmp; a shorter one comes before a longer one that it begins. */
int slice_compare(struct slice a, struct slice b);

/*
 * Decimal digits only, no sign, no blanks. Returns 0, -EINVAL for anything else, -ERANGE when it
 * does not fit.
 */
int slice_parse_u64(struct slice s, uint64_t *ret_value);
