/*
 * Who asks a forward proxy: by a password, by a client certificate, or nobody in particular. Each
 * request of a connection is asked anew; what was right a moment ago costs a look into a cache.
 */
#pragma once

#include "edge/proxy/proxies.h"

struct exchange;
struct session;

#define VISITOR_NAME_MAX 255

/*
 * Of a request: *ret_user is in its arena, empty where nobody is asked. False: it has been
 * answered, by 407 or 503. May wait.
 */
bool visitor_admit(struct exchange *exchange, const struct proxy *proxy, struct slice *ret_user);

/*
 * The name in the certificate that the connection's client has shown, written into `room`; empty:
 * it has shown none, or nothing is verified.
 */
struct slice visitor_certificate_name(const struct session *session,
                                      char room[static VISITOR_NAME_MAX]);
