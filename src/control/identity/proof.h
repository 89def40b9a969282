/*
 * One challenge of an authority on its way: set where the authority looks for it, and cleared
 * afterwards. The edge shows texts and certificates, told by its admin API; a program of the user's
 * sets DNS records.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>

enum proof_kind { PROOF_HTTP, PROOF_TLS_ALPN, PROOF_DNS };

/* Where proofs are shown. */
struct proof_place {
    enum proof_kind kind;
    const char *admin_socket; /* the edge's */
    const char *hook;         /* of PROOF_DNS: a program's path */
};

struct proof {
    struct slice name;          /* a host or an address, without "*." */
    struct slice token;         /* as the authority gave it */
    struct slice authorization; /* TOKEN.THUMBPRINT */
};

/* The name of the challenge in the protocol: "http-01". */
struct slice proof_type(enum proof_kind kind);

/* On a fiber; waits. Setting what is set already changes nothing. 0 or an error, told. */
int proof_set(const struct proof_place *place, const struct proof *proof, struct error *ret_error);
/* For PROOF_TLS_ALPN: shows this key and certificate in PEM for the name. As proof_set. */
int proof_show(const struct proof_place *place, struct slice name, struct slice pem,
               struct error *ret_error);
/* Nothing is told: the edge forgets by itself. A hook's failure is a warning. */
void proof_clear(const struct proof_place *place, const struct proof *proof);
