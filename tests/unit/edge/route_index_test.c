/*
 * The index against the plain walk: over random sites and requests of few different parts, so that
 * rules overlap in every way, both find the same rule.
 */
#include "unit.h"

#include "base/cleanup.h"
#include "edge/route/index.h"
#include "http/exchange.h"

#include <errno.h>
#include <stdio.h>

#define SITES_MAX   3
#define RULES_MAX   40
#define PARTS_MAX   4
#define TEXT_MAX    48
#define ROUNDS      3000
#define REQUESTS    60
#define ONE_IN(n)   (prng_below(&prng, (n)) == 0)
#define PICK(array) ((array)[prng_below(&prng, COUNT_OF(array))])

static const struct hash_key key = {3, 4};
static struct prng prng;

/* A rule with room for what its match points to. */
struct room {
    struct conf_pattern paths[PARTS_MAX];
    char path_texts[PARTS_MAX][TEXT_MAX];
    struct slice hosts[PARTS_MAX];
    struct slice method;
    struct conf_field_match field;
};

static struct conf_rule rules[SITES_MAX][RULES_MAX];
static struct room rooms[SITES_MAX][RULES_MAX];

static const char *const segments[] = {"a", "b", "ab", "c.x", "", "a%2F"};
static const struct slice host_patterns[] = {{"a.org", 5},     {"b.a.org", 7}, {"*.a.org", 7},
                                             {"*.b.a.org", 9}, {"*.org", 5},   {"[::1]", 5}};
static const struct slice hosts[] = {{"a.org", 5}, {"b.a.org", 7}, {"c.b.a.org", 9}, {"org", 3},
                                     {"x.org", 5}, {"[::1]", 5},   {"", 0},          {"aorg", 4}};

/* "/a/b" of up to four segments; now and then with an empty one, or none at all. */
static size_t write_path(char *text)
{
    size_t len = 0;
    unsigned count = (unsigned)prng_below(&prng, 5);
    for (unsigned i = 0; i < count; i++)
        len += (size_t)sprintf(text + len, "/%s", PICK(segments));
    if (len == 0)
        text[len++] = '/';
    return len;
}

static struct conf_pattern random_pattern(char *text)
{
    size_t len = write_path(text);
    switch (prng_below(&prng, 5)) {
    case 0:
    case 1:
        return (struct conf_pattern){CONF_PATTERN_EXACT, slice_of(text, len)};
    case 2:
    case 3:
        if (text[len - 1] != '/')
            text[len++] = '/';
        return (struct conf_pattern){CONF_PATTERN_PREFIX, slice_of(text, len)};
    default:
        text[prng_below(&prng, len)] = '*';
        return (struct conf_pattern){CONF_PATTERN_WILDCARD, slice_of(text, len)};
    }
}

static void make_rule(struct conf_rule *rule, struct room *room)
{
    static const struct slice methods[] = {{"GET", 3}, {"POST", 4}};
    struct conf_match *match = &rule->match;
    *rule = (struct conf_rule){0};
    match->paths = room->paths;
    match->hosts = room->hosts;
    match->methods = &room->method;
    match->fields = &room->field;
    if (!ONE_IN(5))
        match->paths_count = ONE_IN(3) ? (unsigned)prng_below(&prng, PARTS_MAX) + 1 : 1;
    for (unsigned i = 0; i < match->paths_count; i++)
        room->paths[i] = random_pattern(room->path_texts[i]);
    if (ONE_IN(2))
        match->hosts_count = ONE_IN(3) ? (unsigned)prng_below(&prng, PARTS_MAX) + 1 : 1;
    for (unsigned i = 0; i < match->hosts_count; i++)
        room->hosts[i] = PICK(host_patterns);
    match->methods_count = ONE_IN(5) ? 1 : 0;
    room->method = PICK(methods);
    match->fields_count = ONE_IN(5) ? 1 : 0;
    room->field = (struct conf_field_match){SLICE("X"), {CONF_PATTERN_EXACT, SLICE("1")}};
}

static uint32_t walk(const struct conf_site *site, struct match_subject *subject)
{
    uint32_t i = 0;
    while (i < site->rules_count && !match_holds(&site->rules[i].match, subject))
        i++;
    return i;
}

static void check_request(const struct route_index *index, uint32_t root,
                          const struct conf_site *site)
{
    char path[TEXT_MAX];
    struct field field = {SLICE("x"), SLICE("1"), FIELD_OTHER};
    struct exchange exchange = {.host = PICK(hosts), .path = slice_of(path, write_path(path))};
    if (ONE_IN(30))
        exchange.path = SLICE("*");
    bool is_post = ONE_IN(3);
    exchange.request.method = is_post ? METHOD_POST : METHOD_GET;
    exchange.request.method_name = is_post ? SLICE("POST") : SLICE("GET");
    exchange.request.fields = (struct fields){&field, (unsigned)prng_below(&prng, 2), 1};
    struct match_subject subject;
    match_subject_init(&subject, &exchange);
    uint32_t wanted = walk(site, &subject), found = index_find(index, root, site, &subject);
    if (found != wanted)
        fail_msg("%.*s%.*s meets rule %u, not %u of %u", SLICE_ARG(exchange.host),
                 SLICE_ARG(exchange.path), found, wanted, site->rules_count);
}

static void the_index_finds_what_the_walk_finds(void **state)
{
    (void)state;
    prng_init(&prng, 1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct conf_site sites[SITES_MAX];
        uint32_t roots[SITES_MAX];
        struct route_index index;
        index_init(&index, key);
        for (unsigned s = 0; s < SITES_MAX; s++) {
            sites[s] = (struct conf_site){.rules = rules[s],
                                          .rules_count = (unsigned)prng_below(&prng, RULES_MAX)};
            for (unsigned i = 0; i < sites[s].rules_count; i++)
                make_rule(&rules[s][i], &rooms[s][i]);
            assert_int_equal(index_add_site(&index, &sites[s], &roots[s]), 0);
        }
        assert_int_equal(index_seal(&index), 0);
        for (unsigned i = 0; i < REQUESTS; i++)
            check_request(&index, roots[i % SITES_MAX], &sites[i % SITES_MAX]);
        index_finish(&index);
    }
}

/* What a request costs is what it looks at: of 100,000 rules it must be a handful. */
static void no_list_holds_rules_of_other_paths_or_hosts(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    struct conf_rule *many = memory_alloc_array(COUNT, sizeof *many);
    struct conf_pattern *paths = memory_alloc_array(COUNT, sizeof *paths);
    struct slice *names = memory_alloc_array(COUNT, sizeof *names);
    char(*texts)[TEXT_MAX] = memory_alloc_array(COUNT, sizeof *texts);
    assert_true(many != NULL && paths != NULL && names != NULL && texts != NULL);
    for (unsigned i = 0; i < COUNT; i++) {
        struct conf_match *match = &many[i].match;
        if (i % 4 == 3) { /* the same path, by host */
            names[i] = slice_of(texts[i], (size_t)sprintf(texts[i], "h%u.org", i));
            paths[i] = (struct conf_pattern){CONF_PATTERN_PREFIX, SLICE("/")};
            match->hosts = &names[i];
            match->hosts_count = 1;
        } else {
            static const char *const ends[] = {"", "/", "/*/x"};
            size_t len = (size_t)sprintf(texts[i], "/p%u%s", i, ends[i % 4]);
            paths[i] =
                (struct conf_pattern){(enum conf_pattern_kind)(i % 4), slice_of(texts[i], len)};
        }
        match->paths = &paths[i];
        match->paths_count = 1;
    }
    struct conf_site site = {.rules = many, .rules_count = COUNT};
    struct route_index index;
    uint32_t root;
    index_init(&index, key);
    assert_int_equal(index_add_site(&index, &site, &root), 0);
    assert_int_equal(index_seal(&index), 0);
    for (uint32_t i = 0; i < index.nodes_count; i++) {
        assert_true(index.nodes[i].lists[INDEX_HERE].count <= 1);
        assert_true(index.nodes[i].lists[INDEX_BELOW].count <= 1);
    }
    index_finish(&index);
    memory_free(many);
    memory_free(paths);
    memory_free(names);
    memory_free(texts);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct conf_site site = {.rules = rules[0], .rules_count = RULES_MAX};
    prng_init(&prng, 2);
    for (unsigned i = 0; i < RULES_MAX; i++)
        make_rule(&rules[0][i], &rooms[0][i]);
    int rc = -ENOMEM;
    long nth = 0;
    while (rc == -ENOMEM) {
        struct route_index index;
        uint32_t root;
        index_init(&index, key);
        memory_fail_from(++nth);
        rc = index_add_site(&index, &site, &root);
        if (rc == 0)
            rc = index_seal(&index);
        memory_fail_from(0);
        index_finish(&index);
    }
    assert_int_equal(rc, 0);
    assert_true(nth > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_finds_what_the_walk_finds),
        cmocka_unit_test(no_list_holds_rules_of_other_paths_or_hosts),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
