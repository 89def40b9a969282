/* A worker's view of a group, and who of it may be chosen; how is the algorithms' own. */
#include "edge/forward/balance.h"

#include "base/cleanup.h"
#include "edge/forward/algorithms.h"
#include "edge/forward/slot.h"
#include "edge/forward/sticky.h"
#include "wire/tls/connection.h"

#include <assert.h>
#include <errno.h>

#define IDLE_PER_TARGET_MAX 1024
#define RETRY_SHARE         0.2
#define RETRY_TOKENS_MAX    10.0
#define WARM_DRAWS          8
#define WHOLE               10000 /* hundredths of a percent */

void balancer_init(struct balancer *balancer, const struct group_setup *setup)
{
    *balancer = (struct balancer){.group = target_group_ref(setup->group),
                                  .conf = setup->conf,
                                  .ops = balancer_ops_of(setup->conf->balance.algorithm),
                                  .retry_tokens = RETRY_TOKENS_MAX};
    balancer->tls = setup->tls == NULL ? NULL : tls_client_ref(setup->tls);
    balancer->version = atomic_load(&setup->group->version) - 1;
}

void balancer_set_tls(struct balancer *balancer, struct tls_client *tls)
{
    struct tls_client *before = balancer->tls;
    if (before == tls)
        return;
    balancer->tls = tls == NULL ? NULL : tls_client_ref(tls);
    balancer->version = atomic_load(&balancer->group->version) - 1;
    tls_client_unref(before);
}

void balancer_configure(struct balancer *balancer, const struct conf_group *conf)
{
    balancer->conf = conf;
    balancer->ops = balancer_ops_of(conf->balance.algorithm);
    balancer->version = atomic_load(&balancer->group->version) - 1;
    line_wake(&balancer->group->line); /* the limit may be another one */
}

void member_unref(struct member *member)
{
    if (member == NULL || --member->references > 0)
        return;
    client_pool_finish(&member->pool);
    tls_client_unref(member->tls);
    target_unref(member->target);
    memory_free(member);
}

static void free_members(struct member **members, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        member_unref(members[i]);
    memory_free(members);
}

static void drop_view(struct balancer *balancer)
{
    free_members(balancer->members, balancer->members_count);
    memory_free(balancer->eligible);
    memory_free(balancer->weights);
    memory_free(balancer->ring);
}

void balancer_finish(struct balancer *balancer)
{
    drop_view(balancer);
    target_group_unref(balancer->group);
    tls_client_unref(balancer->tls);
    *balancer = (struct balancer){0};
}

static struct member *find_member(const struct balancer *balancer, const struct target *target)
{
    for (unsigned i = 0; i < balancer->members_count; i++) {
        if (balancer->members[i]->target == target)
            return balancer->members[i];
    }
    return NULL;
}

static struct member *make_member(const struct balancer *balancer, struct target *target)
{
    struct member *member = NEW(struct member);
    if (member == NULL)
        return NULL;
    member->references = 1;
    member->target = target_ref(target);
    client_pool_init(&member->pool, &target->address, &target->other, IDLE_PER_TARGET_MAX);
    assert(balancer->tls != NULL || !balancer->conf->tls.enabled); /* never in plain */
    if (balancer->tls != NULL)
        member->pool.tls = member->tls = tls_client_ref(balancer->tls);
    member->pool.host = target->host;
    return member;
}

static struct member *take_member(const struct balancer *balancer, struct target *target)
{
    struct member *member = find_member(balancer, target);
    if (member != NULL && member->tls == balancer->tls)
        member->references++;
    else
        member = make_member(balancer, target);
    if (member != NULL)
        member->pool.is_h2 = balancer->conf->protocol == CONF_PROTOCOL_H2;
    return member;
}

static bool is_usable(const struct member *member)
{
    return member->weight > 0 && atomic_load(&member->target->health) == TARGET_HEALTHY &&
           !atomic_load(&member->target->is_ejected);
}

/* Of what is neither new nor leaving. */
static bool is_known(const struct member *member)
{
    int health = atomic_load(&member->target->health);
    return member->weight > 0 && (health == TARGET_HEALTHY || health == TARGET_UNHEALTHY);
}

/* Are there so few that can be used that they would only be crushed, or none at all? */
static bool fails_open(const struct balancer *balancer)
{
    uint64_t usable = 0, known = 0;
    for (unsigned i = 0; i < balancer->members_count; i++) {
        usable += is_usable(balancer->members[i]);
        known += is_known(balancer->members[i]);
    }
    return usable == 0 || usable * WHOLE < balancer->conf->fail_open * known;
}

static void choose_eligible(struct balancer *balancer)
{
    bool takes_all = fails_open(balancer);
    int64_t slow_start_ms = balancer->conf->slow_start_ms;
    uint32_t sum = 0;
    balancer->eligible_count = 0;
    balancer->warm_ms = TARGET_WARM;
    for (unsigned i = 0; i < balancer->members_count; i++) {
        struct member *member = balancer->members[i];
        member->is_eligible = takes_all ? is_known(member) : is_usable(member);
        if (!member->is_eligible)
            continue;
        sum += member->weight;
        balancer->eligible[balancer->eligible_count] = member;
        balancer->weights[balancer->eligible_count++] = sum;
        member->warm_ms = atomic_load(&member->target->warm_from_ms) + slow_start_ms;
        if (slow_start_ms > 0 && member->warm_ms > balancer->warm_ms)
            balancer->warm_ms = member->warm_ms;
    }
}

static int fill_view(struct balancer *next, const struct balancer *balancer,
                     const struct target_set *set)
{
    next->members = memory_alloc_array(set->count + 1, sizeof(struct member *));
    next->eligible = memory_alloc_array(set->count + 1, sizeof(struct member *));
    next->weights = memory_alloc_array(set->count + 1, sizeof(uint32_t));
    if (next->members == NULL || next->eligible == NULL || next->weights == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < set->count; i++) {
        struct member *member = take_member(balancer, set->targets[i]);
        if (member == NULL)
            return -ENOMEM;
        next->members[next->members_count++] = member;
    }
    return 0;
}

/* What the list and the settings say of members that were carried over, too. */
static void renew_members(struct balancer *balancer)
{
    const struct conf_sticky *sticky = &balancer->conf->sticky;
    for (unsigned i = 0; i < balancer->members_count; i++) {
        struct member *member = balancer->members[i];
        member->weight = atomic_load(&member->target->weight);
        member->token = sticky->enabled ? sticky_token(sticky, member->target->id) : 0;
    }
}

/* The old one where nothing has changed but health. */
static int make_ring(struct balancer *next, struct balancer *old)
{
    uint64_t digest = ring_digest(next->members, next->members_count);
    if (old->ring == NULL || old->ring->digest != digest)
        return ring_create(next->members, next->members_count, &next->ring);
    next->ring = old->ring;
    old->ring = NULL;
    return 0;
}

static int adopt_set(struct balancer *balancer, const struct target_set *set)
{
    struct balancer next = {.group = balancer->group,
                            .conf = balancer->conf,
                            .tls = balancer->tls,
                            .ops = balancer->ops,
                            .version = balancer->version,
                            .retry_tokens = balancer->retry_tokens};
    int rc = fill_view(&next, balancer, set);
    renew_members(&next);
    if (rc == 0 && next.ops->uses_ring)
        rc = make_ring(&next, balancer);
    drop_view(rc == 0 ? balancer : &next);
    if (rc == 0)
        *balancer = next;
    return rc;
}

int balancer_refresh(struct balancer *balancer)
{
    unsigned version = atomic_load_explicit(&balancer->group->version, memory_order_acquire);
    if (LIKELY(version == balancer->version))
        return 0;
    struct target_set *set = target_group_set(balancer->group);
    int rc = adopt_set(balancer, set);
    target_set_unref(set);
    if (rc < 0)
        return rc;
    balancer->version = version;
    choose_eligible(balancer);
    return 0;
}

static bool is_tried(const struct member *member, const struct choice *choice)
{
    for (unsigned i = 0; i < choice->tried_count; i++) {
        if (choice->tried[i] == member)
            return true;
    }
    return false;
}

static bool is_suspect(const struct member *member, int64_t now_ms)
{
    return atomic_load_explicit(&member->target->suspect_until_ms, memory_order_relaxed) > now_ms;
}

static bool is_full(const struct balancer *balancer, const struct member *member)
{
    unsigned limit = balancer->conf->limit;
    return UNLIKELY(limit > 0) &&
           atomic_load_explicit(&member->target->in_flight, memory_order_relaxed) >= limit;
}

/* Speaks anything but its slow start against it? */
static bool is_unwelcome(const struct balancer *balancer, const struct member *member,
                         const struct choice *choice)
{
    return is_suspect(member, choice->now_ms) || is_tried(member, choice) ||
           is_full(balancer, member);
}

static bool has_warm(const struct balancer *balancer, const struct choice *choice)
{
    for (unsigned i = 0; i < balancer->eligible_count; i++) {
        const struct member *member = balancer->eligible[i];
        if (choice->now_ms >= member->warm_ms && !is_unwelcome(balancer, member, choice))
            return true;
    }
    return false;
}

/*
 * In its slow start a member takes, of the requests that it would get, a share that grows with
 * time; as long as there is one that has had its own. So it is linear whatever the algorithm. Of
 * what is hashed the key decides, so that each key moves once.
 */
static bool is_too_new(const struct balancer *balancer, const struct member *member,
                       const struct choice *choice)
{
    if (LIKELY(choice->now_ms >= balancer->warm_ms) || choice->now_ms >= member->warm_ms)
        return false;
    uint64_t slow_start_ms = (uint64_t)balancer->conf->slow_start_ms;
    uint64_t left_ms = (uint64_t)(member->warm_ms - choice->now_ms);
    uint64_t draw = balancer->ops->uses_ring ? choice->key : prng_next(choice->prng);
    return (draw & UINT32_MAX) * slow_start_ms >> 32 < left_ms && has_warm(balancer, choice);
}

bool balancer_passes_over(const struct balancer *balancer, const struct member *member,
                          const struct choice *choice)
{
    return is_unwelcome(balancer, member, choice) || is_too_new(balancer, member, choice);
}

bool balancer_wants_latency(const struct balancer *balancer)
{
    return balancer->ops->uses_latency;
}

bool balancer_wants_pace(const struct balancer *balancer)
{
    return balancer->ops->uses_pace && balancer->eligible_count > 1;
}

/* The least busy of those that nothing speaks against; else of the new ones; else of the suspect
 * ones; never one that was tried, or is full. */
static struct member *pick_other(const struct balancer *balancer, const struct choice *choice)
{
    for (int lenience = 0; lenience < 3; lenience++) {
        struct member *best = NULL;
        for (unsigned i = 0; i < balancer->eligible_count; i++) {
            struct member *member = balancer->eligible[i];
            bool is_new = choice->now_ms < balancer->warm_ms && choice->now_ms < member->warm_ms;
            if (is_tried(member, choice) || is_full(balancer, member) || (lenience < 1 && is_new) ||
                (lenience < 2 && is_suspect(member, choice->now_ms)))
                continue;
            if (best == NULL || member_is_busier(best, member))
                best = member;
        }
        if (best != NULL)
            return best;
    }
    return NULL;
}

/* The target that the client had, while it may take requests. */
static struct member *pick_own(const struct balancer *balancer, const struct choice *choice)
{
    for (unsigned i = 0; i < balancer->eligible_count; i++) {
        struct member *member = balancer->eligible[i];
        if (member->token == choice->token)
            return is_unwelcome(balancer, member, choice) ? NULL : member;
    }
    return NULL;
}

/* By the algorithm; again where it came upon one that is too new. */
static struct member *pick_by_algorithm(struct balancer *balancer, const struct choice *choice)
{
    for (int i = 0; i < WARM_DRAWS; i++) {
        struct member *member = balancer->ops->pick(balancer, choice);
        if (LIKELY(member != NULL && !is_unwelcome(balancer, member, choice)) &&
            (balancer->ops->uses_ring || LIKELY(!is_too_new(balancer, member, choice))))
            return member;
        if (choice->now_ms >= balancer->warm_ms)
            break;
    }
    return pick_other(balancer, choice);
}

struct member *balancer_pick(struct balancer *balancer, const struct choice *choice)
{
    (void)balancer_refresh(balancer);
    if (balancer->eligible_count == 0)
        return NULL;
    struct member *member = choice->has_token ? pick_own(balancer, choice) : NULL;
    if (LIKELY(member == NULL))
        member = pick_by_algorithm(balancer, choice);
    if (member != NULL)
        member->references++;
    return member;
}

bool balancer_has_other(const struct balancer *balancer, const struct choice *choice)
{
    for (unsigned i = 0; i < balancer->eligible_count; i++) {
        const struct member *member = balancer->eligible[i];
        if (!is_tried(member, choice) && !is_full(balancer, member))
            return true;
    }
    return false;
}

bool balancer_has_room(const struct balancer *balancer)
{
    for (unsigned i = 0; i < balancer->eligible_count; i++) {
        if (!is_full(balancer, balancer->eligible[i]))
            return true;
    }
    return false;
}

struct member *balancer_take(struct balancer *balancer, const struct choice *choice,
                             bool *ret_is_full)
{
    for (;;) {
        struct member *member = balancer_pick(balancer, choice);
        /* Of those that may be taken, what was not tried can only be full. */
        *ret_is_full = member == NULL && balancer->eligible_count > choice->tried_count;
        if (member == NULL || target_enter(member->target, balancer->conf->limit))
            return member;
        member_unref(member); /* another worker was faster: it is full now */
    }
}

void balancer_pay_in(struct balancer *balancer)
{
    balancer->retry_tokens += RETRY_SHARE;
    if (balancer->retry_tokens > RETRY_TOKENS_MAX)
        balancer->retry_tokens = RETRY_TOKENS_MAX;
}

bool balancer_has_retry(const struct balancer *balancer)
{
    return balancer->retry_tokens >= 1;
}

bool balancer_may_retry(struct balancer *balancer)
{
    if (!balancer_has_retry(balancer))
        return false;
    balancer->retry_tokens -= 1;
    return true;
}

static bool is_eligible(const struct balancer *balancer, const struct target *target)
{
    for (unsigned i = 0; i < balancer->eligible_count; i++) {
        if (balancer->eligible[i]->target == target)
            return true;
    }
    return false;
}

bool balancer_why(struct balancer *balancer, const struct target *target, int64_t now_ms,
                  const char **ret_why)
{
    (void)balancer_refresh(balancer);
    int health = atomic_load(&target->health);
    if (!is_eligible(balancer, target)) {
        *ret_why = target->weight == 0         ? "its weight is 0: it takes no new requests"
                   : health == TARGET_DRAINING ? "it drains: it takes no new requests"
                   : health == TARGET_INITIAL  ? "its first health check has not passed yet"
                   : atomic_load(&target->is_ejected)
                       ? "it is left out for its errors, and others are not"
                   : balancer->eligible_count > 0 ? "it is unhealthy, and others are not"
                                                  : "this worker does not know it yet";
        return false;
    }
    if (health == TARGET_UNHEALTHY)
        *ret_why = "unhealthy, but so are all: better a try than a sure refusal";
    else if (atomic_load(&target->is_ejected))
        *ret_why = "left out for its errors, but too few others are left";
    else if (balancer->conf->limit > 0 && atomic_load(&target->in_flight) >= balancer->conf->limit)
        *ret_why = "it has as many requests under way as it may have";
    else if (atomic_load(&target->suspect_until_ms) > now_ms)
        *ret_why = "it failed a moment ago: others are asked first";
    else
        *ret_why = "";
    return true;
}
