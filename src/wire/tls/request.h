/* A key and the request for a certificate of it (PKCS #10), as an ACME authority wants it. */
#pragma once

#include "base/buffer.h"
#include "wire/tls/certificate.h"

/* A new key, in PEM: ECDSA P-256, or RSA with 2,048 bits. 0, -ENOMEM, -EMSGSIZE, or -EINVAL for
 * another kind. */
int tls_request_key(enum tls_key_kind kind, struct buffer *pem);

/*
 * The request in DER, for host names and IP addresses. 0, -EINVAL for what is no key or no name,
 * -ENOMEM or -EMSGSIZE.
 */
int tls_request_write(struct slice key_pem, const struct slice *names, unsigned names_count,
                      struct buffer *der);
