/* Which addresses are not of the public Internet. */
#include "unit.h"

#include "os/kernel.h"
#include "os/loop.h"
#include "os/special_use.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static struct address address_of(const char *text)
{
    struct address address;
    assert_int_equal(address_from_ip(slice_of_cstr(text), 80, &address), 0);
    return address;
}

static const char *use_of(const char *text)
{
    struct address address = address_of(text);
    return special_use(&address);
}

/* The first and the last of each range, and their neighbours outside. */
static void the_edges_of_each_range(void **state)
{
    static const struct {
        const char *first, *last, *before, *after; /* NULL: that is another range */
    } ranges[] = {
        {"0.0.0.0", "0.255.255.255", NULL, "1.0.0.0"},
        {"10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"},
        {"100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"},
        {"127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"},
        {"169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"},
        {"172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"},
        {"192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"},
        {"192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"},
        {"192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0"},
        {"192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"},
        {"198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"},
        {"198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"},
        {"203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"},
        {"224.0.0.0", "255.255.255.255", "223.255.255.255", NULL},
        {"2001::", "2001:1ff:ffff::1", "2000:ffff::1", "2001:200::1"},
        {"2001:db8::", "2001:db8:ffff::1", "2001:db7:ffff::1", "2001:db9::1"},
        {"2002::", "2002:ffff::1", "2001:ffff::1", "2003::1"},
        {"2620:4f:8000::", "2620:4f:8000:ffff::1", "2620:4f:7fff::1", "2620:4f:8001::1"},
        {"3fff::", "3fff:fff::1", "3ffe:ffff::1", "3fff:1000::1"},
        {"fc00::", "fdff::1", NULL, NULL},
        {"fe80::", "feff::1", NULL, NULL},
        {"ff00::", "ffff::1", NULL, NULL},
        {"4000::", "fbff::1", "3fff:1000::1", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        assert_non_null(use_of(ranges[i].first));
        assert_non_null(use_of(ranges[i].last));
        if (ranges[i].before != NULL && use_of(ranges[i].before) != NULL)
            fail_msg("%s is %s", ranges[i].before, use_of(ranges[i].before));
        if (ranges[i].after != NULL && use_of(ranges[i].after) != NULL)
            fail_msg("%s is %s", ranges[i].after, use_of(ranges[i].after));
    }
}

static void ipv4_within_ipv6_is_what_it_is_outside(void **state)
{
    (void)state;
    assert_string_equal(use_of("::ffff:10.0.0.1"), "private (10.0.0.0/8)");
    assert_null(use_of("::ffff:8.8.8.8"));
    assert_string_equal(use_of("64:ff9b::10.0.0.1"), "private (10.0.0.0/8)");
    assert_string_equal(use_of("64:ff9b::7f00:1"), "loopback (127.0.0.0/8)");
    assert_null(use_of("64:ff9b::8.8.8.8"));
    assert_non_null(use_of("64:ff9b:1::8.8.8.8"));
    assert_non_null(use_of("2002:808:808::1"));
    assert_non_null(use_of("::8.8.8.8"));
    assert_non_null(use_of("2001:0:808:808::1"));
    assert_string_equal(use_of("169.254.169.254"), "the cloud's metadata (169.254.169.254)");
    assert_string_equal(use_of("fd00:ec2::254"), "the cloud's metadata (fd00:ec2::254)");
    assert_string_equal(use_of("::1"), "loopback (::1)");
    assert_string_equal(use_of("::"), "unspecified (::)");
}

static void made_private_addresses_are_private_in_each_wrapping(void **state)
{
    static const struct {
        uint32_t base, mask;
    } networks[] = {{0x0a000000, 0xffffff}, {0x7f000000, 0xffffff}, {0xa9fe0000, 0xffff},
                    {0xac100000, 0xfffff},  {0xc0a80000, 0xffff},   {0x64400000, 0x3fffff}};
    (void)state;
    srandom(3);
    for (int i = 0; i < 200; i++) {
        size_t which = (size_t)random() % 6;
        uint32_t v4 = htonl(networks[which].base | ((uint32_t)random() & networks[which].mask));
        static const unsigned char heads[3][12] = {{[10] = 0xff, 0xff}, {0, 0x64, 0xff, 0x9b}, {0}};
        for (int k = 0; k < 3; k++) {
            struct address address = {.len = sizeof address.v6, .v6 = {.sin6_family = AF_INET6}};
            memcpy(&address.v6.sin6_addr, heads[k], 12);
            memcpy((char *)&address.v6.sin6_addr + 12, &v4, 4);
            assert_non_null(special_use(&address));
        }
    }
}

static void a_guard_lets_its_exceptions_through_and_keeps_us_out(void **state)
{
    struct network loopback;
    struct kernel *kernel;
    struct loop *loop;
    struct address unix_socket;
    (void)state;
    assert_int_equal(kernel_real_create(&kernel), 0);
    assert_int_equal(loop_create(kernel, &loop), 0);
    assert_int_equal(network_parse(SLICE("127.0.0.1"), &loopback), 0);
    struct network_guard guard = {.denies_private = true, .except = &loopback, .except_count = 1};
    struct address own = address_of("127.0.0.1"), other = address_of("127.0.0.2"),
                   far = address_of("192.0.2.1");
    assert_null(network_guard_judge(&guard, &own));
    assert_non_null(network_guard_judge(&guard, &other));
    assert_non_null(network_guard_judge(&guard, &far));
    guard.denies_private = false;
    assert_null(network_guard_judge(&guard, &other));
    assert_true(address_is_own(&own) && address_is_own(&other));
    assert_false(address_is_own(&far));
    assert_int_equal(address_from_path(SLICE("/x"), &unix_socket), 0);
    assert_non_null(special_use(&unix_socket));
    loop_destroy(loop);
    kernel_real_destroy(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_edges_of_each_range),
        cmocka_unit_test(ipv4_within_ipv6_is_what_it_is_outside),
        cmocka_unit_test(made_private_addresses_are_private_in_each_wrapping),
        cmocka_unit_test(a_guard_lets_its_exceptions_through_and_keeps_us_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
