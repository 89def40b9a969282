#include "unit.h"

#include "base/cleanup.h"
#include "base/crc32c.h"
#include "wire/proxy/proxy.h"

#include <errno.h>

#define SIGNATURE     "\r\n\r\n\0\r\nQUIT\n"
#define V2_UNIX_BYTES (16 + 216)

static int parse(struct slice bytes, struct proxy_header *ret_header)
{
    const char *why = NULL;
    int rc = proxy_parse(bytes, ret_header, &why);
    assert_int_equal(rc == -EBADMSG, why != NULL);
    return rc;
}

/* Whole; in every piece of it more is awaited; what follows is not looked at. */
static struct proxy_header expect(struct slice bytes)
{
    struct proxy_header header, other;
    char more[PROXY_V2_BYTES_MAX + 16];
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(parse(slice_first(bytes, len), &header), 0);
    assert_int_equal(parse(bytes, &header), (int)bytes.len);
    memcpy(more, bytes.at, bytes.len);
    memcpy(more + bytes.len, "GET / HTTP/1.1\r\n", 16);
    assert_int_equal(parse(slice_of(more, bytes.len + 16), &other), (int)bytes.len);
    assert_memory_equal(&header, &other, sizeof header);
    return header;
}

static void expect_refusal(struct slice bytes)
{
    struct proxy_header header;
    assert_int_equal(parse(bytes, &header), -EBADMSG);
}

static void version_1_tells_both_ends(void **state)
{
    (void)state;
    struct proxy_header header = expect(SLICE("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"));
    assert_int_equal(header.family, PROXY_IPV4);
    assert_memory_equal(header.source.address, "\xc0\x00\x02\x07", 4);
    assert_memory_equal(header.destination.address, "\xc6\x33\x64\x01", 4);
    assert_int_equal(header.source.port, 56324);
    assert_int_equal(header.destination.port, 443);
    header = expect(SLICE("PROXY TCP6 2001:DB8::1 ::1 0 65535\r\n"));
    assert_int_equal(header.family, PROXY_IPV6);
    assert_memory_equal(header.source.address, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
    assert_int_equal(header.destination.port, 65535);
}

static void version_1_may_not_know(void **state)
{
    (void)state;
    assert_int_equal(expect(SLICE("PROXY UNKNOWN\r\n")).family, PROXY_UNKNOWN);
    assert_int_equal(expect(SLICE("PROXY UNKNOWN ffff::1 whatever it says 1\r\n")).family,
                     PROXY_UNKNOWN);
}

static void version_1_has_at_most_107_bytes(void **state)
{
    (void)state;
    char line[128];
    memset(line, 'x', sizeof line);
    memcpy(line, "PROXY UNKNOWN ", 14);
    memcpy(line + 105, "\r\n", 2);
    (void)expect(slice_of(line, 107));
    memset(line + 105, 'x', 2);
    struct proxy_header header;
    assert_int_equal(parse(slice_of(line, 105), &header), 0);
    expect_refusal(slice_of(line, 107));
    memcpy(line + 106, "\r\n", 2);
    expect_refusal(slice_of(line, 108));
}

static void what_is_no_line_of_version_1_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n",
        "G",
        "PROXX",
        "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n",
        "PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP6 ::1%lo ::1 1 2\r\n",
        "PROXY TCP4\r\n",
        "PROXY \r\n",
        "PROXY UNKNOWNX\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx",
        "PROXY TCP4\t1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY UNKNOWN \x80\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        expect_refusal(slice_of_cstr(bad[i]));
    expect_refusal(SLICE("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n"));
}

static void version_2_tells_both_ends(void **state)
{
    (void)state;
    struct proxy_header header =
        expect(SLICE(SIGNATURE "\x21\x11\0\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x01\xbb"));
    assert_int_equal(header.family, PROXY_IPV4);
    assert_memory_equal(header.source.address, "\xc0\x00\x02\x07", 4);
    assert_int_equal(header.source.port, 56324);
    assert_int_equal(header.destination.port, 443);
    header = expect(SLICE(SIGNATURE "\x21\x21\0\x24"
                                    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                                    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50\x01\xbb"));
    assert_int_equal(header.family, PROXY_IPV6);
    assert_int_equal(header.source.address[15], 1);
    assert_int_equal(header.source.port, 80);
}

static void version_2_may_speak_for_itself(void **state)
{
    (void)state;
    assert_int_equal(expect(SLICE(SIGNATURE "\x20\x00\0\0")).family, PROXY_UNKNOWN);
    /* LOCAL: whatever stands there, a family that nobody knows too. */
    assert_int_equal(expect(SLICE(SIGNATURE "\x20\x77\0\x02xx")).family, PROXY_UNKNOWN);
    assert_int_equal(expect(SLICE(SIGNATURE "\x21\x00\0\x02xx")).family, PROXY_UNKNOWN);
    /* Datagrams cannot be meant. */
    assert_int_equal(
        expect(SLICE(SIGNATURE "\x21\x12\0\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x01\xbb"))
            .family,
        PROXY_UNKNOWN);
    char path[V2_UNIX_BYTES];
    memset(path, 'p', sizeof path);
    memcpy(path, SIGNATURE "\x21\x31\0\xd8", 16);
    assert_int_equal(expect(slice_of(path, sizeof path)).family, PROXY_UNIX);
}

/* 16 bytes, 12 of addresses, then the TLVs. */
#define V4_WITH(len, tlvs)                                                                         \
    SLICE(SIGNATURE "\x21\x11\0" len "\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x01\xbb" tlvs)

static void tlvs_are_skipped_within_bounds(void **state)
{
    (void)state;
    (void)expect(V4_WITH("\x0f", "\x04\0\0"));
    (void)expect(V4_WITH("\x16", "\x02\0\x07"
                                 "a.b.org"));
    (void)expect(V4_WITH("\x15", "\xea\0\x03"
                                 "abc\x04\0\0"));
    expect_refusal(V4_WITH("\x0d", "\x04"));
    expect_refusal(V4_WITH("\x0e", "\x04\0"));
    expect_refusal(V4_WITH("\x0f", "\x04\0\x01"));
    expect_refusal(V4_WITH("\x10", "\x04\xff\xff"
                                   "a"));
}

static void a_checksum_must_be_right(void **state)
{
    (void)state;
    char bytes[35];
    struct slice whole = V4_WITH("\x13", "\x03\0\x04\0\0\0\0");
    assert_int_equal(whole.len, sizeof bytes);
    memcpy(bytes, whole.at, sizeof bytes);
    uint32_t crc = crc32c_add(0, slice_of(bytes, sizeof bytes));
    for (int i = 0; i < 4; i++)
        bytes[31 + i] = (char)(crc >> (24 - 8 * i));
    (void)expect(slice_of(bytes, sizeof bytes));
    bytes[20] ^= 1;
    expect_refusal(slice_of(bytes, sizeof bytes));
    expect_refusal(V4_WITH("\x12", "\x03\0\x03\0\0\0"));
    assert_int_equal(crc32c_add(0, SLICE("123456789")), 0xe3069283);
}

static void what_is_no_header_of_version_2_is_refused_at_once(void **state)
{
    (void)state;
    expect_refusal(SLICE("\r\nX"));
    expect_refusal(SLICE("\r\n\r\n\0\r\nQUIT\r"));
    expect_refusal(SLICE(SIGNATURE "\x11"));
    expect_refusal(SLICE(SIGNATURE "\x31"));
    expect_refusal(SLICE(SIGNATURE "\x22"));
    expect_refusal(SLICE(SIGNATURE "\x21\x13"));
    expect_refusal(SLICE(SIGNATURE "\x21\x41"));
    expect_refusal(SLICE(SIGNATURE "\x21\x11\0\x0b\0\0\0\0\0\0\0\0\0\0\0"));
    expect_refusal(SLICE(SIGNATURE "\x21\x21\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0"));
    expect_refusal(SLICE(SIGNATURE "\x20\x00\x08\x00"));
    expect_refusal(SLICE(SIGNATURE "\x21\x11\xff\xff"));
    struct proxy_header header;
    assert_int_equal(parse(SLICE(SIGNATURE "\x20\x00\x07\xf0"), &header), 0);
}

static void expect_written(enum proxy_version version, const struct proxy_header *header,
                           struct slice expected)
{
    char memory[PROXY_V1_BYTES_MAX];
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    proxy_write(&writer, version, header);
    assert_false(writer.overflown);
    assert_int_equal(writer_slice(&writer).len, expected.len);
    assert_memory_equal(memory, expected.at, expected.len);
}

static void what_is_written_is_what_the_specification_shows(void **state)
{
    (void)state;
    struct proxy_header v4 = {PROXY_IPV4, {{192, 0, 2, 7}, 56324}, {{198, 51, 100, 1}, 443}};
    struct proxy_header v6 = {
        PROXY_IPV6, {{0x20, 1, 0xd, 0xb8, [15] = 1}, 80}, {{[15] = 1}, 65535}};
    struct proxy_header none = {.family = PROXY_UNIX};
    expect_written(PROXY_V1, &v4, SLICE("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"));
    expect_written(PROXY_V1, &v6, SLICE("PROXY TCP6 2001:db8::1 ::1 80 65535\r\n"));
    expect_written(PROXY_V1, &none, SLICE("PROXY UNKNOWN\r\n"));
    expect_written(
        PROXY_V2, &v4,
        SLICE(SIGNATURE "\x21\x11\0\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x01\xbb"));
    expect_written(PROXY_V2, &none, SLICE(SIGNATURE "\x21\x00\0\0"));
    none.family = PROXY_UNKNOWN;
    expect_written(PROXY_V2, &none, SLICE(SIGNATURE "\x20\x00\0\0"));
    expect_written(PROXY_NONE, &v4, SLICE(""));
    memset(v6.source.address, 0xff, 16);
    memset(v6.destination.address, 0xff, 16);
    v6.source.port = 65535;
    expect_written(PROXY_V1, &v6,
                   SLICE("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_tells_both_ends),
        cmocka_unit_test(version_1_may_not_know),
        cmocka_unit_test(version_1_has_at_most_107_bytes),
        cmocka_unit_test(what_is_no_line_of_version_1_is_refused),
        cmocka_unit_test(version_2_tells_both_ends),
        cmocka_unit_test(version_2_may_speak_for_itself),
        cmocka_unit_test(tlvs_are_skipped_within_bounds),
        cmocka_unit_test(a_checksum_must_be_right),
        cmocka_unit_test(what_is_no_header_of_version_2_is_refused_at_once),
        cmocka_unit_test(what_is_written_is_what_the_specification_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
