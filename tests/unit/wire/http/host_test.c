/* Hosts in all spellings that a resolver would take for an address. */
#include "unit.h"

#include "wire/http/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect_ipv4(const char *text, const char *address)
{
    struct host host;
    unsigned char wanted[4];
    assert_int_equal(inet_pton(AF_INET, address, wanted), 1);
    if (host_parse(slice_of_cstr(text), &host) != 0)
        fail_msg("\"%s\" is no host", text);
    assert_int_equal(host.kind, HOST_IPV4);
    assert_memory_equal(host.address + 12, wanted, 4);
    assert_memory_equal(host.address, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
}

static void expect_none(const char *text)
{
    struct host host = {.kind = HOST_IPV6};
    if (host_parse(slice_of_cstr(text), &host) != -EBADMSG)
        fail_msg("\"%s\" is a host", text);
    assert_int_equal(host.kind, HOST_IPV6);
}

static void addresses_are_found_in_the_spellings_of_inet_aton(void **state)
{
    (void)state;
    expect_ipv4("127.0.0.1", "127.0.0.1");
    expect_ipv4("127.0.0.1.", "127.0.0.1");
    expect_ipv4("0177.0.0.1", "127.0.0.1");
    expect_ipv4("0x7f.0.0.1", "127.0.0.1");
    expect_ipv4("127.1", "127.0.0.1");
    expect_ipv4("127.0.1", "127.0.0.1");
    expect_ipv4("2130706433", "127.0.0.1");
    expect_ipv4("017700000001", "127.0.0.1");
    expect_ipv4("0x7f000001", "127.0.0.1");
    expect_ipv4("0", "0.0.0.0");
    expect_ipv4("0x", "0.0.0.0");
    expect_ipv4("10.0xffff", "10.0.255.255");
    expect_ipv4("4294967295", "255.255.255.255");
    expect_ipv4("[::ffff:10.0.0.1]", "10.0.0.1");
    expect_ipv4("::ffff:a00:1", "10.0.0.1");
}

/* What glibc reads as an address, this reads as the same one: 2,000 made up by chance. */
static void made_spellings_are_read_as_glibc_reads_them(void **state)
{
    unsigned agreed = 0;
    (void)state;
    srandom(7);
    for (int i = 0; i < 2000; i++) {
        char text[100], part[30];
        int count = (int)(random() % 4) + 1;
        text[0] = '\0';
        for (int k = 0; k < count; k++) {
            unsigned value =
                k + 1 < count ? (unsigned)random() % 300 : (unsigned)random() >> (8 * (count - 1));
            /* Literals, so that the compiler sees each format. */
            switch (random() % 5) {
            case 0:
                (void)snprintf(part, sizeof part, "%u", value);
                break;
            case 1:
                (void)snprintf(part, sizeof part, "0%o", value);
                break;
            case 2:
                (void)snprintf(part, sizeof part, "0x%x", value);
                break;
            case 3:
                (void)snprintf(part, sizeof part, "000%o", value);
                break;
            default:
                (void)snprintf(part, sizeof part, "0x00%x", value);
                break;
            }
            size_t len = strlen(text);
            (void)snprintf(text + len, sizeof text - len, "%s%s", k > 0 ? "." : "", part);
        }
        struct in_addr theirs;
        struct host ours;
        bool is_address = inet_aton(text, &theirs) == 1;
        if (is_address != (host_parse(slice_of_cstr(text), &ours) == 0))
            fail_msg("\"%s\": glibc says %s", text, is_address ? "yes" : "no");
        if (is_address)
            assert_memory_equal(ours.address + 12, &theirs, 4);
        agreed += is_address;
    }
    assert_true(agreed > 500);
}

static void names_are_what_does_not_end_in_a_number(void **state)
{
    struct host host;
    (void)state;
    static const char *const names[] = {"example.org", "a",  "1.2.3.example", "0x7f.example",
                                        "x1",          "1a", "a-b_c.d"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(host_parse(slice_of_cstr(names[i]), &host), 0);
        assert_int_equal(host.kind, HOST_NAME);
        assert_string_equal(host.name.at, names[i]);
    }
    assert_int_equal(host_parse(SLICE("example.org."), &host), 0);
    assert_int_equal(host.name.len, strlen("example.org"));
}

static void what_is_neither_is_refused(void **state)
{
    (void)state;
    static const char *const none[] = {"",
                                       ".",
                                       "..",
                                       "a..b",
                                       ".a",
                                       "1.2.3.4.5",
                                       "256.0.0.1",
                                       "1.2.3.256",
                                       "08",
                                       "1.09",
                                       "0x1g.1",
                                       "4294967296",
                                       "1.16777216",
                                       "example.08",
                                       "example.0x1",
                                       "[]",
                                       "[::1",
                                       "::1]",
                                       "[fe80::1%eth0]",
                                       "1:2",
                                       "[127.0.0.1]",
                                       "::ffff:1.2.3.4.5"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        expect_none(none[i]);
    char label[HOST_NAME_BYTES_MAX + 2];
    memset(label, 'a', sizeof label);
    label[sizeof label - 1] = '\0';
    expect_none(label);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_found_in_the_spellings_of_inet_aton),
        cmocka_unit_test(made_spellings_are_read_as_glibc_reads_them),
        cmocka_unit_test(names_are_what_does_not_end_in_a_number),
        cmocka_unit_test(what_is_neither_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
