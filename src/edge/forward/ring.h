/*
 * A consistent hash of a balancer's members, after Karger's ring in ketama's form: each member has
 * points by its weight, and a key belongs to the next point. The ring is made of all that have a
 * weight, whatever their health, so that a target that comes back gets its keys back and nobody
 * else's move. The points depend on the ids alone: all workers, and all machines, agree.
 */
#pragma once

#include <stdint.h>

struct member;

/* Points of a member of average weight, and of a whole ring. */
#define RING_POINTS_EACH 160
#define RING_POINTS_MAX  65536

struct ring_point {
    uint32_t hash;
    uint32_t member; /* an index */
};

struct ring {
    uint64_t digest; /* of what it was made of */
    unsigned count;
    struct ring_point points[]; /* by their hash */
};

/* Owned by the caller, memory_free. 0 or -ENOMEM. */
int ring_create(struct member *const *members, unsigned count, struct ring **ret_ring);

/* Is it made of these members, with these weights? */
uint64_t ring_digest(struct member *const *members, unsigned count);

/* The index of the first point at or behind the key. */
unsigned ring_find(const struct ring *ring, uint64_t key);
