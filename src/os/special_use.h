/*
 * Which addresses are not of the public Internet: the special-purpose registries of IANA (RFC 6890
 * and its updates), multicast, what lies outside IPv6's global unicast, and IPv4 addresses wrapped
 * in IPv6. And a guard for those who dial what others have named, so that nobody is talked into a
 * network that he can reach and they cannot.
 */
#pragma once

#include "os/network.h"

/*
 * What it is, as in "loopback (127.0.0.0/8)", static; NULL: it is public. An IPv4 address in IPv6,
 * mapped or by NAT64's well-known prefix (RFC 6052), is what the IPv4 address is; one of 6to4 or
 * Teredo is never public, whatever it wraps. What is no IP address, a Unix socket, is not public.
 */
const char *special_use(const struct address *address);

/* Is it one of this machine's, so that connecting to it leads back here? On a loop's thread; asks
 * the kernel, and is right about addresses that came a moment ago. */
bool address_is_own(const struct address *address);

struct network_guard {
    bool denies_private;
    const struct network *except; /* that may be dialled all the same; borrowed */
    unsigned except_count;
};

/* Why this address must not be dialled, as special_use tells it; NULL: it may. The machine's own
 * are private too. */
const char *network_guard_judge(const struct network_guard *guard, const struct address *address);
