/*
 * One worker's view of a target group: which targets may take a request now, and which one does.
 * Rebuilt when the shared group's version moves on; connection pools are carried over.
 */
#pragma once

#include "base/hash.h"
#include "edge/forward/target.h"
#include "http/client.h"

/* A target as one worker has it. Counted by this worker alone: a request in flight holds one. */
struct member {
    unsigned references;
    struct target *target; /* counted */
    struct client_pool pool;
    int64_t turn; /* smooth weighted round robin's current weight */
};

struct balancer {
    struct target_group *group;    /* counted */
    const struct conf_group *conf; /* of the snapshot at work; borrowed */
    unsigned version;              /* of the group, when this was built */
    struct member **members;       /* owned, each counted */
    unsigned members_count;
    struct member **eligible; /* owned array; of `members`, which count them */
    uint32_t *weights;        /* running sums over `eligible` */
    unsigned eligible_count;
    double retry_tokens;
};

/* `setup` is borrowed no longer than its parts. */
void balancer_init(struct balancer *balancer, const struct group_setup *setup);

/* Another snapshot wants something else of the same group. */
void balancer_configure(struct balancer *balancer, const struct conf_group *conf);
void balancer_finish(struct balancer *balancer);

/* Takes up what changed in the group. 0, or -ENOMEM: the old view stays. */
int balancer_refresh(struct balancer *balancer);

#define BALANCER_TRIES_MAX 8

/*
 * The next member for a request, with a reference for the caller and none of `tried`; NULL when no
 * target may take requests, or all that may were tried. Suspects come last.
 */
struct member *balancer_pick(struct balancer *balancer, struct prng *prng, int64_t now_ms,
                             struct member *const *tried, unsigned tried_count);

/*
 * Could the target be picked now? The answer for a person is static: why not, or what stands before
 * it. Refreshes the balancer.
 */
bool balancer_why(struct balancer *balancer, const struct target *target, int64_t now_ms,
                  const char **ret_why);

void member_unref(struct member *member);

/* Retries draw on a budget: each request pays in a fifth, each retry takes one (10 to begin with).
 */
void balancer_pay_in(struct balancer *balancer);
bool balancer_may_retry(struct balancer *balancer);
