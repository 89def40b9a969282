/* Arithmetic alone, so that a test needs no clock. */
#include "control/identity/schedule.h"

#define JITTER_PART 20
#define SPREAD_PART 5

int64_t schedule_renewal_s(int64_t not_before_s, int64_t not_after_s, struct prng *prng)
{
    int64_t lifetime_s = not_after_s - not_before_s;
    if (lifetime_s <= 0)
        return not_after_s;
    int64_t jitter_s = (int64_t)prng_below(prng, (uint64_t)(lifetime_s / JITTER_PART) + 1);
    return not_before_s + lifetime_s / 3 * 2 + lifetime_s % 3 * 2 / 3 + jitter_s;
}

int64_t schedule_retry_s(const struct schedule_retry *retry, unsigned failures, struct prng *prng)
{
    int64_t wait_s = retry->first_s;
    for (unsigned i = 1; i < failures && wait_s < retry->most_s; i++)
        wait_s *= retry->factor;
    if (wait_s > retry->most_s)
        wait_s = retry->most_s;
    int64_t spread_s = (int64_t)prng_below(prng, (uint64_t)(2 * wait_s / SPREAD_PART) + 1);
    wait_s += spread_s - wait_s / SPREAD_PART;
    return wait_s < 1 ? 1 : wait_s;
}
