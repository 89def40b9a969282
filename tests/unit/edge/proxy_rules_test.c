/* The index of a forward proxy's rules decides as a walk through all of them would. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "edge/proxy/rules.h"
#include "edge/route/match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 12
#define PARTS_MAX 3

static const char *const names[] = {"a.example", "b.example", "x.a.example", "y.x.a.example",
                                    "other.net"};
static const char *const belows[] = {"example", "a.example", "x.a.example", "net"};
static const char *const networks[] = {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0",
                                       "::/0",       "fd00::/8",    "private",  "loopback"};
static const char *const addresses[] = {"10.1.2.3", "10.1.9.9", "10.9.9.9", "203.0.113.1",
                                        "fd00::1",  "2600::1",  "127.0.0.1"};
static const char *const users[] = {"ann", "bob", "cid"};
static const char *const methods[] = {"GET", "CONNECT", "POST"};
static const char *const paths[] = {"/a/", "/b", "/a/c"};

#define PICK(list) ((list)[(size_t)random() % COUNT_OF(list)])

struct world {
    struct conf_destination to[RULES_MAX][PARTS_MAX];
    struct slice users[RULES_MAX][PARTS_MAX], methods[RULES_MAX][PARTS_MAX];
    struct network sources[RULES_MAX][PARTS_MAX];
    struct conf_pattern paths[RULES_MAX][PARTS_MAX];
    struct conf_proxy_rule rules[RULES_MAX];
    struct conf_forward_proxy conf;
};

static struct network network_of(const char *text)
{
    struct network network;
    assert_int_equal(network_parse(slice_of_cstr(text), &network), 0);
    return network;
}

static struct address address_of(const char *text)
{
    struct address address;
    assert_int_equal(address_from_ip(slice_of_cstr(text), 80, &address), 0);
    return address;
}

static void make_destination(struct conf_destination *to)
{
    *to = (struct conf_destination){.kind = (enum conf_destination_kind)(random() % 4)};
    if (to->kind == CONF_DESTINATION_NAME)
        to->name = slice_of_cstr(PICK(names));
    else if (to->kind == CONF_DESTINATION_BELOW)
        to->name = slice_of_cstr(PICK(belows));
    else if (to->kind == CONF_DESTINATION_NETWORK)
        to->network = network_of(PICK(networks));
    if (random() % 3 == 0) {
        to->port_min = (uint16_t)(random() % 2 == 0 ? 80 : 1);
        to->port_max = (uint16_t)(to->port_min + random() % 2 * 400);
    }
}

static unsigned some(unsigned of)
{
    return (unsigned)random() % of == 0 ? 0 : (unsigned)random() % PARTS_MAX;
}

static void make_rule(struct world *world, unsigned i)
{
    struct conf_proxy_match *match = &world->rules[i].match;
    *match = (struct conf_proxy_match){.to = world->to[i],
                                       .users = world->users[i],
                                       .sources = world->sources[i],
                                       .methods = world->methods[i],
                                       .paths = world->paths[i],
                                       .to_count = some(4),
                                       .users_count = some(2),
                                       .sources_count = some(2),
                                       .methods_count = some(2),
                                       .paths_count = random() % 4 == 0 ? 1 : 0};
    for (unsigned k = 0; k < PARTS_MAX; k++) {
        make_destination(&world->to[i][k]);
        world->users[i][k] = slice_of_cstr(PICK(users));
        world->methods[i][k] = slice_of_cstr(PICK(methods));
        world->sources[i][k] = network_of(PICK(networks));
        const char *path = PICK(paths);
        world->paths[i][k] = (struct conf_pattern){
            path[strlen(path) - 1] == '/' ? CONF_PATTERN_PREFIX : CONF_PATTERN_EXACT,
            slice_of_cstr(path)};
    }
    world->rules[i].number = i + 1;
    world->rules[i].allows = random() % 2 == 0;
}

/* The reference: part by part, rule by rule. */
static bool is_destination(const struct conf_destination *to, const struct proxy_query *query)
{
    if (to->port_min > 0 && (query->port < to->port_min || query->port > to->port_max))
        return false;
    switch (to->kind) {
    case CONF_DESTINATION_ANY:
        return true;
    case CONF_DESTINATION_NAME:
        return slice_equal(to->name, query->name);
    case CONF_DESTINATION_BELOW:
        return query->name.len > to->name.len + 1 && slice_ends_with(query->name, to->name) &&
               query->name.at[query->name.len - to->name.len - 1] == '.';
    case CONF_DESTINATION_NETWORK:
        return query->address != NULL && network_contains(&to->network, query->address);
    }
    return false;
}

static bool holds(const struct conf_proxy_match *match, const struct proxy_query *query,
                  bool *ret_by_network)
{
    bool is_there = match->to_count == 0, by_network = false, has = match->users_count == 0;
    for (unsigned i = 0; i < match->to_count; i++) {
        is_there |= is_destination(&match->to[i], query);
        struct conf_destination any = match->to[i];
        any.kind = CONF_DESTINATION_ANY;
        by_network |= match->to[i].kind == CONF_DESTINATION_NETWORK && is_destination(&any, query);
    }
    for (unsigned i = 0; i < match->users_count; i++)
        has |= slice_equal(match->users[i], query->user);
    bool is_from = match->sources_count == 0 ||
                   networks_contain(match->sources, match->sources_count, query->source);
    bool is_method = match->methods_count == 0, is_path = match->paths_count == 0;
    for (unsigned i = 0; i < match->methods_count; i++)
        is_method |= slice_equal(match->methods[i], query->method_text) ||
                     (query->method == METHOD_HEAD && slice_equal(match->methods[i], SLICE("GET")));
    for (unsigned i = 0; i < match->paths_count && query->path.at != NULL; i++)
        is_path |= pattern_matches(&match->paths[i], query->path);
    bool others = has && is_from && is_method && is_path;
    *ret_by_network = by_network && others;
    return is_there && others;
}

static enum proxy_verdict walk(const struct world *world, const struct proxy_query *query,
                               const struct conf_proxy_rule **ret_rule)
{
    *ret_rule = NULL;
    for (unsigned i = 0; i < world->conf.rules_count; i++) {
        bool by_network, is_first = holds(&world->rules[i].match, query, &by_network);
        if (!is_first && by_network && query->address == NULL && query->name.len > 0)
            return PROXY_NEEDS_ADDRESS;
        if (!is_first)
            continue;
        *ret_rule = &world->rules[i];
        return world->rules[i].allows ? PROXY_ALLOWED : PROXY_DENIED;
    }
    return PROXY_DENIED;
}

static void ask_once(const struct world *world, const struct proxy_rules *rules)
{
    struct address address = address_of(PICK(addresses)), source = address_of(PICK(addresses));
    bool is_literal = random() % 3 == 0, is_tunnel = random() % 2 == 0;
    const char *method = is_tunnel ? "CONNECT" : random() % 4 == 0 ? "HEAD" : PICK(methods);
    struct proxy_query query = {
        .name = is_literal ? (struct slice){0} : slice_of_cstr(PICK(names)),
        .address = is_literal || random() % 2 == 0 ? &address : NULL,
        .port = (uint16_t)(random() % 2 == 0 ? 80 : 443),
        .user = random() % 4 == 0 ? (struct slice){0} : slice_of_cstr(PICK(users)),
        .source = &source,
        .method = http_method_of(slice_of_cstr(method)),
        .method_text = slice_of_cstr(method),
        .path = is_tunnel ? (struct slice){0} : slice_of_cstr(PICK(paths)),
    };
    const struct conf_proxy_rule *found, *expected;
    enum proxy_verdict verdict = proxy_rules_decide(rules, &query, &found);
    assert_int_equal(verdict, walk(world, &query, &expected));
    assert_ptr_equal(found, expected);
}

static void the_index_decides_as_the_walk_does(void **state)
{
    static struct world world;
    (void)state;
    srandom(11);
    for (int i = 0; i < 3000; i++) {
        world.conf = (struct conf_forward_proxy){.rules = world.rules,
                                                 .rules_count = (unsigned)random() % RULES_MAX};
        for (unsigned k = 0; k < world.conf.rules_count; k++)
            make_rule(&world, k);
        struct proxy_rules *rules =
            proxy_rules_create(&world.conf, (struct hash_key){(uint64_t)i, 2});
        assert_non_null(rules);
        for (int k = 0; k < 40; k++)
            ask_once(&world, rules);
        proxy_rules_destroy(rules);
    }
}

/* Ten thousand users of one rule for a hundred destinations would be a million places. */
static void a_rule_with_many_users_and_destinations_is_found_all_the_same(void **state)
{
    enum { USERS = 10000, DESTINATIONS = 100 };
    static char texts[USERS][8];
    static struct slice all_users[USERS];
    static struct conf_destination to[DESTINATIONS];
    struct conf_proxy_rule rule = {
        .number = 1,
        .allows = true,
        .match = {.to = to, .to_count = DESTINATIONS, .users = all_users, .users_count = USERS}};
    struct conf_forward_proxy conf = {.rules = &rule, .rules_count = 1};
    struct address source = address_of("10.1.2.3");
    (void)state;
    for (unsigned i = 0; i < USERS; i++)
        all_users[i] = slice_of(texts[i], (size_t)snprintf(texts[i], 8, "u%u", i));
    for (unsigned i = 0; i < DESTINATIONS; i++)
        to[i] = (struct conf_destination){.kind = CONF_DESTINATION_NAME, .name = all_users[i]};
    struct proxy_rules *rules = proxy_rules_create(&conf, (struct hash_key){1, 2});
    assert_non_null(rules);
    struct proxy_query query = {.name = SLICE("u7"),
                                .port = 443,
                                .user = SLICE("u9999"),
                                .source = &source,
                                .method = METHOD_CONNECT,
                                .method_text = SLICE("CONNECT")};
    const struct conf_proxy_rule *found;
    assert_int_equal(proxy_rules_decide(rules, &query, &found), PROXY_ALLOWED);
    query.user = SLICE("u10000");
    assert_int_equal(proxy_rules_decide(rules, &query, &found), PROXY_DENIED);
    assert_null(found);
    proxy_rules_destroy(rules);
}

static void every_allocation_may_fail(void **state)
{
    static struct world world;
    (void)state;
    srandom(5);
    world.conf = (struct conf_forward_proxy){.rules = world.rules, .rules_count = RULES_MAX};
    for (unsigned k = 0; k < RULES_MAX; k++)
        make_rule(&world, k);
    struct proxy_rules *rules = NULL;
    for (long nth = 1; rules == NULL; nth++) {
        assert_true(nth < 1000);
        memory_fail_from(nth);
        rules = proxy_rules_create(&world.conf, (struct hash_key){1, 2});
        memory_fail_from(0);
    }
    proxy_rules_destroy(rules);
    proxy_rules_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_decides_as_the_walk_does),
        cmocka_unit_test(a_rule_with_many_users_and_destinations_is_found_all_the_same),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
