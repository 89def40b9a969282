/*
 * WebSockets over HTTP/2 (RFC 8441): an extended CONNECT is asked of targets as the Upgrade of
 * HTTP/1.1, and its stream then joined with the target's connection. As a relay (http/relay.h) this
 * is an object on the loop without a fiber; it goes as fast as the slower side.
 */
#pragma once

#include "http/exchange.h"
#include "http/relay.h"
#include "wire/h2/head.h"

struct h2_tunnel;
struct stream;

/*
 * Makes the request of an extended CONNECT into a GET that wants an upgrade, with a key of our own.
 * 0, -ENOMEM, or -EBADMSG with what to answer.
 */
int h2_tunnel_ask(struct exchange *exchange, struct stream *stream, struct h1_refusal *ret_refusal);

/* Joins them, once 101 was answered: as relay_start. */
int h2_tunnel_start(struct stream *stream, struct io *target, struct inflow *from_target,
                    const struct relay_terms *terms);

/* Something came or went on its stream. */
void h2_tunnel_wake(struct h2_tunnel *tunnel);
