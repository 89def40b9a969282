/* Pooled blocks and the cached date of a thread. */
#include "http/worker.h"

#include "base/cleanup.h"
#include "os/loop.h"

static const size_t sizes[BLOCK_SIZES] = {BLOCK_SMALL_BYTES, BLOCK_LARGE_BYTES, BLOCK_HUGE_BYTES};

/* More idle ones than this go back to the heap. */
static const size_t idle_max[BLOCK_SIZES] = {4096, 64, 16};

struct block {
    struct block *next;
};

void worker_init(struct worker *worker, unsigned number, uint64_t seed, size_t block_bytes_max)
{
    *worker = (struct worker){.number = number, .block_bytes_max = block_bytes_max, .date_s = -1};
    prng_init(&worker->prng, seed);
    h2_pool_init(&worker->h2_pool);
    list_init(&worker->sessions);
    list_init(&worker->relays);
    loop_set_context(loop_current(), worker);
}

void worker_finish(struct worker *worker)
{
    for (int size = 0; size < BLOCK_SIZES; size++) {
        while (worker->idle[size] != NULL) {
            struct block *block = worker->idle[size];
            worker->idle[size] = block->next;
            memory_free(block);
        }
    }
    h2_pool_finish(&worker->h2_pool);
    loop_set_context(loop_current(), NULL);
}

struct worker *worker_current(void)
{
    return loop_context();
}

size_t block_bytes(enum block_size size)
{
    return sizes[size];
}

bool blocks_are_scarce(void)
{
    const struct worker *worker = worker_current();
    return worker->block_bytes > worker->block_bytes_max / 4 * 3;
}

/* From the heap, within the budget; NULL otherwise. */
static char *make_block(struct worker *worker, enum block_size size)
{
    char *bytes = NULL;
    if (worker->block_bytes + sizes[size] <= worker->block_bytes_max)
        bytes = memory_alloc_raw(sizes[size]);
    if (bytes == NULL)
        return NULL;
    worker->block_bytes += sizes[size];
    worker->huge_count += size == BLOCK_HUGE ? 1 : 0;
    return bytes;
}

static void free_block(struct worker *worker, char *bytes, enum block_size size)
{
    worker->block_bytes -= sizes[size];
    worker->huge_count -= size == BLOCK_HUGE ? 1 : 0;
    memory_free(bytes);
}

char *block_take(enum block_size size)
{
    struct worker *worker = worker_current();
    struct block *block = worker->idle[size];
    if (LIKELY(block != NULL)) {
        worker->idle[size] = block->next;
        worker->idle_count[size]--;
        return (char *)block;
    }
    char *bytes = make_block(worker, size);
    if (bytes == NULL)
        counter_add(&worker->counters.blocks_refused, 1);
    return bytes;
}

char *block_take_bulk(uint8_t *ret_size)
{
    struct worker *worker = worker_current();
    char *bytes = NULL;
    *ret_size = BLOCK_HUGE;
    if (worker->idle_count[BLOCK_HUGE] > 0)
        return block_take(BLOCK_HUGE);
    if (worker->huge_count < BLOCKS_HUGE_MAX)
        bytes = make_block(worker, BLOCK_HUGE);
    if (bytes != NULL)
        return bytes;
    *ret_size = BLOCK_LARGE;
    return block_take(BLOCK_LARGE);
}

void block_give(char *bytes, enum block_size size)
{
    if (bytes == NULL)
        return;
    struct worker *worker = worker_current();
    if (worker->idle_count[size] >= idle_max[size]) {
        free_block(worker, bytes, size);
        return;
    }
    struct block *block = (struct block *)bytes;
    block->next = worker->idle[size];
    worker->idle[size] = block;
    worker->idle_count[size]++;
}

struct slice worker_date(void)
{
    struct worker *worker = worker_current();
    int64_t now_s = loop_wall_us() / 1000000;
    if (worker->date_s != now_s) {
        worker->date_s = now_s;
        http_date_write(worker->date, now_s);
    }
    return slice_of(worker->date, HTTP_DATE_BYTES);
}
