/*
 * A certificate with the chain that leads to its authority and its private key, checked to fit
 * together. Immutable and counted: contexts of several sites may hold one.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct tls_certificate;

enum tls_key_kind { TLS_KEY_ECDSA, TLS_KEY_RSA, TLS_KEY_ED25519 };

/*
 * From PEM texts: the chain begins with the leaf; what follows it need not be in order. The key may
 * stand in the same text. 0; or an error told in words that name the defect: no certificate, no
 * key, a key behind a passphrase, a key that belongs to another certificate, RSA below 2,048 bits,
 * a name with a NUL in it. A certificate out of its time is none: ask for its times.
 */
int tls_certificate_parse(struct slice chain_pem, struct slice key_pem,
                          struct tls_certificate **ret_certificate, struct error *ret_error);

struct tls_certificate *tls_certificate_ref(struct tls_certificate *certificate);
void tls_certificate_unref(struct tls_certificate *certificate); /* NULL is fine */

enum tls_key_kind tls_certificate_key_kind(const struct tls_certificate *certificate);

/* Seconds since 1970. */
int64_t tls_certificate_not_before_s(const struct tls_certificate *certificate);
int64_t tls_certificate_not_after_s(const struct tls_certificate *certificate);

/* The DNS names of its subjectAltName in lower case, "*.x" too; borrowed from it. The common name
 * counts for nothing (RFC 9525 §2). */
unsigned tls_certificate_names_count(const struct tls_certificate *certificate);
struct slice tls_certificate_name(const struct tls_certificate *certificate, unsigned index);

/* Is it for this host, a name in lower case (RFC 9525 §6.3)? */
bool tls_certificate_covers(const struct tls_certificate *certificate, struct slice host);

/* Where its status can be asked for; empty: nowhere. Borrowed from it. */
struct slice tls_certificate_ocsp_url(const struct tls_certificate *certificate);

/* Of the leaf in DER, by SHA-256: what tells one certificate from another. 32 bytes. */
const uint8_t *tls_certificate_digest(const struct tls_certificate *certificate);
