/* Which site and rule a request meets. */
#include "conf/conf_unit.h"

#include "base/cleanup.h"
#include "edge/route/router.h"
#include "http/exchange.h"

static const struct hash_key key = {1, 2};

static const char file[] = "listeners:\n"
                           "  public: \":80\"\n"
                           "  inner: \"127.0.0.1:81\"\n"
                           "  bare: \"127.0.0.1:82\"\n"
                           "sites:\n"
                           "  exact:\n"
                           "    domains: [a.example.org, b.example.org]\n"
                           "    listeners: public\n"
                           "    respond: exact\n"
                           "  deep:\n"
                           "    domains: \"*.api.example.org\"\n"
                           "    listeners: public\n"
                           "    respond: deep\n"
                           "  wide:\n"
                           "    domains: \"*.example.org\"\n"
                           "    listeners: [public, inner]\n"
                           "    respond: wide\n"
                           "  rest:\n"
                           "    domains: \"*\"\n"
                           "    listeners: public\n"
                           "    respond: rest\n"
                           "  inner:\n"
                           "    domains: a.example.org\n"
                           "    listeners: inner\n"
                           "    rules:\n"
                           "      - match: { path: \"/first/*\" }\n"
                           "        respond: one\n"
                           "      - match: { path: [\"/first/a\", \"/second\"], method: POST }\n"
                           "        forward: other\n"
                           "      - match: { path: /second }\n"
                           "        forward: some\n"
                           "target_groups:\n"
                           "  some: \"127.0.0.1:9\"\n"
                           "  other: \"127.0.0.1:10\"\n";

enum { PUBLIC, INNER, BARE };

struct fixture {
    struct snapshot *snapshot;
    struct router router;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.snapshot = parse_good(file);
    assert_int_equal(router_init(&fixture.router, fixture.snapshot, key), 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    router_finish(&fixture->router);
    snapshot_unref(fixture->snapshot);
    return 0;
}

static const struct route *find(void **state, size_t listener, const struct exchange *exchange,
                                const struct conf_site **ret_site)
{
    const struct fixture *fixture = *state;
    return router_find(&fixture->router, listener, exchange, ret_site);
}

/* The name of the site that a host meets; "-" when it is none. */
static void expect_site(void **state, size_t listener, const char *host, const char *name)
{
    const struct conf_site *site = NULL;
    struct exchange exchange = {.host = slice_of_cstr(host), .path = SLICE("/")};
    (void)find(state, listener, &exchange, &site);
    struct slice found = site == NULL ? SLICE("-") : site->name;
    if (!slice_equal(found, slice_of_cstr(name)))
        fail_msg("%s: %.*s, not %s", host, SLICE_ARG(found), name);
}

static void an_exact_domain_comes_before_each_wildcard(void **state)
{
    expect_site(state, PUBLIC, "a.example.org", "exact");
    expect_site(state, PUBLIC, "b.example.org", "exact");
    expect_site(state, PUBLIC, "c.example.org", "wide");
}

static void of_two_wildcards_the_longer_one_wins(void **state)
{
    expect_site(state, PUBLIC, "x.api.example.org", "deep");
    expect_site(state, PUBLIC, "x.y.api.example.org", "deep");
    expect_site(state, PUBLIC, "x.ipa.example.org", "wide");
    expect_site(state, PUBLIC, "x.a.example.org", "wide");
}

static void a_wildcard_wants_at_least_one_label_before_it(void **state)
{
    expect_site(state, PUBLIC, "api.example.org", "wide");
    expect_site(state, PUBLIC, "example.org", "rest");
    expect_site(state, INNER, "example.org", "-");
}

static void a_host_of_thousands_of_labels_is_below_a_wildcard_too(void **state)
{
    char host[8000];
    for (size_t i = 0; i < sizeof host; i += 2)
        memcpy(host + i, "a.", 2);
    memcpy(host + sizeof host - 16, "api.example.org", 16);
    expect_site(state, PUBLIC, host, "deep");
    host[sizeof host - 2] = 'x';
    expect_site(state, PUBLIC, host, "rest");
}

static void labels_are_compared_whole(void **state)
{
    expect_site(state, PUBLIC, "xexample.org", "rest");
    expect_site(state, PUBLIC, "a.xexample.org", "rest");
    expect_site(state, PUBLIC, "x.api.example.org.evil", "rest");
}

static void what_no_site_names_goes_to_the_site_for_all(void **state)
{
    expect_site(state, PUBLIC, "example.net", "rest");
    expect_site(state, PUBLIC, "localhost", "rest");
    expect_site(state, PUBLIC, "", "rest");
    expect_site(state, PUBLIC, "127.0.0.1", "rest");
    expect_site(state, PUBLIC, "::1", "rest");
    expect_site(state, PUBLIC, "*", "rest");
    expect_site(state, PUBLIC, ".", "rest");
    expect_site(state, PUBLIC, "a.", "rest");
}

static void each_listener_has_the_domains_of_its_own_sites(void **state)
{
    expect_site(state, INNER, "a.example.org", "inner");
    expect_site(state, INNER, "b.example.org", "wide");
    expect_site(state, INNER, "x.api.example.org", "wide");
    expect_site(state, INNER, "example.net", "-");
    expect_site(state, INNER, "", "-");
    expect_site(state, BARE, "a.example.org", "-");
    expect_site(state, BARE, "", "-");
}

static unsigned rule_of(void **state, const char *path, enum http_method method)
{
    const struct conf_site *site = NULL;
    struct exchange exchange = {.host = SLICE("a.example.org"), .path = slice_of_cstr(path)};
    exchange.request.method = method;
    exchange.request.method_name = method == METHOD_POST ? SLICE("POST") : SLICE("GET");
    const struct route *route = find(state, INNER, &exchange, &site);
    assert_non_null(site);
    assert_true(route == NULL || route->site == site);
    return route == NULL ? 0 : route->rule->number;
}

static void the_first_rule_that_matches_is_taken(void **state)
{
    assert_int_equal(rule_of(state, "/first/a", METHOD_GET), 1);
    assert_int_equal(rule_of(state, "/first/a", METHOD_POST), 1);
    assert_int_equal(rule_of(state, "/second", METHOD_POST), 2);
    assert_int_equal(rule_of(state, "/second", METHOD_GET), 3);
}

static void a_site_is_told_even_when_none_of_its_rules_matches(void **state)
{
    assert_int_equal(rule_of(state, "/", METHOD_GET), 0);
    assert_int_equal(rule_of(state, "/second/", METHOD_POST), 0);
}

static void a_rule_that_forwards_knows_its_group(void **state)
{
    const struct fixture *fixture = *state;
    static const char *const groups[] = {NULL, "other", "some"};
    const struct router_site *site = &fixture->router.sites[fixture->router.sites_count - 1];
    assert_int_equal(site->routes_count, COUNT_OF(groups));
    for (unsigned i = 0; i < site->routes_count; i++) {
        const struct route *route = &site->routes[i];
        assert_ptr_equal(route->rule, &site->site->rules[i]);
        if (groups[i] != NULL)
            assert_true(slice_equal(fixture->snapshot->groups[route->group].name,
                                    slice_of_cstr(groups[i])));
    }
}

static void every_allocation_may_fail(void **state)
{
    const struct fixture *fixture = *state;
    int rc = -ENOMEM;
    long nth = 0;
    while (rc == -ENOMEM) {
        struct router router;
        memory_fail_from(++nth);
        rc = router_init(&router, fixture->snapshot, key);
        memory_fail_from(0);
        assert_true(rc == 0 || router.sites == NULL);
        router_finish(&router);
    }
    assert_int_equal(rc, 0);
    assert_true(nth > fixture->snapshot->sites_count + 3); /* as many did fail */
}

static void a_finished_router_may_be_finished_again(void **state)
{
    const struct fixture *fixture = *state;
    struct router router;
    assert_int_equal(router_init(&router, fixture->snapshot, key), 0);
    router_finish(&router);
    router_finish(&router);
    assert_int_equal(router.listeners_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_domain_comes_before_each_wildcard),
        cmocka_unit_test(of_two_wildcards_the_longer_one_wins),
        cmocka_unit_test(a_wildcard_wants_at_least_one_label_before_it),
        cmocka_unit_test(a_host_of_thousands_of_labels_is_below_a_wildcard_too),
        cmocka_unit_test(labels_are_compared_whole),
        cmocka_unit_test(what_no_site_names_goes_to_the_site_for_all),
        cmocka_unit_test(each_listener_has_the_domains_of_its_own_sites),
        cmocka_unit_test(the_first_rule_that_matches_is_taken),
        cmocka_unit_test(a_site_is_told_even_when_none_of_its_rules_matches),
        cmocka_unit_test(a_rule_that_forwards_knows_its_group),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_finished_router_may_be_finished_again),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
