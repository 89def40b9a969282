/* What a server shows to prove by TLS-ALPN-01 that a name is its own (RFC 8737 §3). */
#pragma once

#include "base/buffer.h"

#include <stdint.h>

/*
 * A key and a self-signed certificate for the name (or IP address) alone that holds the digest of
 * the key authorization: appended in PEM. It is good for a day around `now_s`. 0, -EINVAL for what
 * is no name, -ENOMEM or -EMSGSIZE.
 */
int acme_proof_write(struct slice name, struct slice authorization, int64_t now_s,
                     struct buffer *pem);
