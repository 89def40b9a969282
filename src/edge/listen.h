/* Listening sockets from the addresses of a file. For the supervisor, and for an edge on its own.
 */
#pragma once

#include "base/error.h"
#include "conf/snapshot.h"

/*
 * Opens a listening descriptor. ":80" listens on all addresses of both families. The error says
 * what stands in the way and what to do. Returns the descriptor or a negative errno.
 */
int listen_open(const struct conf_address *address, struct error *ret_error);

/* The same for an address whose port a listener has that is to go, and shares it meanwhile
 * (descriptor_share_port): as from 127.0.0.1:80 to :80. */
int listen_open_beside(const struct conf_address *address, struct error *ret_error);
