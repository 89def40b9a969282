/* The rings of what was decided: what they tell, and what they keep. */
#include "unit.h"

#include "base/memory.h"
#include "edge/access_line.h"
#include "edge/explain/decisions.h"
#include "edge/explain/notes.h"
#include "http/session.h"
#include "os/kernel.h"
#include "os/loop.h"

static struct server server = {.name = SLICE("web")};
static struct kernel *kernel;
static struct loop *loop;

static int set_up(void **state)
{
    (void)state;
    int rc = kernel_real_create(&kernel);
    return rc < 0 ? rc : loop_create(kernel, &loop);
}

static int tear_down(void **state)
{
    (void)state;
    loop_destroy(loop);
    kernel_real_destroy(kernel);
    return 0;
}

static struct exchange exchange_of(uint64_t id, unsigned status)
{
    return (struct exchange){
        .server = &server,
        .id = id,
        .status = status,
        .state = RESPONSE_COMPLETE,
        .request = {.method_name = SLICE("GET"), .authority = SLICE("example.org:80")},
        .path = SLICE("/a"),
        .client = SLICE("192.0.2.1"),
    };
}

static void add(struct decisions *decisions, uint64_t id, unsigned status, int64_t duration_us)
{
    struct exchange exchange = exchange_of(id, status);
    decisions_add(decisions, &exchange, duration_us);
}

#define assert_slice(slice, literal) assert_true(slice_equal(slice, SLICE(literal)))

static void a_record_holds_what_was_decided(void **state)
{
    (void)state;
    struct decisions *decisions;
    assert_int_equal(decisions_create(&decisions), 0);
    struct exchange exchange = exchange_of(7, 502);
    exchange.notes = (struct exchange_notes){
        .site = SLICE("shop"),
        .rule = 2,
        .rule_line = 12,
        .action = "forward",
        .group = SLICE("api"),
        .tries = 2,
        .is_retry_denied = true,
        .reason = "the target refused the connection",
        .tried = {{.target = SLICE("api-1"),
                   .why = "the connection to the target broke",
                   .outcome = TRY_BROKEN,
                   .was_kept = true,
                   .begun_us = 1,
                   .connected_us = 2,
                   .ended_us = 3},
                  {.target = SLICE("api-2"), .outcome = TRY_CONNECT_FAILED}},
    };
    decisions_add(decisions, &exchange, 1234);
    const struct decision *found = decisions_find(decisions, 7);
    assert_non_null(found);
    assert_null(decisions_find(decisions, 8));
    assert_int_equal(found->status, 502);
    assert_int_equal(found->duration_us, 1234);
    assert_int_equal(found->rule_line, 12);
    assert_string_equal(found->action, "forward");
    assert_true(found->is_retry_denied);
    assert_slice(decision_text(found, DECISION_LISTENER), "web");
    assert_slice(decision_text(found, DECISION_SITE), "shop");
    assert_slice(decision_text(found, DECISION_HOST), "example.org:80");
    assert_slice(decision_text(found, DECISION_PATH), "/a");
    assert_slice(decision_text(found, DECISION_REASON), "the target refused the connection");
    assert_int_equal(found->tries_told, 2);
    assert_slice(decision_try_target(found, 0), "api-1");
    assert_slice(decision_try_why(found, 0), "the connection to the target broke");
    assert_slice(decision_try_target(found, 1), "api-2");
    assert_slice(decision_try_why(found, 1), "");
    assert_true(decision_tries(found)[0].was_kept);
    decisions_destroy(decisions);
}

static void what_is_too_long_is_cut(void **state)
{
    (void)state;
    static char path[5000];
    memset(path, 'x', sizeof path);
    struct decisions *decisions;
    assert_int_equal(decisions_create(&decisions), 0);
    for (unsigned round = 0; round < 2000; round++) {
        struct exchange exchange = exchange_of(round, 500);
        exchange.path = exchange.request.authority = slice_of(path, sizeof path);
        exchange.notes.site = exchange.notes.group = slice_of(path, sizeof path);
        exchange.notes.tries = EXCHANGE_TRIES_MAX + 3;
        for (unsigned i = 0; i < EXCHANGE_TRIES_MAX; i++)
            exchange.notes.tried[i].target = slice_of(path, sizeof path);
        decisions_add(decisions, &exchange, 1);
        const struct decision *found = decisions_find(decisions, round);
        assert_non_null(found);
        assert_int_equal(decision_text(found, DECISION_PATH).len, 255);
        assert_true(found->is_path_cut);
        assert_int_equal(found->tries, EXCHANGE_TRIES_MAX + 3);
        assert_int_equal(found->tries_told, EXCHANGE_TRIES_MAX);
        assert_int_equal(decision_try_target(found, EXCHANGE_TRIES_MAX - 1).len, 128);
    }
    decisions_destroy(decisions);
}

static void a_ring_keeps_the_last_ones_whole(void **state)
{
    (void)state;
    static char path[256];
    memset(path, 'x', sizeof path);
    struct decisions *decisions;
    assert_int_equal(decisions_create(&decisions), 0);
    /* Records of many lengths, several times round the ring. */
    enum { REQUESTS = 40000, SURELY_KEPT = 1800 };
    for (uint64_t id = 1; id <= REQUESTS; id++) {
        struct exchange exchange = exchange_of(id, 200);
        exchange.path = slice_of(path, (size_t)(id * 7919 % sizeof path));
        decisions_add(decisions, &exchange, 1);
        if (id % 1999 == 0 || id == REQUESTS) {
            for (uint64_t back = 0; back < SURELY_KEPT && back < id; back++) {
                const struct decision *found = decisions_find(decisions, id - back);
                assert_non_null(found);
                assert_int_equal(decision_text(found, DECISION_PATH).len,
                                 (id - back) * 7919 % sizeof path);
            }
        }
    }
    assert_null(decisions_find(decisions, 1));
    decisions_destroy(decisions);
}

static void a_flood_of_good_ones_does_not_push_out_the_failed(void **state)
{
    (void)state;
    struct decisions *decisions;
    assert_int_equal(decisions_create(&decisions), 0);
    add(decisions, 1, 502, 1000);
    for (uint64_t id = 10; id < 30000; id++)
        add(decisions, id, 200, 1000);
    assert_non_null(decisions_find(decisions, 1));
    assert_null(decisions_find(decisions, 10));
    decisions_destroy(decisions);
}

static void connections_are_remembered_beside_requests(void **state)
{
    (void)state;
    struct decisions *decisions;
    static char name[300];
    assert_int_equal(decisions_create(&decisions), 0);
    memset(name, 'n', sizeof name);
    struct access_connection connection = {
        .id = 5,
        .client = SLICE("192.0.2.1"),
        .listener = slice_of(name, sizeof name),
        .group = SLICE("db"),
        .target = slice_of(name, sizeof name),
        .tries = 2,
        .connect_us = 70,
        .duration_us = INT64_C(1) << 40,
        .bytes_received = 3,
        .bytes_sent = 4,
        .reason = "the connection broke",
    };
    decisions_add_connection(decisions, &connection);
    for (uint64_t id = 10; id < 30000; id++)
        add(decisions, id, 200, 1000);
    const struct decision *found = decisions_find(decisions, 5);
    assert_non_null(found);
    assert_true(found->is_connection);
    assert_int_equal(found->tries, 2);
    assert_int_equal(decision_tries(found)[0].connected_us, 70);
    assert_int_equal(decision_text(found, DECISION_LISTENER).len, 64);
    assert_int_equal(decision_try_target(found, 0).len, 128);
    assert_true(slice_equal(decision_text(found, DECISION_REASON), SLICE("the connection broke")));
    connection = (struct access_connection){.id = 6, .listener = SLICE("db")};
    decisions_add_connection(decisions, &connection);
    assert_int_equal(decisions_find(decisions, 6)->tries_told, 0);
    decisions_destroy(decisions);
}

static void what_is_slow_beside_the_others_is_kept_too(void **state)
{
    (void)state;
    struct decisions *decisions;
    assert_int_equal(decisions_create(&decisions), 0);
    for (uint64_t id = 10; id < 2100; id++)
        add(decisions, id, 200, 900);
    add(decisions, 1, 200, 50000);
    add(decisions, 2, 200, 950);
    for (uint64_t id = 3000; id < 30000; id++)
        add(decisions, id, 200, 900);
    assert_non_null(decisions_find(decisions, 1));
    assert_null(decisions_find(decisions, 2));
    decisions_destroy(decisions);
}

static void without_memory_there_is_none(void **state)
{
    (void)state;
    for (long nth = 1; nth <= 3; nth++) {
        struct decisions *decisions = NULL;
        memory_fail_from(nth);
        int rc = decisions_create(&decisions);
        memory_fail_from(0);
        assert_true(rc < 0 && decisions == NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_holds_what_was_decided),
        cmocka_unit_test(what_is_too_long_is_cut),
        cmocka_unit_test(a_ring_keeps_the_last_ones_whole),
        cmocka_unit_test(a_flood_of_good_ones_does_not_push_out_the_failed),
        cmocka_unit_test(connections_are_remembered_beside_requests),
        cmocka_unit_test(what_is_slow_beside_the_others_is_kept_too),
        cmocka_unit_test(without_memory_there_is_none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
