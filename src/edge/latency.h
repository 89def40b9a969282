/* How long requests took, in fixed buckets: a few instructions a request, no lock. */
#pragma once

#include "http/worker.h"

#include <stdint.h>

/* Upper ends in µs, from 250 µs to 60 s; the last bucket has none. */
#define LATENCY_ENDS 17
extern const int64_t latency_ends_us[LATENCY_ENDS];

/* Of one worker and listener: written by the worker's thread, read by any. */
struct latency {
    uint64_t counts[LATENCY_ENDS + 1];
    uint64_t total_us;
};

/* The first bucket that holds it. */
unsigned latency_bucket(int64_t us);

static inline void latency_count(struct latency *latency, unsigned bucket, int64_t us)
{
    counter_add(&latency->counts[bucket], 1);
    counter_add(&latency->total_us, us > 0 ? (uint64_t)us : 0);
}

static inline void latency_add(struct latency *latency, int64_t us)
{
    latency_count(latency, latency_bucket(us), us);
}

/* Adds what another thread has counted so far to *sum. */
void latency_sum(struct latency *sum, const struct latency *latency);
