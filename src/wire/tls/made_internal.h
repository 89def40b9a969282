/* What authorities, requests and certificates of one's own are made with. Not for anybody else. */
#pragma once

#include "base/buffer.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

/* A new key on P-256; NULL: out of memory, or of randomness. */
EVP_PKEY *made_key(void);

/* The private key in a PEM text, which may hold certificates as well; NULL: there is none. */
EVP_PKEY *made_key_read(struct slice pem);
/* The first certificate in a PEM text; NULL: there is none. */
X509 *made_certificate_read(struct slice pem);

/* Appended in PEM: PKCS #8, and X.509. 0, -ENOMEM or -EMSGSIZE. */
int made_key_write(EVP_PKEY *key, struct buffer *pem);
int made_certificate_write(X509 *certificate, struct buffer *pem);

/*
 * Host names and IP addresses (IPv6 with brackets or without) as a subjectAltName. 0, -ENOMEM, or
 * -EINVAL for what can be neither.
 */
int made_names(const struct slice *names, unsigned count, GENERAL_NAMES **ret_names);

/* A common name of at most 64 bytes (X.520's limit); what is longer is left out. 0 or -ENOMEM. */
int made_subject(X509_NAME *subject, struct slice common_name);

/* A certificate that holds everything but a subject's names and extensions: version, a random
 * serial number, times, key. NULL: out of memory. */
X509 *made_certificate(EVP_PKEY *key, int64_t not_before_s, int64_t not_after_s);

/* An extension by OpenSSL's words for it. 0 or -ENOMEM. `issuer` may be the certificate itself. */
int made_extend(X509 *certificate, X509 *issuer, int nid, const char *words);

/* With SHA-256. 0 or -ENOMEM. */
int made_sign(X509 *certificate, EVP_PKEY *key);
