#include "unit.h"

#include "base/buffer.h"
#include "edge/latency.h"
#include "edge/metrics.h"
#include "edge/report.h"
#include "edge/state.h"
#include "os/file.h"

#define DOCUMENT   SOURCE_ROOT "/docs/metrics.md"
#define PAGE_BYTES ((size_t)1 << 18)

static char page[PAGE_BYTES];

static void a_duration_counts_in_the_first_bucket_that_holds_it(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        unsigned bucket;
    } cases[] = {
        {-1, 0},   {0, 0},       {250, 0},       {251, 1},       {500, 1},
        {1000, 2}, {999999, 11}, {60000000, 16}, {60000001, 17}, {INT64_MAX / 2, 17},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct latency latency = {0};
        latency_add(&latency, cases[i].us);
        for (unsigned bucket = 0; bucket <= LATENCY_ENDS; bucket++)
            assert_int_equal(latency.counts[bucket], bucket == cases[i].bucket);
        assert_true(latency.total_us == (cases[i].us < 0 ? 0 : (uint64_t)cases[i].us));
    }
    for (unsigned i = 1; i < LATENCY_ENDS; i++)
        assert_true(latency_ends_us[i] > latency_ends_us[i - 1]);
}

static void sums_hold_all_workers(void **state)
{
    (void)state;
    struct latency sum = {0}, one = {0}, other = {0};
    latency_add(&one, 100);
    latency_add(&one, 2000);
    latency_add(&other, 100);
    latency_sum(&sum, &one);
    latency_sum(&sum, &other);
    assert_int_equal(sum.counts[0], 2);
    assert_int_equal(sum.counts[3], 1);
    assert_int_equal(sum.total_us, 2200);
}

static void names_follow_the_rules_of_prometheus(void **state)
{
    (void)state;
    for (const struct metric *metric = metrics_table; metric->name != NULL; metric++) {
        struct slice name = slice_of_cstr(metric->name);
        assert_true(slice_starts_with(name, SLICE("weir_")) ||
                    slice_starts_with(name, SLICE("process_")));
        assert_int_equal(metric->type == METRIC_COUNTER, slice_ends_with(name, SLICE("_total")));
        for (size_t i = 0; i < name.len; i++)
            assert_true((name.at[i] >= 'a' && name.at[i] <= 'z') || name.at[i] == '_' ||
                        (i > 0 && ascii_is_digit(name.at[i])));
        assert_true(slice_ends_with(slice_of_cstr(metric->help), SLICE(".")));
        assert_int_equal(slice_find(slice_of_cstr(metric->help), '\n'), -1);
        for (const struct metric *other = metric + 1; other->name != NULL; other++)
            assert_string_not_equal(metric->name, other->name);
    }
}

static void the_page_in_docs_is_that_of_the_table(void **state)
{
    (void)state;
    struct writer writer;
    writer_init(&writer, page, sizeof page);
    metrics_write_markdown(&writer);
    assert_false(writer.overflown);
    struct buffer text;
    buffer_init(&text, PAGE_BYTES);
    if (file_read_all(DOCUMENT, &text) < 0 ||
        !slice_equal(buffer_slice(&text), writer_slice(&writer)))
        fail_msg("%s", "run: build/tools/metrics_reference > docs/metrics.md");
    buffer_finish(&text);
}

/* An edge of two workers, one listener and a group of two targets, as memory alone. */
struct world {
    struct edge edge;
    struct edge_worker workers[2];
    struct latency latencies[2];
    struct listener shared_listener;
    struct listener *listeners[1];
    struct plane plane;
    struct snapshot snapshot;
    struct conf_listener listener;
    struct conf_group conf;
    struct conf_target targets[2];
    struct target_group group;
    struct group_setup setup;
    struct edge_report report;
};

static void make_world(struct world *world)
{
    *world = (struct world){0};
    world->listener.name = SLICE("w\"e\\b\n");
    world->snapshot = (struct snapshot){.listeners = &world->listener, .listeners_count = 1};
    world->targets[0].address =
        (struct conf_address){CONF_ADDRESS_IP, SLICE("127.0.0.1:1"), SLICE("127.0.0.1"), 1};
    world->targets[1] = world->targets[0];
    world->targets[1].address.text = SLICE("127.0.0.1:2");
    world->targets[1].address.port = 2;
    world->targets[0].weight = 1;
    world->conf =
        (struct conf_group){.name = SLICE("api"), .targets = world->targets, .targets_count = 2};
    assert_int_equal(target_group_init(&world->group, &world->conf), 0);
    world->setup = (struct group_setup){&world->group, &world->conf};
    world->shared_listener.latencies = world->latencies;
    world->listeners[0] = &world->shared_listener;
    world->plane = (struct plane){.snapshot = &world->snapshot,
                                  .groups = &world->setup,
                                  .groups_count = 1,
                                  .listeners = world->listeners,
                                  .listeners_count = 1};
    world->edge.plane = &world->plane;
    world->edge.workers = world->workers;
    world->edge.workers_count = 2;
    assert_int_equal(outbox_init(&world->edge.outbox), 0);
    world->report = (struct edge_report){.edge = &world->edge, .uptime_ms = 12345};
}

static const char *page_of(const struct world *world)
{
    struct writer writer;
    writer_init(&writer, page, sizeof page - 1);
    metrics_write(&writer, &world->report);
    assert_false(writer.overflown);
    *writer.at = '\0';
    return page;
}

static void expect_line(const char *text, const char *line)
{
    const char *found = strstr(text, line);
    if (found == NULL || found[strlen(line)] != '\n' || (found > text && found[-1] != '\n'))
        fail_msg("no line: %s", line);
}

static void the_page_has_samples_of_every_kind(void **state)
{
    (void)state;
    static struct world world;
    make_world(&world);
    world.report.sum.requests = 7;
    world.report.sum.responses[2] = 6;
    world.report.usage.cpu_us = 1250000;
    world.workers[1].report.latest.fibers.running = 3;
    latency_add(&world.latencies[0], 200);
    latency_add(&world.latencies[1], 3000000);
    atomic_store(&world.group.set->targets[0]->requests, 5);
    const char *text = page_of(&world);
    expect_line(text, "# TYPE weir_requests_total counter");
    expect_line(text, "weir_requests_total 7");
    expect_line(text, "weir_responses_total{class=\"2xx\"} 6");
    expect_line(text, "weir_uptime_seconds 12.345");
    expect_line(text, "process_cpu_seconds_total 1.25");
    expect_line(text, "weir_fibers_running{worker=\"1\"} 3");
    expect_line(text, "weir_target_requests_total{group=\"api\",target=\"127.0.0.1:1\"} 5");
    expect_line(text, "weir_group_targets{group=\"api\",health=\"healthy\"} 1");
    expect_line(text, "weir_group_targets{group=\"api\",health=\"draining\"} 1");
#define LISTENER "listener=\"w\\\"e\\\\b\\n\""
    expect_line(text, "weir_request_duration_seconds_bucket{" LISTENER ",le=\"0.00025\"} 1");
    expect_line(text, "weir_request_duration_seconds_bucket{" LISTENER ",le=\"2.5\"} 1");
    expect_line(text, "weir_request_duration_seconds_bucket{" LISTENER ",le=\"5\"} 2");
    expect_line(text, "weir_request_duration_seconds_bucket{" LISTENER ",le=\"+Inf\"} 2");
    expect_line(text, "weir_request_duration_seconds_sum{" LISTENER "} 3.0002");
    expect_line(text, "weir_request_duration_seconds_count{" LISTENER "} 2");
    target_group_finish(&world.group);
}

static void sites_rules_and_targets_have_their_samples(void **state)
{
    (void)state;
    static struct world world;
    make_world(&world);
    struct series_table *table;
    assert_int_equal(series_table_create(2, (struct hash_key){1, 2}, &table), 0);
    struct series *held[] = {
        series_take(table, SERIES_RULE, SLICE("shop"), 1, SLICE("")),
        series_take(table, SERIES_RULE, SLICE("shop"), 2, SLICE("")),
        series_take(table, SERIES_TARGET, SLICE("api"), 0, SLICE("api-1")),
    };
    const struct exchange exchange = {.status = 502, .response_bytes = 41, .notes.tries = 2};
    const struct exchange_try refused = {.outcome = TRY_CONNECT_FAILED};
    for (unsigned i = 0; i < 2; i++)
        series_count_request(held[i], i, &exchange, latency_bucket(600), 600);
    series_begin_request(held[1], 1);
    series_count_try(held[2], 0, &refused);
    series_list_make(table, &world.report.series);
    const char *text = page_of(&world);
    expect_line(text, "weir_site_requests_total{site=\"shop\",class=\"5xx\"} 2");
    expect_line(text, "weir_site_request_duration_seconds_bucket{site=\"shop\",le=\"0.001\"} 2");
    expect_line(text, "weir_site_request_duration_seconds_sum{site=\"shop\"} 0.0012");
    expect_line(text, "weir_rule_requests_total{site=\"shop\",rule=\"2\",class=\"5xx\"} 1");
    expect_line(text, "weir_rule_requests_in_flight{site=\"shop\",rule=\"2\"} 1");
    expect_line(text, "weir_rule_retries_total{site=\"shop\",rule=\"1\"} 1");
    expect_line(text, "weir_rule_response_body_bytes_total{site=\"shop\",rule=\"1\"} 41");
    expect_line(text, "weir_target_tries_total{group=\"api\",target=\"api-1\","
                      "outcome=\"connect_failed\"} 1");
    expect_line(text, "weir_target_connections_total{group=\"api\",target=\"api-1\","
                      "connection=\"kept\"} 0");
    expect_line(text, "weir_series{kind=\"rule\"} 2");
    report_finish(&world.report);
    for (unsigned i = 0; i < 3; i++)
        series_release(held[i]);
    series_table_destroy(table);
    target_group_finish(&world.group);
}

static void a_page_that_does_not_fit_says_so(void **state)
{
    (void)state;
    static struct world world;
    make_world(&world);
    size_t whole = strlen(page_of(&world));
    for (size_t room = 0; room < whole; room += 97) {
        struct writer writer;
        writer_init(&writer, page, room);
        metrics_write(&writer, &world.report);
        assert_true(writer.overflown);
    }
    target_group_finish(&world.group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duration_counts_in_the_first_bucket_that_holds_it),
        cmocka_unit_test(sums_hold_all_workers),
        cmocka_unit_test(names_follow_the_rules_of_prometheus),
        cmocka_unit_test(the_page_in_docs_is_that_of_the_table),
        cmocka_unit_test(the_page_has_samples_of_every_kind),
        cmocka_unit_test(sites_rules_and_targets_have_their_samples),
        cmocka_unit_test(a_page_that_does_not_fit_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
