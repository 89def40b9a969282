#include "unit.h"

#include "base/buffer.h"
#include "edge/access_line.h"
#include "edge/redact.h"
#include "http/exchange.h"
#include "http/session.h"
#include "os/file.h"
#include "wire/json/json.h"

#include <stdio.h>

#define WALL_US INT64_C(1795469350123456) /* 2026-11-23T21:29:10.123456Z */

static char memory[1 << 18];
static struct server server = {.name = SLICE("web")};

static struct exchange plain_exchange(void)
{
    struct exchange exchange = {
        .server = &server,
        .id = UINT64_C(0x0123456789abcdef),
        .status = 200,
        .request_bytes = 0,
        .response_bytes = 1234,
        .request = {.version_minor = 1,
                    .method_name = SLICE("GET"),
                    .target = SLICE("/a/../b?x=1"),
                    .authority = SLICE("Example.org:8080")},
        .path = SLICE("/b"),
        .host = SLICE("example.org"),
        .client = SLICE("192.0.2.7"),
    };
    return exchange;
}

static const struct conf_access_log json = {.format = CONF_LOG_JSON};

static const char *line_as(struct conf_access_log conf, const struct exchange *exchange)
{
    struct access_clock clock = {0};
    struct writer writer;
    writer_init(&writer, memory, sizeof memory - 1);
    access_line_write(&writer, &conf, exchange, &clock, WALL_US, 12345);
    assert_false(writer.overflown);
    *writer.at = '\0';
    return memory;
}

static const char *line_of(enum conf_log_format format, const struct exchange *exchange)
{
    return line_as((struct conf_access_log){.format = format}, exchange);
}

static void a_json_line_holds_what_is_known_and_no_more(void **state)
{
    (void)state;
    struct exchange exchange = plain_exchange();
    assert_string_equal(
        line_of(CONF_LOG_JSON, &exchange),
        "{\"time\":\"2026-11-23T21:29:10.123Z\",\"id\":\"0123456789abcdef\","
        "\"client\":\"192.0.2.7\",\"method\":\"GET\",\"host\":\"Example.org:8080\","
        "\"path\":\"/a/../b?x=1\",\"protocol\":\"HTTP/1.1\",\"status\":200,\"bytes\":1234,"
        "\"request_bytes\":0,\"duration_ms\":12.345,\"listener\":\"web\"}\n");
}

static void a_json_line_tells_where_the_request_went(void **state)
{
    (void)state;
    struct exchange exchange = plain_exchange();
    exchange.status = 502;
    exchange.notes = (struct exchange_notes){
        .site = SLICE("shop"),
        .rule = 3,
        .group = SLICE("api"),
        .target = SLICE("api-2"),
        .tries = 2,
        .upstream_us = 1005,
        .reason = "the target refused the connection",
    };
    struct field fields[] = {
        {SLICE("Referer"), SLICE("https://example.org/\"x\""), FIELD_REFERER},
        {SLICE("User-Agent"), SLICE("curl/8.0"), FIELD_USER_AGENT},
    };
    exchange.request.fields = (struct fields){fields, 2, 2};
    const char *tail = strstr(line_of(CONF_LOG_JSON, &exchange), ",\"site\"");
    assert_non_null(tail);
    assert_string_equal(tail,
                        ",\"site\":\"shop\",\"rule\":3,\"group\":\"api\",\"target\":\"api-2\","
                        "\"tries\":2,\"upstream_ms\":1.005,"
                        "\"reason\":\"the target refused the connection\","
                        "\"referer\":\"https://example.org/\\\"x\\\"\",\"user_agent\":\"curl/8.0\","
                        "\"listener\":\"web\"}\n");
}

static void any_bytes_of_a_client_leave_one_valid_json_line(void **state)
{
    (void)state;
    char hostile[256];
    for (unsigned i = 0; i < sizeof hostile; i++)
        hostile[i] = (char)i;
    struct exchange exchange = plain_exchange();
    exchange.request.target = slice_of(hostile, sizeof hostile);
    const char *line = line_of(CONF_LOG_JSON, &exchange);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    struct arena arena;
    arena_init(&arena, NULL, 0, 1 << 20);
    const struct json *document;
    assert_int_equal(json_parse(slice_of_cstr(line), &arena, &document), 0);
    assert_int_equal(json_get_integer(document, SLICE("status"), 0), 200);
    arena_finish(&arena);
}

static void a_request_without_a_head_has_empty_parts(void **state)
{
    (void)state;
    struct exchange exchange = {
        .server = &server, .client = SLICE("unix"), .status = 400, .request.version_minor = 1};
    assert_non_null(
        strstr(line_of(CONF_LOG_JSON, &exchange), "\"client\":\"unix\",\"method\":\"\""));
    assert_string_equal(line_of(CONF_LOG_COMBINED, &exchange),
                        "unix - - [23/Nov/2026:21:29:10 +0000] \"-\" 400 0 \"-\" \"-\"\n");
}

static void a_line_holds_the_fields_that_were_chosen(void **state)
{
    (void)state;
    struct exchange exchange = plain_exchange();
    enum conf_log_field chosen[] = {CONF_LOG_FIELD_STATUS, CONF_LOG_FIELD_SITE, CONF_LOG_FIELD_PATH,
                                    CONF_LOG_FIELD_TIME};
    struct conf_access_log conf = {.format = CONF_LOG_JSON, .fields = chosen, .fields_count = 4};
    assert_string_equal(line_as(conf, &exchange), "{\"status\":200,\"path\":\"/a/../b?x=1\","
                                                  "\"time\":\"2026-11-23T21:29:10.123Z\"}\n");
    conf.fields = &chosen[1];
    conf.fields_count = 1;
    assert_string_equal(line_as(conf, &exchange), "{}\n");
}

static void header_fields_are_written_where_they_are_asked_for(void **state)
{
    (void)state;
    struct exchange exchange = plain_exchange();
    struct field fields[] = {
        {SLICE("x-tenant"), SLICE("a\"b"), FIELD_OTHER},
        {SLICE("Authorization"), SLICE("Basic c2VjcmV0"), FIELD_AUTHORIZATION},
    };
    exchange.request.fields = (struct fields){fields, 2, 2};
    enum conf_log_field status = CONF_LOG_FIELD_STATUS;
    struct slice wanted[] = {SLICE("X-Tenant"), SLICE("X-None"), SLICE("authorization")};
    struct conf_access_log conf = {.format = CONF_LOG_JSON,
                                   .fields = &status,
                                   .fields_count = 1,
                                   .headers = wanted,
                                   .headers_count = 3};
    assert_string_equal(line_as(conf, &exchange),
                        "{\"status\":200,\"headers\":{\"X-Tenant\":\"a\\\"b\","
                        "\"authorization\":\"REDACTED\"}}\n");
    conf.redact = (struct conf_redact){.headers = wanted, .headers_count = 1, .has_headers = true};
    assert_string_equal(line_as(conf, &exchange),
                        "{\"status\":200,\"headers\":{\"X-Tenant\":\"REDACTED\","
                        "\"authorization\":\"Basic c2VjcmV0\"}}\n");
    exchange.request.fields.count = 0;
    assert_string_equal(line_as(conf, &exchange), "{\"status\":200}\n");
}

static void secrets_in_queries_are_not_written(void **state)
{
    (void)state;
    static const struct {
        const char *target, *shown;
    } cases[] = {
        {"/a", "/a"},
        {"/a?", "/a?"},
        {"/token=1", "/token=1"},
        {"/a?token=1", "/a?token=REDACTED"},
        {"/a?x=1&Token=a&y=2", "/a?x=1&Token=REDACTED&y=2"},
        {"/a?token=a&password=b", "/a?token=REDACTED&password=REDACTED"},
        {"/a?token", "/a?token"},
        {"/a?token=", "/a?token=REDACTED"},
        {"/a?%74oken=1&&x", "/a?%74oken=REDACTED&&x"},
        {"/a?tokens=1&=2", "/a?tokens=1&=2"},
        {"/a?x=1?token=2&sig=a=b", "/a?x=1?token=2&sig=REDACTED"},
        {"/a?%zz=1&sig=1", "/a?%zz=1&sig=REDACTED"},
        {"http://h/a?api_key=1", "http://h/a?api_key=REDACTED"},
    };
    enum conf_log_field path = CONF_LOG_FIELD_PATH;
    struct conf_access_log conf = {.format = CONF_LOG_JSON, .fields = &path, .fields_count = 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[128];
        struct exchange exchange = plain_exchange();
        exchange.request.target = slice_of_cstr(cases[i].target);
        (void)snprintf(expected, sizeof expected, "{\"path\":\"%s\"}\n", cases[i].shown);
        assert_string_equal(line_as(conf, &exchange), expected);
    }
    struct exchange exchange = plain_exchange();
    struct field referer = {SLICE("Referer"), SLICE("http://h/?token=1"), FIELD_REFERER};
    exchange.request.target = SLICE("/?pin=1&token=2");
    exchange.request.fields = (struct fields){&referer, 1, 1};
    assert_non_null(strstr(line_of(CONF_LOG_COMBINED, &exchange),
                           "\"GET /?pin=1&token=REDACTED HTTP/1.1\" 200 1234 "
                           "\"http://h/?token=REDACTED\""));
    struct slice pin = SLICE("PIN");
    conf.redact = (struct conf_redact){.query = &pin, .query_count = 1, .has_query = true};
    assert_string_equal(line_as(conf, &exchange), "{\"path\":\"/?pin=REDACTED&token=2\"}\n");
    conf.redact.query_count = 0;
    assert_string_equal(line_as(conf, &exchange), "{\"path\":\"/?pin=1&token=2\"}\n");
}

/* The table of docs/access-log.md is that of conf/snapshot.h. */
static void each_field_is_documented(void **state)
{
    (void)state;
    static const char rows[] =
#define ROW(id, key, meaning) "| `" key "` | " meaning " |\n"
        CONF_LOG_FIELD_TABLE(ROW);
#undef ROW
    struct buffer text;
    buffer_init(&text, 1 << 20);
    assert_int_equal(file_read_all(SOURCE_ROOT "/docs/access-log.md", &text), 0);
    if (slice_search(buffer_slice(&text), slice_of_cstr(rows)) < 0)
        fail_msg("docs/access-log.md should have:\n%s", rows);
    for (const struct slice *name = redact_query_standard; name->at != NULL; name++) {
        if (slice_search(buffer_slice(&text), *name) < 0)
            fail_msg("docs/access-log.md does not name %.*s", SLICE_ARG(*name));
    }
    for (const struct slice *name = redact_headers_standard; name->at != NULL; name++) {
        if (slice_search(buffer_slice(&text), *name) < 0)
            fail_msg("docs/access-log.md does not name %.*s", SLICE_ARG(*name));
    }
    buffer_finish(&text);
}

static void combined_lines_are_those_of_apache_and_nginx(void **state)
{
    (void)state;
    struct exchange exchange = plain_exchange();
    struct field fields[] = {
        {SLICE("User-Agent"), SLICE("a\"b\\c\x01 \xe9"), FIELD_USER_AGENT},
    };
    exchange.request.fields = (struct fields){fields, 1, 1};
    exchange.request.version_minor = 0;
    assert_string_equal(line_of(CONF_LOG_COMBINED, &exchange),
                        "192.0.2.7 - - [23/Nov/2026:21:29:10 +0000] \"GET /a/../b?x=1 HTTP/1.0\" "
                        "200 1234 \"-\" \"a\\x22b\\x5Cc\\x01 \\xE9\"\n");
}

static void the_clock_follows_the_second(void **state)
{
    (void)state;
    struct exchange exchange = plain_exchange();
    struct access_clock clock = {0};
    static const struct {
        int64_t wall_us;
        const char *text;
    } times[] = {
        {0, "{\"time\":\"1970-01-01T00:00:00.000Z\""},
        {999999, "{\"time\":\"1970-01-01T00:00:00.999Z\""},
        {INT64_C(951827696) * 1000000, "{\"time\":\"2000-02-29T12:34:56.000Z\""},
        {INT64_C(1798761599) * 1000000 + 1000, "{\"time\":\"2026-12-31T23:59:59.001Z\""},
        {INT64_C(1798761600) * 1000000, "{\"time\":\"2027-01-01T00:00:00.000Z\""},
    };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct writer writer;
        writer_init(&writer, memory, sizeof memory);
        access_line_write(&writer, &json, &exchange, &clock, times[i].wall_us, -5);
        assert_memory_equal(memory, times[i].text, strlen(times[i].text));
        *writer.at = '\0';
        assert_non_null(strstr(memory, "\"duration_ms\":0.000"));
    }
}

static void a_line_that_does_not_fit_says_so(void **state)
{
    (void)state;
    struct exchange exchange = plain_exchange();
    struct access_clock clock = {0};
    for (size_t room = 0; room < 200; room++) {
        struct writer writer;
        writer_init(&writer, memory, room);
        access_line_write(&writer, &json, &exchange, &clock, WALL_US, 1);
        assert_true(writer.overflown);
    }
}

static void expect_connection_line(enum conf_log_format format, const char *expected)
{
    struct writer writer;
    struct access_clock clock = {0};
    struct access_connection connection = {
        .id = 0xabcdef,
        .client = SLICE("192.0.2.7"),
        .listener = SLICE("db"),
        .group = SLICE("pg"),
        .target = SLICE("10.0.0.4:5432"),
        .tries = 2,
        .connect_us = 1500,
        .duration_us = 61000001,
        .bytes_received = 12,
        .bytes_sent = 345,
        .reason = "the connection broke",
    };
    writer_init(&writer, memory, sizeof memory - 1);
    access_line_write_connection(&writer, format, &connection, &clock, 1764016150123456);
    *writer.at = '\0';
    assert_string_equal(memory, expected);
}

static void a_connection_has_a_line_too(void **state)
{
    (void)state;
    expect_connection_line(
        CONF_LOG_JSON,
        "{\"time\":\"2025-11-24T20:29:10.123Z\",\"id\":\"0000000000abcdef\",\"client\":\"192.0.2."
        "7\","
        "\"protocol\":\"tcp\",\"bytes\":345,\"request_bytes\":12,\"duration_ms\":61000.001,"
        "\"group\":\"pg\",\"target\":\"10.0.0.4:5432\",\"tries\":2,\"upstream_ms\":1.500,"
        "\"reason\":\"the connection broke\",\"listener\":\"db\"}\n");
    expect_connection_line(
        CONF_LOG_COMBINED,
        "192.0.2.7 - - [24/Nov/2025:20:29:10 +0000] \"-\" 000 345 \"-\" \"-\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_json_line_holds_what_is_known_and_no_more),
        cmocka_unit_test(a_json_line_tells_where_the_request_went),
        cmocka_unit_test(any_bytes_of_a_client_leave_one_valid_json_line),
        cmocka_unit_test(a_request_without_a_head_has_empty_parts),
        cmocka_unit_test(a_line_holds_the_fields_that_were_chosen),
        cmocka_unit_test(header_fields_are_written_where_they_are_asked_for),
        cmocka_unit_test(secrets_in_queries_are_not_written),
        cmocka_unit_test(each_field_is_documented),
        cmocka_unit_test(combined_lines_are_those_of_apache_and_nginx),
        cmocka_unit_test(the_clock_follows_the_second),
        cmocka_unit_test(a_line_that_does_not_fit_says_so),
        cmocka_unit_test(a_connection_has_a_line_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
