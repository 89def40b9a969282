/*
 * One certificate from an ACME authority (RFC 8555 §7.4): an order, the proofs it asks for, the
 * certificate. Each step is kept in the vault before the next, so that whoever comes after a crash
 * takes up the same order with the same key.
 */
#pragma once

#include "control/identity/acme.h"
#include "control/identity/proof.h"
#include "wire/tls/certificate.h"

struct order_options {
    const struct acme_settings *acme;
    struct proof_place place;
    enum tls_key_kind key_kind;
};

/*
 * On a fiber; takes as long as the authority does, within minutes. 0: ID.pem is another one. Else
 * an error, told: -EAGAIN for what may pass by itself. `ret_retry_after_s` is when the authority
 * wants to be asked again, in seconds from now; 0: it did not say.
 */
int order_certificate(const struct order_options *options, const struct vault *vault,
                      struct slice id, const struct slice *names, unsigned names_count,
                      int64_t *ret_retry_after_s, struct error *ret_error);
