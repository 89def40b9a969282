/*
 * Does a name lead here? Asked as an authority will ask, before it is asked to: its refusals count
 * against us. A text, or a certificate, of our own is put where its challenges stand, and asked for
 * from outside.
 */
#pragma once

#include "control/identity/proof.h"

#include <stdint.h>

struct resolver;

struct reach_options {
    enum proof_kind kind; /* PROOF_HTTP or PROOF_TLS_ALPN */
    struct resolver *resolver;
    const char *admin_socket; /* the edge's */
    uint16_t port;            /* where authorities look: 80, or 443 */
};

/* On a fiber. 0; or -EHOSTUNREACH with the name, the address that was found and what to do; or
 * another error, told: the edge does not answer. */
int reach_check(const struct reach_options *options, struct slice name, struct error *ret_error);
