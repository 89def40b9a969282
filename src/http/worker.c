/* Pooled blocks and the cached date of a thread. */
#include "http/worker.h"

#include "base/cleanup.h"
#include "os/loop.h"

static const size_t block_bytes[] = {BLOCK_SMALL_BYTES, BLOCK_LARGE_BYTES};

/* More idle ones than this go back to the heap. */
static const size_t idle_max[] = {4096, 64};

struct block {
    struct block *next;
};

void worker_init(struct worker *worker, unsigned number, uint64_t seed, size_t block_bytes_max)
{
    *worker = (struct worker){.number = number, .block_bytes_max = block_bytes_max, .date_s = -1};
    prng_init(&worker->prng, seed);
    list_init(&worker->sessions);
    list_init(&worker->relays);
    loop_set_context(loop_current(), worker);
}

void worker_finish(struct worker *worker)
{
    for (int size = 0; size < 2; size++) {
        while (worker->idle[size] != NULL) {
            struct block *block = worker->idle[size];
            worker->idle[size] = block->next;
            memory_free(block);
        }
    }
    loop_set_context(loop_current(), NULL);
}

struct worker *worker_current(void)
{
    return loop_context();
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
    char *bytes = NULL;
    if (worker->block_bytes + block_bytes[size] <= worker->block_bytes_max)
        bytes = memory_alloc_raw(block_bytes[size]);
    if (bytes == NULL)
        counter_add(&worker->counters.blocks_refused, 1);
    else
        worker->block_bytes += block_bytes[size];
    return bytes;
}

void block_give(char *bytes, enum block_size size)
{
    if (bytes == NULL)
        return;
    struct worker *worker = worker_current();
    if (worker->idle_count[size] >= idle_max[size]) {
        worker->block_bytes -= block_bytes[size];
        memory_free(bytes);
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
