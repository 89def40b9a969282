#include "unit.h"

#include "os/network.h"

#include <errno.h>

static struct network network_of(const char *text)
{
    struct network network;
    assert_int_equal(network_parse(slice_of_cstr(text), &network), 0);
    return network;
}

static bool contains(const char *text, const char *host)
{
    struct network network = network_of(text);
    struct address address;
    assert_int_equal(address_from_ip(slice_of_cstr(host), 80, &address), 0);
    return network_contains(&network, &address);
}

static void a_range_has_the_addresses_that_share_its_first_bits(void **state)
{
    (void)state;
    assert_true(contains("10.0.0.0/8", "10.255.0.1"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_true(contains("192.0.2.128/25", "192.0.2.128"));
    assert_true(contains("192.0.2.128/25", "192.0.2.255"));
    assert_false(contains("192.0.2.128/25", "192.0.2.127"));
    assert_true(contains("172.16.0.0/12", "172.31.255.255"));
    assert_false(contains("172.16.0.0/12", "172.32.0.0"));
    assert_true(contains("0.0.0.0/0", "203.0.113.7"));
    assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
}

static void without_a_length_it_is_one_address(void **state)
{
    (void)state;
    assert_true(contains("192.0.2.1", "192.0.2.1"));
    assert_false(contains("192.0.2.1", "192.0.2.2"));
    assert_true(contains("::1", "::1"));
    assert_false(contains("::1", "::2"));
    assert_true(contains("192.0.2.1/32", "192.0.2.1"));
    assert_true(contains("::1/128", "::1"));
}

static void a_mapped_address_is_the_one_it_maps(void **state)
{
    (void)state;
    assert_true(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_true(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
    assert_true(contains("::ffff:10.1.2.3", "10.1.2.3"));
    assert_true(contains("::ffff:0:0/96", "10.1.2.3"));
}

static void the_two_families_are_apart(void **state)
{
    (void)state;
    assert_false(contains("::/0", "10.1.2.3"));
    assert_false(contains("::/0", "::ffff:10.1.2.3"));
    assert_true(contains("::/0", "2001:db8::1"));
    assert_false(contains("0.0.0.0/0", "2001:db8::1"));
    assert_false(contains("0.0.0.0/0", "::1"));
}

static void words_stand_for_what_they_say(void **state)
{
    (void)state;
    assert_true(contains("loopback", "127.0.0.1"));
    assert_true(contains("loopback", "127.255.3.4"));
    assert_true(contains("loopback", "::1"));
    assert_false(contains("loopback", "10.0.0.1"));
    assert_false(contains("loopback", "::2"));
    assert_true(contains("private", "10.0.0.1"));
    assert_true(contains("private", "172.20.0.1"));
    assert_true(contains("private", "192.168.255.255"));
    assert_true(contains("private", "fd12:3456::1"));
    assert_false(contains("private", "127.0.0.1"));
    assert_false(contains("private", "192.169.0.0"));
    assert_false(contains("private", "fe00::1"));
}

static void unix_sockets_are_loopback_and_nothing_else(void **state)
{
    (void)state;
    struct address address;
    struct network loopback = network_of("loopback"), private = network_of("private"),
                   all = network_of("::/0");
    assert_int_equal(address_from_path(SLICE("/run/x"), &address), 0);
    assert_true(network_contains(&loopback, &address));
    assert_false(network_contains(&private, &address));
    assert_false(network_contains(&all, &address));
    address.len = 0;
    assert_false(network_contains(&loopback, &address));
}

static void what_is_no_network_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
    } bad[] = {
        {"", -EINVAL},
        {"/8", -EINVAL},
        {"10.0.0.0/", -EINVAL},
        {"10.0.0.0/08", -EINVAL},
        {"10.0.0.0/+8", -EINVAL},
        {"10.0.0.0/8/8", -EINVAL},
        {"10.0.0/8", -EINVAL},
        {"010.0.0.0/8", -EINVAL},
        {"10.0.0.0/33", -ERANGE},
        {"::/129", -ERANGE},
        {"10.0.0.1/8", -EDOM},
        {"192.0.2.129/25", -EDOM},
        {"fd00::1/8", -EDOM},
        {"::ffff:0:0/90", -EDOM},
        {"[::1]", -EINVAL},
        {"::1%lo", -EINVAL},
        {"localhost", -EINVAL},
        {"Private", -EINVAL},
        {"10.0.0.0/8 ", -EINVAL},
        {" ::1", -EINVAL},
        {"10.0.0.0/4294967304", -EINVAL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct network network;
        assert_int_equal(network_parse(slice_of_cstr(bad[i].text), &network), bad[i].rc);
    }
    struct network network;
    assert_int_equal(network_parse(SLICE("10.0.0.1\0x"), &network), -EINVAL);
}

static void a_list_has_what_one_of_it_has(void **state)
{
    (void)state;
    struct network list[] = {network_of("10.0.0.0/8"), network_of("loopback")};
    struct address address;
    assert_int_equal(address_from_ip(SLICE("::1"), 80, &address), 0);
    assert_true(networks_contain(list, 2, &address));
    assert_false(networks_contain(list, 1, &address));
    assert_false(networks_contain(NULL, 0, &address));
}

static void what_is_written_is_read_as_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {"10.0.0.0/8", "10.0.0.1/32", "0.0.0.0/0", "fd00::/8",
                                        "::/0",       "::1/128",     "loopback",  "private"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[NETWORK_TEXT_BYTES];
        struct network network = network_of(texts[i]);
        assert_int_equal(network_format(&network, text), strlen(texts[i]));
        assert_string_equal(text, texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_has_the_addresses_that_share_its_first_bits),
        cmocka_unit_test(without_a_length_it_is_one_address),
        cmocka_unit_test(a_mapped_address_is_the_one_it_maps),
        cmocka_unit_test(the_two_families_are_apart),
        cmocka_unit_test(words_stand_for_what_they_say),
        cmocka_unit_test(unix_sockets_are_loopback_and_nothing_else),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(what_is_written_is_read_as_the_same),
        cmocka_unit_test(a_list_has_what_one_of_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
