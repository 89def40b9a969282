#include "unit.h"

#include "http/origin.h"

#include <errno.h>

static struct address address_of(const char *host, uint16_t port)
{
    struct address address;
    assert_int_equal(address_from_ip(slice_of_cstr(host), port, &address), 0);
    return address;
}

static struct proxy_header made_of(const char *source, const char *destination)
{
    struct address from = address_of(source, 1000), to = address_of(destination, 443);
    struct proxy_header origin;
    origin_of(&from, &to, &origin);
    return origin;
}

static void expect_source(const struct proxy_header *origin, const char *expected)
{
    struct address address;
    char text[ADDRESS_TEXT_BYTES];
    assert_int_equal(origin_source(origin, &address), 0);
    (void)address_format(&address, text);
    assert_string_equal(text, expected);
}

static void addresses_of_one_family_stay_in_it(void **state)
{
    (void)state;
    struct proxy_header origin = made_of("192.0.2.7", "198.51.100.1");
    assert_int_equal(origin.family, PROXY_IPV4);
    assert_memory_equal(origin.source.address, "\xc0\x00\x02\x07\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(origin.destination.port, 443);
    expect_source(&origin, "192.0.2.7:1000");
    origin = made_of("2001:db8::7", "::1");
    assert_int_equal(origin.family, PROXY_IPV6);
    expect_source(&origin, "[2001:db8::7]:1000");
}

/* As a socket of both families tells IPv4 clients. */
static void mapped_addresses_are_ipv4(void **state)
{
    (void)state;
    struct proxy_header origin = made_of("::ffff:192.0.2.7", "::ffff:198.51.100.1");
    struct proxy_header plain = made_of("192.0.2.7", "198.51.100.1");
    assert_memory_equal(&origin, &plain, sizeof plain);
}

static void of_two_families_both_are_ipv6(void **state)
{
    (void)state;
    struct proxy_header origin = made_of("192.0.2.7", "2001:db8::1");
    assert_int_equal(origin.family, PROXY_IPV6);
    expect_source(&origin, "192.0.2.7:1000"); /* mapped, and shown as what it maps */
}

static void what_has_no_ip_address_is_a_unix_socket(void **state)
{
    (void)state;
    struct address path, ip = address_of("192.0.2.7", 1);
    struct proxy_header origin;
    assert_int_equal(address_from_path(SLICE("/run/x"), &path), 0);
    origin_of(&path, &ip, &origin);
    assert_int_equal(origin.family, PROXY_UNIX);
    origin_of(&ip, &path, &origin);
    assert_int_equal(origin.family, PROXY_UNIX);
    struct address source;
    char text[ADDRESS_TEXT_BYTES];
    assert_int_equal(origin_source(&origin, &source), 0);
    (void)address_format_host(&source, text);
    assert_string_equal(text, "unix");
    origin.family = PROXY_UNKNOWN;
    assert_int_equal(origin_source(&origin, &source), -ENOENT);
}

static void only_what_is_needed_is_packed(void **state)
{
    (void)state;
    char packed[ORIGIN_PACKED_BYTES];
    struct proxy_header v4 = made_of("192.0.2.7", "198.51.100.1"), v6 = made_of("::1", "::2"),
                        none = {.family = PROXY_UNIX};
    assert_int_equal(origin_pack(&v4, packed), 8);
    assert_int_equal(origin_pack(&v6, packed), ORIGIN_PACKED_BYTES);
    assert_int_equal(origin_pack(&none, packed), 0);
}

static void text_of_clients_becomes_their_address_again(void **state)
{
    (void)state;
    struct address address;
    assert_int_equal(origin_address(SLICE("2001:db8::1"), 7, &address), 0);
    assert_int_equal(address_port(&address), 7);
    assert_int_equal(origin_address(SLICE("unix"), 7, &address), 0);
    assert_int_equal(address.any.sa_family, AF_UNIX);
    assert_int_equal(origin_address(SLICE("nobody"), 7, &address), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_one_family_stay_in_it),
        cmocka_unit_test(mapped_addresses_are_ipv4),
        cmocka_unit_test(of_two_families_both_are_ipv6),
        cmocka_unit_test(what_has_no_ip_address_is_a_unix_socket),
        cmocka_unit_test(only_what_is_needed_is_packed),
        cmocka_unit_test(text_of_clients_becomes_their_address_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
