/*
 * One TLS connection, over whatever moves its bytes. Nothing here waits: what cannot go on says
 * -EAGAIN, and is called again when the transport may.
 */
#pragma once

#include "wire/tls/context.h"

#include <sys/types.h>

struct tls_connection;
struct tls_client;

/*
 * Ciphertext: `receive` returns bytes, 0 at the end, or a negative errno, -EAGAIN among them.
 * `send` takes all or nothing: 0 or a negative errno.
 */
struct tls_transport {
    ssize_t (*receive)(void *arg, void *bytes, size_t len);
    int (*send)(void *arg, const void *bytes, size_t len);
};

/* `arg` is borrowed, and may be changed between two calls. 0 or -ENOMEM. */
int tls_connection_accept(struct tls_listener *listener, const struct tls_transport *transport,
                          void *arg, struct tls_connection **ret_connection);

/* To a target. `host` is what is asked for by SNI and verified, unless the client's settings name
 * another; an address is verified, not sent. -EINVAL for one that cannot be a name. */
int tls_connection_connect(struct tls_client *client, struct slice host,
                           const struct tls_transport *transport, void *arg,
                           struct tls_connection **ret_connection);

/* What was not sent is lost. NULL is fine. */
void tls_connection_destroy(struct tls_connection *connection);
void tls_connection_set_arg(struct tls_connection *connection, void *arg);

/*
 * 1 when the handshake is done, -EAGAIN, or an error: -EPROTO with *ret_why (static text) when the
 * other side speaks something else or nothing in common; -EPROTONOSUPPORT when it was plain HTTP;
 * -EACCES when its certificate was refused, or it showed none; or the transport's error.
 */
int tls_connection_handshake(struct tls_connection *connection, const char **ret_why);

/* Bytes; 0 after close_notify; -EAGAIN; -ECONNRESET when the transport ended without it. */
ssize_t tls_connection_read(struct tls_connection *connection, void *bytes, size_t len);

/* Takes in what the other side says about the connection itself: -EAGAIN when nothing else is
 * there; else as tls_connection_read would return, 1 for any bytes. */
int tls_connection_peek(struct tls_connection *connection);

/* Has it bytes that were received and not yet read? The transport may not become readable again. */
bool tls_connection_has_pending(const struct tls_connection *connection);

/* One record of at most TLS_RECORD_BYTES. 0 or an error. */
#define TLS_RECORD_BYTES 16384
int tls_connection_write(struct tls_connection *connection, const void *bytes, size_t len);

/* Says that nothing follows. */
void tls_connection_close_notify(struct tls_connection *connection);

/* What was agreed on, once the handshake is done. */
bool tls_connection_is_h2(const struct tls_connection *connection);
const char *tls_connection_version(const struct tls_connection *connection); /* "TLSv1.3" */
const char *tls_connection_cipher(const struct tls_connection *connection);
bool tls_connection_was_resumed(const struct tls_connection *connection);
/* Which site the handshake was for; NULL before that is known. Borrowed from it. */
const struct tls_identity *tls_connection_identity(const struct tls_connection *connection);
/* The name that the client sent, in lower case; empty: none. Borrowed from it. */
struct slice tls_connection_server_name(const struct tls_connection *connection);

/* Of a client whose certificate was verified: its subject (RFC 2253) and the leaf in PEM, written
 * into `room`; empty: it showed none, or there is no room. */
struct slice tls_connection_client_subject(const struct tls_connection *connection, char *room,
                                           size_t room_len);
/* The last common name in that subject (RFC 4519 §2.3), in UTF-8; empty also where it holds what
 * is no text. */
struct slice tls_connection_client_name(const struct tls_connection *connection, char *room,
                                        size_t room_len);
struct slice tls_connection_client_pem(const struct tls_connection *connection, char *room,
                                       size_t room_len);

/* How targets are spoken to. Immutable and counted. */
struct tls_client_settings {
    struct slice server_name;            /* in place of the host; empty: the host */
    bool is_verified;                    /* else any certificate will do */
    struct slice authorities_pem;        /* empty: those of the system, `system_authorities` */
    const char *system_authorities;      /* a file of PEM; NULL: nobody */
    struct tls_certificate *certificate; /* that we show; NULL: none */
    bool has_h2, has_http1;              /* offered by ALPN, in this order */
    bool has_acme;                       /* acme-tls/1 alone (RFC 8737) */
};
int tls_client_create(const struct tls_client_settings *settings, struct tls_client **ret_client,
                      struct error *ret_error);
struct tls_client *tls_client_ref(struct tls_client *client);
void tls_client_unref(struct tls_client *client); /* NULL is fine */
