#include "unit.h"

#include "os/address.h"

#include <arpa/inet.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_formatted_without_ports_and_brackets),
        cmocka_unit_test(a_mapped_address_is_shown_as_the_one_it_maps),
        cmocka_unit_test(every_ipv4_byte_is_written_as_inet_ntop_writes_it),
        cmocka_unit_test(unix_sockets_have_no_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
