/*
 * Writing into memory of a fixed size. Overflow is remembered, not reported at each step: write
 * all, then ask once. What was written after an overflow is not to be used.
 */
#pragma once

#include "base/slice.h"

struct writer {
    char *start; /* borrowed */
    char *at;
    char *end;
    bool overflown;
};

static inline void writer_init(struct writer *writer, void *memory, size_t len)
{
    *writer = (struct writer){memory, memory, (char *)memory + len, false};
}

static inline void write_bytes(struct writer *writer, const void *bytes, size_t len)
{
    if (__builtin_expect(len > (size_t)(writer->end - writer->at), 0)) {
        writer->overflown = true;
        return;
    }
    memcpy(writer->at, bytes, len);
    writer->at += len;
}

static inline void write_slice(struct writer *writer, struct slice s)
{
    if (s.len > 0)
        write_bytes(writer, s.at, s.len);
}

static inline void write_char(struct writer *writer, char c)
{
    write_bytes(writer, &c, 1);
}

#define write_literal(writer, literal) write_bytes((writer), "" literal, sizeof(literal) - 1)

/* In decimal. */
void write_u64(struct writer *writer, uint64_t value);

/* In lower-case hexadecimal, exactly `digits` of them (at most 16). */
void write_hex(struct writer *writer, uint64_t value, unsigned digits);

static inline struct slice writer_slice(const struct writer *writer)
{
    return slice_of(writer->start, (size_t)(writer->at - writer->start));
}
