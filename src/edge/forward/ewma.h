/*
 * A target's latency of late: a moving average that takes peaks at once and forgets them with time,
 * as Finagle's peak EWMA. One word, shared by all workers without a lock; an observation that races
 * with another one may be lost.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* In this time an observation loses half of its weight. */
#define EWMA_HALF_LIFE_MS 7000

void ewma_observe(atomic_ullong *ewma, uint64_t latency_us, int64_t now_ms);

/* Microseconds, as they have decayed until now; 0 when nothing was observed yet. */
uint64_t ewma_read(const atomic_ullong *ewma, int64_t now_ms);
