/* Bump allocation in chunks that double up to 64 KiB; larger wishes get a chunk of their own. */
#include "base/arena.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#define CHUNK_BYTES_MIN 2048
#define CHUNK_BYTES_MAX 65536

struct arena_chunk {
    struct arena_chunk *next;
    size_t bytes;
    max_align_t data[];
};

void arena_init(struct arena *arena, void *first, size_t first_len, size_t bytes_max)
{
    *arena = (struct arena){.bytes_max = bytes_max};
    if (first == NULL)
        return;
    uintptr_t start = ((uintptr_t)first + 15) & ~(uintptr_t)15;
    size_t lost = start - (uintptr_t)first;
    if (lost >= first_len)
        return;
    arena->at = (char *)first + lost;
    arena->end = (char *)first + first_len;
}

void arena_finish(struct arena *arena)
{
    struct arena_chunk *chunk = arena->chunks;
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        memory_free(chunk);
        chunk = next;
    }
    *arena = (struct arena){.bytes_max = arena->bytes_max};
}

static size_t next_chunk_bytes(const struct arena *arena, size_t wish)
{
    size_t bytes = arena->chunks == NULL ? CHUNK_BYTES_MIN : arena->chunks->bytes * 2;
    if (bytes > CHUNK_BYTES_MAX)
        bytes = CHUNK_BYTES_MAX;
    return wish > bytes ? wish : bytes;
}

void *arena_alloc_slow(struct arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX - 64 - sizeof(struct arena_chunk))
        return NULL;
    bytes = (bytes + 15) & ~(size_t)15;
    size_t chunk_bytes = next_chunk_bytes(arena, bytes);
    size_t left = arena->bytes_max > arena->bytes ? arena->bytes_max - arena->bytes : 0;
    if (chunk_bytes > left)
        chunk_bytes = bytes;
    if (chunk_bytes > left)
        return NULL;
    struct arena_chunk *chunk = memory_alloc_raw(sizeof *chunk + chunk_bytes);
    if (chunk == NULL)
        return NULL;
    *chunk = (struct arena_chunk){.next = arena->chunks, .bytes = chunk_bytes};
    arena->chunks = chunk;
    arena->bytes += chunk_bytes;
    arena->at = (char *)chunk->data + bytes;
    arena->end = (char *)chunk->data + chunk_bytes;
    return chunk->data;
}

void *arena_alloc_zero(struct arena *arena, size_t bytes)
{
    void *block = arena_alloc(arena, bytes);
    return block == NULL ? NULL : memset(block, 0, bytes);
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t bytes_each)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, bytes_each, &bytes))
        return NULL;
    return arena_alloc_zero(arena, bytes);
}

struct slice arena_copy(struct arena *arena, struct slice s)
{
    char *copy = s.len == SIZE_MAX ? NULL : arena_alloc(arena, s.len + 1);
    if (copy == NULL)
        return (struct slice){NULL, 0};
    if (s.len > 0)
        memcpy(copy, s.at, s.len);
    copy[s.len] = '\0';
    return slice_of(copy, s.len);
}

struct slice arena_format(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (text != NULL)
        (void)vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return slice_of(text, text == NULL ? 0 : (size_t)len);
}
