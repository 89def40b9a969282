/* The balancing algorithms, one row each. For balance.c, which knows everything else. */
#pragma once

#include "edge/forward/balance.h"

struct balancer_ops {
    enum conf_balance algorithm;
    /* Of the eligible members, of which there are some. What must not be taken now is the
     * caller's to replace; NULL leaves the choice to it. */
    struct member *(*pick)(struct balancer *balancer, const struct choice *choice);
    bool uses_ring;
    bool uses_latency; /* target->latency is kept */
    bool uses_pace;    /* target->pace is kept */
};

const struct balancer_ops *balancer_ops_of(enum conf_balance algorithm);

/* Would a request wait behind more at `a`, per unit of weight? Idle ones are equal: the draw has
 * already seen to their weights. */
bool member_is_busier(const struct member *a, const struct member *b);
