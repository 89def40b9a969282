/* Gates of a snapshot, and closed sites: what each failing allocation leaves behind. */
#include "unit.h"

#include "base/cleanup.h"
#include "base/json.h"
#include "base/memory.h"
#include "edge/policy/gate.h"
#include "edge/policy/maintenance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HASH "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"

static char users_path[] = "/tmp/weir-gate-XXXXXX";

static struct snapshot *parse(void)
{
    char text[1000];
    struct conf_errors errors;
    struct snapshot *snapshot = NULL;
    (void)snprintf(text, sizeof text,
                   "target_groups: { api: [\"127.0.0.1:1\"], guard: [\"127.0.0.1:2\"] }\n"
                   "sites:\n"
                   "  s:\n"
                   "    rules:\n"
                   "      - { match: { path: /a }, forward: api }\n"
                   "      - forward: api\n"
                   "        rate_limit: { rate: 5/s, by: user }\n"
                   "        concurrency: 7\n"
                   "        basic_auth: %s\n"
                   "        auth: { forward: guard }\n",
                   users_path);
    conf_errors_init(&errors);
    assert_int_equal(snapshot_parse(SLICE("weir.yaml"), slice_of_cstr(text), &snapshot, &errors),
                     0);
    conf_errors_finish(&errors);
    return snapshot;
}

static int begin(void **state)
{
    (void)state;
    int fd = mkstemp(users_path);
    static const char line[] = "ada:" HASH "\nbob:" HASH "\n";
    return fd >= 0 && write(fd, line, sizeof line - 1) > 0 && close(fd) == 0 ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    return unlink(users_path);
}

static void rules_with_policies_have_gates(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse();
    struct gate *gates = NULL;
    assert_int_equal(gates_create(snapshot, &gates), 0);
    assert_int_equal(snapshot->gates_count, 1);
    assert_ptr_equal(gates[1].rule, &snapshot->sites[0].rules[1]);
    assert_non_null(gates[1].rate);
    assert_non_null(gates[1].concurrency);
    assert_non_null(gates[1].basic_auth);
    assert_true(slice_equal(snapshot->groups[gates[1].auth_group].name, SLICE("guard")));
    struct gate *later = NULL; /* as a reload makes them, beside the old ones */
    assert_int_equal(gates_create(snapshot, &later), 0);
    assert_ptr_equal(later[1].rate, gates[1].rate);
    assert_ptr_equal(later[1].concurrency, gates[1].concurrency);
    gates_destroy(snapshot, gates);
    gates_destroy(snapshot, later);
    gates_destroy(snapshot, NULL);
    snapshot_unref(snapshot);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct snapshot *snapshot = parse();
    int rc = -ENOMEM;
    for (long nth = 1; rc < 0; nth++) {
        struct gate *gates = NULL;
        assert_true(nth < 100);
        memory_fail_from(nth);
        rc = gates_create(snapshot, &gates);
        memory_fail_from(0);
        assert_true(rc == 0 || rc == -ENOMEM);
        assert_true((rc == 0) == (gates != NULL));
        gates_destroy(snapshot, gates);
    }
    snapshot_unref(snapshot);
}

static void expect_told(struct maintenance *maintenance, const char *site, const char *told)
{
    char room[200];
    struct writer writer;
    struct json_writer json;
    writer_init(&writer, room, sizeof room);
    json_writer_init(&json, &writer);
    maintenance_write(maintenance, slice_of_cstr(site), &json);
    assert_true(slice_equal(writer_slice(&writer), slice_of_cstr(told)));
}

static void sites_are_closed_by_name(void **state)
{
    (void)state;
    struct maintenance maintenance;
    struct network network;
    maintenance_init(&maintenance, (struct hash_key){1, 2});
    assert_int_equal(network_parse(SLICE("10.0.0.0/8"), &network), 0);
    assert_false(maintenance_is_on(&maintenance));
    assert_int_equal(maintenance_set(&maintenance, SLICE("s"), SLICE("one"), &network, 1), 0);
    assert_int_equal(maintenance_set(&maintenance, SLICE("s"), SLICE("two"), NULL, 0), 0);
    assert_int_equal(maintenance_set(&maintenance, SLICE("t"), SLICE(""), NULL, 0), 0);
    assert_true(maintenance_is_on(&maintenance));
    expect_told(&maintenance, "s", "\"maintenance\":\"two\"");
    expect_told(&maintenance, "t", "\"maintenance\":\"\"");
    expect_told(&maintenance, "u", "");
    assert_true(maintenance_clear(&maintenance, SLICE("s")));
    assert_false(maintenance_clear(&maintenance, SLICE("s")));
    assert_true(maintenance_is_on(&maintenance));
    assert_true(maintenance_clear(&maintenance, SLICE("t")));
    assert_false(maintenance_is_on(&maintenance));
    for (long nth = 1; nth < 6; nth++) {
        memory_fail_from(nth);
        int rc = maintenance_set(&maintenance, SLICE("s"), SLICE("three"), &network, 1);
        memory_fail_from(0);
        assert_true(rc == 0 || rc == -ENOMEM);
        assert_int_equal(maintenance_clear(&maintenance, SLICE("s")), rc == 0);
    }
    assert_int_equal(maintenance_set(&maintenance, SLICE("s"), SLICE("four"), NULL, 0), 0);
    maintenance_finish(&maintenance);
}

static void closed_sites_are_saved_and_loaded(void **state)
{
    (void)state;
    static const char expected[] =
        "[{\"site\":\"s\",\"message\":\"one \\\"two\\\"\",\"allow\":[\"10.0.0.0/"
        "8\"]}]\n";
    struct maintenance one, other;
    struct network network;
    char *text;
    size_t len;
    maintenance_init(&one, (struct hash_key){1, 2});
    maintenance_init(&other, (struct hash_key){3, 4});
    assert_int_equal(network_parse(SLICE("10.0.0.0/8"), &network), 0);
    assert_int_equal(maintenance_set(&one, SLICE("s"), SLICE("one \"two\""), &network, 1), 0);
    assert_int_equal(maintenance_set(&other, SLICE("gone"), SLICE(""), NULL, 0), 0);
    assert_int_equal(maintenance_save(&one, &text, &len), 0);
    assert_true(slice_equal(slice_of(text, len), slice_of_cstr(expected)));
    assert_int_equal(maintenance_load(&other, SLICE("{}")), -EBADMSG);
    expect_told(&other, "gone", "\"maintenance\":\"\"");
    assert_int_equal(maintenance_load(&other, slice_of(text, len)), 0);
    memory_free(text);
    expect_told(&other, "gone", "");
    expect_told(&other, "s", "\"maintenance\":\"one \\\"two\\\"\"");
    assert_int_equal(maintenance_load(&other, SLICE("[{\"site\":\"a\",\"allow\":[\"x\"]},"
                                                    "{\"site\":\"b\"}]")),
                     -EBADMSG);
    expect_told(&other, "b", "\"maintenance\":\"\"");
    assert_int_equal(maintenance_load(&other, (struct slice){0}), 0);
    assert_false(maintenance_is_on(&other));
    maintenance_finish(&one);
    maintenance_finish(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_sites_are_saved_and_loaded),
        cmocka_unit_test(rules_with_policies_have_gates),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(sites_are_closed_by_name),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
