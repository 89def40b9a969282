/* SOCKS 5 at a forward proxy: another way to ask for the same tunnels, by the same rules. */
#pragma once

#include "edge/proxy/proxies.h"

struct session;

/* On the connection's fiber; takes its descriptor over when there is a tunnel. What is borrowed
 * must last until the call returns. */
void socks_serve(struct session *session, const struct snapshot *snapshot,
                 const struct proxy *proxy);
