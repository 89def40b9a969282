/*
 * The first message of a TLS connection, looked at without being answered (RFC 8446 §4.1.2, RFC
 * 5246 §7.4.1.2): to pass a connection on by the name that it asks for. Strict and bounded; nothing
 * is kept but what is told.
 */
#pragma once

#include "base/slice.h"

#define CLIENT_HELLO_BYTES_MAX      16384 /* of the message; with its records it may be more */
#define CLIENT_HELLO_NAME_BYTES_MAX 255

struct client_hello {
    struct slice server_name; /* in lower case, without a dot at its end, in `name`; empty: none */
    bool offers_h2;           /* by ALPN (RFC 7301) */
    bool offers_http1;
    bool wants_acme; /* acme-tls/1 and nothing else (RFC 8737 §3) */
    char name[CLIENT_HELLO_NAME_BYTES_MAX];
};

/*
 * `bytes` is all that was received from the connection's start; what follows the message is not
 * looked at. 1 with *ret_hello; 0 while the message is not complete; -EBADMSG for what is no such
 * message: *ret_why (static) says why.
 */
int client_hello_parse(struct slice bytes, struct client_hello *ret_hello, const char **ret_why);
