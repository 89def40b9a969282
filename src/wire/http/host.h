/*
 * What the host of a request is: a name, or an address in whatever spelling a resolver would take
 * for one. inet_aton(3), and with it getaddrinfo(3), reads "0177.1", "0x7f000001" and "2130706433"
 * as 127.0.0.1: whoever decides about destinations must read them likewise. What ends in a number
 * and is no address is no name either (WHATWG URL, "ends in a number checker").
 */
#pragma once

#include "base/slice.h"

enum host_kind { HOST_NAME, HOST_IPV4, HOST_IPV6 };

#define HOST_NAME_BYTES_MAX 253 /* RFC 1035 §2.3.4, as text */

struct host {
    enum host_kind kind;
    struct slice name;         /* NAME: without a trailing dot; borrowed */
    unsigned char address[16]; /* in network order; IPv4 as mapped */
};

/*
 * `host` is in lower case, IPv6 with brackets or without them, and without a zone; one dot at its
 * end is left out. A name's bytes are for the caller to judge, but its length is not over
 * HOST_NAME_BYTES_MAX and no label of it is empty. An IPv4 address in IPv6 (mapped) is IPV4. 0 or
 * -EBADMSG.
 */
int host_parse(struct slice host, struct host *ret_host);
