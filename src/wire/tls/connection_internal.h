/* What contexts and connections know of each other. */
#pragma once

#include "wire/tls/connection.h"

#include <openssl/ssl.h>

struct tls_bio;

/* The kind of BIO through which connections reach their transport. NULL: no memory. */
struct tls_bio *tls_bio_create(void);
void tls_bio_destroy(struct tls_bio *bio); /* NULL is fine */

SSL_CTX *tls_context_new(const SSL_METHOD *method);

SSL_CTX *tls_listener_context(const struct tls_listener *listener);
const struct tls_bio *tls_listener_bio(const struct tls_listener *listener);

SSL_CTX *tls_client_context(const struct tls_client *client);
const struct tls_bio *tls_client_bio(const struct tls_client *client);

/* Puts name and certificate check of a target into a connection to it. 0, -EINVAL, -ENOMEM. */
int tls_client_prepare(const struct tls_client *client, SSL *ssl, struct slice host);

/* Of the connection's first message: whom it wants. 0 or -ENOMEM. */
int tls_connection_meet(struct tls_connection *connection, const struct tls_identity *identity,
                        struct slice server_name);
const struct tls_listener *tls_connection_listener(const struct tls_connection *connection);

/* What OpenSSL calls for each message of a connection; `bytes` is unused. */
void tls_connection_note_message(int is_sent, int version, int kind, const void *bytes, size_t len,
                                 SSL *ssl, void *unused);
