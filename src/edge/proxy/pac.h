/*
 * The PAC file of a forward proxy, which tells browsers what goes through it. Everything does, so
 * that a destination that is denied is explained by the proxy; but not what deny_private keeps from
 * it: plain names and addresses of the browser's own networks, which it reaches by itself.
 */
#pragma once

#include "base/writer.h"
#include "edge/proxy/proxies.h"

struct exchange;

/* Answers with it. The proxy is named as the client has named it. */
void pac_respond(struct exchange *exchange, const struct proxy *proxy);

/* Writes it; ask the writer for overflow. `authority` is "host:port", its syntax checked. */
void pac_write(struct writer *writer, const struct conf_forward_proxy *conf, struct slice authority,
               bool is_secure);
