/* The keys of tickets, as OpenSSL asks for them. */
#pragma once

#include "wire/tls/context.h"

#include <openssl/evp.h>

/* As the function of SSL_CTX_set_tlsext_ticket_key_evp_cb(3). */
int tls_tickets_crypt(struct tls_tickets *tickets, uint8_t *name, uint8_t *iv,
                      EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool seals);
