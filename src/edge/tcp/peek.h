/* The name that a TLS client asks for, read without taking anything from the connection. */
#pragma once

#include "http/session.h"
#include "wire/tls/client_hello.h"

/*
 * On the session's fiber: waits for the client's first message, at most `timeout_ms`; it stays in
 * the session's inflow. 0; or an error with *ret_why (static): -ETIMEDOUT, -ECANCELED, -EBADMSG for
 * what is no TLS, or the connection's.
 */
int tcp_peek_hello(struct session *session, int64_t timeout_ms, struct client_hello *ret_hello,
                   const char **ret_why);
