/* Addresses in and out of the PROXY protocol's form, and what a session remembers of one. */
#include "http/origin.h"

#include "http/exchange.h"
#include "http/session_internal.h"

#include <errno.h>

static const unsigned char mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

/* As IPv6, IPv4 mapped. False for what is no IP address. */
static bool to_endpoint(const struct address *address, struct proxy_endpoint *ret_endpoint)
{
    unsigned char *bytes = ret_endpoint->address;
    if (address->len == 0)
        return false;
    if (address->any.sa_family == AF_INET6) {
        memcpy(bytes, &address->v6.sin6_addr, 16);
    } else if (address->any.sa_family == AF_INET) {
        memcpy(bytes, mapped_prefix, sizeof mapped_prefix);
        memcpy(bytes + sizeof mapped_prefix, &address->v4.sin_addr, 4);
    } else {
        return false;
    }
    ret_endpoint->port = address_port(address);
    return true;
}

static bool is_mapped(const struct proxy_endpoint *endpoint)
{
    return memcmp(endpoint->address, mapped_prefix, sizeof mapped_prefix) == 0;
}

static void unmap(struct proxy_endpoint *endpoint)
{
    memmove(endpoint->address, endpoint->address + sizeof mapped_prefix, 4);
    memset(endpoint->address + 4, 0, sizeof endpoint->address - 4);
}

void origin_of(const struct address *source, const struct address *destination,
               struct proxy_header *ret_origin)
{
    struct proxy_header origin = {.family = PROXY_IPV6};
    *ret_origin = (struct proxy_header){.family = PROXY_UNIX};
    if (!to_endpoint(source, &origin.source) || !to_endpoint(destination, &origin.destination))
        return;
    if (is_mapped(&origin.source) && is_mapped(&origin.destination)) {
        origin.family = PROXY_IPV4;
        unmap(&origin.source);
        unmap(&origin.destination);
    }
    *ret_origin = origin;
}

static void from_bytes(enum proxy_family family, const void *bytes, uint16_t port,
                       struct address *ret_address)
{
    struct address address = {0};
    if (family == PROXY_IPV4) {
        address.len = sizeof address.v4;
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(port);
        memcpy(&address.v4.sin_addr, bytes, 4);
    } else {
        address.len = sizeof address.v6;
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(port);
        memcpy(&address.v6.sin6_addr, bytes, 16);
    }
    *ret_address = address;
}

int origin_source(const struct proxy_header *origin, struct address *ret_address)
{
    switch ((enum proxy_family)origin->family) {
    case PROXY_IPV4:
    case PROXY_IPV6:
        from_bytes((enum proxy_family)origin->family, origin->source.address, origin->source.port,
                   ret_address);
        return 0;
    case PROXY_UNIX:
        return address_from_path(SLICE(""), ret_address);
    case PROXY_UNKNOWN:
        break;
    }
    return -ENOENT;
}

/* Two ports, then the destination's 4 or 16 bytes; the length tells the family. */
#define PACKED_PORTS_BYTES 4

size_t origin_pack(const struct proxy_header *origin, char ret_packed[static ORIGIN_PACKED_BYTES])
{
    size_t len = origin->family == PROXY_IPV4 ? 4 : origin->family == PROXY_IPV6 ? 16 : 0;
    if (len == 0)
        return 0;
    memcpy(ret_packed, &origin->source.port, 2);
    memcpy(ret_packed + 2, &origin->destination.port, 2);
    memcpy(ret_packed + PACKED_PORTS_BYTES, origin->destination.address, len);
    return PACKED_PORTS_BYTES + len;
}

static int unpack(const struct session *session, struct address *ret_source,
                  struct address *ret_destination)
{
    const char *packed = session->client + session->client_len;
    size_t len = (size_t)session->origin_len - PACKED_PORTS_BYTES;
    uint16_t source_port, destination_port;
    memcpy(&source_port, packed, 2);
    memcpy(&destination_port, packed + 2, 2);
    from_bytes(len == 4 ? PROXY_IPV4 : PROXY_IPV6, packed + PACKED_PORTS_BYTES, destination_port,
               ret_destination);
    return origin_address(slice_of(session->client, session->client_len), source_port, ret_source);
}

static int find_ends(const struct session *session, struct address *ret_source,
                     struct address *ret_destination)
{
    if (session->origin_len > 0)
        return unpack(session, ret_source, ret_destination);
    int rc = io_peer(&session->io, ret_source);
    return rc < 0 ? rc : io_local(&session->io, ret_destination);
}

void session_origin(const struct session *session, struct proxy_header *ret_origin)
{
    struct address source, destination;
    if (find_ends(session, &source, &destination) == 0)
        origin_of(&source, &destination, ret_origin);
    else
        *ret_origin = (struct proxy_header){.family = PROXY_UNKNOWN};
}

void exchange_origin(const struct exchange *exchange, struct proxy_header *ret_origin)
{
    const struct session *session = exchange->session;
    struct address source, destination;
    if (exchange->client.at == session->client) {
        session_origin(session, ret_origin);
        return;
    }
    *ret_origin = (struct proxy_header){.family = PROXY_UNKNOWN};
    if (find_ends(session, &source, &destination) == 0 &&
        origin_address(exchange->client, 0, &source) == 0)
        origin_of(&source, &destination, ret_origin);
}

int origin_address(struct slice client, uint16_t port, struct address *ret_address)
{
    if (slice_equal(client, SLICE("unix")))
        return address_from_path(SLICE(""), ret_address);
    return address_from_ip(client, port, ret_address);
}
