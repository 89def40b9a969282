#include "unit.h"

#include "base/cleanup.h"
#include "heads.h"

#define OK "HTTP/1.1 200 OK\r\n"

static void faulty_responses_are_refused(void **state)
{
    (void)state;
    static const struct slice texts[] = {
        SLICE(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        SLICE(OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
        SLICE(OK "Content-Length: x\r\n\r\n"),
        SLICE(OK "Transfer-Encoding: gzip, chunked\r\n\r\n"),
        SLICE("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        SLICE(OK "X: a\nY: b\r\n\r\n"),
        SLICE(OK "X: a\r\n b\r\n\r\n"),
        SLICE(OK "X : a\r\n\r\n"),
        SLICE("\r\nHTTP/1.1 200 OK\r\n\r\n"),
        SLICE("HTTP/1.1 099 No\r\n\r\n"),
        SLICE("HTTP/1.1 600 No\r\n\r\n"),
        SLICE("HTTP/1.1 20 No\r\n\r\n"),
        SLICE("HTTP/1.1 2000 No\r\n\r\n"),
        SLICE("HTTP/1.1  200 No\r\n\r\n"),
        SLICE("HTTP/1.1\t200 No\r\n\r\n"),
        SLICE("HTTP/1.1 -20 No\r\n\r\n"),
        SLICE("HTTP/1.1 20x No\r\n\r\n"),
        SLICE("HTTP/1.1200 No\r\n\r\n"),
        SLICE("HTTP/1.1\r\n\r\n"),
        SLICE("HTTP/2 200\r\n\r\n"),
        SLICE("HTTP/2.0 200 OK\r\n\r\n"),
        SLICE("ICY 200 OK\r\n\r\n"),
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct parsed_response parsed;
        if (parse_response(texts[i], METHOD_GET, &parsed) == 0)
            fail_msg("accepted: %.*s", SLICE_ARG(texts[i]));
        assert_non_null(parsed.refusal.text);
    }
}

struct framing_case {
    struct slice text;
    enum http_method method;
    enum body_kind kind;
    uint64_t length;
    bool keep_alive;
};

static const struct framing_case framing_cases[] = {
    {SLICE(OK "Content-Length: 5\r\n\r\n"), METHOD_GET, BODY_LENGTH, 5, true},
    {SLICE(OK "Content-Length: 0\r\n\r\n"), METHOD_GET, BODY_NONE, 0, true},
    {SLICE(OK "Transfer-Encoding: chunked\r\n\r\n"), METHOD_GET, BODY_CHUNKED, 0, true},
    {SLICE(OK "\r\n"), METHOD_GET, BODY_UNTIL_CLOSE, 0, false},
    {SLICE("HTTP/1.0 200 OK\r\n\r\n"), METHOD_GET, BODY_UNTIL_CLOSE, 0, false},
    {SLICE("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n"), METHOD_GET, BODY_LENGTH, 5, false},
    {SLICE("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n"), METHOD_GET,
     BODY_LENGTH, 5, true},
    {SLICE(OK "Connection: close\r\nContent-Length: 5\r\n\r\n"), METHOD_GET, BODY_LENGTH, 5, false},
    {SLICE(OK "Content-Length: 5\r\n\r\n"), METHOD_HEAD, BODY_NONE, 5, true},
    {SLICE(OK "Transfer-Encoding: chunked\r\n\r\n"), METHOD_HEAD, BODY_NONE, 0, true},
    {SLICE(OK "\r\n"), METHOD_HEAD, BODY_NONE, 0, true},
    {SLICE("HTTP/1.1 204 No Content\r\n\r\n"), METHOD_GET, BODY_NONE, 0, true},
    {SLICE("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"), METHOD_GET, BODY_NONE, 5,
     false},
    {SLICE("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), METHOD_GET, BODY_NONE, 5,
     true},
    {SLICE("HTTP/1.1 100 Continue\r\n\r\n"), METHOD_POST, BODY_NONE, 0, true},
    {SLICE("HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n"), METHOD_GET, BODY_NONE,
     0, false},
    {SLICE("HTTP/1.1 101 Switching Protocols\r\n\r\n"), METHOD_GET, BODY_NONE, 0, false},
    {SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), METHOD_CONNECT, BODY_NONE, 5, false},
    {SLICE("HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n"), METHOD_CONNECT, BODY_LENGTH, 5, true},
};

static void framing_follows_method_status_and_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(framing_cases); i++) {
        const struct framing_case *row = &framing_cases[i];
        struct parsed_response parsed;
        assert_int_equal(parse_response(row->text, row->method, &parsed), 0);
        const struct response_head *head = &parsed.head;
        if (head->framing.kind != row->kind || head->framing.content_length != row->length ||
            head->keep_alive != row->keep_alive)
            fail_msg("row %zu: kind %d, length %zu, keep_alive %d", i, (int)head->framing.kind,
                     (size_t)head->framing.content_length, head->keep_alive);
    }
}

static void the_reason_may_be_missing(void **state)
{
    (void)state;
    struct parsed_response parsed;
    assert_int_equal(parse_response(SLICE("HTTP/1.1 200\r\n\r\n"), METHOD_GET, &parsed), 0);
    assert_int_equal(parsed.head.reason.len, 0);
    assert_int_equal(parse_response(SLICE("HTTP/1.1 200 \r\n\r\n"), METHOD_GET, &parsed), 0);
    assert_int_equal(parsed.head.reason.len, 0);
    assert_int_equal(parse_response(SLICE("HTTP/1.0 404 Not There\r\n\r\n"), METHOD_GET, &parsed),
                     0);
    assert_true(slice_equal(parsed.head.reason, SLICE("Not There")));
    assert_int_equal(parsed.head.status, 404);
    assert_int_equal(parsed.head.version_minor, 0);
}

static void an_upgrade_is_seen(void **state)
{
    (void)state;
    struct parsed_response parsed;
    assert_int_equal(parse_response(SLICE("HTTP/1.1 101 Switching Protocols\r\n"
                                          "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
                                    METHOD_GET, &parsed),
                     0);
    assert_true(parsed.head.has_upgrade);
    assert_int_equal(parse_response(SLICE(OK "Upgrade: h2c\r\n\r\n"), METHOD_GET, &parsed), 0);
    assert_false(parsed.head.has_upgrade);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faulty_responses_are_refused),
        cmocka_unit_test(framing_follows_method_status_and_fields),
        cmocka_unit_test(the_reason_may_be_missing),
        cmocka_unit_test(an_upgrade_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
