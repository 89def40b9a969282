/*
 * The generic cell rate algorithm (ITU-T I.371): a token bucket in one number, the theoretical
 * arrival time of the next request were all to come evenly. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct gcra_rule {
    int64_t interval_ns; /* from one request to the next at the rate; at least 1 */
    int64_t burst;       /* how many may come at once; at least 1 */
};

struct gcra_answer {
    bool is_taken;
    int64_t left;    /* how many more may come now */
    int64_t wait_ns; /* until the next one may, when it was not taken */
};

/* *tat_ns is 0 for what was never seen, and stays as it is when the request is refused. */
static inline struct gcra_answer gcra_take(const struct gcra_rule *rule, int64_t *tat_ns,
                                           int64_t now_ns)
{
    int64_t room_ns = rule->interval_ns * rule->burst;
    int64_t from_ns = *tat_ns > now_ns ? *tat_ns : now_ns;
    int64_t ahead_ns = from_ns + rule->interval_ns - now_ns;
    if (ahead_ns > room_ns)
        return (struct gcra_answer){false, 0, ahead_ns - room_ns};
    *tat_ns = from_ns + rule->interval_ns;
    return (struct gcra_answer){true, (room_ns - ahead_ns) / rule->interval_ns, 0};
}
