/*
 * Networks: ranges of IP addresses, as in "10.0.0.0/8". An IPv4 address that is mapped into IPv6
 * (RFC 4291 §2.5.5.2) is the IPv4 address, here and there; "::/0" is all of IPv6 and none of IPv4.
 */
#pragma once

#include "os/address.h"

enum network_kind {
    NETWORK_RANGE,
    NETWORK_LOOPBACK, /* "loopback": 127.0.0.0/8, ::1, and Unix sockets */
    NETWORK_PRIVATE,  /* "private": 10/8, 172.16/12, 192.168/16 (RFC 1918), fc00::/7 (RFC 4193) */
};

struct network {
    uint8_t kind;              /* enum network_kind */
    uint8_t bits;              /* of `address` that count: 0 to 128, those of IPv4 from 96 on */
    unsigned char address[16]; /* IPv4 as mapped; the bits that do not count are 0 */
};

/*
 * "10.0.0.0/8", "fd00::/8", one address without a length, or the words above. Numbers are decimal
 * without leading zeros. Returns 0, -EINVAL for anything else, -ERANGE for a length that is too
 * long, -EDOM when bits behind the length are set: "10.0.0.1/8" may be meant in two ways.
 */
int network_parse(struct slice text, struct network *ret_network);

/* As network_parse takes it. Returns the length. */
#define NETWORK_TEXT_BYTES (ADDRESS_TEXT_BYTES + 4)
size_t network_format(const struct network *network, char ret_text[static NETWORK_TEXT_BYTES]);

/* No network contains the address of a Unix socket, but for "loopback". */
bool network_contains(const struct network *network, const struct address *address);

/* Is it in one of them? */
bool networks_contain(const struct network *networks, unsigned count,
                      const struct address *address);
