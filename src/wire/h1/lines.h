/*
 * Walks the lines of a head that h1_scan has found complete. The ends of lines come out of a bit
 * mask of 64 bytes at a time: where a line begins does not wait for what the one before it holds,
 * so that the processor works on several at once.
 */
#pragma once

#include "base/slice.h"
#include "wire/h1/block.h"

#include <assert.h>

struct h1_lines {
    const char *at;    /* borrowed; where the next line begins */
    const char *start; /* of the head */
    const char *end;   /* behind its empty line */
    const char *block; /* what `ends` tells of */
    uint64_t ends;     /* CRs not yet passed */
};

/* The CRs from lines->block on, of at most a block. */
static inline uint64_t h1_lines_find(const struct h1_lines *lines)
{
    size_t left = (size_t)(lines->end - lines->block);
    if (left >= BLOCK_BYTES)
        return block_find(lines->block, '\r');
    size_t missing = BLOCK_BYTES - left;
    if ((size_t)(lines->block - lines->start) >= missing)
        return block_find(lines->block - missing, '\r') >> missing;
    char padded[BLOCK_BYTES];
    memset(padded, 0, sizeof padded);
    memcpy(padded, lines->block, left);
    return block_find(padded, '\r');
}

static inline void h1_lines_init(struct h1_lines *lines, struct slice head)
{
    *lines = (struct h1_lines){head.at, head.at, head.at + head.len, head.at, 0};
    assert(head.len > 0);
    lines->ends = h1_lines_find(lines);
}

/* Takes the next line, without its CRLF. There is one while lines->at < lines->end. */
static inline struct slice h1_lines_next(struct h1_lines *lines)
{
    while (lines->ends == 0) {
        lines->block += BLOCK_BYTES;
        assert(lines->block < lines->end);
        lines->ends = h1_lines_find(lines);
    }
    const char *cr = lines->block + __builtin_ctzll(lines->ends);
    struct slice line = slice_of(lines->at, (size_t)(cr - lines->at));
    lines->ends &= lines->ends - 1;
    lines->at = cr + 2;
    return line;
}
