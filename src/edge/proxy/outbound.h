/*
 * Plain HTTP through a forward proxy: the request that came in absolute form goes to its
 * destination on a kept connection or a new one, and the answer comes back. A request that changes
 * nothing is sent once more, on a new connection, when a kept one had died.
 */
#pragma once

#include "edge/proxy/passage.h"

struct exchange;

/*
 * Answers the exchange, also with what went wrong. An upgrade becomes a tunnel, which takes the
 * account over: then *usage is NULL afterwards.
 */
void outbound_run(struct exchange *exchange, struct passage *passage, struct usage **usage);
