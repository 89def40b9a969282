/* What the files of this folder share of OpenSSL. Its error queue belongs to the thread: it is
 * cleared before each call whose error is asked for. */
#pragma once

#include "base/slice.h"
#include "wire/tls/certificate.h"
#include "wire/tls/context.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

struct error;

/* A BIO over the text, which stays the caller's. NULL: no memory. */
BIO *tls_bio_of(struct slice text);

/* A store of the PEM text's certificates. NULL with *ret_error told. */
X509_STORE *tls_store_of(struct slice authorities_pem, struct error *ret_error);

/* Puts leaf, key and chain into a context. 0 or -ENOMEM. */
int tls_certificate_use(const struct tls_certificate *certificate, SSL_CTX *context);

/* The leaf and the chain behind it; borrowed. */
X509 *tls_certificate_leaf(const struct tls_certificate *certificate);
STACK_OF(X509) * tls_certificate_chain(const struct tls_certificate *certificate);
