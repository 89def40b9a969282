#include "unit.h"

#include "base/cleanup.h"
#include "base/writer.h"
#include "wire/http/forwarded.h"

#include <errno.h>

static void expect(struct slice actual, const char *expected)
{
    assert_int_equal(actual.len, strlen(expected));
    assert_memory_equal(actual.at, expected, actual.len);
}

static void expect_element(struct slice *rest, const char *node, const char *host,
                           const char *proto)
{
    struct forwarded_element element;
    assert_int_equal(forwarded_next(rest, &element), 1);
    expect(element.for_node, node);
    expect(element.host, host);
    expect(element.proto, proto);
}

static void expect_end(struct slice *rest)
{
    struct forwarded_element element;
    assert_int_equal(forwarded_next(rest, &element), 0);
    assert_int_equal(rest->len, 0);
}

/* Those of RFC 7239 §4, and what lists allow. */
static void elements_are_read_from_left_to_right(void **state)
{
    (void)state;
    struct slice rest = SLICE("for=\"_gazonk\"");
    expect_element(&rest, "_gazonk", "", "");
    expect_end(&rest);
    rest = SLICE("For=\"[2001:db8:cafe::17]:4711\"");
    expect_element(&rest, "[2001:db8:cafe::17]:4711", "", "");
    expect_end(&rest);
    rest = SLICE("for=192.0.2.60;proto=http;by=203.0.113.43");
    expect_element(&rest, "192.0.2.60", "", "http");
    expect_end(&rest);
    rest = SLICE("for=192.0.2.43, for=198.51.100.17;HOST=\"a.b:80\" ,\tfor=unknown");
    expect_element(&rest, "192.0.2.43", "", "");
    expect_element(&rest, "198.51.100.17", "a.b:80", "");
    expect_element(&rest, "unknown", "", "");
    expect_end(&rest);
    rest = SLICE(" ,, for=1.2.3.4;;x=\"a\\\"b,c\"; ,proto=https,");
    expect_element(&rest, "1.2.3.4", "", "");
    expect_element(&rest, "", "", "https");
    expect_end(&rest);
    rest = SLICE("");
    expect_end(&rest);
}

static void what_is_malformed_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "for",           "for=",           "=1.2.3.4",      "for =1.2.3.4", "for= 1.2.3.4",
        "for=[::1]",     "for=1.2.3.4:80", "for=\"1.2.3.4", "for=\"a\\",    "for=\"a\\\"",
        "for=a b",       "for=a;for=b",    "for=a;FOR=b",   "for=a host=b", "for=\"a\"b",
        "for=a; host=b", "for=\"a\x7f\"",  "for=a;\"b\"=c", "x=1;x=1",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct slice rest = slice_of_cstr(bad[i]);
        struct forwarded_element element;
        int rc;
        while ((rc = forwarded_next(&rest, &element)) == 1)
            continue;
        assert_int_equal(rc, -EBADMSG);
    }
    struct slice many =
        SLICE("a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1;j=1;k=1;l=1;m=1;n=1;o=1;p=1;q=1");
    struct forwarded_element element;
    assert_int_equal(forwarded_next(&many, &element), -EBADMSG);
}

static void expect_host(const char *node, bool bare_v6, const char *expected)
{
    struct slice host = {NULL, 0};
    int rc = forwarded_split_node(slice_of_cstr(node), bare_v6, &host);
    assert_int_equal(rc, expected == NULL ? -EINVAL : 0);
    if (expected != NULL)
        expect(host, expected);
}

static void nodes_are_split_from_their_ports(void **state)
{
    (void)state;
    expect_host("192.0.2.7", false, "192.0.2.7");
    expect_host("192.0.2.7:80", false, "192.0.2.7");
    expect_host("192.0.2.7:_x1", false, "192.0.2.7");
    expect_host("[2001:db8::1]", false, "2001:db8::1");
    expect_host("[2001:db8::1]:80", false, "2001:db8::1");
    expect_host("2001:db8::1", true, "2001:db8::1");
    expect_host("unknown", false, "unknown"); /* no address: refused when it is parsed as one */
    expect_host("2001:db8::1", false, NULL);
    expect_host("192.0.2.7:", false, NULL);
    expect_host("192.0.2.7:x", false, NULL);
    expect_host("192.0.2.7:65536", false, NULL);
    expect_host("192.0.2.7:_", false, NULL);
    expect_host("[2001:db8::1", false, NULL);
    expect_host("[2001:db8::1]80", false, NULL);
    expect_host("[2001:db8::1]:", false, NULL);
    expect_host("[192.0.2.7]", false, NULL);
    expect_host("[]", false, NULL);
    expect_host(":80", false, NULL);
    expect_host("", false, NULL);
}

static void what_is_no_token_is_quoted(void **state)
{
    (void)state;
    char memory[100];
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    forwarded_write_for(&writer, SLICE("192.0.2.7"));
    write_char(&writer, ' ');
    forwarded_write_for(&writer, SLICE("::1"));
    write_char(&writer, ' ');
    forwarded_write_value(&writer, SLICE("a.b"));
    write_char(&writer, ' ');
    forwarded_write_value(&writer, SLICE("a.b:80"));
    write_char(&writer, ' ');
    forwarded_write_value(&writer, SLICE(""));
    expect(writer_slice(&writer), "for=192.0.2.7 for=\"[::1]\" a.b \"a.b:80\" \"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_are_read_from_left_to_right),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(nodes_are_split_from_their_ports),
        cmocka_unit_test(what_is_no_token_is_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
