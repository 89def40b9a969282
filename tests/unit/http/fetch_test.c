/* The URLs that Weir itself asks, and answers that end with their connection. */
#include "http/fetch.h"

#include "unit.h"

#include "base/cleanup.h"
#include "http/answer.h"

#include <errno.h>

static void assert_slice(struct slice slice, const char *text)
{
    assert_true(slice_equal(slice, slice_of_cstr(text)));
}

static void urls_have_parts(void **state)
{
    (void)state;
    struct fetch_url url;
    assert_int_equal(fetch_parse_url(SLICE("https://acme.example/dir?a=b"), &url), 0);
    assert_true(url.is_https);
    assert_slice(url.authority, "acme.example");
    assert_slice(url.host, "acme.example");
    assert_int_equal(url.port, 443);
    assert_slice(url.target, "/dir?a=b");
    assert_int_equal(fetch_parse_url(SLICE("http://[::1]:8080"), &url), 0);
    assert_false(url.is_https);
    assert_slice(url.authority, "[::1]:8080");
    assert_slice(url.host, "::1");
    assert_int_equal(url.port, 8080);
    assert_slice(url.target, "/");
}

static void what_is_no_url_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "ftp://a/",
        "https://",
        "https:///x",
        "https://a b/",
        "http://a/b c",
        "http://a?",
        "http://u@a/",
        "http://a:0/",
        "http://a/x#y",
        "http://a/\r\nX: y",
        "//a/",
        "http://a:99999/",
    };
    struct fetch_url url;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(fetch_parse_url(slice_of_cstr(wrong[i]), &url), -EINVAL);
}

static int parse(const char *text, unsigned *ret_status, struct buffer *body)
{
    static struct field fields[HTTP_FIELDS_MAX];
    struct response_head head = {.fields = {.at = fields, .max = HTTP_FIELDS_MAX}};
    buffer_init(body, 65536);
    int rc = answer_parse(slice_of_cstr(text), &head, body);
    *ret_status = head.status;
    return rc;
}

static void answers_are_read_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text, *body;
    } answers[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"},
        {"HTTP/1.1 200 OK\r\n\r\nto the end", "to the end"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
         "abc"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "x"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
    };
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct buffer body;
        unsigned status;
        assert_int_equal(parse(answers[i].text, &status, &body), 0);
        assert_int_equal(status, 200);
        assert_slice(buffer_slice(&body), answers[i].body);
        buffer_finish(&body);
    }
}

static void what_was_cut_short_is_an_error(void **state)
{
    (void)state;
    static const char *const cut[] = {
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "220 smtp.example ESMTP\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(cut); i++) {
        struct buffer body;
        unsigned status;
        assert_int_equal(parse(cut[i], &status, &body), -EBADMSG);
        buffer_finish(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_have_parts),
        cmocka_unit_test(what_is_no_url_is_refused),
        cmocka_unit_test(answers_are_read_whole),
        cmocka_unit_test(what_was_cut_short_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
