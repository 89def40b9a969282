/*
 * Requests to a forward proxy: CONNECT becomes a tunnel, absolute form goes to the destination that
 * it names, the PAC file is shown to whoever asks for its path. All else is no request to a proxy.
 */
#pragma once

#include "edge/view.h"

struct exchange;

/* On the exchange's fiber, for the listener of that number in the view's snapshot. */
void proxy_run(struct exchange *exchange, struct view *view, unsigned listener);

/* The forward proxy of that listener; NULL when it is another listener. */
const struct proxy *proxy_of_listener(const struct view *view, unsigned listener);
