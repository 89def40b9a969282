/* The line of requests that wait for a slot, over several loops. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "edge/forward/slot.h"
#include "os/sim_world.h"

#include <errno.h>
#include <stdio.h>

#define LIMIT    3
#define WAITERS  40
#define MACHINES 3

static struct target_group group;
static struct target target;
static struct prng prng;
static unsigned order[WAITERS], ended, served;

struct waiter {
    unsigned number; /* in the order of their coming */
    unsigned max;
    int64_t patience_ms;
    struct fiber *fiber;
    int rc;
};

static struct waiter waiters[WAITERS];

/* As a request does it: a slot now, or in line. */
static bool obtain(struct waiter *waiter)
{
    struct line_place place;
    if (line_is_empty(&group.line) && target_enter(&target, LIMIT))
        return true;
    int64_t deadline_ms = loop_deadline(waiter->patience_ms);
    waiter->rc = line_enter(&group.line, waiter->max, &place);
    if (waiter->rc < 0)
        return false;
    bool has_slot = waiter->rc == 1 && target_enter(&target, LIMIT);
    for (waiter->rc = 0; waiter->rc == 0 && !has_slot;) {
        waiter->rc = line_wait(&group.line, &place, deadline_ms);
        has_slot = waiter->rc == 0 && target_enter(&target, LIMIT);
    }
    line_leave(&group.line, &place, has_slot);
    return has_slot;
}

static void wait_and_hold(void *arg)
{
    struct waiter *waiter = arg;
    if (obtain(waiter)) {
        assert_in_range(atomic_load(&target.in_flight), 1, LIMIT);
        order[served++] = waiter->number;
        (void)fiber_sleep(1 + (int64_t)prng_below(&prng, 20));
        target_leave(&group, &target);
    }
    ended++;
}

static void begin(unsigned max, int64_t patience_ms)
{
    const struct conf_group conf = {.name = SLICE("g")};
    assert_int_equal(target_group_init(&group, &conf), 0);
    target = (struct target){0};
    prng_init(&prng, 5);
    ended = served = 0;
    for (unsigned i = 0; i < WAITERS; i++)
        waiters[i] = (struct waiter){.number = i, .max = max, .patience_ms = patience_ms};
}

static void run(fiber_main *scenario)
{
    struct sim_report report;
    assert_int_equal(sim_world_run(1, NULL, false, scenario, NULL, &report), 0);
    assert_int_equal(atomic_load(&target.in_flight), 0);
    assert_int_equal(atomic_load(&group.line.count), 0);
    assert_true(list_is_empty(&group.line.places));
    target_group_finish(&group);
}

static void start(struct waiter *waiter)
{
    assert_int_equal(fiber_start(wait_and_hold, waiter, &waiter->fiber), 0);
    (void)fiber_sleep(1); /* so that they come in their order */
}

static void await_all(void)
{
    while (ended < WAITERS)
        assert_int_equal(fiber_sleep(10), 0);
}

static void one_loop(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < WAITERS; i++)
        start(&waiters[i]);
    await_all();
    for (unsigned i = 0; i < WAITERS; i++)
        assert_int_equal(order[i], i);
}

static void who_comes_first_is_served_first(void **state)
{
    (void)state;
    begin(WAITERS, 100000);
    run(one_loop);
    assert_int_equal(served, WAITERS);
}

static void one_of_several_loops(void *arg)
{
    unsigned first = *(unsigned *)arg;
    for (unsigned i = first; i < WAITERS; i += MACHINES)
        start(&waiters[i]);
    while (ended < WAITERS)
        (void)fiber_sleep(10);
}

static void several_loops(void *arg)
{
    (void)arg;
    static unsigned firsts[MACHINES];
    for (unsigned i = 0; i < MACHINES; i++) {
        char ip[24];
        struct sim_machine *machine;
        firsts[i] = i;
        (void)snprintf(ip, sizeof ip, "10.0.1.%u", i);
        assert_int_equal(sim_machine_start(ip, one_of_several_loops, &firsts[i], &machine), 0);
    }
    await_all();
}

static void a_slot_that_frees_on_one_loop_wakes_another(void **state)
{
    (void)state;
    begin(WAITERS, 100000);
    run(several_loops);
    assert_int_equal(served, WAITERS);
}

static void too_many(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < WAITERS; i++)
        assert_int_equal(fiber_start(wait_and_hold, &waiters[i], NULL), 0);
    await_all();
    for (unsigned i = 0; i < WAITERS; i++)
        assert_int_equal(waiters[i].rc, i < LIMIT + 7 ? 0 : -EAGAIN);
}

static void the_line_has_an_end(void **state)
{
    (void)state;
    begin(7, 100000);
    run(too_many);
    assert_int_equal(served, LIMIT + 7);
}

static void in_vain(void *arg)
{
    (void)arg;
    assert_true(target_enter(&target, LIMIT) && target_enter(&target, LIMIT) &&
                target_enter(&target, LIMIT));
    for (unsigned i = 0; i < WAITERS; i++)
        start(&waiters[i]);
    fiber_cancel(waiters[3].fiber);
    (void)fiber_sleep(1);
    assert_int_equal(waiters[3].rc, -ECANCELED);
    target_leave(&group, &target);
    fiber_cancel(waiters[0].fiber); /* it is being woken: the next one takes its turn */
    await_all();
    assert_int_equal(waiters[0].rc, -ECANCELED);
    assert_int_equal(order[0], 1);
    assert_int_equal(waiters[WAITERS - 1].rc, 0);
    target_leave(&group, &target);
    target_leave(&group, &target);
}

static void a_turn_that_is_not_taken_is_the_next_one_s(void **state)
{
    (void)state;
    begin(WAITERS, 100000);
    run(in_vain);
    assert_int_equal(served, WAITERS - 2);
}

static void too_late(void *arg)
{
    (void)arg;
    assert_true(target_enter(&target, LIMIT) && target_enter(&target, LIMIT) &&
                target_enter(&target, LIMIT));
    for (unsigned i = 0; i < WAITERS; i++)
        start(&waiters[i]);
    await_all();
    for (unsigned i = 0; i < WAITERS; i++)
        assert_int_equal(waiters[i].rc, -ETIMEDOUT);
    for (unsigned i = 0; i < LIMIT; i++)
        target_leave(&group, &target);
}

static void nobody_waits_for_ever(void **state)
{
    (void)state;
    begin(WAITERS, 50);
    run(too_late);
    assert_int_equal(served, 0);
}

static void slots_have_their_limit(void **state)
{
    (void)state;
    struct target one = {0};
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(target_enter(&one, 3), i < 3);
    assert_int_equal(atomic_load(&one.in_flight), 3);
    assert_true(target_enter(&one, 0)); /* no limit any more */
    assert_false(target_enter(&one, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_first_is_served_first),
        cmocka_unit_test(a_slot_that_frees_on_one_loop_wakes_another),
        cmocka_unit_test(the_line_has_an_end),
        cmocka_unit_test(a_turn_that_is_not_taken_is_the_next_one_s),
        cmocka_unit_test(nobody_waits_for_ever),
        cmocka_unit_test(slots_have_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
