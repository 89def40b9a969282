/*
 * The PAC file of a forward proxy, which tells browsers what goes through it: everything, so that
 * the proxy itself says why it does not go somewhere; or with `others: direct` what some rule
 * allows. Never what deny_private keeps from it anyway: plain names and private addresses, which a
 * browser reaches by itself.
 */
#pragma once

#include "base/buffer.h"
#include "conf/proxy.h"

struct exchange;
struct proxy;

/* Answers with it. The proxy is named as the client has named it. */
void pac_respond(struct exchange *exchange, const struct proxy *proxy);

/*
 * Appends it. `authority` is the proxy's "host:port", its syntax checked; `is_secure`: it is spoken
 * to by TLS. 0 or the buffer's error.
 */
int pac_write(struct buffer *buffer, const struct conf_forward_proxy *conf, struct slice authority,
              bool is_secure);
