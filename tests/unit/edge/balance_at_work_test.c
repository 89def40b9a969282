/* A group at work: where requests go that take their time. */
#include "unit.h"

#include "base/cleanup.h"
#include "edge/forward/balance.h"
#include "edge/forward/pace.h"

#include <limits.h>

/* Steps of a fifth of a millisecond; requests by chance; a target works at all that it has. */
#define STEP_US     200
#define ENDS_MAX    1024
#define SIM_TARGETS 8

struct sim_request {
    int64_t began_us, ends_us;
    struct member *member; /* NULL: a free place */
};

struct sim_group {
    struct conf_group conf;
    struct target_group group;
    struct balancer balancer;
    struct prng prng;
    struct sim_request requests[ENDS_MAX];
    unsigned counts[SIM_TARGETS]; /* requests begun */
    unsigned spread_max;          /* between the numbers under way, after the first second */
    uint64_t per_s;               /* requests */
    uint64_t (*take_us)(struct prng *prng, char name, int64_t now_us);
};

static void begin_request(struct sim_group *sim, int64_t now_us)
{
    const struct choice choice = {.prng = &sim->prng, .now_ms = now_us / 1000};
    struct member *member = balancer_pick(&sim->balancer, &choice);
    char name = member->target->id.at[0];
    struct sim_request *free = sim->requests;
    while (free->member != NULL)
        assert_true(++free < sim->requests + ENDS_MAX);
    atomic_fetch_add(&member->target->in_flight, 1);
    sim->counts[name - 'a']++;
    uint64_t takes_us = sim->take_us(&sim->prng, name, now_us);
    *free = (struct sim_request){now_us, now_us + (int64_t)takes_us, member};
}

static void end_requests(struct sim_group *sim, int64_t now_us)
{
    for (struct sim_request *at = sim->requests; at < sim->requests + ENDS_MAX; at++) {
        if (at->member == NULL || at->ends_us > now_us)
            continue;
        struct target *target = at->member->target;
        atomic_fetch_sub(&target->in_flight, 1);
        pace_observe(&target->pace, (uint64_t)(at->ends_us - at->began_us), now_us / 1000);
        member_unref(at->member);
        at->member = NULL;
    }
}

static unsigned spread_of(const struct sim_group *sim)
{
    unsigned least = UINT_MAX, most = 0;
    for (unsigned i = 0; i < SIM_TARGETS; i++) {
        unsigned in_flight = atomic_load(&sim->group.set->targets[i]->in_flight);
        least = in_flight < least ? in_flight : least;
        most = in_flight > most ? in_flight : most;
    }
    return most - least;
}

static void run_group(struct sim_group *sim, int64_t from_us, int64_t until_us)
{
    memset(sim->counts, 0, sizeof sim->counts);
    for (int64_t now_us = from_us; now_us < until_us; now_us += STEP_US) {
        end_requests(sim, now_us);
        if (prng_below(&sim->prng, 1000000) < sim->per_s * STEP_US)
            begin_request(sim, now_us);
        unsigned spread = now_us < 1000000 ? 0 : spread_of(sim);
        sim->spread_max = spread > sim->spread_max ? spread : sim->spread_max;
    }
}

static struct sim_group *begin_group(uint64_t per_s,
                                     uint64_t (*take_us)(struct prng *, char, int64_t))
{
    struct sim_group *sim = test_calloc(1, sizeof *sim);
    static const char names[SIM_TARGETS + 1] = "abcdefgh";
    struct target_wish wishes[SIM_TARGETS];
    for (unsigned i = 0; i < SIM_TARGETS; i++) {
        wishes[i] = (struct target_wish){.id = slice_of(&names[i], 1), .weight = 1};
        assert_int_equal(address_from_ip(SLICE("127.0.0.1"), (uint16_t)(i + 1), &wishes[i].address),
                         0);
    }
    sim->conf.balance.algorithm = CONF_BALANCE_LEAST_REQUESTS;
    assert_int_equal(target_group_init(&sim->group, &sim->conf), 0);
    assert_int_equal(target_group_update(&sim->group, 1, wishes, SIM_TARGETS, 0), 0);
    const struct group_setup setup = {&sim->group, &sim->conf};
    balancer_init(&sim->balancer, &setup);
    prng_init(&sim->prng, 42);
    sim->per_s = per_s;
    sim->take_us = take_us;
    return sim;
}

static void end_group(struct sim_group *sim)
{
    end_requests(sim, INT64_MAX);
    balancer_finish(&sim->balancer);
    target_group_finish(&sim->group);
    test_free(sim);
}

static char pick(struct sim_group *sim)
{
    struct member *member = balancer_pick(&sim->balancer, &(struct choice){.prng = &sim->prng});
    char name = member->target->id.at[0];
    member_unref(member);
    return name;
}

/* Two are left; one of them is four times as slow. */
static void a_slow_target_counts_several_times(void **state)
{
    (void)state;
    struct sim_group *sim = begin_group(0, NULL);
    struct target **targets = sim->group.set->targets;
    lock_take(&sim->group.lock);
    for (unsigned i = 2; i < SIM_TARGETS; i++)
        atomic_store(&targets[i]->weight, 0);
    target_group_change(&sim->group);
    lock_release(&sim->group.lock);
    for (int i = 0; i < 16; i++) {
        pace_observe(&targets[0]->pace, 20500, 0);
        pace_observe(&targets[1]->pace, 5000, 0);
    }
    atomic_store(&targets[1]->in_flight, 2);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pick(sim), 'b');
    atomic_store(&targets[1]->in_flight, 4);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pick(sim), 'a');
    end_group(sim);
}

/* The first is ten times slower for three seconds. */
static uint64_t slow_at_first_us(struct prng *prng, char name, int64_t now_us)
{
    (void)prng;
    return name == 'a' && now_us < 3000000 ? 50000 : 5000;
}

static void a_slow_target_gets_less_than_a_hundredth_until_it_recovers(void **state)
{
    (void)state;
    struct sim_group *sim = begin_group(2240, slow_at_first_us);
    run_group(sim, 0, 1000000);
    run_group(sim, 1000000, 3000000);
    assert_in_range(sim->counts[0], 1, 44); /* of some 4,480 */
    run_group(sim, 3000000, 8000000);
    run_group(sim, 8000000, 10000000);
    assert_in_range(sim->counts[0], 450, 670); /* an eighth */
    end_group(sim);
}

static uint64_t every_fifth_polls_us(struct prng *prng, char name, int64_t now_us)
{
    (void)name;
    (void)now_us;
    return prng_below(prng, 5) == 0 ? 2000000 : 5000;
}

/* Whoever has just answered such a request is no slower for it. */
static void long_polls_starve_no_target(void **state)
{
    (void)state;
    struct sim_group *sim = begin_group(800, every_fifth_polls_us);
    run_group(sim, 0, 10000000);
    for (unsigned i = 0; i < SIM_TARGETS; i++)
        assert_in_range(sim->counts[i], 850, 1150);
    assert_in_range(sim->spread_max, 0, 12); /* of some 40 at each */
    end_group(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slow_target_counts_several_times),
        cmocka_unit_test(a_slow_target_gets_less_than_a_hundredth_until_it_recovers),
        cmocka_unit_test(long_polls_starve_no_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
