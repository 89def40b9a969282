/* Points drawn from the ids, and sorted. */
#include "edge/forward/ring.h"

#include "base/cleanup.h"
#include "edge/forward/balance.h"

#include <errno.h>
#include <stdlib.h>

static const struct hash_key points_key = {0x72696e67, 0x706f696e7473};

uint64_t ring_digest(struct member *const *members, unsigned count)
{
    uint64_t digest = count;
    for (unsigned i = 0; i < count; i++) {
        struct hash_key key = {points_key.a ^ digest, points_key.b + members[i]->weight};
        digest = hash_bytes(key, members[i]->target->id);
    }
    return digest;
}

static uint64_t sum_weights(struct member *const *members, unsigned count)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++)
        sum += members[i]->weight;
    return sum;
}

/* By its share; at least one for what has a weight. */
static unsigned points_of(const struct member *member, uint64_t sum, unsigned count)
{
    uint64_t all = (uint64_t)RING_POINTS_EACH * count;
    if (all > RING_POINTS_MAX - count)
        all = RING_POINTS_MAX - count;
    uint64_t points = all * member->weight / sum;
    return member->weight == 0 ? 0 : points == 0 ? 1 : (unsigned)points;
}

static void add_points(struct ring *ring, const struct member *member, uint32_t index,
                       unsigned points)
{
    struct prng draws;
    prng_init(&draws, hash_bytes(points_key, member->target->id));
    for (unsigned i = 0; i < points; i++)
        ring->points[ring->count++] =
            (struct ring_point){.hash = (uint32_t)(prng_next(&draws) >> 32), .member = index};
}

static int compare_points(const void *left, const void *right)
{
    const struct ring_point *a = left, *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->member < b->member ? -1 : a->member > b->member;
}

int ring_create(struct member *const *members, unsigned count, struct ring **ret_ring)
{
    uint64_t sum = sum_weights(members, count);
    size_t points = 0;
    for (unsigned i = 0; i < count && sum > 0; i++)
        points += points_of(members[i], sum, count);
    struct ring *ring = memory_alloc(sizeof *ring + points * sizeof *ring->points);
    if (ring == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < count && sum > 0; i++)
        add_points(ring, members[i], i, points_of(members[i], sum, count));
    qsort(ring->points, ring->count, sizeof *ring->points, compare_points);
    ring->digest = ring_digest(members, count);
    *ret_ring = ring;
    return 0;
}

unsigned ring_find(const struct ring *ring, uint64_t key)
{
    uint32_t hash = (uint32_t)(key >> 32);
    unsigned low = 0, high = ring->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (ring->points[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low == ring->count ? 0 : low;
}
