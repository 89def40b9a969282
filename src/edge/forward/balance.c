/* Choosing a target: least requests of two random choices, or smooth weighted round robin. */
#include "edge/forward/balance.h"

#include "base/cleanup.h"

#include <errno.h>

#define IDLE_PER_TARGET_MAX 1024
#define RETRY_SHARE         0.2
#define RETRY_TOKENS_MAX    10.0
#define RANDOM_DRAWS        4

void balancer_init(struct balancer *balancer, const struct group_setup *setup)
{
    *balancer = (struct balancer){.group = target_group_ref(setup->group),
                                  .conf = setup->conf,
                                  .retry_tokens = RETRY_TOKENS_MAX};
    balancer->version = atomic_load(&setup->group->version) - 1;
}

void balancer_configure(struct balancer *balancer, const struct conf_group *conf)
{
    balancer->conf = conf;
    balancer->version = atomic_load(&balancer->group->version) - 1;
}

void member_unref(struct member *member)
{
    if (member == NULL || --member->references > 0)
        return;
    client_pool_finish(&member->pool);
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
}

void balancer_finish(struct balancer *balancer)
{
    drop_view(balancer);
    target_group_unref(balancer->group);
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

static struct member *take_member(const struct balancer *balancer, struct target *target)
{
    struct member *member = find_member(balancer, target);
    if (member != NULL) {
        member->references++;
        return member;
    }
    member = NEW(struct member);
    if (member == NULL)
        return NULL;
    member->references = 1;
    member->target = target_ref(target);
    client_pool_init(&member->pool, &target->address, &target->other, IDLE_PER_TARGET_MAX);
    return member;
}

/* The healthy ones; when there are none, the unhealthy ones: better a try than a sure refusal. */
static void choose_eligible(struct balancer *balancer)
{
    for (int wanted = TARGET_HEALTHY; wanted <= TARGET_UNHEALTHY; wanted++) {
        uint32_t sum = 0;
        balancer->eligible_count = 0;
        for (unsigned i = 0; i < balancer->members_count; i++) {
            struct member *member = balancer->members[i];
            if (atomic_load(&member->target->health) != wanted || member->target->weight == 0)
                continue;
            sum += member->target->weight;
            balancer->eligible[balancer->eligible_count] = member;
            balancer->weights[balancer->eligible_count++] = sum;
        }
        if (balancer->eligible_count > 0)
            return;
    }
}

static int adopt_set(struct balancer *balancer, const struct target_set *set)
{
    struct balancer next = {.group = balancer->group, .conf = balancer->conf};
    next.members = memory_alloc_array(set->count + 1, sizeof(struct member *));
    next.eligible = memory_alloc_array(set->count + 1, sizeof(struct member *));
    next.weights = memory_alloc_array(set->count + 1, sizeof(uint32_t));
    bool is_whole = next.members != NULL && next.eligible != NULL && next.weights != NULL;
    for (unsigned i = 0; is_whole && i < set->count; i++) {
        struct member *member = take_member(balancer, set->targets[i]);
        is_whole = member != NULL;
        if (is_whole)
            next.members[next.members_count++] = member;
    }
    if (!is_whole) {
        drop_view(&next);
        return -ENOMEM;
    }
    next.retry_tokens = balancer->retry_tokens;
    next.version = balancer->version;
    drop_view(balancer);
    *balancer = next;
    return 0;
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

static bool is_tried(const struct member *member, struct member *const *tried, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (tried[i] == member)
            return true;
    }
    return false;
}

static bool is_suspect(const struct member *member, int64_t now_ms)
{
    return atomic_load_explicit(&member->target->suspect_until_ms, memory_order_relaxed) > now_ms;
}

/* What a request would wait behind, per unit of weight. Idle ones are equal: the draw has already
 * seen to their weights. */
static bool is_busier(const struct member *a, const struct member *b)
{
    uint64_t load_a = atomic_load_explicit(&a->target->in_flight, memory_order_relaxed);
    uint64_t load_b = atomic_load_explicit(&b->target->in_flight, memory_order_relaxed);
    return load_a * b->target->weight > load_b * a->target->weight;
}

static unsigned draw(const struct balancer *balancer, struct prng *prng)
{
    uint32_t point = (uint32_t)prng_below(prng, balancer->weights[balancer->eligible_count - 1]);
    unsigned low = 0, high = balancer->eligible_count - 1;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (point < balancer->weights[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static struct member *pick_least_of_two(const struct balancer *balancer, struct prng *prng)
{
    unsigned first = draw(balancer, prng), second = first;
    for (int i = 0; i < RANDOM_DRAWS && second == first; i++)
        second = draw(balancer, prng);
    /* A choice of one would send some requests to a target that hangs, whatever the others do. */
    if (second == first)
        second = (first + 1) % balancer->eligible_count;
    struct member *a = balancer->eligible[first], *b = balancer->eligible[second];
    return is_busier(a, b) ? b : a;
}

/* Smooth: each gains its weight, the one ahead is taken and pays the sum. */
static struct member *pick_in_turn(const struct balancer *balancer)
{
    struct member *best = NULL;
    for (unsigned i = 0; i < balancer->eligible_count; i++) {
        struct member *member = balancer->eligible[i];
        member->turn += member->target->weight;
        if (best == NULL || member->turn > best->turn)
            best = member;
    }
    best->turn -= balancer->weights[balancer->eligible_count - 1];
    return best;
}

/* The least busy that is neither tried nor suspect, else one that is not tried, else NULL. */
static struct member *pick_other(const struct balancer *balancer, int64_t now_ms,
                                 struct member *const *tried, unsigned tried_count)
{
    for (int lenience = 0; lenience < 2; lenience++) {
        struct member *best = NULL;
        for (unsigned i = 0; i < balancer->eligible_count; i++) {
            struct member *member = balancer->eligible[i];
            if (is_tried(member, tried, tried_count) ||
                (lenience < 1 && is_suspect(member, now_ms)))
                continue;
            if (best == NULL || is_busier(best, member))
                best = member;
        }
        if (best != NULL)
            return best;
    }
    return NULL;
}

struct member *balancer_pick(struct balancer *balancer, struct prng *prng, int64_t now_ms,
                             struct member *const *tried, unsigned tried_count)
{
    (void)balancer_refresh(balancer);
    if (balancer->eligible_count == 0)
        return NULL;
    struct member *member = balancer->conf->balance == CONF_BALANCE_ROUND_ROBIN
                                ? pick_in_turn(balancer)
                                : pick_least_of_two(balancer, prng);
    if (UNLIKELY(is_suspect(member, now_ms) || is_tried(member, tried, tried_count)))
        member = pick_other(balancer, now_ms, tried, tried_count);
    if (member != NULL)
        member->references++;
    return member;
}

void balancer_pay_in(struct balancer *balancer)
{
    balancer->retry_tokens += RETRY_SHARE;
    if (balancer->retry_tokens > RETRY_TOKENS_MAX)
        balancer->retry_tokens = RETRY_TOKENS_MAX;
}

bool balancer_may_retry(struct balancer *balancer)
{
    if (balancer->retry_tokens < 1)
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
        *ret_why = target->weight == 0            ? "its weight is 0: it takes no new requests"
                   : health == TARGET_DRAINING    ? "it drains: it takes no new requests"
                   : health == TARGET_INITIAL     ? "its first health check has not passed yet"
                   : balancer->eligible_count > 0 ? "it is unhealthy, and others are not"
                                                  : "this worker does not know it yet";
        return false;
    }
    if (health == TARGET_UNHEALTHY)
        *ret_why = "unhealthy, but so are all: better a try than a sure refusal";
    else if (atomic_load(&target->suspect_until_ms) > now_ms)
        *ret_why = "it failed a moment ago: others are asked first";
    else
        *ret_why = "";
    return true;
}
