/* Host names as targets, over a stub of name servers and a virtual clock. */
#include "unit.h"

#include "base/log.h"
#include "base/memory.h"
#include "edge/forward/names.h"
#include "os/loop.h"
#include "os/sim_world.h"

#include <errno.h>
#include <stdio.h>

#define HOUR_MS         3600000
#define ALLOCATIONS_MAX 200

/* What the name servers say of every name. */
static struct {
    const char *addresses[4]; /* in this order; NULL: no more */
    int64_t ttl_ms;
    int error; /* instead of an answer */
    unsigned asked;
} servers;

static struct {
    unsigned warnings, infos;
    char last[400];
} told;

static struct conf_group conf;
static struct target_group group;
static const struct group_setup setup = {&group, &conf};
static struct names names;
static struct conf_target targets[4];

static int answer(void *arg, struct slice name, struct address *ret_addresses, unsigned max,
                  int64_t *ttl_ms)
{
    (void)arg;
    (void)name;
    int count = 0;
    servers.asked++;
    if (servers.error < 0)
        return servers.error;
    while (count < 4 && (unsigned)count < max && servers.addresses[count] != NULL) {
        assert_int_equal(
            address_from_ip(slice_of_cstr(servers.addresses[count]), 0, &ret_addresses[count]), 0);
        count++;
    }
    *ttl_ms = servers.ttl_ms;
    return count;
}

static void hear(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)arg;
    if (level == LOG_LEVEL_WARN)
        told.warnings++;
    else
        told.infos++;
    (void)snprintf(told.last, sizeof told.last, "%.*s", (int)len, line);
}

static void servers_say(const char *first, const char *second, const char *third)
{
    servers.error = 0;
    servers.addresses[0] = first;
    servers.addresses[1] = second;
    servers.addresses[2] = third;
}

static struct conf_target target_at(enum conf_address_kind kind, const char *host)
{
    static char texts[8][80];
    static unsigned used;
    char *text = texts[used++ % 8];
    (void)snprintf(text, sizeof texts[0], "%s:8080", host);
    return (struct conf_target){.address = {kind, slice_of_cstr(text), slice_of_cstr(host), 8080},
                                .weight = 1};
}

static void make_group(unsigned targets_count, bool has_health)
{
    conf = (struct conf_group){.name = SLICE("legacy"),
                               .targets = targets,
                               .targets_count = targets_count,
                               .health = {.enabled = has_health}};
    assert_int_equal(target_group_init(&group, &conf), 0);
}

static void start(void)
{
    struct resolver *resolver = NULL;
    assert_int_equal(resolver_create_stub(answer, NULL, &resolver), 0);
    assert_int_equal(names_start(&names, &setup, 1, resolver), 0);
    assert_int_equal(names_await(&names, loop_deadline(1000)), 0);
}

static void stop(void)
{
    names_stop(&names);
    while (!names_have_stopped(&names))
        assert_int_equal(fiber_sleep(1), 0);
    names_finish(&names);
    target_group_finish(&group);
}

/* One name, and the answer about it. */
static void start_with_one_name(bool has_health)
{
    targets[0] = target_at(CONF_ADDRESS_NAME, "app.internal");
    make_group(1, has_health);
    start();
}

static void wait_ms(int64_t duration_ms)
{
    assert_int_equal(fiber_sleep(duration_ms), 0);
}

static void assert_targets(const char *const *ids, unsigned count)
{
    assert_int_equal(group.set->count, count);
    for (unsigned i = 0; i < count; i++)
        assert_string_equal(group.set->targets[i]->id_text, ids[i]);
}

#define ASSERT_TARGETS(...)                                                                        \
    assert_targets((const char *const[]){__VA_ARGS__},                                             \
                   sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static int begin(void **state)
{
    (void)state;
    memset(&servers, 0, sizeof servers);
    memset(&told, 0, sizeof told);
    servers.ttl_ms = 60000;
    servers_say("10.0.0.4", NULL, NULL);
    log_set_sink(hear, NULL, LOG_LEVEL_INFO);
    return 0;
}

static int end(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL, LOG_LEVEL_ERROR);
    return 0;
}

static void run(fiber_main *scenario)
{
    struct sim_report report;
    assert_int_equal(sim_world_run(1, NULL, false, scenario, NULL, &report), 0);
    assert_false(report.was_stuck);
}

static void mix_targets(void *arg)
{
    (void)arg;
    servers_say("10.0.0.5", "fd00::1", "10.0.0.4");
    targets[0] = target_at(CONF_ADDRESS_IP, "10.9.9.9");
    targets[1] = target_at(CONF_ADDRESS_NAME, "App.internal");
    targets[1].weight = 3;
    targets[2] = target_at(CONF_ADDRESS_NAME, "LocalHost");
    targets[3] = target_at(CONF_ADDRESS_NAME, "b.internal");
    targets[3].weight = 0;
    make_group(4, false);
    ASSERT_TARGETS("10.9.9.9:8080", "LocalHost:8080");
    assert_int_equal(group.unresolved, 2);
    start();
    ASSERT_TARGETS("10.9.9.9:8080", "App.internal:8080/10.0.0.4", "App.internal:8080/10.0.0.5",
                   "App.internal:8080/fd00::1", "LocalHost:8080", "b.internal:8080/10.0.0.4",
                   "b.internal:8080/10.0.0.5", "b.internal:8080/fd00::1");
    assert_int_equal(group.unresolved, 0);
    assert_string_equal(group.set->targets[2]->address_text, "10.0.0.5:8080");
    assert_string_equal(group.set->targets[3]->address_text, "[fd00::1]:8080");
    assert_int_equal(group.set->targets[3]->weight, 3);
    assert_int_equal(group.set->targets[3]->health, TARGET_HEALTHY);
    assert_int_equal(group.set->targets[7]->health, TARGET_DRAINING);
    assert_int_equal(group.set->epoch, 0);
    stop();
}

static void each_address_of_a_name_is_a_target_beside_the_others(void **state)
{
    (void)state;
    run(mix_targets);
}

static void change_answers(void *arg)
{
    (void)arg;
    start_with_one_name(true);
    ASSERT_TARGETS("app.internal:8080/10.0.0.4");
    struct target *first = target_ref(group.set->targets[0]);
    assert_int_equal(first->health, TARGET_INITIAL);
    target_set_health(&group, first, TARGET_HEALTHY, NULL);

    servers_say("10.0.0.3", "10.0.0.4", NULL);
    wait_ms(61000);
    ASSERT_TARGETS("app.internal:8080/10.0.0.3", "app.internal:8080/10.0.0.4");
    assert_int_equal(group.set->targets[0]->health, TARGET_INITIAL);
    assert_ptr_equal(group.set->targets[1], first);
    assert_int_equal(first->health, TARGET_HEALTHY);

    servers_say("10.0.0.3", NULL, NULL);
    wait_ms(61000);
    ASSERT_TARGETS("app.internal:8080/10.0.0.3");
    assert_string_equal(told.last, "target app.internal:8080 of legacy is at 10.0.0.3");
    assert_int_equal(told.infos, 3);
    target_unref(first);
    stop();
}

static void targets_that_stay_in_the_answer_keep_their_health(void **state)
{
    (void)state;
    run(change_answers);
}

static void turn_answers_round(void *arg)
{
    (void)arg;
    servers_say("10.0.0.4", "10.0.0.5", "10.0.0.6");
    start_with_one_name(false);
    unsigned version = group.version, asked = servers.asked;
    servers_say("10.0.0.6", "10.0.0.4", "10.0.0.5");
    wait_ms(61000);
    assert_int_equal(servers.asked, asked + 1);
    assert_int_equal(group.version, version);
    assert_int_equal(told.infos, 1);

    servers_say("10.0.0.6", "10.0.0.6", "10.0.0.5");
    wait_ms(61000);
    ASSERT_TARGETS("app.internal:8080/10.0.0.5", "app.internal:8080/10.0.0.6");
    stop();
}

static void order_and_repetition_in_an_answer_mean_nothing(void **state)
{
    (void)state;
    run(turn_answers_round);
}

static void use_odd_times_to_live(void *arg)
{
    (void)arg;
    servers.ttl_ms = 0;
    start_with_one_name(false);
    wait_ms(10500);
    assert_in_range(servers.asked, 9, 11);

    servers.ttl_ms = 7 * 24 * (int64_t)HOUR_MS;
    wait_ms(1500);
    unsigned asked = servers.asked;
    wait_ms(HOUR_MS - 5000);
    assert_int_equal(servers.asked, asked);
    wait_ms(10000);
    assert_int_equal(servers.asked, asked + 1);
    stop();
}

static void the_time_to_live_is_at_least_a_second_and_at_most_an_hour(void **state)
{
    (void)state;
    run(use_odd_times_to_live);
}

static void lose_servers(void *arg)
{
    (void)arg;
    start_with_one_name(false);
    servers.error = -ETIMEDOUT;
    wait_ms(70000);
    assert_int_equal(told.warnings, 1);
    assert_string_equal(told.last,
                        "target app.internal:8080 of legacy cannot be resolved: the name "
                        "servers do not answer; its last addresses stay");
    unsigned asked = servers.asked;
    wait_ms(100000);
    assert_in_range(servers.asked - asked, 8, 12);

    servers.error = -ENOENT; /* denied, for longer than the resolver keeps what it knew */
    wait_ms(30 * (int64_t)HOUR_MS);
    ASSERT_TARGETS("app.internal:8080/10.0.0.4");
    assert_int_equal(told.warnings, 1);
    assert_int_equal(told.infos, 1);

    servers_say("10.0.0.4", NULL, NULL);
    wait_ms(15000);
    assert_int_equal(told.infos, 2);
    assert_string_equal(told.last, "target app.internal:8080 of legacy is resolved again");
    asked = servers.asked;
    servers.error = -EREMOTEIO; /* told anew, and the waits begin short again */
    wait_ms(65000);
    assert_int_equal(told.warnings, 2);
    assert_in_range(servers.asked - asked, 2, 5);
    stop();
}

static void failures_keep_the_last_addresses_and_are_told_once(void **state)
{
    (void)state;
    run(lose_servers);
}

static void begin_without_servers(void *arg)
{
    (void)arg;
    servers.error = -EREMOTEIO;
    start_with_one_name(false); /* the first failure ends the wait too */
    assert_int_equal(group.set->count, 0);
    assert_int_equal(group.unresolved, 1);
    assert_string_equal(told.last,
                        "target app.internal:8080 of legacy cannot be resolved: the name "
                        "servers failed or refused; it takes no requests yet");
    wait_ms(60000);
    assert_int_equal(told.warnings, 1);
    servers_say("10.0.0.4", NULL, NULL);
    wait_ms(11000);
    ASSERT_TARGETS("app.internal:8080/10.0.0.4");
    assert_int_equal(group.unresolved, 0);
    stop();
}

static void there_are_no_targets_until_the_first_answer(void **state)
{
    (void)state;
    run(begin_without_servers);
}

static void await_too_short(void *arg)
{
    (void)arg;
    struct resolver *resolver = NULL;
    targets[0] = target_at(CONF_ADDRESS_NAME, "app.internal");
    make_group(1, false);
    assert_int_equal(resolver_create_stub(answer, NULL, &resolver), 0);
    assert_int_equal(names_start(&names, &setup, 1, resolver), 0);
    assert_int_equal(names_await(&names, loop_now_ms()), -ETIMEDOUT);
    stop(); /* while it is being looked up */
    assert_int_equal(told.infos + told.warnings, 0);
}

static void the_wait_for_first_answers_has_an_end_and_lookups_can_be_stopped(void **state)
{
    (void)state;
    run(await_too_short);
}

static void have_no_names(void *arg)
{
    (void)arg;
    targets[0] = target_at(CONF_ADDRESS_IP, "10.0.0.4");
    targets[1] = target_at(CONF_ADDRESS_NAME, "localhost");
    targets[2] = target_at(CONF_ADDRESS_NAME, "app.localhost");
    make_group(3, false);
    assert_int_equal(names_start(&names, &setup, 1, NULL), 0);
    assert_null(names.resolver);
    assert_int_equal(names_await(&names, loop_now_ms()), 0);
    ASSERT_TARGETS("10.0.0.4:8080", "localhost:8080", "app.localhost:8080");
    for (unsigned i = 1; i < 3; i++) {
        char other[ADDRESS_TEXT_BYTES];
        assert_string_equal(group.set->targets[i]->address_text, "127.0.0.1:8080");
        (void)address_format(&group.set->targets[i]->other, other);
        assert_string_equal(other, "[::1]:8080");
    }
    assert_int_equal(group.set->targets[0]->other.len, 0);
    stop();
}

static void addresses_and_localhost_are_not_looked_up(void **state)
{
    (void)state;
    run(have_no_names);
}

static void take_group_over(void *arg)
{
    (void)arg;
    struct target_wish wish = {.id = SLICE("mine"), .weight = 1};
    assert_int_equal(address_from_ip(SLICE("10.7.7.7"), 80, &wish.address), 0);
    targets[1] = target_at(CONF_ADDRESS_NAME, "b.internal");
    targets[0] = target_at(CONF_ADDRESS_NAME, "app.internal");
    make_group(2, false);
    start();
    assert_int_equal(target_group_update(&group, 1, &wish, 1, loop_now_ms()), 0);
    servers_say("10.0.0.9", NULL, NULL);
    wait_ms(62000);
    ASSERT_TARGETS("mine");
    assert_true(names_have_stopped(&names));
    assert_int_equal(told.infos, 3); /* each name's address, and the farewell */
    assert_int_equal(told.warnings, 0);
    stop();
}

static void targets_of_the_admin_api_end_the_lookups_of_their_group(void **state)
{
    (void)state;
    run(take_group_over);
}

static long failing_from;
static bool has_started;

static void go_the_way(void *arg)
{
    (void)arg;
    struct resolver *resolver = NULL;
    targets[0] = target_at(CONF_ADDRESS_NAME, "app.internal");
    targets[1] = target_at(CONF_ADDRESS_NAME, "b.internal");
    make_group(2, false);
    assert_int_equal(resolver_create_stub(answer, NULL, &resolver), 0);
    memory_fail_from(failing_from);
    int rc = names_start(&names, &setup, 1, resolver);
    assert_true(rc == 0 || rc == -ENOMEM || rc == -EAGAIN);
    has_started = rc == 0;
    (void)names_await(&names, loop_deadline(1000));
    memory_fail_from(0);
    if (has_started) {
        wait_ms(30000); /* it recovers by itself */
        ASSERT_TARGETS("app.internal:8080/10.0.0.4", "b.internal:8080/10.0.0.4");
    }
    stop();
}

static void shortage_of_memory_ends_the_start_or_is_overcome(void **state)
{
    (void)state;
    bool has_failed_later = false;
    has_started = false;
    for (failing_from = 1; failing_from < ALLOCATIONS_MAX && !(has_started && told.warnings == 0);
         failing_from++) {
        memset(&told, 0, sizeof told);
        run(go_the_way);
        has_failed_later |= has_started && told.warnings > 0;
    }
    assert_true(has_started && told.warnings == 0);
    assert_true(has_failed_later);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_address_of_a_name_is_a_target_beside_the_others, begin,
                                        end),
        cmocka_unit_test_setup_teardown(targets_that_stay_in_the_answer_keep_their_health, begin,
                                        end),
        cmocka_unit_test_setup_teardown(order_and_repetition_in_an_answer_mean_nothing, begin, end),
        cmocka_unit_test_setup_teardown(the_time_to_live_is_at_least_a_second_and_at_most_an_hour,
                                        begin, end),
        cmocka_unit_test_setup_teardown(failures_keep_the_last_addresses_and_are_told_once, begin,
                                        end),
        cmocka_unit_test_setup_teardown(there_are_no_targets_until_the_first_answer, begin, end),
        cmocka_unit_test_setup_teardown(
            the_wait_for_first_answers_has_an_end_and_lookups_can_be_stopped, begin, end),
        cmocka_unit_test_setup_teardown(addresses_and_localhost_are_not_looked_up, begin, end),
        cmocka_unit_test_setup_teardown(targets_of_the_admin_api_end_the_lookups_of_their_group,
                                        begin, end),
        cmocka_unit_test_setup_teardown(shortage_of_memory_ends_the_start_or_is_overcome, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
