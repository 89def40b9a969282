/*
 * SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), so that nobody outside can
 * choose keys that collide; and a small generator for choices that need no secrecy.
 */
#pragma once

#include "base/slice.h"

struct hash_key {
    uint64_t a, b;
};

/* Less than eight bytes as one word, the first lowest, for hash functions. The loads overlap where
 * there are fewer than they take. */
static inline uint64_t hash_tail(const char *at, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)at;
    if (len >= 4) {
        uint32_t low, high;
        memcpy(&low, at, 4);
        memcpy(&high, at + len - 4, 4);
        return low | (uint64_t)high << (8 * (len - 4));
    }
    if (len == 0)
        return 0;
    return bytes[0] | (uint64_t)bytes[len / 2] << (8 * (len / 2)) |
           (uint64_t)bytes[len - 1] << (8 * (len - 1));
}

uint64_t hash_bytes(struct hash_key key, struct slice bytes);

/* The same over lower-cased ASCII letters. */
uint64_t hash_bytes_nocase(struct hash_key key, struct slice bytes);

/* xoshiro256** (Blackman, Vigna). Not for secrets. Seed 0 is as good as any other. */
struct prng {
    uint64_t state[4];
};

void prng_init(struct prng *prng, uint64_t seed);
uint64_t prng_next(struct prng *prng);

/* Evenly from 0 to limit - 1 (Lemire's multiplication, its bias of limit/2^64 left in); 0 for 0. */
static inline uint64_t prng_below(struct prng *prng, uint64_t limit)
{
    return (uint64_t)(((unsigned __int128)prng_next(prng) * limit) >> 64);
}
