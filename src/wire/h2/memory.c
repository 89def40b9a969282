/* Blocks with a link before them. */
#include "wire/h2/memory.h"

#include "base/memory.h"

#include <stdint.h>
#include <string.h>

struct block {
    struct list link;
    _Alignas(16) char bytes[];
};

static void *keep(struct h2_memory *memory, struct block *block)
{
    if (block == NULL) {
        memory->has_failed = true;
        return NULL;
    }
    list_append(&memory->blocks, &block->link);
    return block->bytes;
}

static struct block *block_of(void *at)
{
    return CONTAINER_OF(at, struct block, bytes);
}

static void *alloc(size_t bytes, void *memory)
{
    return keep(memory,
                bytes > SIZE_MAX / 2 ? NULL : memory_alloc_raw(sizeof(struct block) + bytes));
}

static void *alloc_array(size_t count, size_t bytes_each, void *memory)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, bytes_each, &bytes))
        return keep(memory, NULL);
    void *at = alloc(bytes, memory);
    return at == NULL ? NULL : memset(at, 0, bytes);
}

static void give_back(void *at, void *memory)
{
    (void)memory;
    if (at == NULL)
        return;
    struct block *block = block_of(at);
    list_remove(&block->link);
    memory_free(block);
}

/* On failure the old block stays. */
static void *resize(void *at, size_t bytes, void *memory)
{
    if (at == NULL)
        return alloc(bytes, memory);
    struct block *block = block_of(at);
    list_remove(&block->link);
    struct block *larger =
        bytes > SIZE_MAX / 2 ? NULL : memory_resize(block, sizeof(struct block) + bytes);
    if (larger == NULL)
        list_append(&((struct h2_memory *)memory)->blocks, &block->link);
    return keep(memory, larger);
}

void h2_memory_init(struct h2_memory *memory)
{
    list_init(&memory->blocks);
    memory->has_failed = false;
}

nghttp2_mem h2_memory_functions(struct h2_memory *memory)
{
    return (nghttp2_mem){memory, alloc, give_back, alloc_array, resize};
}

void h2_memory_finish(struct h2_memory *memory)
{
    LIST_FOR_EACH (&memory->blocks, link)
        memory_free(CONTAINER_OF(link, struct block, link));
    list_init(&memory->blocks);
}
