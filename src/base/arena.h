/*
 * An arena: memory that is given back all at once. Not for threads to share. It grows by chunks up
 * to a stated maximum; the first chunk may be lent by the caller (a pooled buffer, say).
 */
#pragma once

#include "base/slice.h"

#include <stddef.h>

struct arena_chunk;

struct arena {
    char *at;                   /* next free byte */
    char *end;                  /* end of the current chunk */
    struct arena_chunk *chunks; /* owned: all but the lent first one */
    size_t bytes;               /* taken from the heap so far */
    size_t bytes_max;
};

/* `first` is borrowed until arena_finish and may be NULL. */
void arena_init(struct arena *arena, void *first, size_t first_len, size_t bytes_max);

/* Frees all chunks. The arena may be initialised again. A zeroed arena may be finished. */
void arena_finish(struct arena *arena);

void *arena_alloc_slow(struct arena *arena, size_t bytes);

/* Memory aligned for any type, its bytes not set; NULL when the heap or the maximum is used up. */
static inline void *arena_alloc(struct arena *arena, size_t bytes)
{
    size_t rounded = (bytes + 15) & ~(size_t)15;
    if (__builtin_expect(rounded < bytes || rounded > (size_t)(arena->end - arena->at), 0))
        return arena_alloc_slow(arena, bytes);
    void *block = arena->at;
    arena->at += rounded;
    return block;
}

/* The same, zeroed. */
void *arena_alloc_zero(struct arena *arena, size_t bytes);

/* Zeroed; NULL also on overflow. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t bytes_each);

/* A copy that ends in NUL; the slice's length does not count it. A NULL start on failure. */
struct slice arena_copy(struct arena *arena, struct slice s);

/* Formats into the arena; a NULL start on failure. */
struct slice arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
