/* What control tells the edge, and what it makes of the answers, beside an edge made of cardboard.
 */
#include "http/http_unit.h"

#include "base/log.h"
#include "control/control.h"
#include "http/exchange.h"

#define SOCKET "/state/edge.sock"

/* The edge: what it was told, and what it says. */
static struct {
    int listening_fd;
    struct acceptor acceptor;
    unsigned puts, gets;
    unsigned put_status;
    char path[128];
    char body[4096];
    const char *status;
} edge;

static struct conf_group group = {.name = SLICE("api"), .is_service = true};
static const struct conf_service confs[] = {
    {.name = SLICE("api"), .group = &group},
    {.name = SLICE("worker")}, /* nothing is forwarded to it */
};
static const struct control_options options = {.state = "/state", .lifeline_fd = -1};
static struct control control;
static struct service services[COUNT_OF(confs)];
static struct service_task tasks[8];
static unsigned warnings;

static void take_put(struct exchange *exchange)
{
    size_t len = 0;
    struct slice data;
    int rc;
    while ((rc = exchange_read_body(exchange, &data)) == 1) {
        assert_true(len + data.len < sizeof edge.body);
        memcpy(edge.body + len, data.at, data.len);
        len += data.len;
    }
    assert_int_equal(rc, 0);
    edge.body[len] = '\0';
    (void)snprintf(edge.path, sizeof edge.path, "%.*s", SLICE_ARG(exchange->path));
    edge.puts++;
    exchange_respond(exchange, edge.put_status, SLICE("application/json"), SLICE("{}"), NULL);
}

static void answer(struct exchange *exchange)
{
    if (slice_equal(exchange->request.method_name, SLICE("PUT"))) {
        take_put(exchange);
        return;
    }
    assert_true(slice_equal(exchange->path, SLICE("/v1/status")));
    edge.gets++;
    exchange_respond(exchange, 200, SLICE("application/json"), slice_of_cstr(edge.status), NULL);
}

static struct server server = {.handle = answer,
                               .head_timeout_ms = 5000,
                               .idle_timeout_ms = 5000,
                               .body_max = sizeof edge.body};

static void take(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    session_accept(&server, fd, peer);
}

static void count_warnings(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)arg;
    (void)line;
    (void)len;
    warnings += level == LOG_LEVEL_WARN;
}

static void edge_begin(void)
{
    struct address address;
    assert_int_equal(address_from_path(SLICE(SOCKET), &address), 0);
    edge.listening_fd = world.kernel->ops->listen(world.kernel, &address, 8, false);
    assert_true(edge.listening_fd >= 0);
    assert_int_equal(acceptor_start(&edge.acceptor, edge.listening_fd, take), 0);
}

static void edge_end(void)
{
    acceptor_stop(&edge.acceptor);
    world.kernel->ops->close(world.kernel, edge.listening_fd);
}

static int begin(void **state)
{
    (void)state;
    memset(&edge, 0, sizeof edge);
    edge.put_status = 200;
    edge.status = "{}";
    warnings = 0;
    log_set_sink(count_warnings, NULL, LOG_LEVEL_INFO);
    memset(tasks, 0, sizeof tasks);
    control = (struct control){.options = &options, .services = services};
    control.services_count = COUNT_OF(services);
    for (size_t i = 0; i < COUNT_OF(services); i++)
        service_init(&services[i], &control, &confs[i]);
    return world_begin(NULL, 64 * BLOCK_LARGE_BYTES, take);
}

static int end(void **state)
{
    (void)state;
    return world_end();
}

static struct service_task *add_task(unsigned number, uint16_t port, enum task_state state)
{
    struct service_task *task = &tasks[number];
    *task = (struct service_task){.service = &services[0], .number = number, .port = port};
    (void)snprintf(task->id, sizeof task->id, "api-%u", number);
    task->state = state;
    list_init(&task->link);
    list_append(&services[0].tasks, &task->link);
    return task;
}

static void await(const unsigned *count, unsigned wanted)
{
    int64_t until_ms = loop_deadline(60000);
    while (*count < wanted) {
        assert_true(loop_now_ms() < until_ms);
        assert_int_equal(fiber_sleep(1), 0);
    }
}

static void link_end(void)
{
    fiber_cancel(control.edge.fiber);
    await_other_fibers();
}

/* The targets of the last word, behind the epoch, which is checked to be this service's. */
static const char *told_targets(void)
{
    char head[64];
    (void)snprintf(head, sizeof head, "{\"epoch\":%llu,", (unsigned long long)services[0].epoch);
    assert_memory_equal(edge.body, head, strlen(head));
    return edge.body + strlen(head);
}

static void tell_targets(void)
{
    edge_begin();
    add_task(1, 21001, TASK_STARTING);
    add_task(2, 21002, TASK_CHECKING);
    add_task(3, 21003, TASK_HEALTHY);
    add_task(4, 21004, TASK_DRAINING);
    add_task(5, 21005, TASK_STOPPING);
    add_task(6, 0, TASK_HEALTHY);
    assert_int_equal(edge_link_start(&control), 0);
    await(&edge.gets, 1);
    assert_int_equal(edge.puts, 1); /* the worker has no group */
    assert_string_equal(edge.path, "/v1/groups/api/targets");
    assert_string_equal(told_targets(),
                        "\"targets\":["
                        "{\"id\":\"api-2\",\"address\":\"127.0.0.1:21002\",\"weight\":1},"
                        "{\"id\":\"api-3\",\"address\":\"127.0.0.1:21003\",\"weight\":1},"
                        "{\"id\":\"api-4\",\"address\":\"127.0.0.1:21004\",\"weight\":0}]}");
    link_end();
    edge_end();
}

static void tasks_that_may_be_asked_are_the_targets_and_draining_ones_weigh_nothing(void **state)
{
    (void)state;
    world_run(tell_targets);
}

static void hear_health(void)
{
    struct service_task *well = add_task(1, 21001, TASK_CHECKING);
    struct service_task *ill = add_task(2, 21002, TASK_CHECKING);
    struct service_task *fresh = add_task(3, 21003, TASK_CHECKING);
    struct service_task *stopping = add_task(4, 21004, TASK_STOPPING);
    edge_begin();
    edge.status =
        "{\"groups\":[{\"name\":\"other\",\"epoch\":9000000000000000000,\"targets\":["
        "{\"id\":\"api-3\",\"health\":\"healthy\",\"in_flight\":7}]},"
        "{\"name\":\"api\",\"epoch\":9000000000000000000,\"targets\":["
        "{\"id\":\"api-1\",\"health\":\"healthy\",\"in_flight\":3},"
        "{\"id\":\"api-2\",\"health\":\"unhealthy\",\"in_flight\":0,\"reason\":\"answered 503\"},"
        "{\"id\":\"api-4\",\"health\":\"healthy\",\"in_flight\":1},"
        "{\"id\":\"stranger\",\"health\":\"healthy\",\"in_flight\":1},17]}]}";
    assert_int_equal(edge_link_start(&control), 0);
    await(&edge.gets, 3);
    assert_int_equal(fiber_sleep(10), 0);
    assert_int_equal(well->health, HEALTH_GOOD);
    assert_int_equal(well->in_flight, 3);
    assert_string_equal(well->reason, "");
    assert_int_equal(ill->health, HEALTH_BAD);
    assert_int_equal(ill->in_flight, 0);
    assert_string_equal(ill->reason, "answered 503");
    assert_int_equal(fresh->health, HEALTH_UNKNOWN);
    assert_int_equal(fresh->in_flight, -1); /* forgotten with the word, and nothing said since */
    assert_int_equal(stopping->health, HEALTH_UNKNOWN);
    link_end();
    edge_end();
}

static void the_edge_s_word_is_kept_with_the_task_it_names(void **state)
{
    (void)state;
    world_run(hear_health);
}

static void start_edge_anew(void)
{
    add_task(1, 21001, TASK_HEALTHY);
    edge_begin();
    edge.status = "{\"groups\":[{\"name\":\"api\",\"epoch\":9000000000000000000,\"targets\":[]}]}";
    assert_int_equal(edge_link_start(&control), 0);
    await(&edge.gets, 3);
    unsigned puts = edge.puts;
    await(&edge.gets, 6);
    assert_int_equal(edge.puts, puts); /* it knows, and is left in peace */
    uint64_t first = services[0].epoch;
    edge.status = "{\"groups\":[{\"name\":\"api\",\"epoch\":0,\"targets\":[]}]}";
    await(&edge.puts, puts + 1); /* it knows an older word than ours: it was started anew */
    assert_true(services[0].epoch > first);
    edge.status = "{\"groups\":[{\"name\":\"api\",\"epoch\":9000000000000000000,\"targets\":[]}]}";
    unsigned gets = edge.gets;
    await(&edge.gets, gets + 2);
    puts = edge.puts;
    await(&edge.gets, gets + 5);
    assert_int_equal(edge.puts, puts);
    edge_link_restarted(&control);
    await(&edge.puts, puts + 1);
    link_end();
    edge_end();
}

static void an_edge_that_forgot_is_told_again(void **state)
{
    (void)state;
    world_run(start_edge_anew);
}

static void miss_the_edge(void)
{
    add_task(1, 21001, TASK_HEALTHY);
    assert_int_equal(edge_link_start(&control), 0);
    assert_int_equal(fiber_sleep(500), 0);
    assert_false(control.edge.is_reachable);
    assert_true(services[0].targets_changed);
    edge_begin();
    await(&edge.puts, 1);
    await(&edge.gets, 1);
    assert_int_equal(fiber_sleep(10), 0);
    assert_true(control.edge.is_reachable);
    assert_false(services[0].targets_changed);
    link_end();
    edge_end();
}

static void an_edge_that_is_not_there_is_tried_until_it_is(void **state)
{
    (void)state;
    world_run(miss_the_edge);
}

static void refuse_words(void)
{
    add_task(1, 21001, TASK_HEALTHY);
    edge_begin();
    edge.put_status = 500;
    assert_int_equal(edge_link_start(&control), 0);
    await(&edge.puts, 3);
    assert_true(services[0].targets_changed);
    edge.put_status = 200;
    unsigned gets = edge.gets;
    await(&edge.gets, gets + 3);
    unsigned puts = edge.puts;
    await(&edge.gets, gets + 6);
    assert_int_equal(edge.puts, puts);
    assert_false(services[0].targets_changed);
    assert_int_equal(warnings, 0);
    link_end();
    edge_end();
}

static void a_word_that_was_refused_is_said_again(void **state)
{
    (void)state;
    world_run(refuse_words);
}

static void speak_of_the_unknown(void)
{
    add_task(1, 21001, TASK_HEALTHY);
    edge_begin();
    edge.put_status = 404;
    assert_int_equal(edge_link_start(&control), 0);
    await(&edge.puts, 20);
    assert_int_equal(warnings, 1);
    edge.put_status = 200;
    unsigned gets = edge.gets;
    await(&edge.gets, gets + 2);
    edge.put_status = 404; /* another edge, an old one again */
    edge_link_restarted(&control);
    unsigned puts = edge.puts;
    await(&edge.puts, puts + 8);
    assert_int_equal(warnings, 2);
    link_end();
    edge_end();
}

static void an_edge_that_does_not_know_the_service_is_warned_of_once(void **state)
{
    (void)state;
    world_run(speak_of_the_unknown);
}

static void hear_nonsense(void)
{
    static const char *const words[] = {"",
                                        "[",
                                        "null",
                                        "{\"groups\":7}",
                                        "{\"groups\":[null]}",
                                        "{\"groups\":[{\"name\":\"api\",\"targets\":{}}]}"};
    struct service_task *task = add_task(1, 21001, TASK_CHECKING);
    edge_begin();
    edge.status = words[0];
    assert_int_equal(edge_link_start(&control), 0);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        unsigned gets = edge.gets;
        edge.status = words[i];
        await(&edge.gets, gets + 2);
        assert_int_equal(task->health, HEALTH_UNKNOWN);
        assert_int_equal(task->in_flight, -1);
    }
    link_end();
    edge_end();
}

static void a_status_that_makes_no_sense_changes_nothing(void **state)
{
    (void)state;
    world_run(hear_nonsense);
}

static void jump_clocks(void)
{
    add_task(1, 21001, TASK_HEALTHY);
    edge_begin();
    edge.status = "{\"groups\":[]}";
    assert_int_equal(edge_link_start(&control), 0);
    await(&edge.gets, 3);
    unsigned puts = edge.puts;
    uint64_t first = services[0].epoch;
    assert_true(first >= (uint64_t)loop_wall_us() - 60000000);
    sim_jump_wall_clock(world.sim, -3600 * INT64_C(1000000));
    assert_int_equal(fiber_sleep(10), 0); /* by then it is seen */
    edge_link_restarted(&control);
    await(&edge.puts, puts + 1);
    assert_int_equal(services[0].epoch, first + 1);
    link_end();
    edge_end();
}

static void epochs_grow_even_when_the_clock_goes_back(void **state)
{
    (void)state;
    world_run(jump_clocks);
}

static void follow_an_earlier_clock(void)
{
    add_task(1, 21001, TASK_HEALTHY);
    edge_begin();
    edge.put_status = 409;
    edge.status = "{\"groups\":[{\"name\":\"api\",\"epoch\":9000000000000000000}]}";
    assert_int_equal(edge_link_start(&control), 0);
    await(&edge.puts, 2);
    assert_int_equal(services[0].epoch, UINT64_C(9000000000000000001));
    link_end();
    edge_end();
}

static void an_epoch_of_an_earlier_control_is_gone_on_from(void **state)
{
    (void)state;
    world_run(follow_an_earlier_clock);
}

static void wake_the_link(void)
{
    add_task(1, 21001, TASK_HEALTHY);
    edge_begin();
    edge.status = "{\"groups\":[]}";
    assert_int_equal(edge_link_start(&control), 0);
    await(&edge.gets, 4);
    assert_int_equal(fiber_sleep(50), 0); /* calm now: the next look is a second away */
    unsigned puts = edge.puts;
    services[0].targets_changed = true;
    edge_link_wake(&control);
    int64_t began_ms = loop_now_ms();
    await(&edge.puts, puts + 1);
    assert_true(loop_now_ms() - began_ms < 20);
    link_end();
    edge_end();
}

static void a_change_is_told_at_once(void **state)
{
    (void)state;
    world_run(wake_the_link);
}

static void a_state_folder_too_deep_is_an_error(void **state)
{
    (void)state;
    static char deep[PATH_MAX];
    memset(deep, 'x', sizeof deep - 1);
    const struct control_options too_deep = {.state = deep};
    struct control other = {.options = &too_deep};
    assert_int_equal(edge_link_start(&other), -ENAMETOOLONG);
    edge_link_wake(&other); /* harmless without a link */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tasks_that_may_be_asked_are_the_targets_and_draining_ones_weigh_nothing),
        TEST(the_edge_s_word_is_kept_with_the_task_it_names),
        TEST(an_edge_that_forgot_is_told_again),
        TEST(an_edge_that_is_not_there_is_tried_until_it_is),
        TEST(a_word_that_was_refused_is_said_again),
        TEST(an_edge_that_does_not_know_the_service_is_warned_of_once),
        TEST(a_status_that_makes_no_sense_changes_nothing),
        TEST(epochs_grow_even_when_the_clock_goes_back),
        TEST(an_epoch_of_an_earlier_control_is_gone_on_from),
        TEST(a_change_is_told_at_once),
        cmocka_unit_test(a_state_folder_too_deep_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
