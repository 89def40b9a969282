/*
 * The PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt): a header at the beginning of
 * a connection by which a balancer tells who the client is and where it had connected to.
 */
#pragma once

#include "base/writer.h"

/* Of version 1, by the specification; of version 2 with its TLVs, our own limit. */
#define PROXY_V1_BYTES_MAX 107
#define PROXY_V2_BYTES_MAX 2048

enum proxy_version { PROXY_NONE, PROXY_V1, PROXY_V2 };

enum proxy_family {
    PROXY_UNKNOWN, /* LOCAL, UNKNOWN or UNSPEC: the connection's own addresses are meant */
    PROXY_IPV4,    /* the first 4 bytes of addresses */
    PROXY_IPV6,    /* all 16 */
    PROXY_UNIX,    /* its paths are not kept: they mean nothing to anybody else */
};

struct proxy_endpoint {
    unsigned char address[16]; /* in network order */
    uint16_t port;             /* in host order */
};

struct proxy_header {
    uint8_t family; /* enum proxy_family */
    struct proxy_endpoint source;
    struct proxy_endpoint destination;
};

/*
 * Reads a header of either version from the front of `bytes`. TLVs of version 2 are skipped; they
 * must fill what is said to be there, and a checksum among them must be right. Returns its length;
 * 0 when more is needed, which never happens from PROXY_V2_BYTES_MAX bytes on; or -EBADMSG at the
 * first byte that no header can have, with *ret_why (for a person).
 */
int proxy_parse(struct slice bytes, struct proxy_header *ret_header, const char **ret_why);

/*
 * Writes one. Only IPv4 and IPv6 can be told: else version 1 says UNKNOWN, version 2 LOCAL for
 * PROXY_UNKNOWN, as checks of Weir's own, and UNSPEC for PROXY_UNIX. For PROXY_NONE nothing is
 * written. Ask the writer for overflow: at most PROXY_V1_BYTES_MAX bytes are written.
 */
void proxy_write(struct writer *writer, enum proxy_version version,
                 const struct proxy_header *header);
