#include "unit.h"

#include "os/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static void expect_host(const char *host, const char *expected)
{
    struct address address;
    char text[ADDRESS_TEXT_BYTES];
    assert_int_equal(address_from_ip(slice_of_cstr(host), 80, &address), 0);
    size_t len = address_format_host(&address, text);
    assert_string_equal(text, expected);
    assert_int_equal(len, strlen(expected));
}

static void hosts_are_formatted_without_ports_and_brackets(void **state)
{
    (void)state;
    expect_host("0.0.0.0", "0.0.0.0");
    expect_host("9.10.99.100", "9.10.99.100");
    expect_host("255.200.109.1", "255.200.109.1");
    expect_host("::1", "::1");
    expect_host("2001:db8::a:0", "2001:db8::a:0");
}

static void a_mapped_address_is_shown_as_the_one_it_maps(void **state)
{
    (void)state;
    expect_host("::ffff:192.0.2.10", "192.0.2.10");
}

static void every_ipv4_byte_is_written_as_inet_ntop_writes_it(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        struct address address = {.len = sizeof address.v4, .v4.sin_family = AF_INET};
        address.v4.sin_addr.s_addr = htonl(byte << 24 | (255 - byte) << 16 | byte);
        char text[ADDRESS_TEXT_BYTES], expected[INET_ADDRSTRLEN];
        (void)address_format_host(&address, text);
        assert_non_null(inet_ntop(AF_INET, &address.v4.sin_addr, expected, sizeof expected));
        assert_string_equal(text, expected);
    }
}

static void unix_sockets_have_no_host(void **state)
{
    (void)state;
    struct address address, none = {0};
    char text[ADDRESS_TEXT_BYTES];
    assert_int_equal(address_from_path(SLICE("/run/x"), &address), 0);
    assert_int_equal(address_format_host(&address, text), 4);
    assert_string_equal(text, "unix");
    assert_int_equal(address_format_host(&none, text), 4);
    (void)address_format(&address, text);
    assert_string_equal(text, "unix:/run/x");
}

static void assert_text(const struct address *address, const char *expected)
{
    char text[ADDRESS_TEXT_BYTES];
    assert_int_equal(address_format(address, text), strlen(expected));
    assert_string_equal(text, expected);
}

static void addresses_are_written_as_they_are_read(void **state)
{
    (void)state;
    struct address address;
    char host[ADDRESS_TEXT_BYTES];
    assert_int_equal(address_from_ip(SLICE("192.0.2.7"), 80, &address), 0);
    assert_text(&address, "192.0.2.7:80");
    assert_int_equal(address_port(&address), 80);
    assert_int_equal(address_from_ip(SLICE("2001:DB8::1"), 65535, &address), 0);
    assert_text(&address, "[2001:db8::1]:65535");
    assert_int_equal(address_from_ip(SLICE("::ffff:192.0.2.7"), 443, &address), 0);
    assert_text(&address, "192.0.2.7:443");
    (void)address_format_host(&address, host);
    assert_string_equal(host, "192.0.2.7");
    assert_int_equal(address_from_path(SLICE("/run/weir.sock"), &address), 0);
    assert_text(&address, "unix:/run/weir.sock");
    assert_int_equal(address_port(&address), 0);
    (void)address_format_host(&address, host);
    assert_string_equal(host, "unix");
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    struct address address = {.len = 7};
    static const char *const wrong[] = {"",         "1.2.3",     "1.2.3.4.5",    "0x7f.0.0.1",
                                        "1.2.3.4 ", "[::1]",     "::1%lo",       "localhost",
                                        "01.2.3.4", "1.2.3.256", "1:2:3:4:5:6:7"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(address_from_ip(slice_of_cstr(wrong[i]), 1, &address), -EINVAL);
    assert_int_equal(address.len, 7);
}

/* The kernel may fill all of sun_path, without a NUL. */
static void the_longest_path_is_not_read_over(void **state)
{
    (void)state;
    struct address address = {.len = sizeof address.path};
    char path[sizeof address.path.sun_path + 1] = {0};
    memset(path, 'p', sizeof path - 1);
    address.path.sun_family = AF_UNIX;
    memcpy(address.path.sun_path, path, sizeof address.path.sun_path);
    char expected[sizeof path + 5] = "unix:";
    memcpy(expected + 5, path, sizeof path);
    assert_text(&address, expected);
    assert_int_equal(address_from_path(slice_of_cstr(path), &address), -ENAMETOOLONG);
    path[sizeof path - 2] = '\0';
    assert_int_equal(address_from_path(slice_of_cstr(path), &address), 0);
}

static void equal_means_host_and_port(void **state)
{
    (void)state;
    struct address a, b;
    assert_int_equal(address_from_ip(SLICE("192.0.2.7"), 80, &a), 0);
    assert_int_equal(address_from_ip(SLICE("192.0.2.7"), 81, &b), 0);
    assert_false(address_equal(&a, &b));
    assert_int_equal(address_from_ip(SLICE("192.0.2.7"), 80, &b), 0);
    assert_true(address_equal(&a, &b));
    assert_int_equal(address_from_ip(SLICE("::ffff:192.0.2.7"), 80, &b), 0);
    assert_false(address_equal(&a, &b));
}

static void the_order_of_addresses_is_total(void **state)
{
    (void)state;
    static const char *const sorted[] = {"192.0.2.7", "192.0.2.8", "198.51.100.1", "::1", "::2"};
    struct address a, b;
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 5; j++) {
            assert_int_equal(address_from_ip(slice_of_cstr(sorted[i]), 80, &a), 0);
            assert_int_equal(address_from_ip(slice_of_cstr(sorted[j]), 80, &b), 0);
            int order = address_compare(&a, &b);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_formatted_without_ports_and_brackets),
        cmocka_unit_test(a_mapped_address_is_shown_as_the_one_it_maps),
        cmocka_unit_test(every_ipv4_byte_is_written_as_inet_ntop_writes_it),
        cmocka_unit_test(unix_sockets_have_no_host),
        cmocka_unit_test(addresses_are_written_as_they_are_read),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(the_longest_path_is_not_read_over),
        cmocka_unit_test(equal_means_host_and_port),
        cmocka_unit_test(the_order_of_addresses_is_total),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
