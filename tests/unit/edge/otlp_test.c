/* Records as the JSON of OTLP. */
#include "unit.h"

#include "edge/explain/decisions.h"
#include "edge/trace/otlp.h"
#include "http/session.h"
#include "os/kernel.h"
#include "os/loop.h"
#include "wire/json/json.h"

static char memory[1 << 20];

/* The records of two requests, one behind the other. */
static struct slice make_records(struct decisions *decisions, char *room)
{
    static struct server server = {.name = SLICE("web")};
    struct exchange exchange = {
        .server = &server,
        .id = 7,
        .status = 502,
        .is_secure = true,
        .request = {.method_name = SLICE("BREW\""), .authority = SLICE("[::1]:8443")},
        .path = SLICE("/a"),
        .notes = {.trace = {.high = 1, .low = 2, .parent = 3, .is_sampled = true},
                  .tries = 1,
                  .reason = "no \"luck\"",
                  .tried = {{.target = SLICE("api-1"),
                             .span = 9,
                             .why = "refused",
                             .outcome = TRY_CONNECT_FAILED,
                             .begun_us = 5,
                             .ended_us = 10}}},
    };
    const struct decision *record = decisions_add(decisions, &exchange, 100);
    size_t len = record->bytes;
    memcpy(room, record, len);
    exchange.status = 200;
    exchange.request.method_name = SLICE("GET");
    exchange.notes.tries = 0;
    exchange.notes.trace.parent = 0;
    record = decisions_add(decisions, &exchange, 100);
    memcpy(room + len, record, record->bytes);
    return slice_of(room, len + record->bytes);
}

static struct slice text(const struct json *object, const char *name)
{
    return json_get_text(object, slice_of_cstr(name));
}

static const struct json *first(const struct json *object, const char *name)
{
    const struct json *list = json_get(object, slice_of_cstr(name));
    assert_non_null(list);
    return list->first;
}

static struct slice attribute(const struct json *span, const char *key)
{
    JSON_FOR_EACH(json_get(span, SLICE("attributes")), one)
    {
        if (slice_equal(text(one, "key"), slice_of_cstr(key)))
            return json_get(one, SLICE("value"))->first->text;
    }
    return (struct slice){NULL, 0};
}

#define assert_text(slice, literal) assert_true(slice_equal(slice, SLICE(literal)))

static void each_record_is_a_span_and_each_try_one_more(void **state)
{
    (void)state;
    struct kernel *kernel;
    struct loop *loop;
    assert_int_equal(kernel_real_create(&kernel), 0);
    assert_int_equal(loop_create(kernel, &loop), 0);
    struct decisions *decisions;
    assert_int_equal(decisions_create(&decisions), 0);
    _Alignas(8) char room[2 * DECISION_BYTES_MAX];
    struct slice records = make_records(decisions, room);
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    assert_int_equal(otlp_write(&writer, SLICE("shop"), records), 3);
    assert_int_equal(otlp_count(records), 3);
    assert_false(writer.overflown);

    struct arena arena;
    const struct json *document;
    arena_init(&arena, NULL, 0, 1 << 20);
    assert_int_equal(json_parse(writer_slice(&writer), &arena, &document), 0);
    const struct json *resource = first(document, "resourceSpans");
    assert_text(attribute(json_get(resource, SLICE("resource")), "service.name"), "shop");
    const struct json *server = first(first(resource, "scopeSpans"), "spans");
    assert_text(text(server, "traceId"), "00000000000000010000000000000002");
    assert_text(text(server, "spanId"), "0000000000000007");
    assert_text(text(server, "parentSpanId"), "0000000000000003");
    assert_text(text(server, "name"), "HTTP");
    assert_text(attribute(server, "http.request.method"), "_OTHER");
    assert_text(attribute(server, "http.request.method_original"), "BREW\"");
    assert_text(attribute(server, "url.scheme"), "https");
    assert_text(attribute(server, "server.address"), "[::1]");
    assert_text(attribute(server, "server.port"), "8443");
    assert_text(attribute(server, "error.type"), "502");
    assert_text(text(json_get(server, SLICE("status")), "message"), "no \"luck\"");
    const struct json *client = server->next;
    assert_text(text(client, "parentSpanId"), "0000000000000007");
    assert_text(text(client, "spanId"), "0000000000000009");
    assert_text(attribute(client, "server.address"), "api-1");
    assert_text(attribute(client, "error.type"), "connect_failed");
    assert_int_equal(json_get_integer(json_get(client, SLICE("status")), SLICE("code"), 0), 2);
    const struct json *other = client->next;
    assert_null(json_get(other, SLICE("parentSpanId")));
    assert_text(text(other, "name"), "GET");
    assert_null(other->next);

    for (size_t bytes = 0; bytes < writer_slice(&writer).len; bytes += 101) {
        struct writer narrow;
        writer_init(&narrow, memory, bytes);
        (void)otlp_write(&narrow, SLICE("shop"), records);
        assert_true(narrow.overflown);
    }
    arena_finish(&arena);
    decisions_destroy(decisions);
    loop_destroy(loop);
    kernel_real_destroy(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_record_is_a_span_and_each_try_one_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
