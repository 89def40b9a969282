/* Growth by doubling, within the maximum. */
#include "base/buffer.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define CAP_MIN 256

void buffer_init(struct buffer *buffer, size_t max)
{
    *buffer = (struct buffer){.max = max};
}

void buffer_finish(struct buffer *buffer)
{
    if (buffer == NULL)
        return;
    memory_free(buffer->at);
    *buffer = (struct buffer){.max = buffer->max};
}

int buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t need;
    if (__builtin_add_overflow(buffer->len, more, &need) || need > buffer->max)
        return -EMSGSIZE;
    if (need <= buffer->cap)
        return 0;
    size_t cap = buffer->cap < CAP_MIN ? CAP_MIN : buffer->cap;
    while (cap < need)
        cap = cap > buffer->max / 2 ? buffer->max : cap * 2;
    if (cap > buffer->max)
        cap = buffer->max;
    char *at = memory_resize(buffer->at, cap);
    if (at == NULL)
        return -ENOMEM;
    buffer->at = at;
    buffer->cap = cap;
    return 0;
}

int buffer_append(struct buffer *buffer, struct slice bytes)
{
    int rc = buffer_reserve(buffer, bytes.len);
    if (rc < 0 || bytes.len == 0)
        return rc;
    memcpy(buffer->at + buffer->len, bytes.at, bytes.len);
    buffer->len += bytes.len;
    return 0;
}

int buffer_append_char(struct buffer *buffer, char c)
{
    return buffer_append(buffer, slice_of(&c, 1));
}

int buffer_format(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    int rc = len < 0 ? -EINVAL : buffer_reserve(buffer, (size_t)len + 1);
    if (rc == 0) {
        (void)vsnprintf(buffer->at + buffer->len, (size_t)len + 1, format, again);
        buffer->len += (size_t)len;
    }
    va_end(again);
    return rc;
}

void buffer_consume(struct buffer *buffer, size_t len)
{
    assert(len <= buffer->len);
    buffer->len -= len;
    if (buffer->len > 0 && len > 0)
        memmove(buffer->at, buffer->at + len, buffer->len);
}
