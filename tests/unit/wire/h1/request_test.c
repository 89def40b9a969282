#include "unit.h"

#include "base/cleanup.h"
#include "heads.h"

struct refused_case {
    unsigned status;
    struct slice text;
};

#define GET  "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

/* The rows of what is refused, docs/http.md. */
static const struct refused_case refused_cases[] = {
    /* framing */
    {400, SLICE(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")},
    {400, SLICE(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n")},
    {400, SLICE(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n")},
    {400, SLICE(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n")},
    {400, SLICE(POST "Content-Length: \r\n\r\n")},
    {400, SLICE(POST "Content-Length: +5\r\n\r\n")},
    {400, SLICE(POST "Content-Length: -5\r\n\r\n")},
    {400, SLICE(POST "Content-Length: 0x5\r\n\r\n")},
    {400, SLICE(POST "Content-Length: 5, 5\r\n\r\n")},
    {400, SLICE(POST "Content-Length: 5 5\r\n\r\n")},
    {400, SLICE(POST "Content-Length: 5.0\r\n\r\n")},
    {400, SLICE(POST "Content-Length: 9223372036854775808\r\n\r\n")},
    {400, SLICE(POST "Content-Length: 18446744073709551617\r\n\r\n")},
    {400, SLICE("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")},
    {501, SLICE(POST "Transfer-Encoding: gzip\r\n\r\n")},
    {501, SLICE(POST "Transfer-Encoding: gzip, chunked\r\n\r\n")},
    {501, SLICE(POST "Transfer-Encoding: chunked, identity\r\n\r\n")},
    {501, SLICE(POST "Transfer-Encoding: xchunked\r\n\r\n")},
    {400, SLICE(POST "Transfer-Encoding: chunked, chunked\r\n\r\n")},
    {400, SLICE(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n")},
    {400, SLICE(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n")},
    {400, SLICE(POST "Transfer-Encoding: \"chunked\"\r\n\r\n")},
    {400, SLICE(POST "Transfer-Encoding: chunked;a=b\r\n\r\n")},
    {400, SLICE(POST "Transfer-Encoding: ,chunked\r\n\r\n")},
    {400, SLICE(POST "Transfer-Encoding:\r\n\r\n")},
    {400, SLICE(POST "Transfer-Encoding: chunked\x0b\r\n\r\n")},
    {400, SLICE("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1\r\n\r\n")},
    {400, SLICE("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: chunked\r\n\r\n")},
    /* lines */
    {400, SLICE("GET / HTTP/1.1\nHost: a\r\n\r\n")},
    {400, SLICE("GET / HTTP/1.1\r\nHost: a\n\r\n")},
    {400, SLICE("GET / HTTP/1.1\r\nHost: a\r\n\n")},
    {400, SLICE(GET "X: a\rb\r\n\r\n")},
    {400, SLICE(GET "X: a\r\r\n\r\n")},
    {400, SLICE(GET "\rX: a\r\n\r\n")},
    {400, SLICE(GET "X: a\0b\r\n\r\n")},
    {400, SLICE(GET "X: a\x01\r\n\r\n")},
    {400, SLICE(GET "X: a\x7f\r\n\r\n")},
    {400, SLICE(GET "X : a\r\n\r\n")},
    {400, SLICE(GET "Content-Length : 5\r\n\r\n")},
    {400, SLICE(GET "X\t: a\r\n\r\n")},
    {400, SLICE(GET "X: a\r\n b\r\n\r\n")},
    {400, SLICE(GET "X: a\r\n\tb: c\r\n\r\n")},
    {400, SLICE("GET / HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n")},
    {400, SLICE(GET " \r\n\r\n")},
    {400, SLICE(GET ": a\r\n\r\n")},
    {400, SLICE(GET "no colon\r\n\r\n")},
    {400, SLICE(GET "Connection\r\n\r\n")},
    {400, SLICE(GET "X@: a\r\n\r\n")},
    {400, SLICE(GET "X\xc3\xa4: a\r\n\r\n")},
    {400, SLICE(GET "Connection: a b\r\n\r\n")},
    /* the request line */
    {400, SLICE("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE(" GET / HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET  / HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET /  HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET /\t HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET / HTTP/1.1 \r\nHost: a\r\n\r\n")},
    {400, SLICE("GET /\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET\r\nHost: a\r\n\r\n")},
    {400, SLICE("G@T / HTTP/1.1\r\nHost: a\r\n\r\n")},
    {501, SLICE("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET / http/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET / HTTP/1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET / HTTP/1.10\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET / HTTP/11.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET / XTTP/1.1\r\nHost: a\r\n\r\n")},
    {505, SLICE("GET / HTTP/2.0\r\nHost: a\r\n\r\n")},
    {505, SLICE("GET / HTTP/0.9\r\nHost: a\r\n\r\n")},
    {505, SLICE("GET / HTTP/1.2\r\nHost: a\r\n\r\n")},
    {505, SLICE("PRI * HTTP/2.0\r\n\r\n")},
    /* targets */
    {400, SLICE("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET * HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET index.html HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET 1http://a/ HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET ://a/ HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("CONNECT http://a/ HTTP/1.1\r\nHost: a\r\n\r\n")},
    {400, SLICE("CONNECT a:80/ HTTP/1.1\r\nHost: a\r\n\r\n")},
    /* Host */
    {400, SLICE("GET / HTTP/1.1\r\n\r\n")},
    {400, SLICE("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n")},
    {400, SLICE("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n")},
    {400, SLICE("GET / HTTP/1.1\r\nHost:\r\n\r\n")},
    {400, SLICE("GET / HTTP/1.1\r\nHost: a b\r\n\r\n")},
    {400, SLICE("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n")},
    {400, SLICE("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n")},
    {400, SLICE("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n")},
    {400, SLICE("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n")},
    {400, SLICE("GET http://b/ HTTP/1.1\r\n\r\n")},
    {400, SLICE("GET http://b/ HTTP/1.1\r\nHost: a/b\r\n\r\n")},
    {400, SLICE("GET http://b/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n")},
    /* Expect */
    {417, SLICE(POST "Content-Length: 1\r\nExpect: a-miracle\r\n\r\n")},
    {417, SLICE(POST "Content-Length: 1\r\nExpect: 100-continue, more\r\n\r\n")},
    {417, SLICE(POST "Expect:\r\n\r\n")},
};

static void what_is_ambiguous_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused_cases); i++) {
        const struct refused_case *row = &refused_cases[i];
        struct parsed_request parsed;
        unsigned status = parse_request(row->text, &parsed);
        if (status != row->status)
            fail_msg("row %zu: %u for %.*s", i, status, SLICE_ARG(row->text));
        assert_non_null(parsed.refusal.text);
    }
}

static void assert_slice(struct slice slice, const char *text)
{
    if (!slice_equal(slice, slice_of_cstr(text)))
        fail_msg("'%.*s' instead of '%s'", SLICE_ARG(slice), text);
}

static void a_plain_request_is_taken_apart(void **state)
{
    (void)state;
    struct parsed_request parsed;
    struct slice text = SLICE("GET /a/b?c=d?e HTTP/1.1\r\nhOST:a.example:8080\r\n"
                              "X-One:  \t two words\t \r\nX-Empty:\r\nAccept: */*\r\n\r\nbody");
    assert_int_equal(parse_request(text, &parsed), 0);
    const struct request_head *head = &parsed.head;
    assert_int_equal(parsed.length, text.len - 4);
    assert_int_equal(head->method, METHOD_GET);
    assert_int_equal(head->form, TARGET_ORIGIN);
    assert_int_equal(head->version_minor, 1);
    assert_slice(head->target, "/a/b?c=d?e");
    assert_slice(head->path, "/a/b");
    assert_slice(head->query, "c=d?e");
    assert_slice(head->authority, "a.example:8080");
    assert_int_equal(head->scheme.len, 0);
    assert_true(head->keep_alive);
    assert_false(head->expects_continue);
    assert_false(head->wants_upgrade);
    assert_int_equal(head->framing.kind, BODY_NONE);
    assert_false(head->framing.has_content_length);
    assert_int_equal(head->fields.count, 4);
    assert_slice(fields_find_name(&head->fields, SLICE("x-one"))->value, "two words");
    assert_slice(fields_find_name(&head->fields, SLICE("X-EMPTY"))->value, "");
    assert_int_equal(head->fields.at[0].id, FIELD_HOST);
    assert_slice(head->fields.at[0].name, "hOST");
    assert_slice(fields_value(&head->fields, FIELD_ACCEPT), "*/*");
    assert_null(fields_value(&head->fields, FIELD_COOKIE).at);
}

static void an_empty_query_is_not_a_missing_one(void **state)
{
    (void)state;
    struct parsed_request parsed;
    assert_int_equal(parse_request(SLICE("GET /? HTTP/1.1\r\nHost: a\r\n\r\n"), &parsed), 0);
    assert_non_null(parsed.head.query.at);
    assert_int_equal(parsed.head.query.len, 0);
    assert_int_equal(parse_request(SLICE(GET "\r\n"), &parsed), 0);
    assert_null(parsed.head.query.at);
}

static void one_empty_line_before_a_request_is_skipped(void **state)
{
    (void)state;
    struct parsed_request parsed;
    struct slice text = SLICE("\r\n" GET "\r\n");
    assert_int_equal(parse_request(text, &parsed), 0);
    assert_int_equal(parsed.length, text.len);
    assert_slice(parsed.head.path, "/");
}

static void absolute_form_overrides_host(void **state)
{
    (void)state;
    struct parsed_request parsed;
    assert_int_equal(
        parse_request(SLICE("GET http://b.example:81?q HTTP/1.1\r\nHost: a\r\n\r\n"), &parsed), 0);
    assert_int_equal(parsed.head.form, TARGET_ABSOLUTE);
    assert_slice(parsed.head.scheme, "http");
    assert_slice(parsed.head.authority, "b.example:81");
    assert_slice(parsed.head.path, "/");
    assert_slice(parsed.head.query, "q");

    assert_int_equal(parse_request(SLICE("GET HTTPS://[::1]/x//y?z HTTP/1.0\r\n\r\n"), &parsed), 0);
    assert_slice(parsed.head.scheme, "HTTPS");
    assert_slice(parsed.head.authority, "[::1]");
    assert_slice(parsed.head.path, "/x//y");
    assert_slice(parsed.head.query, "z");
    assert_int_equal(parse_request(SLICE("GET //x HTTP/1.1\r\nHost: a\r\n\r\n"), &parsed), 0);
    assert_int_equal(parsed.head.form, TARGET_ORIGIN);
    assert_slice(parsed.head.path, "//x");
}

static void options_may_ask_for_the_server_itself(void **state)
{
    (void)state;
    struct parsed_request parsed;
    assert_int_equal(parse_request(SLICE("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), &parsed), 0);
    assert_int_equal(parsed.head.form, TARGET_ASTERISK);
    assert_slice(parsed.head.path, "*");
    assert_slice(parsed.head.authority, "a");
    assert_int_equal(parse_request(SLICE("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n"), &parsed),
                     0);
    assert_int_equal(parsed.head.form, TARGET_ASTERISK);
    assert_slice(parsed.head.path, "*");
    assert_slice(parsed.head.authority, "b");
    assert_int_equal(parse_request(SLICE("OPTIONS http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"), &parsed),
                     0);
    assert_int_equal(parsed.head.form, TARGET_ABSOLUTE);
    assert_slice(parsed.head.path, "/");
}

static void connect_names_host_and_port(void **state)
{
    (void)state;
    struct parsed_request parsed;
    assert_int_equal(
        parse_request(SLICE("CONNECT b:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
                      &parsed),
        0);
    assert_int_equal(parsed.head.form, TARGET_AUTHORITY);
    assert_slice(parsed.head.authority, "b:443");
    assert_int_equal(parsed.head.path.len, 0);
}

static void bodies_are_framed_by_length_or_chunks(void **state)
{
    (void)state;
    struct parsed_request parsed;
    assert_int_equal(parse_request(SLICE(POST "Content-Length: 0042\r\n\r\n"), &parsed), 0);
    assert_int_equal(parsed.head.framing.kind, BODY_LENGTH);
    assert_int_equal(parsed.head.framing.content_length, 42);
    assert_int_equal(parse_request(SLICE(POST "Content-Length: 0\r\n\r\n"), &parsed), 0);
    assert_int_equal(parsed.head.framing.kind, BODY_NONE);
    assert_true(parsed.head.framing.has_content_length);
    assert_int_equal(
        parse_request(SLICE(POST "Content-Length: 9223372036854775807\r\n\r\n"), &parsed), 0);
    assert_true(parsed.head.framing.content_length == INT64_MAX);
    assert_int_equal(parse_request(SLICE(POST "Transfer-Encoding: Chunked\r\n\r\n"), &parsed), 0);
    assert_int_equal(parsed.head.framing.kind, BODY_CHUNKED);
}

static void a_client_is_asked_to_continue_only_when_it_can(void **state)
{
    (void)state;
    struct parsed_request parsed;
    assert_int_equal(
        parse_request(SLICE(POST "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\n"), &parsed), 0);
    assert_true(parsed.head.expects_continue);
    assert_int_equal(parse_request(SLICE(POST "Expect: 100-continue\r\n\r\n"), &parsed), 0);
    assert_false(parsed.head.expects_continue);
    assert_int_equal(
        parse_request(SLICE("POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"),
                      &parsed),
        0);
    assert_false(parsed.head.expects_continue);
}

static void connections_persist_by_version_and_options(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        bool keep_alive;
    } rows[] = {
        {SLICE(GET "\r\n"), true},
        {SLICE(GET "Connection: close\r\n\r\n"), false},
        {SLICE(GET "Connection: x, Close\r\n\r\n"), false},
        {SLICE(GET "Connection: keep-alive, close\r\n\r\n"), false},
        {SLICE(GET "Connection: keep-alive\r\nConnection: close\r\n\r\n"), false},
        {SLICE(GET "Connection: closed\r\n\r\n"), true},
        {SLICE("GET / HTTP/1.0\r\n\r\n"), false},
        {SLICE("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), true},
        {SLICE("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"), false},
        {SLICE("GET / HTTP/1.0\r\nKeep-Alive: 5\r\n\r\n"), false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct parsed_request parsed;
        assert_int_equal(parse_request(rows[i].text, &parsed), 0);
        assert_int_equal(parsed.head.keep_alive, rows[i].keep_alive);
    }
}

static void an_upgrade_counts_when_connection_names_it(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        bool wants_upgrade;
    } rows[] = {
        {SLICE(GET "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"), true},
        {SLICE(GET "Upgrade: websocket\r\n\r\n"), false},
        {SLICE(GET "Connection: upgrade\r\n\r\n"), false},
        {SLICE("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct parsed_request parsed;
        assert_int_equal(parse_request(rows[i].text, &parsed), 0);
        assert_int_equal(parsed.head.wants_upgrade, rows[i].wants_upgrade);
    }
}

static void unknown_methods_are_tokens_like_any(void **state)
{
    (void)state;
    struct parsed_request parsed;
    assert_int_equal(parse_request(SLICE("Get / HTTP/1.1\r\nHost: a\r\n\r\n"), &parsed), 0);
    assert_int_equal(parsed.head.method, METHOD_OTHER);
    assert_slice(parsed.head.method_name, "Get");
}

static void the_callers_room_for_fields_is_a_limit(void **state)
{
    (void)state;
    struct field at[2];
    struct request_head head = {.fields = {at, 0, 2}};
    struct h1_refusal refusal;
    struct slice text = SLICE(GET "A: b\r\n\r\n");
    assert_int_equal(h1_parse_request(text, &head, &refusal), 0);
    head.fields.max = 1;
    assert_true(h1_parse_request(text, &head, &refusal) < 0);
    assert_int_equal(refusal.status, 431);
}

/* Lines are found in blocks of 64 bytes; the head ends at the end of its memory. */
static void heads_of_every_length_are_taken_apart(void **state)
{
    (void)state;
    for (size_t len = 1; len < 300; len++) {
        struct slice before = SLICE("GET / HTTP/1.0\r\nX: "), behind = SLICE("\r\nY: 1\r\n\r\n");
        SCOPED_FREE char *memory = memory_alloc(before.len + len + behind.len);
        assert_non_null(memory);
        memcpy(memory, before.at, before.len);
        memset(memory + before.len, 'x', len);
        memcpy(memory + before.len + len, behind.at, behind.len);
        struct parsed_request parsed;
        struct slice text = slice_of(memory, before.len + len + behind.len);
        assert_int_equal(parse_request(text, &parsed), 0);
        assert_int_equal(parsed.length, text.len);
        assert_int_equal(parsed.head.fields.count, 2);
        assert_int_equal(parsed.at[0].value.len, len);
        assert_slice(parsed.at[1].value, "1");
    }
}

static void too_many_connection_options_are_refused(void **state)
{
    (void)state;
    char text[1024] = GET "Connection: ";
    size_t len = strlen(text);
    for (unsigned i = 0; i < HTTP_CONNECTION_OPTIONS_MAX; i++, len += 2)
        memcpy(text + len, "a,", 3);
    struct parsed_request parsed;
    memcpy(text + len, "\r\n\r\n", 4);
    assert_int_equal(parse_request(slice_of(text, len + 4), &parsed), 0);
    memcpy(text + len, "b\r\n\r\n", 5);
    assert_int_equal(parse_request(slice_of(text, len + 5), &parsed), 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_ambiguous_is_refused),
        cmocka_unit_test(a_plain_request_is_taken_apart),
        cmocka_unit_test(an_empty_query_is_not_a_missing_one),
        cmocka_unit_test(one_empty_line_before_a_request_is_skipped),
        cmocka_unit_test(absolute_form_overrides_host),
        cmocka_unit_test(options_may_ask_for_the_server_itself),
        cmocka_unit_test(connect_names_host_and_port),
        cmocka_unit_test(bodies_are_framed_by_length_or_chunks),
        cmocka_unit_test(a_client_is_asked_to_continue_only_when_it_can),
        cmocka_unit_test(connections_persist_by_version_and_options),
        cmocka_unit_test(an_upgrade_counts_when_connection_names_it),
        cmocka_unit_test(unknown_methods_are_tokens_like_any),
        cmocka_unit_test(the_callers_room_for_fields_is_a_limit),
        cmocka_unit_test(heads_of_every_length_are_taken_apart),
        cmocka_unit_test(too_many_connection_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
