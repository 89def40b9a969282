/* Which of the eligible members a request goes to, when nothing speaks against it. */
#include "edge/forward/algorithms.h"

#include "base/cleanup.h"
#include "edge/forward/ewma.h"
#include "edge/forward/pace.h"

#define RANDOM_DRAWS 4

/* What a target that nobody has an answer of yet is taken for once it has a request. */
#define UNKNOWN_LATENCY_US 1000000

static uint64_t load_of(const struct member *member)
{
    return atomic_load_explicit(&member->target->in_flight, memory_order_relaxed);
}

bool member_is_busier(const struct member *a, const struct member *b)
{
    return load_of(a) * b->weight > load_of(b) * a->weight;
}

static uint32_t weights_sum(const struct balancer *balancer)
{
    return balancer->weights[balancer->eligible_count - 1];
}

static unsigned draw(const struct balancer *balancer, struct prng *prng)
{
    uint32_t point = (uint32_t)prng_below(prng, weights_sum(balancer));
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

static void draw_two(const struct balancer *balancer, struct prng *prng, struct member **ret_a,
                     struct member **ret_b)
{
    unsigned first = draw(balancer, prng), second = first;
    for (int i = 0; i < RANDOM_DRAWS && second == first; i++)
        second = draw(balancer, prng);
    /* A choice of one would send some requests to a target that hangs, whatever the others do. */
    if (second == first)
        second = (first + 1) % balancer->eligible_count;
    *ret_a = balancer->eligible[first];
    *ret_b = balancer->eligible[second];
}

/*
 * Where one of them is four times as slow, or more, its requests count several times, this one
 * among them: else a slow target would be given one whenever it has ended its own.
 */
static bool is_worse(const struct member *a, const struct member *b, int64_t now_ms)
{
    int slower = pace_compare(&a->target->pace, &b->target->pace, now_ms);
    if (LIKELY(slower == 0))
        return member_is_busier(a, b);
    uint64_t cost_a = (load_of(a) + a->weight) * b->weight;
    uint64_t cost_b = (load_of(b) + b->weight) * a->weight;
    return slower > 0 ? cost_a << slower > cost_b : cost_a > cost_b << -slower;
}

static struct member *pick_least_of_two(struct balancer *balancer, const struct choice *choice)
{
    if (balancer->eligible_count == 1)
        return balancer->eligible[0];
    struct member *a, *b;
    draw_two(balancer, choice->prng, &a, &b);
    return is_worse(a, b, choice->now_ms) ? b : a;
}

/* Smooth: each gains its weight, the one ahead is taken and pays the sum. */
static struct member *pick_in_turn(struct balancer *balancer, const struct choice *choice)
{
    (void)choice;
    struct member *best = NULL;
    for (unsigned i = 0; i < balancer->eligible_count; i++) {
        struct member *member = balancer->eligible[i];
        member->turn += member->weight;
        if (best == NULL || member->turn > best->turn)
            best = member;
    }
    best->turn -= weights_sum(balancer);
    return best;
}

static struct member *pick_any(struct balancer *balancer, const struct choice *choice)
{
    return balancer->eligible[draw(balancer, choice->prng)];
}

/*
 * How long a request would take at this target: its latency of late for this one and for each that
 * is under way, which a weight divides. Multiplied by the weight, so that nothing is rounded off.
 */
static uint64_t cost_of(const struct member *member, int64_t now_ms)
{
    uint64_t latency_us = ewma_read(&member->target->latency, now_ms), load = load_of(member);
    if (latency_us == 0)
        latency_us = load == 0 ? 0 : UNKNOWN_LATENCY_US;
    return latency_us * (load + member->weight);
}

static struct member *pick_soonest_of_two(struct balancer *balancer, const struct choice *choice)
{
    if (balancer->eligible_count == 1)
        return balancer->eligible[0];
    struct member *a, *b;
    draw_two(balancer, choice->prng, &a, &b);
    unsigned __int128 cost_a = (unsigned __int128)cost_of(a, choice->now_ms) * b->weight;
    unsigned __int128 cost_b = (unsigned __int128)cost_of(b, choice->now_ms) * a->weight;
    return cost_a > cost_b ? b : a;
}

/* Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam): so many requests, this
 * one included, are this member's share when none has more than `load_max` of the average. */
static bool has_room(const struct balancer *balancer, const struct member *member, uint64_t loads)
{
    unsigned load_max = balancer->conf->balance.load_max;
    if (load_max == 0)
        return true;
    unsigned __int128 bound = (unsigned __int128)(loads + 1) * member->weight * load_max;
    uint64_t unit = (uint64_t)weights_sum(balancer) * 10000;
    return load_of(member) < (uint64_t)((bound + unit - 1) / unit);
}

static uint64_t sum_loads(const struct balancer *balancer)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < balancer->eligible_count; i++)
        sum += load_of(balancer->eligible[i]);
    return sum;
}

/* The member at the key's point, or at the next one behind it that may be taken. */
static struct member *pick_on_ring(struct balancer *balancer, const struct choice *choice)
{
    const struct ring *ring = balancer->ring;
    if (ring == NULL || ring->count == 0)
        return NULL;
    uint64_t loads = balancer->conf->balance.load_max > 0 ? sum_loads(balancer) : 0;
    unsigned at = ring_find(ring, choice->key);
    for (unsigned i = 0; i < ring->count; i++) {
        struct member *member = balancer->members[ring->points[at].member];
        if (member->is_eligible && has_room(balancer, member, loads) &&
            !balancer_passes_over(balancer, member, choice))
            return member;
        at = at + 1 == ring->count ? 0 : at + 1;
    }
    return NULL;
}

static const struct balancer_ops all[] = {
    {CONF_BALANCE_LEAST_REQUESTS, pick_least_of_two, .uses_pace = true},
    {CONF_BALANCE_ROUND_ROBIN, pick_in_turn},
    {CONF_BALANCE_RANDOM, pick_any},
    {CONF_BALANCE_PEAK_EWMA, pick_soonest_of_two, .uses_latency = true},
    {CONF_BALANCE_RING_HASH, pick_on_ring, .uses_ring = true},
};

const struct balancer_ops *balancer_ops_of(enum conf_balance algorithm)
{
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (all[i].algorithm == algorithm)
            return &all[i];
    }
    return &all[0];
}
