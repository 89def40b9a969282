/*
 * A certificate authority of one's own: a root that a machine can be made to trust, and the
 * certificates it signs. Pure: keys come from OpenSSL's randomness, times from the caller.
 *
 * There are two kinds. A local one can sign for nothing but names and addresses that exist nowhere
 * else (its name constraints say so, RFC 5280 §4.2.1.10): whoever trusts it and loses its key has
 * lost no other site. An open one signs for any name.
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define AUTHORITY_PEM_BYTES_MAX 65536

enum tls_authority_reach { TLS_AUTHORITY_LOCAL, TLS_AUTHORITY_OPEN };

struct tls_authority;

/* ECDSA P-256, for ten years, "Weir local authority HOST". 0 or -ENOMEM. */
int tls_authority_create(enum tls_authority_reach reach, struct slice host, int64_t now_s,
                         struct tls_authority **ret_authority);

/* What tls_authority_write wrote. 0, or what is wrong with it. */
int tls_authority_parse(struct slice pem, struct tls_authority **ret_authority,
                        struct error *ret_error);
void tls_authority_destroy(struct tls_authority *authority); /* NULL is fine */

/* Appended in PEM: its key and its certificate; or the certificate alone, for who is to trust it.
 * 0, -ENOMEM or -EMSGSIZE. */
int tls_authority_write(const struct tls_authority *authority, struct buffer *pem);
int tls_authority_write_certificate(const struct tls_authority *authority, struct buffer *pem);

int64_t tls_authority_not_after_s(const struct tls_authority *authority);
/* Its common name; borrowed from it. */
struct slice tls_authority_name(const struct tls_authority *authority);
/* Of the certificate in DER, by SHA-256: 32 bytes, borrowed from it. */
const uint8_t *tls_authority_digest(const struct tls_authority *authority);

/* Is the first certificate in this PEM text one that it signed? */
bool tls_authority_has_issued(const struct tls_authority *authority, struct slice pem);

/* May a local authority sign for that name? A host name in lower case, or an address. */
bool tls_authority_is_local(struct slice name);

/*
 * A new key and a certificate for these names (host names in lower case, "*.x" too, and IP
 * addresses), appended in PEM in that order; nothing stands between it and the authority. It begins
 * an hour before `now_s`, for clocks that are behind, and ends `lifetime_s` after it, or with the
 * authority. 0, -EINVAL for what is no name, -EPERM for a name out of a local authority's reach,
 * -ENOMEM or -EMSGSIZE.
 */
int tls_authority_issue(const struct tls_authority *authority, const struct slice *names,
                        unsigned names_count, int64_t now_s, int64_t lifetime_s,
                        struct buffer *pem);
