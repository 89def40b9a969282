/*
 * A session with an ACME authority (RFC 8555): its directory, our account there, and signed
 * requests. It lives as long as one order is worked on. On a fiber.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "control/identity/vault.h"
#include "wire/acme/jose.h"
#include "wire/json/json.h"

#include <stdint.h>

struct resolver;

struct acme_settings {
    struct slice directory;       /* its URL */
    struct slice authorities_pem; /* who certifies that; empty: the system's */
    struct slice email;           /* may be empty */
    struct slice binding_id;      /* of an account that the authority knows; empty: none */
    struct slice binding_secret;  /* in base64url */
    struct resolver *resolver;    /* borrowed */
};

struct acme {
    const struct acme_settings *settings; /* borrowed */
    struct arena arena;                   /* of the next ones */
    struct slice new_nonce, new_account, new_order;
    struct jose_key *key;  /* owned */
    struct slice account;  /* its URL; empty until it is known */
    struct buffer nonce;   /* the next one; may be empty */
    bool is_private;       /* the directory is: then so may be what it names */
    int64_t retry_after_s; /* what the authority asked for last, with an error or without; 0: it
                              did not */
};

/* What an authority answered. */
struct acme_answer {
    struct arena arena;
    unsigned status;
    const struct json *document; /* NULL: it is no JSON */
    struct buffer body;
    struct slice location; /* in the arena; may be empty */
};

/* Does the directory lead to an address that is not of the public Internet? The owner has named it;
 * what a public one names is not to lead into networks that only we can reach. Waits. */
bool acme_is_private(struct slice directory, struct resolver *resolver);

/* Reads the directory, and finds or makes the account, whose key is kept in the vault. 0 or an
 * error, told; *acme is to be finished either way. */
int acme_open(struct acme *acme, const struct acme_settings *settings, const struct vault *vault,
              struct error *ret_error);
void acme_finish(struct acme *acme);

/*
 * A signed request; `payload` empty: it only reads (POST-as-GET). 0 with an answer of a status
 * below 300, which is to be finished; or an error, told with the authority's own words: -EAGAIN for
 * what may pass by itself, -EPROTO for what it refuses, or that of the connection.
 */
int acme_post(struct acme *acme, struct slice url, struct slice payload,
              struct acme_answer *ret_answer, struct error *ret_error);
void acme_answer_finish(struct acme_answer *answer);
