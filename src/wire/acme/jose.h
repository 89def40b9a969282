/*
 * What an ACME client signs (RFC 8555 §6): JSON Web Signatures in their flattened form, by a key on
 * P-256 (ES256), and by a key that the authority gave for an account (HS256).
 */
#pragma once

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

#define JOSE_DIGEST_BYTES   32
#define JOSE_ENCODED_DIGEST 43 /* the digest in base64url */

struct jose_key;

/* A new one. 0 or -ENOMEM. */
int jose_key_create(struct jose_key **ret_key);
/* From PEM; -EINVAL for what is no key on P-256. */
int jose_key_parse(struct slice pem, struct jose_key **ret_key);
void jose_key_destroy(struct jose_key *key); /* NULL is fine */
/* Appends it in PEM. 0, -ENOMEM or -EMSGSIZE. */
int jose_key_write(const struct jose_key *key, struct buffer *pem);

/* base64url without padding (RFC 7515 §2): appended. 0, -ENOMEM or -EMSGSIZE. */
int jose_encode(struct slice bytes, struct buffer *out);
/* Strictly; into `room` of text.len bytes. The length, or -EBADMSG. */
ptrdiff_t jose_decode(struct slice text, char *room);

/* The public key as JSON with its members in the order of RFC 7638 §3: appended. */
int jose_write_jwk(const struct jose_key *key, struct buffer *out);

/* `TOKEN.THUMBPRINT` (RFC 8555 §8.1): appended. */
int jose_authorise(const struct jose_key *key, struct slice token, struct buffer *out);

/* SHA-256 of the text in base64url, as DNS records hold it (§8.4). */
void jose_digest(struct slice text, char ret_text[static JOSE_ENCODED_DIGEST + 1]);

/* What is signed, and where it goes to. */
struct jose_message {
    struct slice url;
    struct slice nonce;
    struct slice account; /* its URL; empty: the key itself is sent along */
    struct slice payload; /* JSON; empty: POST-as-GET */
};

/* The signed request's body: appended. 0, -ENOMEM or -EMSGSIZE. */
int jose_sign(const struct jose_key *key, const struct jose_message *message, struct buffer *out);

/*
 * The binding of a new account to one that the authority knows (§7.3.4): our public key, signed by
 * theirs. `secret` is what they gave, in base64url. 0, -EBADMSG when it is not, -ENOMEM, -EMSGSIZE.
 */
int jose_bind(const struct jose_key *key, struct slice url, struct slice id, struct slice secret,
              struct buffer *out);
