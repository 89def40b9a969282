/* Networks are compared as 16 bytes of IPv6, IPv4 ones mapped: one loop for both families. */
#include "os/network.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

/* Of the mapped form of an IPv4 address: 10 bytes 0, 2 bytes 255. */
#define MAPPED_BITS  96
#define MAPPED_BYTES 12

static const unsigned char mapped_prefix[MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};

#define V4(bits, ...)                                                                              \
    {                                                                                              \
        NETWORK_RANGE, MAPPED_BITS + (bits),                                                       \
        {                                                                                          \
            [10] = 0xff, 0xff, __VA_ARGS__                                                         \
        }                                                                                          \
    }

static const struct network loopback_ranges[] = {
    V4(8, 127),
    {NETWORK_RANGE, 128, {[15] = 1}},
};

static const struct network private_ranges[] = {
    V4(8, 10),
    V4(12, 172, 16),
    V4(16, 192, 168),
    {NETWORK_RANGE, 7, {0xfc}},
};

/* False for what is no IP address. */
static bool to_bytes(const struct address *address, unsigned char ret_bytes[static 16])
{
    if (address->len == 0)
        return false;
    if (address->any.sa_family == AF_INET6) {
        memcpy(ret_bytes, &address->v6.sin6_addr, 16);
        return true;
    }
    if (address->any.sa_family != AF_INET)
        return false;
    memcpy(ret_bytes, mapped_prefix, MAPPED_BYTES);
    memcpy(ret_bytes + MAPPED_BYTES, &address->v4.sin_addr, 4);
    return true;
}

static bool is_mapped(const unsigned char *bytes)
{
    return memcmp(bytes, mapped_prefix, MAPPED_BYTES) == 0;
}

static unsigned char mask_of(unsigned bits)
{
    return (unsigned char)(0xff00U >> bits);
}

static bool has_bits_behind(const struct network *network)
{
    unsigned whole = network->bits / 8;
    if (whole == 16)
        return false;
    if ((network->address[whole] & (unsigned char)~mask_of(network->bits % 8)) != 0)
        return true;
    for (unsigned i = whole + 1; i < 16; i++) {
        if (network->address[i] != 0)
            return true;
    }
    return false;
}

/* A length as people write it, "8" but not "08". */
static int parse_length(struct slice text, unsigned max, unsigned *ret_bits)
{
    uint64_t bits;
    if (text.len == 0 || text.len > 3 || (text.len > 1 && text.at[0] == '0') ||
        slice_parse_u64(text, &bits) < 0)
        return -EINVAL;
    if (bits > max)
        return -ERANGE;
    *ret_bits = (unsigned)bits;
    return 0;
}

static int parse_range(struct slice text, struct network *ret_network)
{
    struct slice host;
    bool has_length = slice_find(text, '/') >= 0;
    if (!slice_cut(&text, '/', &host))
        return -EINVAL;
    struct address address;
    struct network network = {.kind = NETWORK_RANGE, .bits = 128};
    int rc = address_from_ip(host, 0, &address);
    if (rc < 0)
        return rc;
    (void)to_bytes(&address, network.address);
    if (has_length) {
        bool is_v4 = address.any.sa_family == AF_INET;
        unsigned bits = 0;
        rc = parse_length(text, is_v4 ? 32 : 128, &bits);
        network.bits = (uint8_t)(is_v4 ? MAPPED_BITS + bits : bits);
    }
    if (rc == 0 && has_bits_behind(&network))
        rc = -EDOM;
    if (rc == 0)
        *ret_network = network;
    return rc;
}

int network_parse(struct slice text, struct network *ret_network)
{
    if (slice_equal(text, SLICE("loopback")))
        *ret_network = (struct network){.kind = NETWORK_LOOPBACK};
    else if (slice_equal(text, SLICE("private")))
        *ret_network = (struct network){.kind = NETWORK_PRIVATE};
    else
        return parse_range(text, ret_network);
    return 0;
}

size_t network_format(const struct network *network, char ret_text[static NETWORK_TEXT_BYTES])
{
    if (network->kind != NETWORK_RANGE)
        return (size_t)snprintf(ret_text, NETWORK_TEXT_BYTES, "%s",
                                network->kind == NETWORK_LOOPBACK ? "loopback" : "private");
    bool is_v4 = network->bits >= MAPPED_BITS && is_mapped(network->address);
    char host[INET6_ADDRSTRLEN] = "";
    (void)inet_ntop(is_v4 ? AF_INET : AF_INET6, network->address + (is_v4 ? MAPPED_BYTES : 0), host,
                    sizeof host);
    return (size_t)snprintf(ret_text, NETWORK_TEXT_BYTES, "%s/%u", host,
                            network->bits - (is_v4 ? MAPPED_BITS : 0));
}

static bool range_contains(const struct network *range, const unsigned char *bytes)
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(range->address, bytes, whole) != 0)
        return false;
    if (rest > 0 && ((range->address[whole] ^ bytes[whole]) & mask_of(rest)) != 0)
        return false;
    return range->bits >= MAPPED_BITS || !is_mapped(bytes);
}

static bool one_contains(const struct network *ranges, size_t count, const unsigned char *bytes)
{
    for (size_t i = 0; i < count; i++) {
        if (range_contains(&ranges[i], bytes))
            return true;
    }
    return false;
}

bool network_contains(const struct network *network, const struct address *address)
{
    unsigned char bytes[16];
    if (!to_bytes(address, bytes))
        return network->kind == NETWORK_LOOPBACK && address->len > 0;
    switch ((enum network_kind)network->kind) {
    case NETWORK_LOOPBACK:
        return one_contains(loopback_ranges, COUNT_OF(loopback_ranges), bytes);
    case NETWORK_PRIVATE:
        return one_contains(private_ranges, COUNT_OF(private_ranges), bytes);
    case NETWORK_RANGE:
        break;
    }
    return range_contains(network, bytes);
}

bool networks_contain(const struct network *networks, unsigned count, const struct address *address)
{
    for (unsigned i = 0; i < count; i++) {
        if (network_contains(&networks[i], address))
            return true;
    }
    return false;
}
