/* What rules and sites ask for besides their action, once it is read. */
#include "conf_unit.h"

#include "base/cleanup.h"
#include "wire/http/encoding.h"

#define GROUP "target_groups: { api: [\"127.0.0.1:8000\"], guard: [\"127.0.0.1:8001\"] }\n"

static void limits_have_their_defaults(void **state)
{
    (void)state;
    struct snapshot *snapshot =
        parse_good(GROUP "sites:\n"
                         "  s:\n"
                         "    rules:\n"
                         "      - { forward: api, rate_limit: 100/s, concurrency: 10 }\n"
                         "      - { forward: api, rate_limit: { rate: 30/m, by: header X-Key } }\n"
                         "      - { forward: api, body_max: 1MiB }\n"
                         "      - { forward: api }\n");
    const struct conf_rule *rules = snapshot->sites[0].rules;
    assert_int_equal(rules[0].rate_limit.rate.count, 100);
    assert_int_equal(rules[0].rate_limit.rate.period_ms, 1000);
    assert_int_equal(rules[0].rate_limit.burst, 100);
    assert_int_equal(rules[0].rate_limit.key.by, CONF_LIMIT_BY_ADDRESS);
    assert_int_equal(rules[0].concurrency.max, 10);
    assert_int_equal(rules[0].concurrency.key.by, CONF_LIMIT_BY_ALL);
    assert_int_equal(rules[1].rate_limit.burst, 1);
    assert_int_equal(rules[1].rate_limit.key.by, CONF_LIMIT_BY_HEADER);
    assert_true(slice_equal(rules[1].rate_limit.key.header, SLICE("X-Key")));
    assert_false(rules[1].concurrency.enabled);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(rules[i].gate, i + 1);
        assert_false(rules[i].has_filters);
    }
    assert_int_equal(rules[3].gate, 0);
    assert_false(rules[3].rate_limit.enabled);
    assert_int_equal(snapshot->gates_count, 3);
    snapshot_unref(snapshot);
}

static void compression_is_the_rules_or_the_sites(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good(GROUP "sites:\n"
                                                 "  s:\n"
                                                 "    domains: a\n"
                                                 "    compress: true\n"
                                                 "    rules:\n"
                                                 "      - { forward: api }\n"
                                                 "      - { forward: api, compress: false }\n"
                                                 "      - { forward: api, compress: br }\n"
                                                 "  t:\n"
                                                 "    domains: b\n"
                                                 "    forward: api\n"
                                                 "    compress: [gzip, br]\n");
    const struct conf_rule *rules = snapshot->sites[0].rules;
    assert_true(rules[0].compress.enabled && rules[0].has_filters);
    assert_int_equal(rules[0].compress.encodings_count, 3);
    assert_int_equal(rules[0].compress.encodings[0], ENCODING_ZSTD);
    assert_int_equal(rules[0].compress.min_size, 1024);
    assert_false(rules[1].compress.enabled || rules[1].has_filters);
    assert_int_equal(rules[2].compress.encodings_count, 1);
    assert_int_equal(rules[2].compress.encodings[0], ENCODING_BR);
    const struct conf_rule *own = snapshot->sites[1].rules;
    assert_int_equal(own[0].compress.encodings_count, 2);
    assert_int_equal(own[0].compress.encodings[0], ENCODING_GZIP);
    snapshot_unref(snapshot);
}

static void a_sites_headers_stand_beside_rules(void **state)
{
    (void)state;
    struct snapshot *snapshot =
        parse_good(GROUP "sites:\n"
                         "  s:\n"
                         "    response_headers: { set: { X-A: \"{host}\" }, remove: Server }\n"
                         "    cors: \"*\"\n"
                         "    rules:\n"
                         "      - { respond: hi }\n"
                         "      - forward: api\n"
                         "        cors: { origins: [\"https://a.example\"], credentials: true }\n"
                         "        auth: { forward: guard, path: /check, copy: X-User }\n");
    const struct conf_site *site = &snapshot->sites[0];
    assert_int_equal(site->response_headers.set_count, 1);
    assert_true(slice_equal(site->response_headers.set[0].value, SLICE("{host}")));
    assert_int_equal(site->response_headers.remove_count, 1);
    assert_true(site->rules[0].has_filters && site->rules[1].has_filters);
    assert_true(site->rules[0].cors.any_origin);
    assert_int_equal(site->rules[0].cors.max_age_ms, 600000);
    assert_false(site->rules[1].cors.any_origin);
    assert_int_equal(site->rules[1].cors.credentials, 1);
    assert_true(slice_equal(site->rules[1].auth.group, SLICE("guard")));
    assert_int_equal(site->rules[1].auth.copy_count, 1);
    assert_int_equal(site->rules[1].auth.timeout_ms, 10000);
    assert_int_equal(snapshot->groups_count, 2);
    snapshot_unref(snapshot);
}

static void single_statuses_come_before_classes(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse_good(
        "sites: { s: { respond: hi, errors: { 5xx: " SOURCE_ROOT "/LICENSE, 404: " SOURCE_ROOT
        "/LICENSE, 503: " SOURCE_ROOT "/LICENSE, intercept: true } } }\n");
    const struct conf_error_pages *errors = &snapshot->sites[0].errors;
    assert_int_equal(errors->pages_count, 3);
    assert_true(errors->intercept);
    assert_int_equal(errors->pages[2].first, 500);
    assert_int_equal(errors->pages[2].last, 599);
    assert_int_equal(errors->pages[0].first, errors->pages[0].last);
    snapshot_unref(snapshot);
}

static void files_that_are_gone_are_no_error_later(void **state)
{
    (void)state;
    struct slice text = SLICE("sites: { s: { respond: hi, basic_auth: /nonexistent/users, "
                              "errors: { 404: /nonexistent/page } } }\n");
    struct conf_errors errors;
    struct snapshot *snapshot = NULL;
    conf_errors_init(&errors);
    assert_int_equal(snapshot_parse(SLICE("weir.yaml"), text, &snapshot, &errors), -EINVAL);
    assert_int_equal(errors.count, 2);
    conf_errors_finish(&errors);
    conf_errors_init(&errors);
    assert_int_equal(snapshot_parse_accepted(SLICE("weir.yaml"), text, &snapshot, &errors), 0);
    assert_true(snapshot->lacks_files);
    assert_true(snapshot->sites[0].rules[0].basic_auth.enabled);
    assert_int_equal(snapshot->sites[0].rules[0].basic_auth.users_count, 0);
    assert_int_equal(snapshot->sites[0].errors.pages_count, 0);
    snapshot_unref(snapshot);
    conf_errors_finish(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_have_their_defaults),
        cmocka_unit_test(compression_is_the_rules_or_the_sites),
        cmocka_unit_test(a_sites_headers_stand_beside_rules),
        cmocka_unit_test(single_statuses_come_before_classes),
        cmocka_unit_test(files_that_are_gone_are_no_error_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
