/* Responses of HTTP/1's form as HTTP/2 sends them. */
#include "unit.h"

#include "wire/h2/lines.h"

#include <errno.h>

static char text[65536];
static nghttp2_nv lines[H2_LINES_MAX];

static int convert(const char *head)
{
    size_t len = strlen(head);
    assert_true(len < sizeof text);
    memcpy(text, head, len);
    return h2_lines_of_response(slice_of(text, len), lines, H2_LINES_MAX);
}

static void assert_line(int number, const char *name, const char *value)
{
    const nghttp2_nv *line = &lines[number];
    assert_true(slice_equal(slice_of((char *)line->name, line->namelen), slice_of_cstr(name)));
    assert_true(slice_equal(slice_of((char *)line->value, line->valuelen), slice_of_cstr(value)));
}

static int convert_request(const char *head)
{
    size_t len = strlen(head);
    assert_true(len < sizeof text);
    memcpy(text, head, len);
    return h2_lines_of_request(slice_of(text, len), SLICE("https"), lines, H2_LINES_MAX);
}

static void requests_to_targets(void **state)
{
    (void)state;
    assert_int_equal(
        convert_request("POST /a b?c:d HTTP/1.1\r\nX-Before: 1\r\nHost: a.example:80\r\n"
                        "Transfer-Encoding: chunked\r\nConnection: close\r\n"
                        "TE: trailers\r\nX-After: a: b\r\n\r\n"),
        7);
    assert_line(0, ":method", "POST");
    assert_line(1, ":scheme", "https");
    assert_line(2, ":path", "/a b?c:d");
    assert_line(3, ":authority", "a.example:80");
    assert_line(4, "x-before", "1");
    assert_line(5, "te", "trailers");
    assert_line(6, "x-after", "a: b");
    assert_int_equal(convert_request("OPTIONS * HTTP/1.1\r\nHost: \r\nTE: gzip\r\n\r\n"), 3);
    assert_line(2, ":path", "*");
}

static void names_become_small(void **state)
{
    (void)state;
    assert_int_equal(convert("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nETag: \"A\"\r\n"
                             "X-Request-Id: 0123\r\nX-Empty: \r\n\r\n"),
                     5);
    assert_line(0, ":status", "404");
    assert_line(1, "content-length", "5");
    assert_line(2, "etag", "\"A\"");
    assert_line(3, "x-request-id", "0123");
    assert_line(4, "x-empty", "");
    /* It is another one each time: not for the client's table. */
    assert_true((lines[3].flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0);
    assert_true((lines[2].flags & NGHTTP2_NV_FLAG_NO_INDEX) == 0);
}

static void what_is_about_a_connection_goes(void **state)
{
    (void)state;
    assert_int_equal(convert("HTTP/1.1 200 OK\r\nConnection: close\r\nKeep-Alive: x\r\n"
                             "Proxy-Connection: x\r\nTE: x\r\nTransfer-Encoding: chunked\r\n"
                             "Upgrade: h2c\r\nServer: weir\r\n\r\n"),
                     2);
    assert_line(1, "server", "weir");
}

static void an_upgrade_is_a_success(void **state)
{
    (void)state;
    assert_int_equal(convert("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                             "Upgrade: websocket\r\nSec-WebSocket-Accept: x\r\n"
                             "Sec-WebSocket-Protocol: chat\r\n\r\n"),
                     2);
    assert_line(0, ":status", "200");
    assert_line(1, "sec-websocket-protocol", "chat");
}

static void a_head_without_fields(void **state)
{
    (void)state;
    assert_int_equal(convert("HTTP/1.1 100 Continue\r\n\r\n"), 1);
    assert_line(0, ":status", "100");
}

static void too_many_fields(void **state)
{
    (void)state;
    char head[2000] = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < H2_LINES_MAX - 1; i++)
        strncat(head, "a: b\r\n", sizeof head - strlen(head) - 1);
    assert_int_equal(convert(head), H2_LINES_MAX);
    strncat(head, "a: b\r\n", sizeof head - strlen(head) - 1);
    assert_int_equal(convert(head), -E2BIG);
}

static void trailers(void **state)
{
    (void)state;
    struct field at[] = {{SLICE("X-Sum"), SLICE("5"), FIELD_OTHER},
                         {SLICE("Connection"), SLICE("x"), FIELD_CONNECTION}};
    const struct fields fields = {at, 2, 2};
    assert_int_equal(h2_lines_of_fields(&fields, lines), 1);
    assert_line(0, "X-Sum", "5"); /* nghttp2 copies it with small letters */
    assert_int_equal(lines[0].flags, NGHTTP2_NV_FLAG_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_small),
        cmocka_unit_test(requests_to_targets),
        cmocka_unit_test(what_is_about_a_connection_goes),
        cmocka_unit_test(an_upgrade_is_a_success),
        cmocka_unit_test(a_head_without_fields),
        cmocka_unit_test(too_many_fields),
        cmocka_unit_test(trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
