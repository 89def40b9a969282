/*
 * What trusted proxies tell about a request's client: X-Forwarded-For, -Proto, -Host and -Port, or
 * where none of these came Forwarded (RFC 7239).
 */
#pragma once

struct exchange;

/*
 * Where the connection's client is one of the listener's trusted proxies, sets the exchange's
 * client, via, is_secure, forwarded_host and forwarded_port to what it and those before it say.
 * Addresses are walked from the right, the first that is not trusted is the client; what stands
 * left of it is its own claim and believed by nobody. Where memory is used up less is believed.
 */
void trust_apply(struct exchange *exchange);
