/* What right files become. */
#include "conf_unit.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <unistd.h>

#define EXPECT(slice, text) assert_true(slice_equal((slice), SLICE(text)))

static const char full_file[] =
    "app: notes\n"
    "workers: 3\n"
    "access_log: { format: combined, path: \"-\" }\n"
    "listeners:\n"
    "  main: \":8080\"\n"
    "  local: { address: \"[::1]:81\", tls: off }\n"
    "  inner: unix:/run/x.sock\n"
    "sites:\n"
    "  notes:\n"
    "    domains: [Notes.Localhost, \"*.notes.localhost.\"]\n"
    "    rules:\n"
    "      - match: { path: \"/api/*\" }\n"
    "        forward: api\n"
    "        timeouts: { connect: 100ms, response: 2m }\n"
    "        retries: 0\n"
    "        body_max: 1MiB\n"
    "      - match:\n"
    "          path: [/x, \"/a b/*/c\", \"*.php\", \"*\", \"/%7euser/*\", \"/*\"]\n"
    "          method: [GET, PURGE]\n"
    "          header: { X-Mode: \"a*\", X-None: \"\" }\n"
    "        respond: { status: 410, body: gone, content_type: text/html }\n"
    "      - match: { path: /old, method: POST }\n"
    "        redirect: { to: \"https://{host}{path}{query}\", status: 308 }\n"
    "      - files: /\n"
    "        fallback: /index.html\n"
    "  old.example.org:\n"
    "    domains: \"*.old.localhost\"\n"
    "    listeners: [local, main]\n"
    "    forward: legacy\n"
    "    body_max: off\n"
    "services:\n"
    "  worker: { from: api, command: work, tasks: 0, health: off }\n"
    "  api:\n"
    "    directory: /tmp\n"
    "    build: { run: make }\n"
    "    command: |\n"
    "      first\n"
    "      second\n"
    "    tasks: { min: 2, max: 8 }\n"
    "    env: { A: 1, B: \"x y\", C: true }\n"
    "    health: { path: /healthz, interval: 1s, timeout: 500ms, grace: 1m, unhealthy_threshold: 5 "
    "}\n"
    "    balance: round_robin\n"
    "    deploy: { drain: 5s }\n"
    "  redis: { command: redis, protocol: tcp }\n"
    "target_groups:\n"
    "  legacy:\n"
    "    targets: [\"10.0.0.4:8000\", { address: \"a.internal:1\", weight: 0 }, "
    "\"unix:run/a.sock\"]\n"
    "  unused: \"127.0.0.1:9\"\n"
    "  checked: { targets: [\"127.0.0.1:9\"], health: { interval: 5s } }\n"
    "forward_proxies:\n"
    "  egress:\n"
    "    address: \":3128\"\n"
    "    tls: { issuer: internal, client_auth: { mode: optional, ca: /ca.pem } }\n"
    "    rules:\n"
    "      - match: { to: [\"*.Debian.org:443\", 10.0.0.0/8], user: [ci, ann], source: private,\n"
    "                 method: CONNECT }\n"
    "        allow: true\n"
    "      - deny: true\n"
    "      - allow: true\n"
    "    deny_private: { except: [10.1.0.0/16, loopback] }\n"
    "    limits: { connections: 100, bandwidth: 10MiB }\n"
    "    pac: { path: /proxy.pac, others: direct }\n"
    "    parent: \"proxy.internal:8080\"\n"
    "    timeouts: { idle: 1h }\n";

static void a_forward_proxy_has_a_listener_of_its_own(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good(full_file);
    assert_int_equal(snapshot->proxies_count, 1);
    const struct conf_forward_proxy *proxy = &snapshot->proxies[0];
    const struct conf_listener *listener = &snapshot->listeners[proxy->listener];
    assert_int_equal(proxy->listener, 3);
    assert_int_equal(snapshot->listeners_count, 4);
    assert_int_equal(listener->protocol, CONF_PROTOCOL_PROXY);
    assert_ptr_equal(listener->proxy, proxy);
    assert_true(slice_equal(listener->name, SLICE("egress")));
    assert_non_null(listener->identity);
    assert_int_equal(listener->identity->client_auth.mode, CONF_CLIENT_OPTIONAL);
    assert_int_equal(snapshot->sites[0].listeners_count, 3); /* no site answers there */
    assert_int_equal(proxy->rules_count, 3);
    const struct conf_proxy_match *match = &proxy->rules[0].match;
    assert_true(proxy->rules[0].allows && !proxy->rules[1].allows);
    assert_int_equal(match->to_count, 2);
    assert_true(slice_equal(match->to[0].name, SLICE("debian.org")));
    assert_int_equal(match->users_count, 2);
    assert_int_equal(match->sources[0].kind, NETWORK_PRIVATE);
    assert_true(proxy->denies_private && proxy->private_except_count == 2);
    assert_int_equal(proxy->limits.connections, 100);
    assert_int_equal(proxy->limits.bandwidth, 10 << 20);
    assert_true(slice_equal(proxy->pac.path, SLICE("/proxy.pac")) && proxy->pac.goes_direct);
    assert_true(slice_equal(proxy->parent.host, SLICE("proxy.internal")));
    assert_int_equal(proxy->parent.port, 8080);
    assert_int_equal(proxy->timeouts.idle_ms, 3600000);
    assert_int_equal(proxy->timeouts.connect_ms, 10000);
    /* The third rule can never be reached. */
    assert_int_equal(snapshot->warnings_count, 1);
    snapshot_unref(snapshot);
    snapshot = parse_good("forward_proxies: { p: { address: \":3128\" } }\n");
    assert_int_equal(snapshot->listeners_count, 1); /* and no other way in */
    assert_true(snapshot->proxies[0].denies_private);
    snapshot_unref(snapshot);
}

static void tracing_is_on_when_it_is_given(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good("tracing: \"http://collector.internal/x/\"\n");
    assert_true(snapshot->tracing.is_on);
    assert_true(slice_equal(snapshot->tracing.otlp.address.text, SLICE("collector.internal:4318")));
    assert_int_equal(snapshot->tracing.otlp.address.kind, CONF_ADDRESS_NAME);
    assert_true(slice_equal(snapshot->tracing.otlp.path, SLICE("/x")));
    assert_int_equal(snapshot->tracing.sample, 1000);
    snapshot_unref(snapshot);
    snapshot = parse_good("tracing: { sample: 1.5% }\n");
    assert_true(snapshot->tracing.is_on);
    assert_int_equal(snapshot->tracing.otlp.address.host.len, 0);
    assert_int_equal(snapshot->tracing.sample, 150);
    snapshot_unref(snapshot);
    snapshot = parse_good("listeners: {}\n");
    assert_false(snapshot->tracing.is_on);
    snapshot_unref(snapshot);
}

static void check_top(const struct snapshot *snapshot)
{
    EXPECT(snapshot->app, "notes");
    EXPECT(snapshot->file, "weir.yaml");
    assert_true(slice_starts_with(snapshot->folder, SLICE("/")));
    assert_int_equal(snapshot->workers, 3);
    assert_int_equal(snapshot->access_log.format, CONF_LOG_COMBINED);
    assert_int_equal(snapshot->access_log.path.len, 0);
    assert_true(snapshot->drain_ms > 0);
    assert_int_equal(snapshot->listeners[0].timeouts.head_ms, 10000);
    assert_int_equal(snapshot->listeners[0].timeouts.idle_ms, 60000);
    assert_int_equal(snapshot->listeners_count, 4);
    EXPECT(snapshot->listeners[0].name, "main");
    assert_int_equal(snapshot->listeners[0].place.line, 5);
    assert_int_equal(snapshot->listeners[0].address.kind, CONF_ADDRESS_IP);
    assert_int_equal(snapshot->listeners[0].address.port, 8080);
    EXPECT(snapshot->listeners[1].address.host, "::1");
    assert_string_equal(snapshot->listeners[1].address.host.at, "::1");
    EXPECT(snapshot->listeners[2].address.host, "/run/x.sock");
}

static void check_match(const struct conf_match *match)
{
    const struct conf_pattern expected[] = {
        {CONF_PATTERN_EXACT, SLICE("/x")},       {CONF_PATTERN_WILDCARD, SLICE("/a%20b/*/c")},
        {CONF_PATTERN_WILDCARD, SLICE("*.php")}, {CONF_PATTERN_WILDCARD, SLICE("*")},
        {CONF_PATTERN_PREFIX, SLICE("/~user/")}, {CONF_PATTERN_PREFIX, SLICE("/")},
    };
    assert_int_equal(match->paths_count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        assert_int_equal(match->paths[i].kind, expected[i].kind);
        assert_true(slice_equal(match->paths[i].text, expected[i].text));
    }
    assert_int_equal(match->methods_count, 2);
    EXPECT(match->methods[1], "PURGE");
    assert_int_equal(match->fields_count, 2);
    EXPECT(match->fields[0].name, "X-Mode");
    EXPECT(match->fields[0].value.text, "a*");
    assert_int_equal(match->fields[0].value.kind, CONF_PATTERN_WILDCARD);
    assert_int_equal(match->fields[1].value.kind, CONF_PATTERN_EXACT);
    assert_int_equal(match->fields[1].value.text.len, 0);
}

static void check_rules(const struct conf_site *site)
{
    const struct conf_rule *rule = site->rules;
    assert_int_equal(site->rules_count, 4);
    assert_int_equal(rule[0].number, 1);
    assert_int_equal(rule[0].place.line, 12);
    assert_int_equal(rule[0].place.column, 9);
    assert_int_equal(rule[0].action, CONF_ACTION_FORWARD);
    assert_int_equal(rule[0].forward.shares_count, 1);
    EXPECT(rule[0].forward.shares[0].group, "api");
    assert_int_equal(rule[0].timeouts.connect_ms, 100);
    assert_int_equal(rule[0].timeouts.response_ms, 120000);
    assert_int_equal(rule[0].timeouts.idle_ms, 60000);
    assert_int_equal(rule[0].retries.max, 0);
    assert_true(rule[0].body_max == 1048576);
    check_match(&rule[1].match);
    assert_int_equal(rule[1].action, CONF_ACTION_RESPOND);
    assert_int_equal(rule[1].respond.status, 410);
    EXPECT(rule[1].respond.body, "gone");
    EXPECT(rule[1].respond.content_type, "text/html");
    assert_int_equal(rule[1].retries.max, 2);
    assert_int_equal(rule[1].retries.causes, CONF_RETRY_CONNECT | CONF_RETRY_RESET);
    assert_int_equal(rule[2].action, CONF_ACTION_REDIRECT);
    assert_int_equal(rule[2].redirect.status, 308);
    EXPECT(rule[2].redirect.to, "https://{host}{path}{query}");
    assert_int_equal(rule[3].action, CONF_ACTION_FILES);
    EXPECT(rule[3].files.root, "/");
    EXPECT(rule[3].files.index, "index.html");
    EXPECT(rule[3].files.fallback, "/index.html");
}

static void check_sites(const struct snapshot *snapshot)
{
    const struct conf_site *site = snapshot->sites;
    assert_int_equal(snapshot->sites_count, 2);
    EXPECT(site[0].name, "notes");
    assert_int_equal(site[0].place.line, 9);
    assert_int_equal(site[0].domains_count, 2);
    EXPECT(site[0].domains[0], "notes.localhost");
    EXPECT(site[0].domains[1], "*.notes.localhost");
    assert_int_equal(site[0].listeners_count, 3);
    check_rules(&site[0]);
    EXPECT(site[1].name, "old.example.org");
    assert_int_equal(site[1].listeners_count, 2);
    assert_ptr_equal(site[1].listeners[0], &snapshot->listeners[1]);
    assert_ptr_equal(site[1].listeners[1], &snapshot->listeners[0]);
    assert_int_equal(site[1].rules_count, 1);
    assert_int_equal(site[1].rules[0].number, 1);
    assert_int_equal(site[1].rules[0].place.line, 29);
    assert_true(site[1].rules[0].body_max == UINT64_MAX);
}

static const struct conf_group *find_group(const struct snapshot *snapshot, struct slice name)
{
    for (unsigned i = 0; i < snapshot->groups_count; i++) {
        if (slice_equal(snapshot->groups[i].name, name))
            return &snapshot->groups[i];
    }
    return NULL;
}

static void check_groups(const struct snapshot *snapshot)
{
    const struct conf_group *legacy = find_group(snapshot, SLICE("legacy"));
    const struct conf_group *checked = find_group(snapshot, SLICE("checked"));
    assert_int_equal(snapshot->groups_count, 4);
    assert_non_null(legacy);
    assert_non_null(checked);
    assert_false(legacy->is_service);
    assert_false(legacy->health.enabled);
    assert_int_equal(legacy->balance.algorithm, CONF_BALANCE_LEAST_REQUESTS);
    assert_int_equal(legacy->targets_count, 3);
    assert_int_equal(legacy->targets[0].weight, 1);
    assert_int_equal(legacy->targets[1].weight, 0);
    assert_int_equal(legacy->targets[1].address.kind, CONF_ADDRESS_NAME);
    assert_int_equal(legacy->targets[2].address.kind, CONF_ADDRESS_UNIX);
    assert_true(slice_starts_with(legacy->targets[2].address.host, snapshot->folder));
    assert_true(slice_ends_with(legacy->targets[2].address.host, SLICE("/run/a.sock")));
    EXPECT(legacy->health.host, "health.old.localhost");
    assert_true(checked->health.enabled);
    assert_true(checked->health.any_below_500);
    EXPECT(checked->health.path, "/");
    assert_int_equal(checked->health.interval_ms, 5000);
}

static void check_services(const struct snapshot *snapshot)
{
    const struct conf_service *worker = &snapshot->services[0], *api = &snapshot->services[1];
    assert_int_equal(snapshot->services_count, 3);
    EXPECT(api->command, "first\nsecond\n");
    EXPECT(api->directory, "/tmp");
    EXPECT(api->build_run, "make");
    assert_int_equal(api->tasks_min, 2);
    assert_int_equal(api->tasks_max, 8);
    assert_int_equal(api->drain_ms, 5000);
    assert_int_equal(api->env_count, 3);
    EXPECT(api->env[0].name, "A");
    EXPECT(api->env[0].value, "1");
    EXPECT(api->env[2].value, "true");
    assert_ptr_equal(api->group, find_group(snapshot, SLICE("api")));
    assert_true(api->group->is_service);
    assert_int_equal(api->group->balance.algorithm, CONF_BALANCE_ROUND_ROBIN);
    assert_true(api->group->health.enabled);
    assert_false(api->group->health.any_below_500);
    EXPECT(api->group->health.path, "/healthz");
    EXPECT(api->group->health.host, "notes.localhost");
    assert_int_equal(api->group->health.grace_ms, 60000);
    assert_int_equal(api->group->health.healthy_threshold, 1);
    assert_int_equal(api->group->health.unhealthy_threshold, 5);
    EXPECT(worker->command, "work");
    EXPECT(worker->directory, "/tmp");
    assert_int_equal(worker->tasks_min, 0);
    assert_int_equal(worker->tasks_max, 1);
    assert_int_equal(worker->env_count, 3);
    assert_null(worker->group);
    assert_null(snapshot->services[2].group);
    assert_true(slice_equal(snapshot->services[2].directory, snapshot->folder));
}

static void a_whole_file_becomes_a_snapshot(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good(full_file);
    check_top(snapshot);
    check_sites(snapshot);
    check_groups(snapshot);
    check_services(snapshot);
    snapshot_unref(snapshot);
}

static void the_shortest_site_listens_at_80_and_answers_to_all(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good("sites:\n  s:\n    files: /\n");
    assert_int_equal(snapshot->listeners_count, 1);
    EXPECT(snapshot->listeners[0].name, "http");
    EXPECT(snapshot->listeners[0].address.text, ":80");
    assert_int_equal(snapshot->listeners[0].address.port, 80);
    EXPECT(snapshot->sites[0].domains[0], "*");
    assert_int_equal(snapshot->workers, 0);
    assert_int_equal(snapshot->access_log.format, CONF_LOG_JSON);
    assert_true(slice_ends_with(snapshot->access_log.path, SLICE("/.weir/access.log")));
    snapshot_unref(snapshot);
}

static void no_listeners_and_no_log_can_be_said(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good("listeners: {}\naccess_log: off\n");
    assert_int_equal(snapshot->listeners_count, 0);
    assert_int_equal(snapshot->access_log.format, CONF_LOG_OFF);
    snapshot_unref(snapshot);
}

static void a_service_without_health_has_to_answer_below_500(void **state)
{
    (void)state;
    struct snapshot *snapshot =
        parse_good("services: { a: { command: x } }\nsites: { s: { forward: a } }\n");
    const struct conf_health *health = &snapshot->groups[0].health;
    assert_true(health->enabled);
    assert_true(health->any_below_500);
    EXPECT(health->path, "/");
    assert_int_equal(health->interval_ms, 2000);
    assert_int_equal(health->host.len, 0);
    snapshot_unref(snapshot);
}

static void short_forms_mean_what_the_long_ones_do(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good("sites:\n"
                                           "  s:\n"
                                           "    rules:\n"
                                           "      - respond: 404\n"
                                           "      - respond: \"404\"\n"
                                           "      - respond: hello\n"
                                           "      - redirect: /new\n"
                                           "services: { a: { command: x, tasks: 4 } }\n");
    const struct conf_rule *rules = snapshot->sites[0].rules;
    assert_int_equal(rules[0].respond.status, 404);
    assert_int_equal(rules[0].respond.body.len, 0);
    assert_int_equal(rules[1].respond.status, 200);
    EXPECT(rules[1].respond.body, "404");
    EXPECT(rules[2].respond.body, "hello");
    EXPECT(rules[2].respond.content_type, "text/plain; charset=utf-8");
    assert_int_equal(rules[3].redirect.status, 302);
    assert_int_equal(snapshot->services[0].tasks_min, 4);
    assert_int_equal(snapshot->services[0].tasks_max, 4);
    snapshot_unref(snapshot);
}

static void aliases_and_inheritance_copy(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good("services:\n"
                                           "  a: { command: x, env: &env { A: 1, B: 2 } }\n"
                                           "  b: { command: y, env: *env }\n"
                                           "  c: { from: d, tasks: 3 }\n"
                                           "  d: { from: b, command: z, tasks: 2 }\n");
    assert_int_equal(snapshot->services[1].env_count, 2);
    EXPECT(snapshot->services[1].env[1].value, "2");
    EXPECT(snapshot->services[2].command, "z");
    assert_int_equal(snapshot->services[2].env_count, 2);
    assert_int_equal(snapshot->services[2].tasks_min, 3);
    EXPECT(snapshot->services[3].command, "z");
    snapshot_unref(snapshot);
}

static void one_domain_may_stand_at_different_listeners(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good("listeners: { a: \":1\", b: \":2\" }\n"
                                           "sites:\n"
                                           "  x: { domains: x.org, listeners: a, respond: 200 }\n"
                                           "  y: { domains: x.org, listeners: b, respond: 200 }\n");
    assert_int_equal(snapshot->sites_count, 2);
    snapshot_unref(snapshot);
}

static void it_lives_until_the_last_reference_goes(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good("app: x\n");
    assert_ptr_equal(snapshot_ref(snapshot), snapshot);
    snapshot_unref(snapshot);
    EXPECT(snapshot->app, "x");
    snapshot_unref(snapshot);
    snapshot_unref(NULL);
}

static void it_reads_a_file_and_resolves_by_its_folder(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-conf-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/weir.yaml", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("sites: { s: { files: ./. } }\naccess_log: { path: a.log }\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    SCOPED(conf_errors_finish) struct conf_errors errors;
    struct snapshot *snapshot = NULL;
    conf_errors_init(&errors);
    assert_int_equal(snapshot_read(path, NULL, &snapshot, &errors), 0);
    assert_true(slice_equal(snapshot->folder, slice_of_cstr(folder)));
    assert_true(slice_equal(snapshot->sites[0].rules[0].files.root, slice_of_cstr(folder)));
    assert_true(slice_ends_with(snapshot->access_log.path, SLICE("/a.log")));
    snapshot_unref(snapshot);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct snapshot *snapshot = NULL;
    int rc = -ENOMEM;
    for (long nth = 1; rc != 0; nth++) {
        struct conf_errors errors;
        conf_errors_init(&errors);
        memory_fail_from(nth);
        rc = snapshot_parse(SLICE("weir.yaml"), slice_of_cstr(full_file), &snapshot, &errors);
        memory_fail_from(0);
        assert_true(rc == 0 || rc == -ENOMEM);
        assert_int_equal(errors.count, 0);
        assert_true((snapshot != NULL) == (rc == 0));
        conf_errors_finish(&errors);
    }
    snapshot_unref(snapshot);
}

static void every_allocation_may_fail_while_errors_are_told(void **state)
{
    (void)state;
    const struct slice bad = SLICE("app: \"a b\"\nzebra: 1\nsites: { s: { forward: x } }\n");
    int rc = -ENOMEM;
    for (long nth = 1; rc == -ENOMEM; nth++) {
        struct conf_errors errors;
        struct snapshot *snapshot = NULL;
        conf_errors_init(&errors);
        memory_fail_from(nth);
        rc = snapshot_parse(SLICE("weir.yaml"), bad, &snapshot, &errors);
        memory_fail_from(0);
        assert_null(snapshot);
        assert_true(rc == -ENOMEM || (rc == -EINVAL && errors.count == 3));
        conf_errors_finish(&errors);
    }
}

static void folders_are_told_apart_by_what_they_show(void **state)
{
    (void)state;
    static const char text[] = "sites:\n"
                               "  a:\n"
                               "    domains: a.org\n"
                               "    rules:\n"
                               "      - files: { root: /usr, precompressed: [gzip, br] }\n"
                               "      - files: /usr\n"
                               "      - files: { root: /usr, index: home.html }\n"
                               "      - files: { root: /usr/lib, listing: true }\n";
    struct snapshot *one = parse_good(text), *two = parse_good(text);
    const struct conf_rule *rules = one->sites[0].rules, *again = two->sites[0].rules;
    for (unsigned i = 0; i < 4; i++) {
        assert_string_equal(rules[i].files.identity.at, rules[i].files.root.at);
        assert_true(slice_equal(rules[i].files.identity, again[i].files.identity));
        assert_true(rules[i].files.identity_hash == again[i].files.identity_hash);
    }
    assert_true(slice_equal(rules[0].files.identity, rules[1].files.identity));
    assert_false(slice_equal(rules[1].files.identity, rules[2].files.identity));
    assert_false(slice_equal(rules[1].files.identity, rules[3].files.identity));
    assert_int_equal(rules[0].files.precompressed_count, 2);
    assert_int_equal(rules[0].files.precompressed[0], ENCODING_GZIP);
    assert_int_equal(rules[1].files.precompressed_count, 0);
    assert_int_equal(rules[0].files.listing, CONF_LISTING_OFF);
    assert_int_equal(rules[3].files.listing, CONF_LISTING_ON);
    snapshot_unref(one);
    snapshot_unref(two);
}

static void ten_thousand_sites_are_read(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer text;
    buffer_init(&text, 8388608);
    assert_int_equal(buffer_append(&text, SLICE("target_groups: { g: \"a:1\" }\nsites:\n")), 0);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(buffer_format(&text, "  s%d:\n    domains: [s%d.org]\n    rules:\n", i, i),
                         0);
        for (int j = 0; j < 10; j++)
            assert_int_equal(buffer_format(&text, "    - {match: {path: /p%d/*}, forward: g}\n", j),
                             0);
    }
    assert_int_equal(buffer_append_char(&text, '\0'), 0);
    struct snapshot *snapshot = parse_good(text.at);
    assert_int_equal(snapshot->sites_count, 10000);
    assert_int_equal(snapshot->sites[9999].rules_count, 10);
    EXPECT(snapshot->sites[9999].rules[9].match.paths[0].text, "/p9/");
    snapshot_unref(snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_becomes_a_snapshot),
        cmocka_unit_test(tracing_is_on_when_it_is_given),
        cmocka_unit_test(the_shortest_site_listens_at_80_and_answers_to_all),
        cmocka_unit_test(no_listeners_and_no_log_can_be_said),
        cmocka_unit_test(a_service_without_health_has_to_answer_below_500),
        cmocka_unit_test(short_forms_mean_what_the_long_ones_do),
        cmocka_unit_test(aliases_and_inheritance_copy),
        cmocka_unit_test(one_domain_may_stand_at_different_listeners),
        cmocka_unit_test(folders_are_told_apart_by_what_they_show),
        cmocka_unit_test(it_lives_until_the_last_reference_goes),
        cmocka_unit_test(it_reads_a_file_and_resolves_by_its_folder),
        cmocka_unit_test(a_forward_proxy_has_a_listener_of_its_own),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_allocation_may_fail_while_errors_are_told),
        cmocka_unit_test(ten_thousand_sites_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
