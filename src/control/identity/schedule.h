/* When a certificate is renewed, and when what failed is tried again. Pure. */
#pragma once

#include "base/hash.h"

#include <stdint.h>

/* From two thirds of the lifetime on, spread over a twentieth of it, so that those which were made
 * together are not asked for together. Seconds since 1970. */
int64_t schedule_renewal_s(int64_t not_before_s, int64_t not_after_s, struct prng *prng);

/* How what failed is tried again. */
struct schedule_retry {
    int64_t first_s; /* after the first failure */
    int64_t most_s;
    unsigned factor; /* each one more */
};

/* The wait after so many failures in a row, at least 1, give or take a fifth. */
int64_t schedule_retry_s(const struct schedule_retry *retry, unsigned failures, struct prng *prng);
