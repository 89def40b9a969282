/* The authorities of one's own (wire/tls/authority.h) as they are kept in the vault. */
#pragma once

#include "base/error.h"
#include "control/identity/vault.h"
#include "wire/tls/authority.h"

/*
 * On a fiber. Reads it, or makes one where there is none, or none that lasts: `ret_is_new` tells.
 * One that is damaged is an error, and is not replaced: people trust it. 0 or an error, told.
 */
int authorities_take(const struct vault *vault, enum tls_authority_reach reach,
                     struct tls_authority **ret_authority, bool *ret_is_new,
                     struct error *ret_error);

/* Only reads it. -ENOENT: there is none. */
int authorities_find(const struct vault *vault, enum tls_authority_reach reach,
                     struct tls_authority **ret_authority, struct error *ret_error);

/* Its file's name in the vault, without ".pem". */
struct slice authorities_name(enum tls_authority_reach reach);

/* Which one has to sign for these names. */
enum tls_authority_reach authorities_reach(const struct slice *names, unsigned count);
