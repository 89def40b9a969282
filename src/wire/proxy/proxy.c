/*
 * Version 1 is a line of text, version 2 binary; they are told apart by their first byte. For
 * whoever accepts connections from a balancer, and whoever connects to a target that wants to know.
 */
#include "wire/proxy/proxy.h"

#include "base/cleanup.h"
#include "base/crc32c.h"

#include <arpa/inet.h>
#include <errno.h>

static const struct slice v1_start = SLICE("PROXY ");
static const struct slice v2_signature = SLICE("\r\n\r\n\0\r\nQUIT\n");

/* Of version 2, behind the signature: version and command, family, length. */
#define V2_HEAD_BYTES 16

enum { COMMAND_LOCAL = 0, COMMAND_PROXY = 1 };
enum { TLV_CRC32C = 3, TLV_HEAD_BYTES = 3 };

static int refuse(const char **ret_why, const char *why)
{
    *ret_why = why;
    return -EBADMSG;
}

static bool may_become(struct slice bytes, struct slice start)
{
    size_t len = bytes.len < start.len ? bytes.len : start.len;
    return slice_equal(slice_first(bytes, len), slice_first(start, len));
}

/* Version 1. */

/* Decimal, without leading zeros. */
static bool parse_port(struct slice text, uint16_t *ret_port)
{
    uint64_t port;
    if (text.len > 5 || (text.len > 1 && text.at[0] == '0') || slice_parse_u64(text, &port) < 0 ||
        port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static bool parse_address(struct slice text, int family, struct proxy_endpoint *endpoint)
{
    char copy[INET6_ADDRSTRLEN];
    if (text.len >= sizeof copy || slice_find(text, '\0') >= 0)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    return inet_pton(family, copy, endpoint->address) == 1;
}

/* "SOURCE DESTINATION PORT PORT", one blank between each. */
static bool parse_endpoints(struct slice text, int family, struct proxy_header *header)
{
    struct slice parts[4];
    unsigned count = 0;
    while (count < COUNT_OF(parts) && slice_cut(&text, ' ', &parts[count]))
        count++;
    return count == COUNT_OF(parts) && text.at == NULL &&
           parse_address(parts[0], family, &header->source) &&
           parse_address(parts[1], family, &header->destination) &&
           parse_port(parts[2], &header->source.port) &&
           parse_port(parts[3], &header->destination.port);
}

/* The line without its end, and without "PROXY ". */
static int parse_v1_line(struct slice line, struct proxy_header *ret_header, const char **ret_why)
{
    struct proxy_header header = {.family = PROXY_UNKNOWN};
    struct slice protocol = {NULL, 0};
    (void)slice_cut(&line, ' ', &protocol);
    bool is_v4 = slice_equal(protocol, SLICE("TCP4"));
    if (is_v4 || slice_equal(protocol, SLICE("TCP6"))) {
        header.family = is_v4 ? PROXY_IPV4 : PROXY_IPV6;
        if (line.at == NULL || !parse_endpoints(line, is_v4 ? AF_INET : AF_INET6, &header))
            return refuse(ret_why, "its addresses or ports are malformed");
    } else if (!slice_equal(protocol, SLICE("UNKNOWN"))) {
        return refuse(ret_why, "its protocol is not TCP4, TCP6 or UNKNOWN");
    }
    *ret_header = header;
    return 0;
}

static int parse_v1(struct slice bytes, struct proxy_header *ret_header, const char **ret_why)
{
    struct slice window = slice_first(bytes, PROXY_V1_BYTES_MAX);
    ptrdiff_t end = -1;
    for (size_t i = v1_start.len; i < window.len && end < 0; i++) {
        unsigned char byte = (unsigned char)window.at[i];
        if (byte == '\r')
            end = (ptrdiff_t)i;
        else if (byte < ' ' || byte > '~')
            return refuse(ret_why, "it has a byte that no line of it can have");
    }
    size_t needed = end < 0 ? window.len + 1 : (size_t)end + 2;
    if (needed > PROXY_V1_BYTES_MAX)
        return refuse(ret_why, "its line does not end within 107 bytes");
    if (needed > window.len)
        return 0;
    if (window.at[end + 1] != '\n')
        return refuse(ret_why, "a CR stands without its LF");
    struct slice line = slice_from(slice_first(window, (size_t)end), v1_start.len);
    int rc = parse_v1_line(line, ret_header, ret_why);
    return rc < 0 ? rc : (int)needed;
}

/* Version 2. */

static unsigned read_u16(const char *at)
{
    return (unsigned)(unsigned char)at[0] << 8 | (unsigned char)at[1];
}

/* The checksum is of the whole header, with zeros in its own place. */
static bool is_checksum_right(struct slice whole, size_t place)
{
    static const char zeros[4];
    uint32_t crc = crc32c_add(0, slice_first(whole, place));
    crc = crc32c_add(crc, slice_of(zeros, sizeof zeros));
    crc = crc32c_add(crc, slice_from(whole, place + sizeof zeros));
    const char *at = whole.at + place;
    return crc == ((uint32_t)read_u16(at) << 16 | read_u16(at + 2));
}

/* They begin at `place` and fill the rest. */
static int check_tlvs(struct slice whole, size_t place, const char **ret_why)
{
    while (place < whole.len) {
        if (whole.len - place < TLV_HEAD_BYTES)
            return refuse(ret_why, "a TLV is cut short");
        int type = (unsigned char)whole.at[place];
        unsigned len = read_u16(whole.at + place + 1);
        place += TLV_HEAD_BYTES;
        if (len > whole.len - place)
            return refuse(ret_why, "a TLV is longer than the header");
        if (type == TLV_CRC32C && (len != 4 || !is_checksum_right(whole, place)))
            return refuse(ret_why, "its checksum is wrong");
        place += len;
    }
    return 0;
}

/* What each byte for family and protocol says, and how long its addresses are. */
static const struct v2_family {
    unsigned char byte;
    unsigned char family; /* enum proxy_family; datagrams are none that we can have */
    unsigned char address_len;
    unsigned char len; /* of both endpoints */
} v2_families[] = {
    {0x00, PROXY_UNKNOWN, 0, 0},   {0x11, PROXY_IPV4, 4, 12},    {0x12, PROXY_UNKNOWN, 0, 12},
    {0x21, PROXY_IPV6, 16, 36},    {0x22, PROXY_UNKNOWN, 0, 36}, {0x31, PROXY_UNIX, 0, 216},
    {0x32, PROXY_UNKNOWN, 0, 216},
};

static const struct v2_family *find_v2_family(char byte)
{
    for (size_t i = 0; i < COUNT_OF(v2_families); i++) {
        if (v2_families[i].byte == (unsigned char)byte)
            return &v2_families[i];
    }
    return NULL;
}

static void read_endpoints(const char *at, const struct v2_family *family,
                           struct proxy_header *ret_header)
{
    size_t len = family->address_len;
    *ret_header = (struct proxy_header){.family = family->family};
    if (len == 0)
        return;
    memcpy(ret_header->source.address, at, len);
    memcpy(ret_header->destination.address, at + len, len);
    ret_header->source.port = (uint16_t)read_u16(at + 2 * len);
    ret_header->destination.port = (uint16_t)read_u16(at + 2 * len + 2);
}

/* `whole` is the header without what follows it. */
static int parse_v2_addresses(struct slice whole, const struct v2_family *family,
                              struct proxy_header *ret_header, const char **ret_why)
{
    if (whole.len < (size_t)V2_HEAD_BYTES + family->len)
        return refuse(ret_why, "it is too short for its addresses");
    /* Where the family is not told, nobody knows what stands before the TLVs. */
    int rc = family->len == 0 ? 0 : check_tlvs(whole, V2_HEAD_BYTES + family->len, ret_why);
    if (rc == 0)
        read_endpoints(whole.at + V2_HEAD_BYTES, family, ret_header);
    return rc;
}

/* Byte by byte, so that what cannot become a header is not waited for. */
static int parse_v2(struct slice bytes, struct proxy_header *ret_header, const char **ret_why)
{
    if (bytes.len > 12 && (unsigned char)bytes.at[12] >> 4 != 2)
        return refuse(ret_why, "its version is not 2");
    unsigned command = bytes.len > 12 ? bytes.at[12] & 15 : COMMAND_LOCAL;
    if (command > COMMAND_PROXY)
        return refuse(ret_why, "its command is not LOCAL or PROXY");
    const struct v2_family *family = bytes.len > 13 ? find_v2_family(bytes.at[13]) : NULL;
    if (bytes.len > 13 && family == NULL && command == COMMAND_PROXY)
        return refuse(ret_why, "its address family is unknown");
    if (bytes.len < V2_HEAD_BYTES)
        return 0;
    size_t len = V2_HEAD_BYTES + read_u16(bytes.at + 14);
    if (len > PROXY_V2_BYTES_MAX)
        return refuse(ret_why, "it is longer than 2048 bytes");
    if (bytes.len < len)
        return 0;
    int rc = 0;
    if (command == COMMAND_PROXY)
        rc = parse_v2_addresses(slice_first(bytes, len), family, ret_header, ret_why);
    else
        *ret_header = (struct proxy_header){.family = PROXY_UNKNOWN};
    return rc < 0 ? rc : (int)len;
}

int proxy_parse(struct slice bytes, struct proxy_header *ret_header, const char **ret_why)
{
    if (bytes.len == 0)
        return 0;
    if (bytes.at[0] == v2_signature.at[0]) {
        if (!may_become(bytes, v2_signature))
            return refuse(ret_why, "it is no PROXY protocol header");
        return bytes.len < v2_signature.len ? 0 : parse_v2(bytes, ret_header, ret_why);
    }
    if (!may_become(bytes, v1_start))
        return refuse(ret_why, "it is no PROXY protocol header");
    return bytes.len < v1_start.len ? 0 : parse_v1(bytes, ret_header, ret_why);
}

/* Writing. */

static void write_address(struct writer *writer, int family, const struct proxy_endpoint *endpoint)
{
    char text[INET6_ADDRSTRLEN] = "";
    (void)inet_ntop(family, endpoint->address, text, sizeof text);
    write_slice(writer, slice_of_cstr(text));
    write_char(writer, ' ');
}

static void write_v1(struct writer *writer, const struct proxy_header *header)
{
    bool is_v4 = header->family == PROXY_IPV4;
    if (!is_v4 && header->family != PROXY_IPV6) {
        write_literal(writer, "PROXY UNKNOWN\r\n");
        return;
    }
    int family = is_v4 ? AF_INET : AF_INET6;
    write_slice(writer, v1_start);
    write_slice(writer, is_v4 ? SLICE("TCP4 ") : SLICE("TCP6 "));
    write_address(writer, family, &header->source);
    write_address(writer, family, &header->destination);
    write_u64(writer, header->source.port);
    write_char(writer, ' ');
    write_u64(writer, header->destination.port);
    write_literal(writer, "\r\n");
}

static void write_u16(struct writer *writer, unsigned value)
{
    write_char(writer, (char)(value >> 8));
    write_char(writer, (char)(value & 0xff));
}

static void write_v2(struct writer *writer, const struct proxy_header *header)
{
    bool is_v4 = header->family == PROXY_IPV4, is_v6 = header->family == PROXY_IPV6;
    size_t len = is_v4 ? 4 : is_v6 ? 16 : 0;
    write_slice(writer, v2_signature);
    write_char(writer, 2 << 4 | (header->family == PROXY_UNKNOWN ? COMMAND_LOCAL : COMMAND_PROXY));
    write_char(writer, is_v4 ? 0x11 : is_v6 ? 0x21 : 0);
    write_u16(writer, len == 0 ? 0 : (unsigned)(2 * len + 4));
    if (len == 0)
        return;
    write_bytes(writer, header->source.address, len);
    write_bytes(writer, header->destination.address, len);
    write_u16(writer, header->source.port);
    write_u16(writer, header->destination.port);
}

void proxy_write(struct writer *writer, enum proxy_version version,
                 const struct proxy_header *header)
{
    if (version == PROXY_V1)
        write_v1(writer, header);
    else if (version == PROXY_V2)
        write_v2(writer, header);
}
