/* A ring of blocks: bytes one behind the other, in as small ones as they fit in. */
#include "http/h2_inbox.h"

#include <errno.h>

static void drop_buffer(struct h2_buffer *buffer)
{
    block_give(buffer->block, (enum block_size)buffer->size);
    *buffer = (struct h2_buffer){0};
}

static struct h2_buffer *in_at(struct h2_inbox *inbox, unsigned number)
{
    return &inbox->in[(inbox->first + number) % H2_BUFFERS_MAX];
}

static int take_buffer(struct h2_buffer *buffer, enum block_size size)
{
    char *block = block_take(size);
    if (block == NULL)
        return -ENOMEM;
    if (buffer->len > 0)
        memcpy(block, buffer->block, buffer->len);
    block_give(buffer->block, (enum block_size)buffer->size);
    buffer->block = block;
    buffer->size = (uint8_t)size;
    return 0;
}

/* The last buffer with room in it. A small one grows before there is another. */
static struct h2_buffer *make_room(struct h2_inbox *inbox, size_t len)
{
    struct h2_buffer *last = inbox->count > 0 ? in_at(inbox, inbox->count - 1U) : NULL;
    if (last == NULL || last->len == BLOCK_LARGE_BYTES) {
        if (inbox->count == H2_BUFFERS_MAX)
            return NULL;
        last = in_at(inbox, inbox->count);
        enum block_size size = len > BLOCK_SMALL_BYTES ? BLOCK_LARGE : BLOCK_SMALL;
        if (take_buffer(last, size) < 0)
            return NULL;
        inbox->count++;
    } else if (last->size == BLOCK_SMALL && last->len + len > BLOCK_SMALL_BYTES &&
               take_buffer(last, BLOCK_LARGE) < 0) {
        return NULL;
    }
    return last;
}

int h2_inbox_append(struct h2_inbox *inbox, struct slice bytes)
{
    while (bytes.len > 0) {
        struct h2_buffer *last = make_room(inbox, bytes.len);
        if (last == NULL)
            return -ENOMEM;
        struct slice part =
            slice_first(bytes, block_bytes((enum block_size)last->size) - last->len);
        memcpy(last->block + last->len, part.at, part.len);
        last->len += (uint32_t)part.len;
        inbox->len += (uint32_t)part.len;
        bytes = slice_from(bytes, part.len);
    }
    return 0;
}

size_t h2_inbox_use_up(struct h2_inbox *inbox)
{
    size_t len = inbox->lent.len;
    drop_buffer(&inbox->lent);
    return len;
}

bool h2_inbox_lend(struct h2_inbox *inbox, struct slice *ret_data)
{
    if (inbox->count == 0)
        return false;
    struct h2_buffer *first = in_at(inbox, 0);
    inbox->lent = *first;
    *first = (struct h2_buffer){0};
    inbox->first = (uint8_t)((inbox->first + 1U) % H2_BUFFERS_MAX);
    inbox->count--;
    inbox->len -= inbox->lent.len;
    *ret_data = slice_of(inbox->lent.block, inbox->lent.len);
    return true;
}

size_t h2_inbox_drop(struct h2_inbox *inbox)
{
    size_t len = inbox->len + inbox->lent.len;
    for (int i = 0; i < H2_BUFFERS_MAX; i++)
        drop_buffer(&inbox->in[i]);
    drop_buffer(&inbox->lent);
    inbox->len = inbox->count = 0;
    return len;
}
