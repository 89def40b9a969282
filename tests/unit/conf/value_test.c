/* Single values at their edges. */
#include "conf_unit.h"

#include "base/cleanup.h"
#include "conf/value.h"

static void durations_have_a_number_and_a_unit(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"0s", 0},       {"200ms", 200},   {"2s", 2000},   {"1m", 60000},
        {"1h", 3600000}, {"1d", 86400000}, {"007s", 7000}, {"9223372036854775807ms", INT64_MAX}};
    const char *const bad[] = {"", "5", "s", "1.5s", "-1s", "+1s", "1 s", "1S", "1w", "1sm", "1s "};
    const char *const large[] = {"18446744073709551616s", "9223372036854775808ms",
                                 "18446744073709551615d"};
    int64_t ms = 99;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(value_duration(slice_of_cstr(bad[i]), &ms), -EINVAL);
    for (size_t i = 0; i < COUNT_OF(large); i++)
        assert_int_equal(value_duration(slice_of_cstr(large[i]), &ms), -ERANGE);
    assert_int_equal(ms, 99);
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(value_duration(slice_of_cstr(good[i].text), &ms), 0);
        assert_int_equal(ms, good[i].ms);
    }
}

static void sizes_count_by_1024_or_by_1000(void **state)
{
    (void)state;
    const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},
                {"1048576", 1048576},
                {"7B", 7},
                {"64KiB", 65536},
                {"256MiB", 268435456},
                {"1GiB", 1073741824},
                {"1kB", 1000},
                {"1KB", 1000},
                {"3MB", 3000000},
                {"1GB", 1000000000},
                {"2TiB", 2199023255552},
                {"1TB", 1000000000000},
                {"18446744073709551615", UINT64_MAX}};
    const char *const bad[] = {"", "MiB", "1M", "1K", "1 MiB", "1.5GiB", "-1", "1mib", "1MiBs"};
    uint64_t bytes;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(value_size(slice_of_cstr(bad[i]), &bytes), -EINVAL);
    assert_int_equal(value_size(SLICE("16777216TiB"), &bytes), -ERANGE);
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(value_size(slice_of_cstr(good[i].text), &bytes), 0);
        assert_true(bytes == good[i].bytes);
    }
}

static void names_are_short_and_plain(void **state)
{
    (void)state;
    char long_name[64];
    memset(long_name, 'a', sizeof long_name);
    assert_true(value_is_name(slice_of(long_name, 63), false));
    assert_false(value_is_name(slice_of(long_name, 64), false));
    assert_true(value_is_name(SLICE("api-v2_x"), false));
    assert_true(value_is_name(SLICE("0"), false));
    assert_true(value_is_name(SLICE("a.b"), true));
    assert_false(value_is_name(SLICE("a.b"), false));
    assert_false(value_is_name(SLICE(""), true));
    assert_false(value_is_name(SLICE("-a"), true));
    assert_false(value_is_name(SLICE(".."), true));
    assert_false(value_is_name(SLICE("a/b"), true));
    assert_true(value_is_variable(SLICE("_A1")));
    assert_false(value_is_variable(SLICE("1A")));
    assert_false(value_is_variable(SLICE("A-B")));
    assert_false(value_is_variable(SLICE("")));
}

static void hosts_are_names_and_not_half_addresses(void **state)
{
    (void)state;
    char name[255];
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 2 == 0 ? 'a' : '.';
    assert_true(value_is_host(slice_of(name, 253)));
    assert_false(value_is_host(slice_of(name, 255)));
    assert_true(value_is_host(SLICE("localhost")));
    assert_true(value_is_host(SLICE("a-b.my_net.org")));
    assert_true(value_is_host(SLICE("3com.com")));
    assert_false(value_is_host(SLICE("")));
    assert_false(value_is_host(SLICE("a..b")));
    assert_false(value_is_host(SLICE(".a")));
    assert_false(value_is_host(SLICE("a.")));
    assert_false(value_is_host(SLICE("-a.b")));
    assert_false(value_is_host(SLICE("a-.b")));
    assert_false(value_is_host(SLICE("10.0.0")));
    assert_false(value_is_host(SLICE("300.1.1.1")));
    assert_true(value_is_ipv4(SLICE("10.0.0.1")));
    assert_false(value_is_ipv4(SLICE("10.0.0.01")));
    assert_false(value_is_ipv4(SLICE("10.0.1")));
    assert_true(value_is_ipv6(SLICE("::ffff:10.0.0.1")));
    assert_false(value_is_ipv6(SLICE("1::2::3")));
    assert_false(value_is_ipv6(SLICE("fe80::1%eth0")));
}

static void expect_address(const char *text, enum conf_address_kind kind, const char *host,
                           unsigned port)
{
    struct conf_address address;
    const char *why;
    assert_int_equal(value_address(slice_of_cstr(text), &address, &why), 0);
    assert_int_equal(address.kind, kind);
    assert_true(slice_equal(address.text, slice_of_cstr(text)));
    assert_true(slice_equal(address.host, slice_of_cstr(host)));
    assert_int_equal(address.port, port);
}

static void addresses_are_ip_name_or_unix(void **state)
{
    (void)state;
    const char *const bad[] = {
        "",      "a",        "a:",          "a:0",    "a:65536", "a:1x",         "::1:80",
        "[::1]", "[::1]x80", "[::1]80",     "[:80",   "[]:80",   "[1.2.3.4]:80", "a b:80",
        "unix:", "1.2.3:80", "http://a:80", "a:b:80", "a:+1"};
    struct conf_address address;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const char *why = NULL;
        assert_int_equal(value_address(slice_of_cstr(bad[i]), &address, &why), -EINVAL);
        assert_non_null(why);
    }
    expect_address("127.0.0.1:80", CONF_ADDRESS_IP, "127.0.0.1", 80);
    expect_address("[::1]:65535", CONF_ADDRESS_IP, "::1", 65535);
    expect_address(":1", CONF_ADDRESS_IP, "", 1);
    expect_address("api.internal:8000", CONF_ADDRESS_NAME, "api.internal", 8000);
    expect_address("unix:/run/a.sock", CONF_ADDRESS_UNIX, "/run/a.sock", 0);
}

static void the_distance_counts_changes_and_swaps(void **state)
{
    (void)state;
    char text[100];
    unsigned distance = VALUE_DISTANCE_FAR;
    memset(text, 'a', sizeof text);
    assert_int_equal(value_distance(SLICE(""), SLICE("")), 0);
    assert_int_equal(value_distance(SLICE("abc"), SLICE("")), 3);
    assert_int_equal(value_distance(SLICE("domains"), SLICE("DOMAINS")), 0);
    assert_int_equal(value_distance(SLICE("domians"), SLICE("domains")), 1);
    assert_int_equal(value_distance(SLICE("kitten"), SLICE("sitting")), 3);
    assert_int_equal(value_distance(slice_of(text, 100), SLICE("a")), VALUE_DISTANCE_FAR);
    assert_true(value_is_closer(SLICE("domain"), SLICE("domains"), &distance));
    assert_int_equal(distance, 1);
    assert_false(value_is_closer(SLICE("domain"), SLICE("domainss"), &distance));
    distance = VALUE_DISTANCE_FAR;
    assert_false(value_is_closer(SLICE("x"), SLICE("rules"), &distance));
}

static void percentages(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned hundredths;
    } good[] = {{"0%", 0}, {"50%", 5000}, {"12.5%", 1250}, {"0.25%", 25}, {"1000%", 100000}};
    static const char *const bad[] = {"",    "%",      "50",     "-1%", "1.%",
                                      ".5%", "1.255%", "1.2.3%", "5 %"};
    unsigned value = 7;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(value_percent(slice_of_cstr(good[i].text), &value), 0);
        assert_int_equal(value, good[i].hundredths);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(value_percent(slice_of_cstr(bad[i]), &value), -EINVAL);
    assert_int_equal(value_percent(SLICE("99999999999%"), &value), -ERANGE);
}

static void destinations_are_names_networks_and_ports(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name; /* NULL: a network, or any */
        enum conf_destination_kind kind;
        uint16_t min, max;
    } good[] = {
        {"*", NULL, CONF_DESTINATION_ANY, 0, 0},
        {"*:443", NULL, CONF_DESTINATION_ANY, 443, 443},
        {"a.org", "a.org", CONF_DESTINATION_NAME, 0, 0},
        {"a.org.:8000-8999", "a.org", CONF_DESTINATION_NAME, 8000, 8999},
        {"*.a.org:1-65535", "a.org", CONF_DESTINATION_BELOW, 1, 65535},
        {"10.0.0.0/8", NULL, CONF_DESTINATION_NETWORK, 0, 0},
        {"10.0.0.0/8:22", NULL, CONF_DESTINATION_NETWORK, 22, 22},
        {"fd00::/8", NULL, CONF_DESTINATION_NETWORK, 0, 0},
        {"[fd00::/8]:443", NULL, CONF_DESTINATION_NETWORK, 443, 443},
        {"[::1]", NULL, CONF_DESTINATION_NETWORK, 0, 0},
        {"private:80", NULL, CONF_DESTINATION_NETWORK, 80, 80},
        {"loopback", NULL, CONF_DESTINATION_NETWORK, 0, 0},
    };
    static const char *const bad[] = {"",           "a:",      ":80",   "a:0",   "a:65536",
                                      "a:80-",      "a:2-1",   "*.*.a", "a*",    "http://a",
                                      "a/b",        "0x7f.1",  "127.1", "1.2.3", "[::1",
                                      "10.0.0.1/8", "::1/129", "a b",   "a..b",  "*."};
    struct conf_destination to;
    const char *why;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        assert_int_equal(value_destination(slice_of_cstr(good[i].text), &to, &why), 0);
        assert_int_equal(to.kind, good[i].kind);
        assert_int_equal(to.port_min, good[i].min);
        assert_int_equal(to.port_max, good[i].max);
        if (good[i].name != NULL)
            assert_true(slice_equal(to.name, slice_of_cstr(good[i].name)));
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        why = NULL;
        if (value_destination(slice_of_cstr(bad[i]), &to, &why) != -EINVAL)
            fail_msg("\"%s\" is a destination", bad[i]);
        assert_non_null(why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_a_number_and_a_unit),
        cmocka_unit_test(sizes_count_by_1024_or_by_1000),
        cmocka_unit_test(names_are_short_and_plain),
        cmocka_unit_test(hosts_are_names_and_not_half_addresses),
        cmocka_unit_test(addresses_are_ip_name_or_unix),
        cmocka_unit_test(the_distance_counts_changes_and_swaps),
        cmocka_unit_test(percentages),
        cmocka_unit_test(destinations_are_names_networks_and_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
