/* Two blocks: one is filled by the fiber, the other one is being summed. */
#include "edge/s3/lane.h"

#include "base/cleanup.h"
#include "os/arrival.h"
#include "os/offload.h"

#include <errno.h>

/* As long as its MD5 takes, a part of the blob is summed and written, and the next one received. */
#define BLOCK_BYTES ((size_t)512 << 10)

struct lane {
    struct s3_sum *sums[LANE_SUMS_MAX];
    unsigned sums_count;
    char *blocks[2]; /* owned */
    unsigned filling;
    size_t len; /* of the one that is filled */
    bool is_summing;
    struct slice summed;
    struct offload_job job;
    struct arrival arrival;
};

static void sum(void *arg)
{
    struct lane *lane = arg;
    for (unsigned i = 0; i < lane->sums_count; i++)
        s3_sum_add(lane->sums[i], lane->summed);
}

static void tell(struct offload_job *job)
{
    arrival_tell(&CONTAINER_OF(job, struct lane, job)->arrival);
}

int lane_create(struct s3_sum *const *sums, unsigned sums_count, struct lane **ret_lane)
{
    struct lane *lane = NEW(struct lane);
    if (lane == NULL)
        return -ENOMEM;
    lane->sums_count = sums_count;
    for (unsigned i = 0; i < sums_count; i++)
        lane->sums[i] = sums[i];
    lane->blocks[0] = memory_alloc_raw(BLOCK_BYTES);
    lane->blocks[1] = memory_alloc_raw(BLOCK_BYTES);
    if (lane->blocks[0] == NULL || lane->blocks[1] == NULL) {
        lane_finish(lane);
        return -ENOMEM;
    }
    *ret_lane = lane;
    return 0;
}

static void await(struct lane *lane)
{
    if (lane->is_summing)
        arrival_wait(&lane->arrival);
    lane->is_summing = false;
}

/* Has the block summed that was filled; the other one is free then. */
static void pass_on(struct lane *lane)
{
    await(lane);
    lane->summed = slice_of(lane->blocks[lane->filling], lane->len);
    lane->filling = 1 - lane->filling;
    lane->len = 0;
    lane->job = (struct offload_job){.fn = sum, .arg = lane, .done = tell};
    lane->is_summing = arrival_init(&lane->arrival) == 0 && offload_submit(&lane->job) == 0;
    if (!lane->is_summing)
        sum(lane);
}

void lane_add(struct lane *lane, struct slice bytes)
{
    while (bytes.len > 0) {
        struct slice now = slice_first(bytes, BLOCK_BYTES - lane->len);
        memcpy(lane->blocks[lane->filling] + lane->len, now.at, now.len);
        lane->len += now.len;
        bytes = slice_from(bytes, now.len);
        if (lane->len == BLOCK_BYTES)
            pass_on(lane);
    }
}

void lane_finish(struct lane *lane)
{
    if (lane == NULL)
        return;
    await(lane);
    if (lane->len > 0) {
        lane->summed = slice_of(lane->blocks[lane->filling], lane->len);
        sum(lane);
    }
    memory_free(lane->blocks[0]);
    memory_free(lane->blocks[1]);
    memory_free(lane);
}
