/* Calls by HTTP/2 to a target in a simulated network, which is Weir's own server of HTTP/2. */
#include "http_unit.h"

#include "http/call.h"
#include "http/exchange.h"
#include "http/h2_upstream.h"

#define BODY_BYTES 300000

static exchange_handler *handler;
static struct server server;
static struct client_pool pool;
static const struct framing no_body = {.kind = BODY_NONE}, some_body = {.kind = BODY_LENGTH},
                            open_body = {.kind = BODY_CHUNKED};
static char body[BODY_BYTES];
static unsigned handled;
static struct fiber *held;

static void handle(struct exchange *exchange)
{
    handled++;
    handler(exchange);
}

static void take(struct acceptor *acceptor, int fd, const struct address *peer)
{
    (void)acceptor;
    session_accept(&server, fd, peer);
}

static int begin_with(const struct sim_faults *faults)
{
    server = (struct server){
        .handle = handle, .head_timeout_ms = 5000, .idle_timeout_ms = 3000, .body_max = 1 << 20};
    handled = 0;
    held = NULL;
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)(i * 31 + i / 251);
    int rc = world_begin(faults, 64 * BLOCK_LARGE_BYTES, take);
    static const struct address none = {.len = 0};
    client_pool_init(&pool, &world.address, &none, 4);
    pool.is_h2 = true;
    return rc;
}

static int begin(void **state)
{
    (void)state;
    return begin_with(NULL);
}

static int begin_hostile(void **state)
{
    static const struct sim_faults hostile = {.delay_min_us = 50,
                                              .delay_max_us = 900,
                                              .short_ppm = 300000,
                                              .again_ppm = 300000,
                                              .pipe_bytes = 700};
    (void)state;
    return begin_with(&hostile);
}

static int end(void **state)
{
    (void)state;
    return world_end();
}

/* What a target does. */

static void say_hello(struct exchange *exchange)
{
    exchange_respond(exchange, 200, SLICE("text/plain"), SLICE("hello"), NULL);
}

/* All that comes, with a trailer. */
static void echo(struct exchange *exchange)
{
    static struct field field = {SLICE("x-sum"), SLICE("42"), FIELD_OTHER};
    const struct fields trailers = {&field, 1, 1};
    struct slice data;
    if (exchange_begin(exchange, 200, SLICE(""), EXCHANGE_LENGTH_UNKNOWN) == NULL)
        return;
    int rc = exchange_flush(exchange);
    while (rc == 0 && (rc = exchange_read_body(exchange, &data)) == 1)
        rc = exchange_send(exchange, data, true);
    if (rc == 0)
        (void)exchange_end(exchange, &trailers);
    else
        exchange_break(exchange);
}

static void hold(struct exchange *exchange)
{
    held = fiber_current();
    (void)fiber_wait(FIBER_FOREVER);
    if (fiber_is_cancelled(held))
        exchange_break(exchange);
    else
        say_hello(exchange);
}

static void break_off(struct exchange *exchange)
{
    if (exchange_begin(exchange, 200, SLICE(""), EXCHANGE_LENGTH_UNKNOWN) != NULL)
        (void)exchange_send(exchange, SLICE("part"), true);
    exchange_break(exchange);
}

/* Calls. */

static int open_call(struct call *call)
{
    return call_open(call, &pool, 0, false, loop_deadline(ENOUGH_MS), NULL);
}

static int send_head(struct call *call, const char *method, const struct framing *framing,
                     struct slice data, bool more)
{
    char head[200];
    int len = snprintf(head, sizeof head, "%s / HTTP/1.1\r\nHost: a\r\n\r\n", method);
    return call_begin(call, slice_of(head, (size_t)len), framing, data, more, ENOUGH_MS);
}

static int read_head(struct call *call, struct response_head *head)
{
    static struct field fields[HTTP_FIELDS_MAX];
    const char *why = NULL;
    head->fields = (struct fields){fields, 0, HTTP_FIELDS_MAX};
    return call_read_head(call, METHOD_POST, loop_deadline(ENOUGH_MS), head, &why);
}

/* GET, and "hello" for an answer. 0 or the first error. */
static int ask(struct call *call)
{
    struct response_head head;
    struct slice data = {0};
    int rc = open_call(call);
    if (rc == 0)
        rc = send_head(call, "GET", &no_body, (struct slice){0}, false);
    if (rc == 0)
        rc = read_head(call, &head);
    if (rc < 0)
        return rc;
    assert_int_equal(head.status, 200);
    size_t got = 0;
    while ((rc = call_read_body(call, ENOUGH_MS, &data)) == 1) {
        assert_memory_equal(data.at, &"hello"[got], data.len);
        got += data.len;
    }
    assert_true(rc < 0 || got == 5);
    return rc;
}

static void ask_twice(void)
{
    struct call call;
    handler = say_hello;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(&call), 0);
        assert_int_equal(call_is_reused(&call), i == 1);
        call_give_back(&call);
    }
    assert_int_equal(pool.h2_count, 1);
    assert_int_equal(world.worker.counters.upstream_connects, 1);
    client_pool_finish(&pool);
}

static void a_connection_is_used_again(void **state)
{
    (void)state;
    world_run(ask_twice);
}

static struct {
    struct call call;
    bool is_done;
} both_ways;

static void send_all(void *arg)
{
    static const struct fields none = {NULL, 0, 0};
    (void)arg;
    for (size_t at = 0, len = 1; at < BODY_BYTES; at += len, len = len * 3 % 20011) {
        if (len > BODY_BYTES - at)
            len = BODY_BYTES - at;
        assert_int_equal(call_send(&both_ways.call, slice_of(body + at, len), true, ENOUGH_MS), 0);
    }
    assert_int_equal(call_end(&both_ways.call, &none, ENOUGH_MS), 0);
    both_ways.is_done = true;
}

static void send_and_read(void)
{
    struct call *call = &both_ways.call;
    struct response_head head;
    struct slice data;
    struct field fields[4];
    struct fields trailers = {fields, 0, 4};
    size_t got = 0;
    int rc;
    both_ways.is_done = false;
    handler = echo;
    assert_int_equal(open_call(call), 0);
    assert_int_equal(send_head(call, "POST", &open_body, (struct slice){0}, true), 0);
    assert_int_equal(fiber_start(send_all, NULL, NULL), 0);
    assert_int_equal(read_head(call, &head), 0);
    while ((rc = call_read_body(call, ENOUGH_MS, &data)) == 1) {
        assert_memory_equal(data.at, body + got, data.len);
        got += data.len;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(got, BODY_BYTES);
    call_trailers(call, &trailers);
    assert_int_equal(trailers.count, 1);
    assert_true(both_ways.is_done);
    call_give_back(call);
    client_pool_finish(&pool);
}

static void bodies_go_both_ways_at_once(void **state)
{
    (void)state;
    world_run(send_and_read);
}

static void wait_in_vain(void)
{
    struct call call;
    struct response_head head = {.fields = {NULL, 0, 0}};
    const char *why = NULL;
    handler = hold;
    assert_int_equal(open_call(&call), 0);
    assert_int_equal(send_head(&call, "GET", &no_body, (struct slice){0}, false), 0);
    assert_int_equal(call_read_head(&call, METHOD_GET, loop_deadline(10000), &head, &why),
                     -ETIMEDOUT);
    struct h2_upstream *connection = CONTAINER_OF(pool.h2.next, struct h2_upstream, link);
    assert_true(connection->is_doubted); /* it was silent: nobody new goes there */
    assert_null(h2_upstream_with_room(&pool));
    call_drop(&call);
    assert_int_equal(fiber_sleep(1000), 0); /* it answers the PING, so it lives */
    assert_false(connection->is_doubted);
    assert_ptr_equal(h2_upstream_with_room(&pool), connection);
    client_pool_finish(&pool);
}

static void silence_is_a_cause_for_doubt(void **state)
{
    (void)state;
    world_run(wait_in_vain);
}

static void read_what_breaks_off(void)
{
    struct call call;
    struct response_head head;
    struct slice data;
    handler = break_off;
    assert_int_equal(open_call(&call), 0);
    assert_int_equal(send_head(&call, "GET", &no_body, (struct slice){0}, false), 0);
    assert_int_equal(read_head(&call, &head), 0);
    int rc = call_read_body(&call, ENOUGH_MS, &data);
    if (rc == 1)
        rc = call_read_body(&call, ENOUGH_MS, &data);
    assert_int_equal(rc, -ECONNRESET);
    assert_false(call_at_last_part(&call));
    call_drop(&call);
    client_pool_finish(&pool);
}

static void a_truncation_is_no_end(void **state)
{
    (void)state;
    world_run(read_what_breaks_off);
}

static void stay_idle(void)
{
    struct call call;
    handler = say_hello;
    server.idle_timeout_ms = ENOUGH_MS;
    assert_int_equal(ask(&call), 0);
    call_give_back(&call);
    assert_int_equal(pool.h2_count, 1);
    assert_int_equal(fiber_sleep(CLIENT_IDLE_MS_MAX + 1000), 0);
    assert_int_equal(pool.h2_count, 0);
    assert_int_equal(ask(&call), 0);
    assert_false(call_is_reused(&call));
    call_give_back(&call);
    client_pool_finish(&pool);
}

static void idle_connections_are_closed(void **state)
{
    (void)state;
    world_run(stay_idle);
}

static struct {
    unsigned done, refused;
} crowd;

static void ask_in_a_crowd(void *arg)
{
    struct call call;
    (void)arg;
    int rc = ask(&call);
    if (rc == 0)
        crowd.done++;
    else
        crowd.refused++;
    call_drop(&call);
}

/* All at once, with no connection there: one is made, and says how many it takes. */
static void come_in_a_crowd(void)
{
    handler = say_hello;
    memset(&crowd, 0, sizeof crowd);
    for (int i = 0; i < 300; i++)
        assert_int_equal(fiber_start(ask_in_a_crowd, NULL, NULL), 0);
    while (crowd.done + crowd.refused < 300)
        assert_int_equal(fiber_sleep(10), 0);
    assert_int_equal(crowd.done, 300);
    assert_true(pool.h2_count >= 1 && pool.h2_count <= H2_UPSTREAMS_MAX);
    client_pool_finish(&pool);
}

static void a_crowd_shares_connections(void **state)
{
    (void)state;
    world_run(come_in_a_crowd);
}

/* Whatever lacks memory: an error, or the answer; and nothing is left behind. */
static void ask_without_memory(void)
{
    struct call call;
    handler = say_hello;
    for (long nth = 1;; nth++) {
        memory_fail_from(nth);
        int rc = ask(&call);
        memory_fail_from(0);
        call_drop(&call);
        if (rc == 0)
            break;
        assert_true(nth < 1000);
        /* Either side may have lost the connection: what comes next makes another one. */
        for (int i = 0; i < 4 && rc < 0; i++) {
            rc = ask(&call);
            call_drop(&call);
        }
        assert_int_equal(rc, 0);
    }
    client_pool_finish(&pool);
}

static void want_of_memory(void **state)
{
    (void)state;
    world_run(ask_without_memory);
}

static void send_a_lot(void)
{
    struct call call;
    struct response_head head;
    handler = say_hello; /* it answers without reading */
    assert_int_equal(open_call(&call), 0);
    assert_int_equal(send_head(&call, "POST", &some_body, slice_of(body, 60000), true), 0);
    int rc = call_send(&call, slice_of(body, BODY_BYTES), false, ENOUGH_MS);
    assert_int_equal(rc, 0); /* what is left of it is not wanted */
    assert_int_equal(read_head(&call, &head), 0);
    assert_int_equal(head.status, 200);
    call_drop(&call);
    client_pool_finish(&pool);
}

static void an_early_answer_ends_an_upload(void **state)
{
    (void)state;
    world_run(send_a_lot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_is_used_again, begin, end),
        cmocka_unit_test_setup_teardown(bodies_go_both_ways_at_once, begin, end),
        cmocka_unit_test_setup_teardown(bodies_go_both_ways_at_once, begin_hostile, end),
        cmocka_unit_test_setup_teardown(silence_is_a_cause_for_doubt, begin, end),
        cmocka_unit_test_setup_teardown(a_truncation_is_no_end, begin, end),
        cmocka_unit_test_setup_teardown(idle_connections_are_closed, begin, end),
        cmocka_unit_test_setup_teardown(a_crowd_shares_connections, begin, end),
        cmocka_unit_test_setup_teardown(a_crowd_shares_connections, begin_hostile, end),
        cmocka_unit_test_setup_teardown(want_of_memory, begin, end),
        cmocka_unit_test_setup_teardown(an_early_answer_ends_an_upload, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
