/* Blocks with their size and a link before them. */
#include "wire/h2/memory.h"

#include "base/cleanup.h"

#include <string.h>

struct block {
    struct list link;
    uint32_t step; /* its size in steps; 0: a large one */
    _Alignas(16) char bytes[];
};

static uint32_t steps_of(size_t bytes)
{
    size_t steps = (bytes + H2_POOL_STEP_BYTES - 1) / H2_POOL_STEP_BYTES;
    return steps == 0 ? 1 : steps <= H2_POOL_STEPS ? (uint32_t)steps : 0;
}

static void *use(struct h2_memory *memory, struct block *block)
{
    if (UNLIKELY(block == NULL)) {
        memory->has_failed = true;
        return NULL;
    }
    list_append(&memory->blocks, &block->link);
    return block->bytes;
}

static struct block *make(size_t bytes, uint32_t step)
{
    size_t size = step > 0 ? (size_t)step * H2_POOL_STEP_BYTES : bytes;
    struct block *block = NULL;
    if (size <= SIZE_MAX / 2)
        block = memory_alloc_raw(sizeof *block + size);
    if (block != NULL)
        block->step = step;
    return block;
}

static void *alloc(size_t bytes, void *arg)
{
    struct h2_memory *memory = arg;
    uint32_t step = steps_of(bytes);
    if (step == 0 || list_is_empty(&memory->pool->kept[step - 1]))
        return use(memory, make(bytes, step));
    struct list *link = memory->pool->kept[step - 1].prev;
    list_remove(link);
    memory->pool->kept_bytes -= step * H2_POOL_STEP_BYTES;
    return use(memory, CONTAINER_OF(link, struct block, link));
}

static void *alloc_array(size_t count, size_t bytes_each, void *arg)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, bytes_each, &bytes))
        return use(arg, NULL);
    void *at = alloc(bytes, arg);
    return at == NULL ? NULL : memset(at, 0, bytes);
}

static struct block *block_of(void *at)
{
    return CONTAINER_OF(at, struct block, bytes);
}

static void give_back(void *at, void *arg)
{
    struct h2_memory *memory = arg;
    if (at == NULL)
        return;
    struct block *block = block_of(at);
    uint32_t bytes = block->step * H2_POOL_STEP_BYTES;
    list_remove(&block->link);
    if (block->step == 0 || memory->pool->kept_bytes + bytes > H2_POOL_BYTES_MAX) {
        memory_free(block);
        return;
    }
    memory->pool->kept_bytes += bytes;
    list_append(&memory->pool->kept[block->step - 1], &block->link);
}

/* On failure the old block stays. */
static void *resize(void *at, size_t bytes, void *arg)
{
    if (at == NULL)
        return alloc(bytes, arg);
    struct h2_memory *memory = arg;
    struct block *block = block_of(at);
    uint32_t step = steps_of(bytes);
    if (block->step > 0 && step == block->step)
        return at;
    if (block->step > 0 || step > 0) {
        size_t size = (size_t)block->step * H2_POOL_STEP_BYTES;
        void *other = alloc(bytes, arg);
        if (other == NULL)
            return NULL;
        memcpy(other, at, block->step > 0 && size < bytes ? size : bytes);
        give_back(at, arg);
        return other;
    }
    list_remove(&block->link);
    struct block *larger = NULL;
    if (bytes <= SIZE_MAX / 2)
        larger = memory_resize(block, sizeof *block + bytes);
    if (larger == NULL)
        list_append(&memory->blocks, &block->link);
    return use(memory, larger);
}

void h2_memory_init(struct h2_memory *memory, struct h2_pool *pool)
{
    list_init(&memory->blocks);
    memory->pool = pool;
    memory->has_failed = false;
}

nghttp2_mem h2_memory_functions(struct h2_memory *memory)
{
    return (nghttp2_mem){memory, alloc, give_back, alloc_array, resize};
}

static void free_all(struct list *blocks)
{
    LIST_FOR_EACH (blocks, link)
        memory_free(CONTAINER_OF(link, struct block, link));
    list_init(blocks);
}

void h2_memory_finish(struct h2_memory *memory)
{
    free_all(&memory->blocks);
}

void h2_pool_init(struct h2_pool *pool)
{
    for (int i = 0; i < H2_POOL_STEPS; i++)
        list_init(&pool->kept[i]);
    pool->kept_bytes = 0;
}

void h2_pool_finish(struct h2_pool *pool)
{
    for (int i = 0; i < H2_POOL_STEPS; i++)
        free_all(&pool->kept[i]);
    pool->kept_bytes = 0;
}
