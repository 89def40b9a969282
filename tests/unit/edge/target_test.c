/* The replacement of a group's targets, and who keeps them. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "edge/forward/target.h"
#include "os/fiber.h"
#include "os/loop.h"
#include "os/sim_world.h"

#include <errno.h>

static struct target_wish wish(const char *id, uint16_t port, unsigned weight)
{
    struct target_wish wish = {.id = slice_of_cstr(id), .weight = weight};
    assert_int_equal(address_from_ip(SLICE("127.0.0.1"), port, &wish.address), 0);
    return wish;
}

static void begin(struct target_group *group, bool is_checked)
{
    const struct conf_group conf = {.name = SLICE("api"), .health.enabled = is_checked};
    assert_int_equal(target_group_init(group, &conf), 0);
}

static struct target *target_at(struct target_group *group, unsigned index)
{
    assert_true(index < group->set->count);
    return group->set->targets[index];
}

static enum target_health health_at(struct target_group *group, unsigned index)
{
    return (enum target_health)atomic_load(&target_at(group, index)->health);
}

static struct conf_target conf_target(enum conf_address_kind kind, struct slice text,
                                      struct slice host, uint16_t port, unsigned weight)
{
    return (struct conf_target){.address = {.kind = kind, .text = text, .host = host, .port = port},
                                .weight = weight};
}

static void the_file_s_targets_are_the_first_set_of_epoch_0(void **state)
{
    (void)state;
    struct conf_target targets[] = {
        conf_target(CONF_ADDRESS_IP, SLICE("10.0.0.4:80"), SLICE("10.0.0.4"), 80, 3),
        conf_target(CONF_ADDRESS_IP, SLICE("[::1]:81"), SLICE("::1"), 81, 1),
        conf_target(CONF_ADDRESS_NAME, SLICE("LocalHost:82"), SLICE("LocalHost"), 82, 0),
        conf_target(CONF_ADDRESS_UNIX, SLICE("unix:/run/x"), SLICE("/run/x"), 0, 1),
    };
    static const char *const addresses[] = {"10.0.0.4:80", "[::1]:81", "127.0.0.1:82",
                                            "unix:/run/x"};
    const struct conf_group conf = {.targets = targets, .targets_count = COUNT_OF(targets)};
    struct target_group group;
    assert_int_equal(target_group_init(&group, &conf), 0);
    assert_int_equal(group.set->epoch, 0);
    assert_int_equal(group.set->count, COUNT_OF(targets));
    for (unsigned i = 0; i < group.set->count; i++) {
        const struct target *target = target_at(&group, i);
        assert_true(slice_equal(target->id, targets[i].address.text));
        assert_string_equal(target->address_text, addresses[i]);
        assert_int_equal(target->weight, targets[i].weight);
        assert_int_equal(health_at(&group, i), i == 2 ? TARGET_DRAINING : TARGET_HEALTHY);
    }
    target_group_finish(&group);
}

static void a_host_name_has_no_target_until_it_is_looked_up(void **state)
{
    (void)state;
    struct conf_target targets[] = {
        conf_target(CONF_ADDRESS_NAME, SLICE("api.internal:80"), SLICE("api.internal"), 80, 1),
        conf_target(CONF_ADDRESS_IP, SLICE("127.0.0.1:1"), SLICE("127.0.0.1"), 1, 1),
        conf_target(CONF_ADDRESS_NAME, SLICE("db.internal:80"), SLICE("db.internal"), 80, 1),
    };
    const struct conf_group conf = {.targets = targets, .targets_count = COUNT_OF(targets)};
    struct target_group group;
    assert_int_equal(target_group_init(&group, &conf), 0);
    assert_int_equal(atomic_load(&group.unresolved), 2);
    assert_int_equal(group.set->count, 1);
    assert_string_equal(target_at(&group, 0)->address_text, "127.0.0.1:1");
    target_group_finish(&group);
}

static void a_socket_s_path_that_is_too_long_is_an_error(void **state)
{
    (void)state;
    static const char too_long[200] = {[0 ... 198] = 'x'};
    struct conf_target targets[] = {
        conf_target(CONF_ADDRESS_IP, SLICE("127.0.0.1:1"), SLICE("127.0.0.1"), 1, 1),
        conf_target(CONF_ADDRESS_UNIX, SLICE("unix:x"), slice_of(too_long, 199), 0, 1),
    };
    const struct conf_group conf = {.targets = targets, .targets_count = COUNT_OF(targets)};
    struct target_group group;
    assert_int_equal(target_group_init(&group, &conf), -ENAMETOOLONG);
    assert_null(group.set);
    target_group_finish(&group);
}

static void checked_targets_begin_as_initial_and_others_as_healthy(void **state)
{
    (void)state;
    for (int is_checked = 0; is_checked < 2; is_checked++) {
        struct target_group group;
        begin(&group, is_checked);
        const struct target_wish wishes[] = {wish("a", 1, 1), wish("b", 2, 0)};
        assert_int_equal(target_group_update(&group, 1, wishes, 2, 77), 0);
        assert_int_equal(health_at(&group, 0), is_checked ? TARGET_INITIAL : TARGET_HEALTHY);
        assert_int_equal(health_at(&group, 1), TARGET_DRAINING);
        assert_int_equal(target_at(&group, 0)->added_ms, 77);
        target_group_finish(&group);
    }
}

static void an_update_carries_the_same_targets_over_as_they_are(void **state)
{
    (void)state;
    struct target_group group;
    begin(&group, true);
    const struct target_wish before[] = {wish("a", 1, 1), wish("b", 2, 1)};
    assert_int_equal(target_group_update(&group, 1, before, 2, 10), 0);
    struct target *kept = target_at(&group, 1);
    target_set_health(&group, kept, TARGET_UNHEALTHY, "503");
    const struct target_wish after[] = {wish("c", 3, 1), wish("b", 2, 1)};
    assert_int_equal(target_group_update(&group, 2, after, 2, 20), 0);
    assert_int_equal(group.set->epoch, 2);
    assert_ptr_equal(target_at(&group, 1), kept);
    assert_int_equal(health_at(&group, 1), TARGET_UNHEALTHY);
    assert_string_equal(kept->health_reason, "503");
    assert_int_equal(kept->added_ms, 10);
    assert_int_equal(health_at(&group, 0), TARGET_INITIAL);
    assert_int_equal(target_at(&group, 0)->added_ms, 20);
    target_group_finish(&group);
}

static void another_weight_takes_nothing_from_a_target(void **state)
{
    (void)state;
    struct target_group group;
    begin(&group, true);
    struct target_wish one = wish("a", 1, 1);
    assert_int_equal(target_group_update(&group, 1, &one, 1, 0), 0);
    struct target *target = target_at(&group, 0);
    target_set_health(&group, target, TARGET_UNHEALTHY, "503");
    atomic_store(&target->requests, 7);
    atomic_store(&target->in_flight, 2);
    one.weight = 5;
    assert_int_equal(target_group_update(&group, 2, &one, 1, 0), 0);
    assert_ptr_equal(target_at(&group, 0), target);
    assert_int_equal(target->weight, 5);
    assert_int_equal(health_at(&group, 0), TARGET_UNHEALTHY);
    assert_int_equal(atomic_load(&target->requests), 7);
    assert_int_equal(atomic_load(&target->in_flight), 2);
    target_group_finish(&group);
}

static void one_that_drained_is_checked_before_it_comes_back(void **state)
{
    (void)state;
    struct target_group group;
    begin(&group, true);
    struct target_wish one = wish("a", 1, 1);
    static const unsigned weights[] = {1, 0, 1};
    static const enum target_health expected[] = {TARGET_INITIAL, TARGET_DRAINING, TARGET_INITIAL};
    for (size_t i = 0; i < COUNT_OF(weights); i++) {
        one.weight = weights[i];
        assert_int_equal(target_group_update(&group, i, &one, 1, 0), 0);
        assert_int_equal(health_at(&group, 0), expected[i]);
        if (i == 0)
            target_set_health(&group, target_at(&group, 0), TARGET_HEALTHY, NULL);
    }
    target_group_finish(&group);
}

static void the_same_id_elsewhere_knows_nothing_of_the_old_one(void **state)
{
    (void)state;
    struct target_group group;
    begin(&group, true);
    const struct target_wish before = wish("a", 1, 1), after = wish("a", 2, 1);
    assert_int_equal(target_group_update(&group, 1, &before, 1, 0), 0);
    target_set_health(&group, target_at(&group, 0), TARGET_HEALTHY, NULL);
    assert_int_equal(target_group_update(&group, 2, &after, 1, 0), 0);
    assert_int_equal(health_at(&group, 0), TARGET_INITIAL);
    assert_string_equal(target_at(&group, 0)->address_text, "127.0.0.1:2");
    target_group_finish(&group);
}

static void an_older_epoch_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct target_group group;
    begin(&group, false);
    const struct target_wish new = wish("new", 2, 1), old = wish("old", 1, 1);
    assert_int_equal(target_group_update(&group, 7, &new, 1, 0), 0);
    unsigned version = atomic_load(&group.version);
    assert_int_equal(target_group_update(&group, 6, &old, 1, 0), -ESTALE);
    assert_int_equal(group.set->epoch, 7);
    assert_true(slice_equal(target_at(&group, 0)->id, SLICE("new")));
    assert_int_equal(atomic_load(&group.version), version);
    assert_int_equal(target_group_update(&group, 7, &old, 1, 0), 0); /* said again */
    assert_true(slice_equal(target_at(&group, 0)->id, SLICE("old")));
    target_group_finish(&group);
}

static void no_targets_at_all_are_a_set_too(void **state)
{
    (void)state;
    struct target_group group;
    begin(&group, false);
    assert_int_equal(group.set->count, 0);
    const struct target_wish one = wish("a", 1, 1);
    assert_int_equal(target_group_update(&group, 1, &one, 1, 0), 0);
    assert_int_equal(target_group_update(&group, 2, NULL, 0, 0), 0);
    assert_int_equal(group.set->count, 0);
    target_group_finish(&group);
}

/* Whoever took a set or a target keeps it over updates; the sanitizer sees what is kept too long.
 */
static void what_somebody_holds_outlives_its_update(void **state)
{
    (void)state;
    struct target_group group;
    begin(&group, false);
    const struct target_wish one = wish("a", 1, 1), other = wish("b", 2, 1);
    assert_int_equal(target_group_update(&group, 1, &one, 1, 0), 0);
    struct target_set *set = target_group_set(&group);
    struct target *target = target_ref(set->targets[0]);
    assert_int_equal(atomic_load(&target->references), 2);
    assert_int_equal(target_group_update(&group, 2, &other, 1, 0), 0);
    assert_int_equal(set->epoch, 1);
    assert_ptr_equal(set->targets[0], target);
    target_set_unref(set);
    assert_int_equal(atomic_load(&target->references), 1);
    target_group_finish(&group);
    assert_true(slice_equal(target->id, SLICE("a")));
    target_unref(target);
    target_unref(NULL);
    target_set_unref(NULL);
}

static void the_version_tells_changes_of_health_and_only_those(void **state)
{
    (void)state;
    struct target_group group;
    begin(&group, false);
    const struct target_wish one = wish("a", 1, 1);
    unsigned before = atomic_load(&group.version);
    assert_int_equal(target_group_update(&group, 1, &one, 1, 0), 0);
    unsigned updated = atomic_load(&group.version);
    assert_int_not_equal(updated, before);
    target_set_health(&group, target_at(&group, 0), TARGET_HEALTHY, "still well");
    assert_int_equal(atomic_load(&group.version), updated);
    assert_string_equal(target_at(&group, 0)->health_reason, "still well");
    target_set_health(&group, target_at(&group, 0), TARGET_UNHEALTHY, NULL);
    assert_int_not_equal(atomic_load(&group.version), updated);
    assert_string_equal(target_at(&group, 0)->health_reason, "");
    target_group_finish(&group);
}

static void a_long_reason_is_cut(void **state)
{
    (void)state;
    static const char reason[400] = {[0 ... 398] = 'r'};
    struct target_group group;
    begin(&group, false);
    const struct target_wish one = wish("a", 1, 1);
    assert_int_equal(target_group_update(&group, 1, &one, 1, 0), 0);
    target_set_health(&group, target_at(&group, 0), TARGET_UNHEALTHY, reason);
    assert_int_equal(strlen(target_at(&group, 0)->health_reason),
                     sizeof target_at(&group, 0)->health_reason - 1);
    target_group_finish(&group);
}

static void each_health_has_its_word(void **state)
{
    (void)state;
    assert_string_equal(target_health_name(TARGET_INITIAL), "initial");
    assert_string_equal(target_health_name(TARGET_HEALTHY), "healthy");
    assert_string_equal(target_health_name(TARGET_UNHEALTHY), "unhealthy");
    assert_string_equal(target_health_name(TARGET_DRAINING), "draining");
}

static void every_allocation_may_fail_and_the_old_set_stays(void **state)
{
    (void)state;
    struct target_group group;
    begin(&group, false);
    const struct target_wish old = wish("a", 1, 1);
    assert_int_equal(target_group_update(&group, 1, &old, 1, 0), 0);
    const struct target_wish wishes[] = {old, wish("b", 2, 1), wish("c", 3, 1)};
    int rc = -ENOMEM;
    long nth = 0;
    while (rc == -ENOMEM) {
        memory_fail_from(++nth);
        rc = target_group_update(&group, 2, wishes, COUNT_OF(wishes), 0);
        memory_fail_from(0);
        assert_int_equal(group.set->count, rc == 0 ? 3 : 1);
        assert_int_equal(group.set->epoch, rc == 0 ? 2 : 1);
        assert_int_equal(atomic_load(&target_at(&group, 0)->references), 1);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(nth, 4); /* the set and two new targets could not be had */
    target_group_finish(&group);
}

static void a_group_for_which_memory_is_missing_is_an_error(void **state)
{
    (void)state;
    struct conf_target target =
        conf_target(CONF_ADDRESS_IP, SLICE("127.0.0.1:1"), SLICE("127.0.0.1"), 1, 1);
    const struct conf_group conf = {.targets = &target, .targets_count = 1};
    for (long nth = 1; nth <= 3; nth++) {
        struct target_group group;
        memory_fail_from(nth);
        assert_int_equal(target_group_init(&group, &conf), -ENOMEM);
        memory_fail_from(0);
        target_group_finish(&group);
    }
}

/* Waiting for a change, in a world with a loop. */

static struct target_group awaited;

static void run(fiber_main *scenario)
{
    struct sim_report report;
    begin(&awaited, true);
    const struct target_wish one = wish("a", 1, 1);
    assert_int_equal(target_group_update(&awaited, 1, &one, 1, 0), 0);
    assert_int_equal(sim_world_run(1, NULL, false, scenario, NULL, &report), 0);
    target_group_finish(&awaited);
}

static int await_now(int64_t within_ms)
{
    return target_group_await(&awaited, atomic_load(&awaited.version), loop_deadline(within_ms));
}

static void await_long(void *ret)
{
    *(int *)ret = await_now(10000);
}

static void change_at_last(void *arg)
{
    (void)arg;
    enum { WAITERS = 20 };
    int results[WAITERS];
    struct fiber *fibers[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        results[i] = 1;
        assert_int_equal(fiber_start(await_long, &results[i], &fibers[i]), 0);
    }
    assert_int_equal(fiber_sleep(5), 0);
    fiber_cancel(fibers[3]);
    assert_int_equal(fiber_sleep(5), 0);
    target_set_health(&awaited, target_at(&awaited, 0), TARGET_HEALTHY, NULL);
    fiber_cancel(fibers[4]); /* it is being told already */
    int64_t told_ms = loop_now_ms();
    assert_int_equal(fiber_sleep(1), 0);
    for (int i = 0; i < WAITERS; i++)
        assert_int_equal(results[i], i == 3 || i == 4 ? -ECANCELED : 0);
    assert_true(loop_now_ms() <= told_ms + 2);
}

static void a_change_is_told_to_all_who_await_it(void **state)
{
    (void)state;
    run(change_at_last);
}

static void await_in_vain(void *arg)
{
    (void)arg;
    int64_t begin_ms = loop_now_ms();
    unsigned version = atomic_load(&awaited.version);
    assert_int_equal(await_now(50), -ETIMEDOUT);
    assert_true(loop_now_ms() >= begin_ms + 50);
    target_set_health(&awaited, target_at(&awaited, 0), TARGET_INITIAL, "the same again");
    assert_int_equal(await_now(50), -ETIMEDOUT);
    target_set_health(&awaited, target_at(&awaited, 0), TARGET_UNHEALTHY, NULL);
    begin_ms = loop_now_ms();
    assert_int_equal(target_group_await(&awaited, version, loop_deadline(50)), 0);
    assert_int_equal(loop_now_ms(), begin_ms);
}

static void what_does_not_change_is_awaited_up_to_the_deadline(void **state)
{
    (void)state;
    run(await_in_vain);
}

static void a_group_is_undecided_until_its_targets_were_asked(void **state)
{
    (void)state;
    struct target_group group;
    begin(&group, true);
    assert_false(target_group_is_undecided(&group));
    const struct target_wish wishes[] = {wish("a", 1, 1), wish("b", 2, 1), wish("c", 3, 0)};
    assert_int_equal(target_group_update(&group, 1, wishes, 3, 0), 0);
    target_set_health(&group, target_at(&group, 0), TARGET_UNHEALTHY, NULL);
    assert_true(target_group_is_undecided(&group));
    target_set_health(&group, target_at(&group, 1), TARGET_HEALTHY, NULL);
    assert_false(target_group_is_undecided(&group));
    target_group_finish(&group);
}

static void a_service_is_undecided_until_somebody_names_its_targets(void **state)
{
    (void)state;
    const struct conf_group conf = {.name = SLICE("api"), .is_service = true};
    struct target_group group;
    assert_int_equal(target_group_init(&group, &conf), 0);
    assert_true(target_group_is_undecided(&group));
    assert_int_equal(target_group_update(&group, 7, NULL, 0, 0), 0);
    assert_false(target_group_is_undecided(&group));
    target_group_finish(&group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_s_targets_are_the_first_set_of_epoch_0),
        cmocka_unit_test(a_host_name_has_no_target_until_it_is_looked_up),
        cmocka_unit_test(a_socket_s_path_that_is_too_long_is_an_error),
        cmocka_unit_test(checked_targets_begin_as_initial_and_others_as_healthy),
        cmocka_unit_test(an_update_carries_the_same_targets_over_as_they_are),
        cmocka_unit_test(another_weight_takes_nothing_from_a_target),
        cmocka_unit_test(one_that_drained_is_checked_before_it_comes_back),
        cmocka_unit_test(the_same_id_elsewhere_knows_nothing_of_the_old_one),
        cmocka_unit_test(an_older_epoch_is_refused_and_changes_nothing),
        cmocka_unit_test(no_targets_at_all_are_a_set_too),
        cmocka_unit_test(what_somebody_holds_outlives_its_update),
        cmocka_unit_test(the_version_tells_changes_of_health_and_only_those),
        cmocka_unit_test(a_long_reason_is_cut),
        cmocka_unit_test(each_health_has_its_word),
        cmocka_unit_test(every_allocation_may_fail_and_the_old_set_stays),
        cmocka_unit_test(a_group_for_which_memory_is_missing_is_an_error),
        cmocka_unit_test(a_change_is_told_to_all_who_await_it),
        cmocka_unit_test(what_does_not_change_is_awaited_up_to_the_deadline),
        cmocka_unit_test(a_group_is_undecided_until_its_targets_were_asked),
        cmocka_unit_test(a_service_is_undecided_until_somebody_names_its_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
