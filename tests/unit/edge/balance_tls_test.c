/* Targets that are spoken to by TLS, whatever becomes of their group. */
#include "unit.h"

#include "edge/forward/balance.h"
#include "wire/tls/connection.h"

struct fixture {
    struct conf_group conf;
    struct target_group group;
    struct balancer balancer;
    uint64_t epoch;
};

static void set_targets(struct fixture *fixture, unsigned count)
{
    struct target_wish wishes[4];
    static const char names[] = "abcd";
    assert_true(count <= 4);
    for (unsigned i = 0; i < count; i++) {
        wishes[i] = (struct target_wish){.id = slice_of(&names[i], 1), .weight = 1};
        assert_int_equal(address_from_ip(SLICE("127.0.0.1"), (uint16_t)(i + 1), &wishes[i].address),
                         0);
    }
    assert_int_equal(target_group_update(&fixture->group, ++fixture->epoch, wishes, count, 0), 0);
}

static void check_tls(struct fixture *fixture, const struct tls_client *tls)
{
    assert_int_equal(balancer_refresh(&fixture->balancer), 0);
    assert_true(fixture->balancer.members_count > 0);
    for (unsigned i = 0; i < fixture->balancer.members_count; i++) {
        assert_ptr_equal(fixture->balancer.members[i]->pool.tls, tls);
        assert_true(slice_equal(fixture->balancer.members[i]->pool.host, SLICE("127.0.0.1")));
    }
}

static void no_target_is_spoken_to_in_plain_again(void **state)
{
    (void)state;
    struct fixture fixture = {.conf.balance.by.name = SLICE("")};
    struct prng prng;
    struct tls_client *tls = NULL, *other = NULL;
    const struct tls_client_settings settings = {.has_http1 = true};
    assert_int_equal(tls_client_create(&settings, &tls, NULL), 0);
    assert_int_equal(tls_client_create(&settings, &other, NULL), 0);
    prng_init(&prng, 42);
    assert_int_equal(target_group_init(&fixture.group, &fixture.conf), 0);
    set_targets(&fixture, 2);
    const struct group_setup setup = {&fixture.group, &fixture.conf, NULL};
    balancer_init(&fixture.balancer, &setup);
    check_tls(&fixture, NULL);
    balancer_set_tls(&fixture.balancer, tls);
    check_tls(&fixture, tls);
    target_set_health(&fixture.group, fixture.group.set->targets[0], TARGET_UNHEALTHY, NULL);
    check_tls(&fixture, tls);
    set_targets(&fixture, 3);
    check_tls(&fixture, tls);
    const struct choice choice = {.prng = &prng};
    struct member *in_use = balancer_pick(&fixture.balancer, &choice);
    balancer_set_tls(&fixture.balancer, other);
    balancer_configure(&fixture.balancer, &fixture.conf);
    check_tls(&fixture, other);
    assert_ptr_equal(in_use->pool.tls, tls); /* a request ends as it began */
    member_unref(in_use);
    tls_client_unref(tls);
    tls_client_unref(other);
    balancer_finish(&fixture.balancer);
    target_group_finish(&fixture.group);
}

static void names_are_those_that_targets_were_found_for(void **state)
{
    (void)state;
    static const struct {
        const char *id, *host;
    } cases[] = {{"api.example.org:443", "api.example.org"},
                 {"api.example.org:443/10.0.0.4", "api.example.org"},
                 {"10.0.0.4:443", "10.0.0.4"},
                 {"api.1", "10.0.0.4"},
                 {"[::1]:443", "10.0.0.4"},
                 {":443", "10.0.0.4"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conf_group conf = {.balance.by.name = SLICE("")};
        struct target_group group;
        struct target_wish wish = {.id = slice_of_cstr(cases[i].id), .weight = 1};
        assert_int_equal(address_from_ip(SLICE("10.0.0.4"), 443, &wish.address), 0);
        assert_int_equal(target_group_init(&group, &conf), 0);
        assert_int_equal(target_group_update(&group, 1, &wish, 1, 0), 0);
        assert_true(slice_equal(group.set->targets[0]->host, slice_of_cstr(cases[i].host)));
        target_group_finish(&group);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_target_is_spoken_to_in_plain_again),
        cmocka_unit_test(names_are_those_that_targets_were_found_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
