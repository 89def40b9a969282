/* Cost in the upper half of the word, microseconds; the time of the last change in the lower one,
 * milliseconds, which may wrap. */
#include "edge/forward/ewma.h"

#define HALVINGS_MAX 31

static uint64_t pack(uint64_t cost_us, int64_t now_ms)
{
    if (cost_us > UINT32_MAX)
        cost_us = UINT32_MAX;
    if (cost_us == 0)
        cost_us = 1; /* 0 is "never observed" */
    return cost_us << 32 | (uint32_t)now_ms;
}

/* What is left of `value` after that time: an exponential, drawn as straight lines between its
 * halvings, at most 6 % above it. */
static uint64_t decay(uint64_t value, uint32_t age_ms)
{
    uint32_t halvings = age_ms / EWMA_HALF_LIFE_MS;
    if (halvings > HALVINGS_MAX)
        return 0;
    uint64_t left = value >> halvings;
    return left - left * (age_ms % EWMA_HALF_LIFE_MS) / ((uint64_t)2 * EWMA_HALF_LIFE_MS);
}

/* A clock of another worker may be a turn behind. */
static uint32_t age_of(uint64_t word, int64_t now_ms)
{
    uint32_t age_ms = (uint32_t)now_ms - (uint32_t)word;
    return age_ms > INT32_MAX ? 0 : age_ms;
}

void ewma_observe(atomic_ullong *ewma, uint64_t latency_us, int64_t now_ms)
{
    unsigned long long word = atomic_load_explicit(ewma, memory_order_relaxed);
    uint64_t cost_us = word >> 32, next_us = latency_us;
    if (latency_us < cost_us) {
        /* w·cost + (1 - w)·latency, w being what the age leaves of a weight of 1. */
        uint64_t above_us = cost_us - latency_us;
        next_us = latency_us + decay(above_us, age_of(word, now_ms));
    }
    (void)atomic_compare_exchange_strong_explicit(ewma, &word, pack(next_us, now_ms),
                                                  memory_order_relaxed, memory_order_relaxed);
}

uint64_t ewma_read(const atomic_ullong *ewma, int64_t now_ms)
{
    uint64_t word = atomic_load_explicit(ewma, memory_order_relaxed);
    if (word == 0)
        return 0;
    uint64_t left_us = decay(word >> 32, age_of(word, now_ms));
    return left_us > 0 ? left_us : 1;
}
