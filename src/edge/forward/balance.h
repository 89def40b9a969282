/*
 * One worker's view of a target group: which targets may take a request now, and which one does.
 * Rebuilt when the shared group's version moves on; connection pools are carried over.
 */
#pragma once

#include "base/hash.h"
#include "edge/forward/ring.h"
#include "edge/forward/target.h"
#include "http/client.h"

/* A target as one worker has it. Counted by this worker alone: a request in flight holds one. */
struct member {
    unsigned references;
    struct target *target;  /* counted */
    struct tls_client *tls; /* the pool's, counted; NULL: plain */
    struct client_pool pool;
    uint64_t token;  /* where the group is sticky */
    unsigned weight; /* of the target, when this view was built */
    int64_t warm_ms; /* when its slow start ends */
    bool is_eligible;
    int64_t turn; /* smooth weighted round robin's current weight */
};

struct balancer_ops;

struct balancer {
    struct target_group *group;    /* counted */
    const struct conf_group *conf; /* of the snapshot at work; borrowed */
    struct tls_client *tls;        /* counted; NULL: targets are spoken to in plain */
    const struct balancer_ops *ops;
    unsigned version;        /* of the group, when this was built */
    struct member **members; /* owned, each counted */
    unsigned members_count;
    struct member **eligible; /* owned array; of `members`, which count them */
    uint32_t *weights;        /* running sums over `eligible` */
    unsigned eligible_count;
    int64_t warm_ms;   /* when all that are eligible have had their slow start */
    struct ring *ring; /* owned; of `members`; NULL where nothing is hashed */
    double retry_tokens;
};

/* `setup` is borrowed no longer than its parts. */
void balancer_init(struct balancer *balancer, const struct group_setup *setup);

/* Another snapshot wants something else of the same group. */
void balancer_configure(struct balancer *balancer, const struct conf_group *conf);

/* Targets are spoken to in another way: new connections; those in use go on. NULL: plain. */
void balancer_set_tls(struct balancer *balancer, struct tls_client *tls);
void balancer_finish(struct balancer *balancer);

/* Takes up what changed in the group. 0, or -ENOMEM: the old view stays. */
int balancer_refresh(struct balancer *balancer);

#define BALANCER_TRIES_MAX 11

/* What a choice depends on. */
struct choice {
    struct prng *prng; /* borrowed */
    int64_t now_ms;
    uint64_t key;   /* for ring_hash */
    uint64_t token; /* of the target that the client had */
    bool has_token;
    struct member *const *tried; /* by this request; borrowed */
    unsigned tried_count;
};

/*
 * The next member for a request, with a reference for the caller and none of those that were tried;
 * NULL when no target may take requests, or all that may were tried, or have no room. The client's
 * own comes first where it may be taken, suspects come last.
 */
struct member *balancer_pick(struct balancer *balancer, const struct choice *choice);

/*
 * The same with a slot at its target, which target_leave gives back. NULL as well when all that may
 * be taken have no room; then *ret_is_full.
 */
struct member *balancer_take(struct balancer *balancer, const struct choice *choice,
                             bool *ret_is_full);

/* Is there another one that this request may be sent to now? */
bool balancer_has_other(const struct balancer *balancer, const struct choice *choice);

/* Is there a target that has room? */
bool balancer_has_room(const struct balancer *balancer);

/* For the algorithms: was it tried, is it suspect, full, or too new for this request? */
bool balancer_passes_over(const struct balancer *balancer, const struct member *member,
                          const struct choice *choice);

/* Does anybody want to know how long targets take to answer, or how quick they can be? */
bool balancer_wants_latency(const struct balancer *balancer);
bool balancer_wants_pace(const struct balancer *balancer);

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

/* Would it say so? */
bool balancer_has_retry(const struct balancer *balancer);
