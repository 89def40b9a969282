/* Buckets in the steps 1, 2.5, 5 that dashboards of Prometheus expect. */
#include "edge/latency.h"

const int64_t latency_ends_us[LATENCY_ENDS] = {
    250,    500,    1000,    2500,    5000,    10000,    25000,    50000,    100000,
    250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000,
};

unsigned latency_bucket(int64_t us)
{
    unsigned bucket = 0;
    while (bucket < LATENCY_ENDS && us > latency_ends_us[bucket])
        bucket++;
    return bucket;
}

void latency_sum(struct latency *sum, const struct latency *latency)
{
    for (unsigned i = 0; i <= LATENCY_ENDS; i++)
        sum->counts[i] += counter_read(&latency->counts[i]);
    sum->total_us += counter_read(&latency->total_us);
}
