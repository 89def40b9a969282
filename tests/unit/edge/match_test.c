/* Patterns, and the parts of a rule's match. */
#include "unit.h"

#include "base/cleanup.h"
#include "edge/route/match.h"
#include "http/exchange.h"

static bool holds(const struct conf_match *match, const struct exchange *exchange)
{
    struct match_subject subject;
    match_subject_init(&subject, exchange);
    return match_holds(match, &subject);
}

static bool matches(enum conf_pattern_kind kind, const char *pattern, const char *text)
{
    struct conf_pattern wanted = {.kind = kind, .text = slice_of_cstr(pattern)};
    return pattern_matches(&wanted, slice_of_cstr(text));
}

static void an_exact_pattern_is_the_text_itself(void **state)
{
    (void)state;
    assert_true(matches(CONF_PATTERN_EXACT, "/a", "/a"));
    assert_true(matches(CONF_PATTERN_EXACT, "", ""));
    assert_false(matches(CONF_PATTERN_EXACT, "/a", "/a/"));
    assert_false(matches(CONF_PATTERN_EXACT, "/a", "/A"));
    assert_false(matches(CONF_PATTERN_EXACT, "/a", "/"));
    assert_false(matches(CONF_PATTERN_EXACT, "/a", ""));
    assert_false(matches(CONF_PATTERN_EXACT, "", "a"));
}

static void a_prefix_matches_what_is_below_it_and_its_own_name(void **state)
{
    (void)state;
    assert_true(matches(CONF_PATTERN_PREFIX, "/a/", "/a/"));
    assert_true(matches(CONF_PATTERN_PREFIX, "/a/", "/a/b/c"));
    assert_true(matches(CONF_PATTERN_PREFIX, "/a/", "/a"));
    assert_true(matches(CONF_PATTERN_PREFIX, "/", "/"));
    assert_true(matches(CONF_PATTERN_PREFIX, "/", "/anything"));
    assert_false(matches(CONF_PATTERN_PREFIX, "/a/", "/ab"));
    assert_false(matches(CONF_PATTERN_PREFIX, "/a/", "/b/"));
    assert_false(matches(CONF_PATTERN_PREFIX, "/a/", "/"));
    assert_false(matches(CONF_PATTERN_PREFIX, "/a/", ""));
    assert_false(matches(CONF_PATTERN_PREFIX, "/", "*")); /* the path of OPTIONS * */
}

static void a_star_stands_for_any_run_of_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool holds;
    } cases[] = {
        {"*", "", true},
        {"*", "/a/b", true},
        {"**", "", true},
        {"*.php", "/index.php", true},
        {"*.php", ".php", true},
        {"*.php", "/index.php5", false},
        {"*.php", "/a.php/b", false},
        {"/a/*/c", "/a/b/c", true},
        {"/a/*/c", "/a//c", true},
        {"/a/*/c", "/a/b/x/c", true},
        {"/a/*/c", "/a/c", false},
        {"/a/*/c", "/a/b/c/d", false},
        {"a*b*c", "abc", true},
        {"a*b*c", "axbxbxc", true},
        {"a*b*c", "axbx", false},
        {"a*a", "a", false},
        {"a*a", "aa", true},
        {"*ab", "aab", true},
        {"*aab", "aaaab", true},
        {"a***", "a", true},
        {"a*", "", false},
        {"x", "xy", false},
        {"", "", true},
        {"", "x", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (matches(CONF_PATTERN_WILDCARD, cases[i].pattern, cases[i].text) != cases[i].holds)
            fail_msg("%s over \"%s\" must be %d", cases[i].pattern, cases[i].text, cases[i].holds);
    }
}

/* Every start would be tried for every star by a naive matcher: this one ends at once. */
static void many_stars_over_a_long_text_cost_no_more_than_their_product(void **state)
{
    (void)state;
    static char text[20000];
    memset(text, 'a', sizeof text - 1);
    assert_false(matches(CONF_PATTERN_WILDCARD, "*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
    text[sizeof text - 2] = 'b';
    assert_true(matches(CONF_PATTERN_WILDCARD, "*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

static struct exchange request(enum http_method method, struct slice name, struct slice path)
{
    struct exchange exchange = {.path = path};
    exchange.request.method = method;
    exchange.request.method_name = name;
    return exchange;
}

static void a_match_without_parts_holds_for_every_request(void **state)
{
    (void)state;
    const struct conf_match match = {0};
    struct exchange exchange = request(METHOD_OPTIONS, SLICE("OPTIONS"), SLICE("*"));
    assert_true(holds(&match, &exchange));
}

static void one_path_of_several_is_enough(void **state)
{
    (void)state;
    struct conf_pattern paths[] = {
        {CONF_PATTERN_EXACT, SLICE("/x")},
        {CONF_PATTERN_PREFIX, SLICE("/api/")},
    };
    const struct conf_match match = {.paths = paths, .paths_count = COUNT_OF(paths)};
    static const struct {
        struct slice path;
        bool holds;
    } cases[] = {{SLICE("/x"), true}, {SLICE("/api/y"), true}, {SLICE("/y"), false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct exchange exchange = request(METHOD_GET, SLICE("GET"), cases[i].path);
        assert_int_equal(holds(&match, &exchange), cases[i].holds);
    }
}

static void methods_are_named_exactly_and_get_means_head_too(void **state)
{
    (void)state;
    struct slice methods[] = {SLICE("GET"), SLICE("PURGE")};
    const struct conf_match match = {.methods = methods, .methods_count = COUNT_OF(methods)};
    static const struct {
        enum http_method method;
        struct slice name;
        bool holds;
    } cases[] = {
        {METHOD_GET, SLICE("GET"), true},     {METHOD_HEAD, SLICE("HEAD"), true},
        {METHOD_OTHER, SLICE("PURGE"), true}, {METHOD_OTHER, SLICE("purge"), false},
        {METHOD_OTHER, SLICE("get"), false},  {METHOD_POST, SLICE("POST"), false},
        {METHOD_OTHER, SLICE("GETS"), false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct exchange exchange = request(cases[i].method, cases[i].name, SLICE("/"));
        assert_int_equal(holds(&match, &exchange), cases[i].holds);
    }
    struct slice head_only[] = {SLICE("HEAD")};
    const struct conf_match head = {.methods = head_only, .methods_count = 1};
    struct exchange get = request(METHOD_GET, SLICE("GET"), SLICE("/"));
    assert_false(holds(&head, &get));
}

/* Does a match on these wanted fields hold for a request with the fields below? */
static bool fields_hold(struct conf_field_match *wanted, unsigned count)
{
    struct field fields[] = {
        {.name = SLICE("Accept"), .value = SLICE("text/html")},
        {.name = SLICE("X-Mode"), .value = SLICE("alpha")},
        {.name = SLICE("x-mode"), .value = SLICE("beta")},
        {.name = SLICE("X-Empty"), .value = SLICE("")},
    };
    const struct conf_match match = {.fields = wanted, .fields_count = count};
    struct exchange exchange = request(METHOD_GET, SLICE("GET"), SLICE("/"));
    exchange.request.fields = (struct fields){fields, COUNT_OF(fields), COUNT_OF(fields)};
    return holds(&match, &exchange);
}

static bool field_holds(const char *name, enum conf_pattern_kind kind, const char *value)
{
    struct conf_field_match wanted = {slice_of_cstr(name), {kind, slice_of_cstr(value)}};
    return fields_hold(&wanted, 1);
}

static void a_field_holds_by_its_name_in_any_case_and_one_of_its_values(void **state)
{
    (void)state;
    assert_true(field_holds("accept", CONF_PATTERN_EXACT, "text/html"));
    assert_true(field_holds("X-MODE", CONF_PATTERN_EXACT, "alpha"));
    assert_true(field_holds("X-Mode", CONF_PATTERN_EXACT, "beta"));
    assert_true(field_holds("X-Mode", CONF_PATTERN_WILDCARD, "b*"));
    assert_false(field_holds("X-Mode", CONF_PATTERN_EXACT, "Alpha"));
    assert_false(field_holds("X-Mode", CONF_PATTERN_EXACT, "alpha, beta"));
    assert_false(field_holds("X-Mod", CONF_PATTERN_WILDCARD, "*"));
}

static void an_empty_pattern_wants_a_field_that_is_there_and_empty(void **state)
{
    (void)state;
    assert_true(field_holds("X-Empty", CONF_PATTERN_EXACT, ""));
    assert_true(field_holds("X-Empty", CONF_PATTERN_WILDCARD, "*"));
    assert_false(field_holds("X-Mode", CONF_PATTERN_EXACT, ""));
    assert_false(field_holds("X-Absent", CONF_PATTERN_EXACT, ""));
}

static void all_fields_must_hold(void **state)
{
    (void)state;
    struct conf_field_match wanted[] = {
        {SLICE("X-Mode"), {CONF_PATTERN_EXACT, SLICE("alpha")}},
        {SLICE("X-Mode"), {CONF_PATTERN_EXACT, SLICE("beta")}},
        {SLICE("Accept"), {CONF_PATTERN_EXACT, SLICE("text/plain")}},
    };
    assert_true(fields_hold(wanted, 2));
    assert_false(fields_hold(wanted, 3));
}

static void path_method_and_fields_must_hold_together(void **state)
{
    (void)state;
    struct conf_pattern path = {CONF_PATTERN_EXACT, SLICE("/x")};
    struct slice method = SLICE("POST");
    struct conf_field_match wanted = {SLICE("X-A"), {CONF_PATTERN_EXACT, SLICE("1")}};
    const struct conf_match match = {.paths = &path,
                                     .paths_count = 1,
                                     .methods = &method,
                                     .methods_count = 1,
                                     .fields = &wanted,
                                     .fields_count = 1};
    struct field field = {.name = SLICE("X-A"), .value = SLICE("1")};
    for (unsigned wrong = 0; wrong < 4; wrong++) {
        struct exchange exchange = request(wrong == 1 ? METHOD_GET : METHOD_POST,
                                           wrong == 1 ? SLICE("GET") : SLICE("POST"),
                                           wrong == 2 ? SLICE("/y") : SLICE("/x"));
        exchange.request.fields = (struct fields){&field, wrong == 3 ? 0 : 1, 1};
        assert_int_equal(holds(&match, &exchange), wrong == 0);
    }
}

static const char *why(const struct conf_match *match, const struct exchange *exchange)
{
    static char text[512];
    struct writer writer;
    writer_init(&writer, text, sizeof text - 1);
    if (match_why(match, exchange, &writer))
        return NULL;
    assert_false(writer.overflown);
    *writer.at = '\0';
    return text;
}

static void the_first_part_that_does_not_hold_is_told(void **state)
{
    (void)state;
    struct conf_pattern paths[] = {{CONF_PATTERN_EXACT, SLICE("/x")},
                                   {CONF_PATTERN_PREFIX, SLICE("/api/")}};
    struct slice method = SLICE("POST");
    struct conf_field_match wanted = {SLICE("X-A"), {CONF_PATTERN_EXACT, SLICE("1")}};
    const struct conf_match match = {.paths = paths,
                                     .paths_count = 2,
                                     .methods = &method,
                                     .methods_count = 1,
                                     .fields = &wanted,
                                     .fields_count = 1};
    struct field field = {.name = SLICE("x-a"), .value = SLICE("2")};
    struct exchange exchange = request(METHOD_GET, SLICE("GET"), SLICE("/y"));
    assert_string_equal(why(&match, &exchange), "the path \"/y\" is none of \"/x\", \"/api/*\"");
    exchange.path = SLICE("/api");
    assert_string_equal(why(&match, &exchange), "the method GET is not POST");
    exchange = request(METHOD_POST, SLICE("POST"), SLICE("/api"));
    assert_string_equal(why(&match, &exchange),
                        "the header field X-A is missing; it should be \"1\"");
    exchange.request.fields = (struct fields){&field, 1, 1};
    assert_string_equal(why(&match, &exchange), "the header field X-A is \"2\", not \"1\"");
    field.value = SLICE("1");
    assert_null(why(&match, &exchange));

    struct slice hosts[] = {SLICE("a.org"), SLICE("*.b.org")};
    const struct conf_match host = {.hosts = hosts, .hosts_count = 2};
    exchange.host = SLICE("c.org");
    assert_string_equal(why(&host, &exchange),
                        "the host \"c.org\" is none of \"a.org\", \"*.b.org\"");
    struct conf_query_match page = {SLICE("page"), {CONF_PATTERN_EXACT, SLICE("2")}};
    const struct conf_match query = {.query = &page, .query_count = 1};
    exchange.query = SLICE("page=1");
    assert_string_equal(why(&query, &exchange), "no query parameter page is \"2\"");
    struct network network;
    assert_int_equal(network_parse(SLICE("10.0.0.0/8"), &network), 0);
    const struct conf_match source = {.sources = &network, .sources_count = 1};
    exchange.client = SLICE("192.0.2.7");
    assert_string_equal(why(&source, &exchange),
                        "the client's address 192.0.2.7 is in none of its source_ip");
    exchange.client = SLICE("10.0.0.1");
    assert_null(why(&source, &exchange));
}

static void a_host_is_itself_or_below_a_star(void **state)
{
    (void)state;
    static const struct {
        struct slice pattern, host;
        bool holds;
    } cases[] = {
        {SLICE("a.b"), SLICE("a.b"), true},       {SLICE("a.b"), SLICE("x.a.b"), false},
        {SLICE("a.b"), SLICE(""), false},         {SLICE("*.a.b"), SLICE("x.a.b"), true},
        {SLICE("*.a.b"), SLICE("x.y.a.b"), true}, {SLICE("*.a.b"), SLICE("a.b"), false},
        {SLICE("*.a.b"), SLICE(".a.b"), false},   {SLICE("*.a.b"), SLICE("xa.b"), false},
        {SLICE("*.a.b"), SLICE(""), false},       {SLICE("[::1]"), SLICE("[::1]"), true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice hosts[] = {SLICE("other"), cases[i].pattern};
        const struct conf_match match = {.hosts = hosts, .hosts_count = COUNT_OF(hosts)};
        struct exchange exchange = request(METHOD_GET, SLICE("GET"), SLICE("/"));
        exchange.host = cases[i].host;
        if (holds(&match, &exchange) != cases[i].holds)
            fail_msg("%.*s over %.*s", SLICE_ARG(cases[i].pattern), SLICE_ARG(cases[i].host));
    }
}

static void one_source_of_several_is_enough(void **state)
{
    (void)state;
    struct network sources[3];
    assert_int_equal(network_parse(SLICE("10.0.0.0/8"), &sources[0]), 0);
    assert_int_equal(network_parse(SLICE("::/0"), &sources[1]), 0);
    assert_int_equal(network_parse(SLICE("192.0.2.7"), &sources[2]), 0);
    const struct conf_match match = {.sources = sources, .sources_count = COUNT_OF(sources)};
    static const struct {
        struct slice client;
        bool holds;
    } cases[] = {
        {SLICE("10.9.8.7"), true},        {SLICE("11.0.0.1"), false},   {SLICE("192.0.2.7"), true},
        {SLICE("192.0.2.8"), false},      {SLICE("2001:db8::1"), true}, {SLICE("unix"), false},
        {SLICE("::ffff:10.0.0.1"), true}, {SLICE(""), false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct exchange exchange = request(METHOD_GET, SLICE("GET"), SLICE("/"));
        exchange.client = cases[i].client;
        if (holds(&match, &exchange) != cases[i].holds)
            fail_msg("%.*s", SLICE_ARG(cases[i].client));
    }
    assert_int_equal(network_parse(SLICE("loopback"), &sources[0]), 0);
    struct exchange exchange = request(METHOD_GET, SLICE("GET"), SLICE("/"));
    exchange.client = SLICE("unix");
    assert_true(holds(&match, &exchange));
}

static void all_query_parameters_must_hold(void **state)
{
    (void)state;
    struct conf_query_match wanted[] = {
        {SLICE("a"), {CONF_PATTERN_EXACT, SLICE("1")}},
        {SLICE("b"), {CONF_PATTERN_WILDCARD, SLICE("*")}},
    };
    const struct conf_match match = {.query = wanted, .query_count = COUNT_OF(wanted)};
    static const struct {
        struct slice query;
        bool holds;
    } cases[] = {{SLICE("b&a=1"), true}, {SLICE("a=1"), false}, {SLICE("a=2&b"), false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct exchange exchange = request(METHOD_GET, SLICE("GET"), SLICE("/"));
        exchange.query = cases[i].query;
        assert_int_equal(holds(&match, &exchange), cases[i].holds);
    }
    struct exchange exchange = request(METHOD_GET, SLICE("GET"), SLICE("/"));
    assert_false(holds(&match, &exchange)); /* no query at all */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exact_pattern_is_the_text_itself),
        cmocka_unit_test(a_prefix_matches_what_is_below_it_and_its_own_name),
        cmocka_unit_test(a_star_stands_for_any_run_of_bytes),
        cmocka_unit_test(many_stars_over_a_long_text_cost_no_more_than_their_product),
        cmocka_unit_test(a_match_without_parts_holds_for_every_request),
        cmocka_unit_test(one_path_of_several_is_enough),
        cmocka_unit_test(methods_are_named_exactly_and_get_means_head_too),
        cmocka_unit_test(a_field_holds_by_its_name_in_any_case_and_one_of_its_values),
        cmocka_unit_test(an_empty_pattern_wants_a_field_that_is_there_and_empty),
        cmocka_unit_test(all_fields_must_hold),
        cmocka_unit_test(path_method_and_fields_must_hold_together),
        cmocka_unit_test(the_first_part_that_does_not_hold_is_told),
        cmocka_unit_test(a_host_is_itself_or_below_a_star),
        cmocka_unit_test(one_source_of_several_is_enough),
        cmocka_unit_test(all_query_parameters_must_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
