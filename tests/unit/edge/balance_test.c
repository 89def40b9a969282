/* Which target a request goes to. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "edge/forward/balance.h"
#include "edge/forward/ewma.h"

#include <errno.h>
#include <stdio.h>

#define NAMES_MAX 16

struct fixture {
    struct conf_group conf;
    struct target_group group;
    struct balancer balancer;
    struct prng prng;
    uint64_t epoch;
    uint64_t key; /* of the next request */
};

/* Targets "a", "b" and so on, of these weights. */
static void set_weights(struct fixture *fixture, const unsigned *weights, unsigned count)
{
    static const char names[NAMES_MAX + 1] = "abcdefghijklmnop";
    struct target_wish wishes[NAMES_MAX];
    assert_true(count <= NAMES_MAX);
    for (unsigned i = 0; i < count; i++) {
        wishes[i] = (struct target_wish){.id = slice_of(&names[i], 1), .weight = weights[i]};
        assert_int_equal(address_from_ip(SLICE("127.0.0.1"), (uint16_t)(i + 1), &wishes[i].address),
                         0);
    }
    assert_int_equal(target_group_update(&fixture->group, ++fixture->epoch, wishes, count, 0), 0);
}

static void begin(struct fixture *fixture, enum conf_balance balance, const unsigned *weights,
                  unsigned count)
{
    *fixture = (struct fixture){.conf.balance = {.algorithm = balance, .by.name = SLICE("")}};
    assert_int_equal(target_group_init(&fixture->group, &fixture->conf), 0);
    set_weights(fixture, weights, count);
    const struct group_setup setup = {&fixture->group, &fixture->conf};
    balancer_init(&fixture->balancer, &setup);
    prng_init(&fixture->prng, 42);
}

#define BEGIN(fixture, balance, ...)                                                               \
    begin(fixture, balance, (const unsigned[]){__VA_ARGS__},                                       \
          COUNT_OF(((const unsigned[]){__VA_ARGS__})))

static void end(struct fixture *fixture)
{
    balancer_finish(&fixture->balancer);
    target_group_finish(&fixture->group);
}

static struct target *target_named(struct fixture *fixture, char name)
{
    return fixture->group.set->targets[name - 'a'];
}

/* One request: the name of its target, '-' for none. It ends at once. */
static char pick(struct fixture *fixture)
{
    const struct choice choice = {.prng = &fixture->prng, .key = fixture->key};
    struct member *member = balancer_pick(&fixture->balancer, &choice);
    char name = member == NULL ? '-' : member->target->id.at[0];
    member_unref(member);
    return name;
}

/* Where that many requests went, by target. */
static void pick_many(struct fixture *fixture, unsigned requests, unsigned *counts)
{
    memset(counts, 0, NAMES_MAX * sizeof *counts);
    for (unsigned i = 0; i < requests; i++) {
        char name = pick(fixture);
        assert_true(name >= 'a');
        counts[name - 'a']++;
    }
}

/* A request that finds all it got to be failing: the names in the order of the tries. */
static void expect_tries(struct fixture *fixture, int64_t now_ms, const char *expected)
{
    struct member *tried[NAMES_MAX];
    char names[NAMES_MAX + 1] = "";
    unsigned count = 0;
    while (count < NAMES_MAX) {
        const struct choice choice = {.prng = &fixture->prng,
                                      .now_ms = now_ms,
                                      .key = fixture->key,
                                      .tried = tried,
                                      .tried_count = count};
        struct member *member = balancer_pick(&fixture->balancer, &choice);
        if (member == NULL)
            break;
        names[count] = member->target->id.at[0];
        tried[count++] = member;
    }
    for (unsigned i = 0; i < count; i++)
        member_unref(tried[i]);
    assert_string_equal(names, expected);
}

static void expect_turns(struct fixture *fixture, const char *expected)
{
    char names[64] = "";
    for (size_t i = 0; i < strlen(expected); i++)
        names[i] = pick(fixture);
    assert_string_equal(names, expected);
}

static void round_robin_goes_round(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1, 1, 1);
    expect_turns(&fixture, "abcabcabc");
    end(&fixture);
}

/* The order that the documentation of nginx's algorithm gives for 5, 1, 1. */
static void round_robin_spreads_a_heavy_target_smoothly(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 5, 1, 1);
    expect_turns(&fixture, "aabacaaaabacaa");
    end(&fixture);
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 4, 3, 2, 1);
    expect_turns(&fixture, "abcabdacba");
    end(&fixture);
}

static void round_robin_keeps_its_turns_over_updates(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 5, 1, 1);
    expect_turns(&fixture, "aab");
    set_weights(&fixture, (const unsigned[]){5, 1, 1}, 3);
    expect_turns(&fixture, "acaa");
    end(&fixture);
}

static void least_requests_prefers_the_idle_one_of_two(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_LEAST_REQUESTS, 1, 1);
    atomic_store(&target_named(&fixture, 'a')->in_flight, 1);
    for (int i = 0; i < 200; i++)
        assert_int_equal(pick(&fixture), 'b'); /* two are drawn: it is always one of them */
    atomic_store(&target_named(&fixture, 'b')->in_flight, 2);
    for (int i = 0; i < 200; i++)
        assert_int_equal(pick(&fixture), 'a');
    end(&fixture);
}

static void the_busiest_of_many_is_never_taken(void **state)
{
    (void)state;
    struct fixture fixture;
    unsigned counts[NAMES_MAX];
    BEGIN(&fixture, CONF_BALANCE_LEAST_REQUESTS, 1, 1, 1, 1, 1, 1, 1, 1);
    atomic_store(&target_named(&fixture, 'd')->in_flight, 1);
    pick_many(&fixture, 5000, counts);
    for (unsigned i = 0; i < 8; i++)
        assert_true(i == 3 ? counts[i] == 0 : counts[i] > 400);
    end(&fixture);
}

static void load_counts_per_unit_of_weight(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_LEAST_REQUESTS, 4, 1);
    atomic_store(&target_named(&fixture, 'a')->in_flight, 3);
    atomic_store(&target_named(&fixture, 'b')->in_flight, 1);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pick(&fixture), 'a');
    atomic_store(&target_named(&fixture, 'a')->in_flight, 5);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pick(&fixture), 'b');
    end(&fixture);
}

static void idle_targets_get_their_share_by_weight(void **state)
{
    (void)state;
    struct fixture fixture;
    unsigned counts[NAMES_MAX];
    BEGIN(&fixture, CONF_BALANCE_LEAST_REQUESTS, 6, 3, 1);
    pick_many(&fixture, 20000, counts);
    assert_in_range(counts[0], 11400, 12600);
    assert_in_range(counts[1], 5500, 6500);
    assert_in_range(counts[2], 1700, 2300);
    end(&fixture);
}

static void a_single_target_takes_all(void **state)
{
    (void)state;
    static const enum conf_balance balances[] = {CONF_BALANCE_LEAST_REQUESTS,
                                                 CONF_BALANCE_ROUND_ROBIN, CONF_BALANCE_RANDOM,
                                                 CONF_BALANCE_PEAK_EWMA, CONF_BALANCE_RING_HASH};
    for (size_t i = 0; i < COUNT_OF(balances); i++) {
        struct fixture fixture;
        BEGIN(&fixture, balances[i], 256);
        atomic_store(&target_named(&fixture, 'a')->in_flight, 1000);
        assert_int_equal(pick(&fixture), 'a');
        expect_tries(&fixture, 0, "a");
        end(&fixture);
    }
}

static void weight_0_takes_no_requests(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 0, 1, 0);
    expect_turns(&fixture, "bbb");
    expect_tries(&fixture, 0, "b");
    set_weights(&fixture, (const unsigned[]){0, 0}, 2);
    assert_int_equal(pick(&fixture), '-');
    end(&fixture);
}

static void a_group_without_targets_has_none_to_give(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, CONF_BALANCE_LEAST_REQUESTS, NULL, 0);
    assert_int_equal(pick(&fixture), '-');
    set_weights(&fixture, (const unsigned[]){1}, 1);
    assert_int_equal(pick(&fixture), 'a');
    end(&fixture);
}

static void set_health(struct fixture *fixture, char name, enum target_health health)
{
    target_set_health(&fixture->group, target_named(fixture, name), health, NULL);
}

static void only_healthy_ones_take_requests_while_there_are_any(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1, 1, 1, 1);
    set_health(&fixture, 'a', TARGET_UNHEALTHY);
    set_health(&fixture, 'b', TARGET_INITIAL);
    set_health(&fixture, 'd', TARGET_DRAINING);
    expect_turns(&fixture, "ccc");
    expect_tries(&fixture, 0, "c");
    set_health(&fixture, 'a', TARGET_HEALTHY);
    expect_turns(&fixture, "acac");
    end(&fixture);
}

static void when_none_is_healthy_the_unhealthy_ones_are_tried(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1, 1, 1, 1);
    set_health(&fixture, 'a', TARGET_UNHEALTHY);
    set_health(&fixture, 'b', TARGET_INITIAL);
    set_health(&fixture, 'c', TARGET_UNHEALTHY);
    set_health(&fixture, 'd', TARGET_DRAINING);
    expect_turns(&fixture, "acac");
    set_health(&fixture, 'a', TARGET_DRAINING);
    set_health(&fixture, 'c', TARGET_INITIAL);
    assert_int_equal(pick(&fixture), '-'); /* nobody knows yet, or they leave */
    end(&fixture);
}

static void no_target_is_asked_twice_by_one_request(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1, 1, 1);
    expect_tries(&fixture, 0, "abc");
    end(&fixture);
    BEGIN(&fixture, CONF_BALANCE_LEAST_REQUESTS, 200, 1, 1);
    for (int i = 0; i < 100; i++) {
        struct member *tried[4] = {0};
        for (unsigned k = 0; k < 4; k++) {
            const struct choice choice = {.prng = &fixture.prng, .tried = tried, .tried_count = k};
            tried[k] = balancer_pick(&fixture.balancer, &choice);
            assert_int_equal(tried[k] == NULL, k == 3);
            for (unsigned before = 0; before < k; before++)
                assert_ptr_not_equal(tried[k], tried[before]);
        }
        for (unsigned k = 0; k < 3; k++)
            member_unref(tried[k]);
    }
    end(&fixture);
}

static void a_further_try_goes_to_the_least_busy_of_the_rest(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1, 1, 1, 1);
    atomic_store(&target_named(&fixture, 'b')->in_flight, 9);
    atomic_store(&target_named(&fixture, 'c')->in_flight, 5);
    struct member *first =
        balancer_pick(&fixture.balancer, &(struct choice){.prng = &fixture.prng});
    assert_int_equal(first->target->id.at[0], 'a');
    atomic_store(&first->target->suspect_until_ms, 100);
    expect_turns(&fixture, "bc");
    assert_int_equal(pick(&fixture), 'd');
    assert_int_equal(pick(&fixture), 'd'); /* a's turn, but it is suspect: the idle one instead */
    member_unref(first);
    end(&fixture);
}

static void suspects_come_last_and_only_while_they_are(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1, 1, 1);
    atomic_store(&target_named(&fixture, 'a')->suspect_until_ms, 1000);
    expect_tries(&fixture, 999, "bca");
    end(&fixture);
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1, 1, 1);
    atomic_store(&target_named(&fixture, 'a')->suspect_until_ms, 1000);
    expect_tries(&fixture, 1000, "abc");
    end(&fixture);
}

static void when_all_are_suspect_they_are_tried_all_the_same(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_LEAST_REQUESTS, 1, 1);
    atomic_store(&target_named(&fixture, 'a')->suspect_until_ms, 1000);
    atomic_store(&target_named(&fixture, 'b')->suspect_until_ms, 1000);
    atomic_store(&target_named(&fixture, 'a')->in_flight, 1);
    expect_tries(&fixture, 0, "ba");
    end(&fixture);
}

static void a_member_in_use_outlives_its_target_s_removal(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1);
    struct member *held = balancer_pick(&fixture.balancer, &(struct choice){.prng = &fixture.prng});
    assert_int_equal(held->references, 2);
    assert_int_equal(target_group_update(&fixture.group, 9, NULL, 0, 0), 0);
    assert_int_equal(pick(&fixture), '-');
    assert_int_equal(held->references, 1);
    assert_true(slice_equal(held->target->id, SLICE("a")));
    member_unref(held);
    member_unref(NULL);
    end(&fixture);
}

static void members_are_carried_over_with_their_pools(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1, 1);
    assert_int_equal(pick(&fixture), 'a');
    struct member *before = fixture.balancer.members[1];
    set_health(&fixture, 'a', TARGET_UNHEALTHY);
    set_weights(&fixture, (const unsigned[]){1, 1, 1}, 3);
    assert_int_equal(balancer_refresh(&fixture.balancer), 0);
    assert_int_equal(fixture.balancer.members_count, 3);
    assert_ptr_equal(fixture.balancer.members[1], before);
    assert_int_equal(before->references, 1);
    end(&fixture);
}

static void a_refresh_without_memory_leaves_the_old_view(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1);
    assert_int_equal(pick(&fixture), 'a');
    set_weights(&fixture, (const unsigned[]){1, 1, 1}, 3);
    int rc = -ENOMEM;
    long nth = 0;
    while (rc == -ENOMEM) {
        memory_fail_from(++nth);
        assert_int_equal(pick(&fixture), 'a');
        memory_fail_from(nth);
        rc = balancer_refresh(&fixture.balancer);
        memory_fail_from(0);
        assert_int_equal(fixture.balancer.members_count, rc == 0 ? 3 : 1);
        assert_int_equal(fixture.balancer.members[0]->references, 1);
    }
    assert_int_equal(rc, 0);
    assert_true(nth > 3 + 2); /* three arrays and two new members */
    assert_int_equal(fixture.balancer.eligible_count, 3);
    end(&fixture);
}

static void retries_draw_on_a_budget_that_requests_fill(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1);
    for (int i = 0; i < 10; i++)
        assert_true(balancer_may_retry(&fixture.balancer));
    assert_false(balancer_may_retry(&fixture.balancer));
    for (int i = 0; i < 4; i++)
        balancer_pay_in(&fixture.balancer);
    assert_false(balancer_may_retry(&fixture.balancer));
    balancer_pay_in(&fixture.balancer);
    balancer_pay_in(&fixture.balancer);
    assert_true(balancer_may_retry(&fixture.balancer));
    assert_false(balancer_may_retry(&fixture.balancer));
    for (int i = 0; i < 1000; i++)
        balancer_pay_in(&fixture.balancer); /* quiet times do not save up for a storm */
    for (int i = 0; i < 10; i++)
        assert_true(balancer_may_retry(&fixture.balancer));
    assert_false(balancer_may_retry(&fixture.balancer));
    end(&fixture);
}

static void the_budget_is_carried_over_updates(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1);
    while (balancer_may_retry(&fixture.balancer))
        ;
    set_weights(&fixture, (const unsigned[]){1, 1}, 2);
    assert_int_equal(balancer_refresh(&fixture.balancer), 0);
    assert_false(balancer_may_retry(&fixture.balancer));
    end(&fixture);
}

static void random_goes_by_weight_and_nothing_else(void **state)
{
    (void)state;
    struct fixture fixture;
    unsigned counts[NAMES_MAX];
    BEGIN(&fixture, CONF_BALANCE_RANDOM, 6, 3, 1);
    atomic_store(&target_named(&fixture, 'a')->in_flight, 1000);
    pick_many(&fixture, 20000, counts);
    assert_in_range(counts[0], 11400, 12600);
    assert_in_range(counts[1], 5500, 6500);
    assert_in_range(counts[2], 1700, 2300);
    end(&fixture);
}

static void observe(struct fixture *fixture, char name, uint64_t latency_us)
{
    ewma_observe(&target_named(fixture, name)->latency, latency_us, 0);
}

static void peak_ewma_prefers_the_one_that_would_answer_sooner(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_PEAK_EWMA, 1, 1);
    observe(&fixture, 'a', 10000);
    observe(&fixture, 'b', 1000);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pick(&fixture), 'b');
    atomic_store(&target_named(&fixture, 'b')->in_flight, 8); /* 9 ms */
    for (int i = 0; i < 100; i++)
        assert_int_equal(pick(&fixture), 'b');
    atomic_store(&target_named(&fixture, 'b')->in_flight, 10); /* 11 ms */
    for (int i = 0; i < 100; i++)
        assert_int_equal(pick(&fixture), 'a');
    end(&fixture);
}

static void a_target_without_an_answer_yet_gets_one_request(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_PEAK_EWMA, 1, 1);
    observe(&fixture, 'a', 1000);
    assert_int_equal(pick(&fixture), 'b');
    atomic_store(&target_named(&fixture, 'b')->in_flight, 1);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pick(&fixture), 'a');
    end(&fixture);
}

static void a_weight_divides_what_is_under_way(void **state)
{
    (void)state;
    struct fixture fixture;
    unsigned counts[NAMES_MAX];
    BEGIN(&fixture, CONF_BALANCE_PEAK_EWMA, 6, 3, 1);
    for (char name = 'a'; name < 'd'; name++)
        observe(&fixture, name, 5000);
    pick_many(&fixture, 20000, counts); /* idle and alike: by weight */
    assert_in_range(counts[0], 11400, 12600);
    atomic_store(&target_named(&fixture, 'a')->in_flight, 5);
    atomic_store(&target_named(&fixture, 'b')->in_flight, 2);
    atomic_store(&target_named(&fixture, 'c')->in_flight, 2);
    pick_many(&fixture, 2000, counts);
    assert_int_equal(counts[2], 0);
    assert_true(counts[1] > counts[0]);
    end(&fixture);
}

/* Each key's target. */
static void map_keys(struct fixture *fixture, char *names, unsigned count)
{
    struct prng keys;
    prng_init(&keys, 7);
    for (unsigned i = 0; i < count; i++) {
        fixture->key = prng_next(&keys);
        names[i] = pick(fixture);
        assert_int_equal(pick(fixture), names[i]);
    }
}

static void equal_keys_meet_by_weight(void **state)
{
    (void)state;
    struct fixture fixture;
    static char names[20000];
    unsigned counts[NAMES_MAX] = {0};
    BEGIN(&fixture, CONF_BALANCE_RING_HASH, 2, 1, 1);
    map_keys(&fixture, names, COUNT_OF(names));
    for (size_t i = 0; i < COUNT_OF(names); i++)
        counts[names[i] - 'a']++;
    assert_in_range(counts[0], 8000, 12000);
    assert_in_range(counts[1], 3500, 6500);
    assert_in_range(counts[2], 3500, 6500);
    end(&fixture);
}

static void only_the_keys_of_one_that_is_gone_move(void **state)
{
    (void)state;
    struct fixture fixture;
    static char before[5000], without[5000], after[5000];
    BEGIN(&fixture, CONF_BALANCE_RING_HASH, 1, 1, 1, 1);
    map_keys(&fixture, before, COUNT_OF(before));
    struct ring *ring = fixture.balancer.ring;
    set_health(&fixture, 'b', TARGET_UNHEALTHY);
    map_keys(&fixture, without, COUNT_OF(without));
    assert_ptr_equal(fixture.balancer.ring, ring); /* health does not change it */
    for (size_t i = 0; i < COUNT_OF(before); i++)
        assert_true(before[i] == 'b' ? without[i] != 'b' : without[i] == before[i]);
    set_health(&fixture, 'b', TARGET_HEALTHY);
    map_keys(&fixture, after, COUNT_OF(after));
    assert_memory_equal(before, after, sizeof before);
    set_weights(&fixture, (const unsigned[]){1, 1, 1, 1, 1}, 5);
    map_keys(&fixture, after, COUNT_OF(after));
    unsigned moved = 0;
    for (size_t i = 0; i < COUNT_OF(before); i++) {
        assert_true(after[i] == 'e' || after[i] == before[i]);
        moved += after[i] == 'e';
    }
    assert_in_range(moved, 600, 1500);
    end(&fixture);
}

static void a_bound_passes_over_what_is_loaded(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_RING_HASH, 1, 1, 1, 1);
    fixture.conf.balance.load_max = 12500;
    char first = pick(&fixture);
    for (char name = 'a'; name < 'e'; name++)
        atomic_store(&target_named(&fixture, name)->in_flight, name == first ? 12 : 10);
    assert_int_equal(pick(&fixture), first); /* 12 of 43: below 13.4 */
    atomic_store(&target_named(&fixture, first)->in_flight, 15);
    assert_int_not_equal(pick(&fixture), first);
    end(&fixture);
}

static void a_suspect_s_keys_go_to_the_next_point(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_RING_HASH, 1, 1, 1);
    char first = pick(&fixture);
    atomic_store(&target_named(&fixture, first)->suspect_until_ms, 100);
    char second = pick(&fixture);
    assert_int_not_equal(second, first);
    set_health(&fixture, second, TARGET_UNHEALTHY);
    assert_int_not_equal(pick(&fixture), first);
    end(&fixture);
}

static void a_client_gets_its_own_target_while_that_may_be_taken(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1, 1, 1);
    fixture.conf.sticky.enabled = true;
    assert_int_equal(balancer_refresh(&fixture.balancer), 0);
    uint64_t token = fixture.balancer.members[1]->token;
    assert_true(token != 0 && token != fixture.balancer.members[0]->token);
    struct choice choice = {.prng = &fixture.prng, .token = token, .has_token = true};
    for (int i = 0; i < 5; i++) {
        struct member *member = balancer_pick(&fixture.balancer, &choice);
        assert_int_equal(member->target->id.at[0], 'b');
        member_unref(member);
    }
    atomic_store(&target_named(&fixture, 'b')->suspect_until_ms, 10);
    struct member *other = balancer_pick(&fixture.balancer, &choice);
    assert_int_not_equal(other->target->id.at[0], 'b');
    member_unref(other);
    atomic_store(&target_named(&fixture, 'b')->suspect_until_ms, 0);
    set_health(&fixture, 'b', TARGET_UNHEALTHY);
    other = balancer_pick(&fixture.balancer, &choice);
    assert_int_not_equal(other->target->id.at[0], 'b');
    member_unref(other);
    fixture.conf.sticky.key = SLICE("secret");
    balancer_configure(&fixture.balancer, &fixture.conf);
    assert_int_equal(balancer_refresh(&fixture.balancer), 0);
    assert_true(fixture.balancer.members[1]->token != token);
    end(&fixture);
}

static void an_ejected_target_gets_no_requests(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1, 1);
    atomic_store(&target_named(&fixture, 'a')->is_ejected, true);
    expect_turns(&fixture, "bbb");
    set_health(&fixture, 'b', TARGET_UNHEALTHY);
    expect_turns(&fixture, "abab"); /* nothing is left but these */
    end(&fixture);
}

static void with_too_few_left_all_are_used(void **state)
{
    (void)state;
    struct fixture fixture;
    BEGIN(&fixture, CONF_BALANCE_ROUND_ROBIN, 1, 1, 1, 1, 1);
    fixture.conf.fail_open = 5000;
    set_health(&fixture, 'a', TARGET_UNHEALTHY);
    set_health(&fixture, 'b', TARGET_UNHEALTHY);
    set_health(&fixture, 'e', TARGET_DRAINING);
    expect_turns(&fixture, "cdcd"); /* two of four */
    atomic_store(&target_named(&fixture, 'c')->is_ejected, true);
    set_health(&fixture, 'e', TARGET_INITIAL);
    unsigned counts[NAMES_MAX];
    pick_many(&fixture, 40, counts);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(counts[i], i < 4 ? 10 : 0);
    set_health(&fixture, 'a', TARGET_HEALTHY);
    expect_turns(&fixture, "adad");
    end(&fixture);
}

/* How many of 20,000 requests go to the first of `count` targets, a tenth into its slow start. */
static unsigned count_new(enum conf_balance algorithm, unsigned count, bool all_are_new)
{
    struct fixture fixture;
    static const unsigned weights[4] = {1, 1, 1, 1};
    unsigned taken = 0;
    begin(&fixture, algorithm, weights, count);
    fixture.conf.slow_start_ms = 10000;
    for (char name = 'a'; name < 'a' + (char)count; name++) {
        bool is_new = all_are_new || name == 'a';
        atomic_store(&target_named(&fixture, name)->warm_from_ms, is_new ? 1000 : TARGET_WARM);
        ewma_observe(&target_named(&fixture, name)->latency, 1000, 2000);
    }
    for (unsigned i = 0; i < 20000; i++) {
        const struct choice choice = {
            .prng = &fixture.prng, .now_ms = 2000, .key = prng_next(&fixture.prng)};
        struct member *member = balancer_pick(&fixture.balancer, &choice);
        taken += member->target->id.at[0] == 'a';
        member_unref(member);
    }
    end(&fixture);
    return taken;
}

static void a_new_target_gets_its_share_slowly_under_each_algorithm(void **state)
{
    (void)state;
    for (unsigned algorithm = 0; algorithm <= CONF_BALANCE_RING_HASH; algorithm++) {
        bool is_hash = algorithm == CONF_BALANCE_RING_HASH;
        unsigned beside_three = count_new((enum conf_balance)algorithm, 4, false);
        assert_in_range(beside_three, is_hash ? 250 : 350, is_hash ? 900 : 700);
        unsigned alone = count_new((enum conf_balance)algorithm, 1, false);
        assert_int_equal(alone, 20000);
        unsigned all_new = count_new((enum conf_balance)algorithm, 4, true);
        assert_in_range(all_new, is_hash ? 3000 : 4600, is_hash ? 7000 : 5400);
    }
}

static void targets_that_come_with_an_update_are_new(void **state)
{
    (void)state;
    struct target_group group;
    const struct conf_group conf = {.name = SLICE("g")};
    const struct target_wish wishes[] = {{.id = SLICE("a"), .weight = 1},
                                         {.id = SLICE("b"), .weight = 1}};
    assert_int_equal(target_group_init(&group, &conf), 0);
    assert_int_equal(target_group_update(&group, 1, wishes, 1, 50), 0);
    assert_int_equal(target_group_update(&group, 2, wishes, 2, 70), 0);
    assert_int_equal(atomic_load(&group.set->targets[0]->warm_from_ms), 50);
    assert_int_equal(atomic_load(&group.set->targets[1]->warm_from_ms), 70);
    target_group_finish(&group);
}

static void a_large_ring_stays_bounded(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    struct target *targets = memory_alloc_array(MANY, sizeof *targets);
    struct member *members = memory_alloc_array(MANY, sizeof *members);
    struct member **all = memory_alloc_array(MANY, sizeof(struct member *));
    static char ids[MANY][8];
    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "t%u", i);
        targets[i].id = slice_of_cstr(ids[i]);
        members[i] = (struct member){.target = &targets[i], .weight = i == 0 ? 0 : 1 + i % 256};
        all[i] = &members[i];
    }
    struct ring *ring = NULL;
    assert_int_equal(ring_create(all, MANY, &ring), 0);
    assert_in_range(ring->count, MANY - 1, RING_POINTS_MAX);
    for (unsigned i = 0; i < ring->count; i++) {
        assert_true(i == 0 || ring->points[i - 1].hash <= ring->points[i].hash);
        assert_int_not_equal(ring->points[i].member, 0);
    }
    assert_int_equal(ring_find(ring, UINT64_MAX), 0);
    memory_free(ring);
    memory_free(all);
    memory_free(members);
    memory_free(targets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_robin_goes_round),
        cmocka_unit_test(round_robin_spreads_a_heavy_target_smoothly),
        cmocka_unit_test(round_robin_keeps_its_turns_over_updates),
        cmocka_unit_test(least_requests_prefers_the_idle_one_of_two),
        cmocka_unit_test(the_busiest_of_many_is_never_taken),
        cmocka_unit_test(load_counts_per_unit_of_weight),
        cmocka_unit_test(idle_targets_get_their_share_by_weight),
        cmocka_unit_test(a_single_target_takes_all),
        cmocka_unit_test(weight_0_takes_no_requests),
        cmocka_unit_test(a_group_without_targets_has_none_to_give),
        cmocka_unit_test(only_healthy_ones_take_requests_while_there_are_any),
        cmocka_unit_test(when_none_is_healthy_the_unhealthy_ones_are_tried),
        cmocka_unit_test(no_target_is_asked_twice_by_one_request),
        cmocka_unit_test(a_further_try_goes_to_the_least_busy_of_the_rest),
        cmocka_unit_test(suspects_come_last_and_only_while_they_are),
        cmocka_unit_test(when_all_are_suspect_they_are_tried_all_the_same),
        cmocka_unit_test(a_member_in_use_outlives_its_target_s_removal),
        cmocka_unit_test(members_are_carried_over_with_their_pools),
        cmocka_unit_test(a_refresh_without_memory_leaves_the_old_view),
        cmocka_unit_test(retries_draw_on_a_budget_that_requests_fill),
        cmocka_unit_test(the_budget_is_carried_over_updates),
        cmocka_unit_test(random_goes_by_weight_and_nothing_else),
        cmocka_unit_test(peak_ewma_prefers_the_one_that_would_answer_sooner),
        cmocka_unit_test(a_target_without_an_answer_yet_gets_one_request),
        cmocka_unit_test(a_weight_divides_what_is_under_way),
        cmocka_unit_test(equal_keys_meet_by_weight),
        cmocka_unit_test(only_the_keys_of_one_that_is_gone_move),
        cmocka_unit_test(a_bound_passes_over_what_is_loaded),
        cmocka_unit_test(a_suspect_s_keys_go_to_the_next_point),
        cmocka_unit_test(a_client_gets_its_own_target_while_that_may_be_taken),
        cmocka_unit_test(an_ejected_target_gets_no_requests),
        cmocka_unit_test(with_too_few_left_all_are_used),
        cmocka_unit_test(a_new_target_gets_its_share_slowly_under_each_algorithm),
        cmocka_unit_test(targets_that_come_with_an_update_are_new),
        cmocka_unit_test(a_large_ring_stays_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
