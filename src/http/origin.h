/*
 * Who a connection came from and where it went to, in the form in which the PROXY protocol tells
 * it: made from socket addresses, and made into one.
 */
#pragma once

#include "os/address.h"
#include "wire/proxy/proxy.h"

struct exchange;
struct session;

/* IPv4-mapped addresses become IPv4 where both ends are. PROXY_UNIX when either is no IP address.
 */
void origin_of(const struct address *source, const struct address *destination,
               struct proxy_header *ret_origin);

/* The client's address; -ENOENT for PROXY_UNKNOWN. */
int origin_source(const struct proxy_header *origin, struct address *ret_address);

/*
 * What a session keeps of an origin behind the text of its client's address: ports and destination.
 * Returns its length.
 */
#define ORIGIN_PACKED_BYTES 20
size_t origin_pack(const struct proxy_header *origin, char ret_packed[static ORIGIN_PACKED_BYTES]);

/* From a PROXY header, or else from the socket. PROXY_UNKNOWN when nobody can tell. */
void session_origin(const struct session *session, struct proxy_header *ret_origin);

/* The same with the client that trusted proxies told of, whose port nobody knows: 0. */
void exchange_origin(const struct exchange *exchange, struct proxy_header *ret_origin);

/* From what address_format_host wrote, "unix" too. 0 or -EINVAL. */
int origin_address(struct slice client, uint16_t port, struct address *ret_address);
