/* One table, the longer prefix before the shorter one that holds it. */
#include "os/special_use.h"

#include "base/cleanup.h"
#include "os/loop_internal.h"

#include <string.h>

/* IPv4 as mapped. */
#define V4(bits, ...)                                                                              \
    96 + (bits),                                                                                   \
    {                                                                                              \
        [10] = 0xff, 0xff, __VA_ARGS__                                                             \
    }
#define V6(bits, ...)                                                                              \
    (bits),                                                                                        \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

struct range {
    uint8_t bits;
    unsigned char prefix[16];
    const char *use; /* NULL: the IPv4 address in its last four bytes tells */
};

static const struct range ranges[] = {
    {V4(8, 0), "this network (0.0.0.0/8)"},
    {V4(8, 10), "private (10.0.0.0/8)"},
    {V4(10, 100, 64), "shared by carriers (100.64.0.0/10)"},
    {V4(8, 127), "loopback (127.0.0.0/8)"},
    {V4(32, 169, 254, 169, 254), "the cloud's metadata (169.254.169.254)"},
    {V4(16, 169, 254), "link-local (169.254.0.0/16)"},
    {V4(12, 172, 16), "private (172.16.0.0/12)"},
    {V4(24, 192, 0, 0), "for protocols (192.0.0.0/24)"},
    {V4(24, 192, 0, 2), "documentation (192.0.2.0/24)"},
    {V4(24, 192, 31, 196), "AS112 (192.31.196.0/24)"},
    {V4(24, 192, 52, 193), "AMT (192.52.193.0/24)"},
    {V4(24, 192, 88, 99), "6to4 relays (192.88.99.0/24)"},
    {V4(16, 192, 168), "private (192.168.0.0/16)"},
    {V4(24, 192, 175, 48), "AS112 (192.175.48.0/24)"},
    {V4(15, 198, 18), "benchmarks (198.18.0.0/15)"},
    {V4(24, 198, 51, 100), "documentation (198.51.100.0/24)"},
    {V4(24, 203, 0, 113), "documentation (203.0.113.0/24)"},
    {V4(4, 224), "multicast (224.0.0.0/4)"},
    {V4(32, 255, 255, 255, 255), "broadcast (255.255.255.255)"},
    {V4(4, 240), "reserved (240.0.0.0/4)"},
    {V6(128, 0), "unspecified (::)"},
    {V6(128, [15] = 1), "loopback (::1)"},
    {V6(96, 0), "IPv4 in IPv6, deprecated (::/96)"},
    {V6(96, 0, 0x64, 0xff, 0x9b), NULL}, /* NAT64 (RFC 6052) */
    {V6(48, 0, 0x64, 0xff, 0x9b, 0, 1), "NAT64 of one network (64:ff9b:1::/48)"},
    {V6(32, 0x20, 0x01), "Teredo (2001::/32)"},
    {V6(23, 0x20, 0x01), "for protocols (2001::/23)"},
    {V6(32, 0x20, 0x01, 0x0d, 0xb8), "documentation (2001:db8::/32)"},
    {V6(16, 0x20, 0x02), "6to4 (2002::/16)"},
    {V6(48, 0x26, 0x20, 0, 0x4f, 0x80), "AS112 (2620:4f:8000::/48)"},
    {V6(20, 0x3f, 0xff), "documentation (3fff::/20)"},
    {V6(128, 0xfd, 0, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54),
     "the cloud's metadata (fd00:ec2::254)"},
    {V6(7, 0xfc), "unique local (fc00::/7)"},
    {V6(10, 0xfe, 0x80), "link-local (fe80::/10)"},
    {V6(10, 0xfe, 0xc0), "site-local (fec0::/10)"},
    {V6(8, 0xff), "multicast (ff00::/8)"},
};

/* All of IPv6 that has been given out to be global (RFC 4291 §2.4). */
static const struct range global_unicast = {V6(3, 0x20), NULL};
static const struct range mapped = {V4(0, 0), NULL};

static bool is_in(const unsigned char bytes[static 16], const struct range *range)
{
    unsigned whole = range->bits / 8, rest = range->bits % 8;
    if (memcmp(bytes, range->prefix, whole) != 0)
        return false;
    return rest == 0 || (bytes[whole] ^ range->prefix[whole]) >> (8 - rest) == 0;
}

/* With the IPv4 address in its last four bytes mapped. */
static const char *use_of_v4(const unsigned char v4[static 4]);

static const char *use_of(const unsigned char bytes[static 16])
{
    for (unsigned i = 0; i < COUNT_OF(ranges); i++) {
        if (is_in(bytes, &ranges[i]))
            return ranges[i].use == NULL ? use_of_v4(bytes + 12) : ranges[i].use;
    }
    return is_in(bytes, &mapped) || is_in(bytes, &global_unicast)
               ? NULL
               : "not given out to anybody (outside 2000::/3)";
}

static const char *use_of_v4(const unsigned char v4[static 4])
{
    unsigned char bytes[16];
    memcpy(bytes, mapped.prefix, 12);
    memcpy(bytes + 12, v4, 4);
    return use_of(bytes);
}

const char *special_use(const struct address *address)
{
    if (address->len > 0 && address->any.sa_family == AF_INET)
        return use_of_v4((const unsigned char *)&address->v4.sin_addr);
    if (address->len > 0 && address->any.sa_family == AF_INET6)
        return use_of(address->v6.sin6_addr.s6_addr);
    return "no address of the Internet";
}

bool address_is_own(const struct address *address)
{
    static const struct network loopback = {.kind = NETWORK_LOOPBACK};
    struct kernel *kernel = loop_current()->kernel;
    return network_contains(&loopback, address) || kernel->ops->is_own_address(kernel, address);
}

const char *network_guard_judge(const struct network_guard *guard, const struct address *address)
{
    if (!guard->denies_private || networks_contain(guard->except, guard->except_count, address))
        return NULL;
    const char *use = special_use(address);
    return use == NULL && address_is_own(address) ? "this machine's own" : use;
}
