/*
 * A growing run of bytes that states its maximum. It owns its memory. Appending returns 0, -ENOMEM,
 * or -EMSGSIZE when the maximum would be passed; the buffer is then as before.
 */
#pragma once

#include "base/slice.h"

struct buffer {
    char *at; /* owned, by memory_alloc */
    size_t len;
    size_t cap;
    size_t max;
};

void buffer_init(struct buffer *buffer, size_t max);
void buffer_finish(struct buffer *buffer);

/* Makes room for `more` bytes behind the end. */
int buffer_reserve(struct buffer *buffer, size_t more);

int buffer_append(struct buffer *buffer, struct slice bytes);
int buffer_append_char(struct buffer *buffer, char c);
int buffer_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Takes `len` bytes off the front. */
void buffer_consume(struct buffer *buffer, size_t len);

static inline struct slice buffer_slice(const struct buffer *buffer)
{
    return slice_of(buffer->at, buffer->len);
}
