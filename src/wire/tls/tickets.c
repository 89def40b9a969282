/*
 * Session tickets (RFC 5077, RFC 8446 §4.6.1): what a client needs to resume is given to the
 * client, sealed with a key of ours that lives for a day at most.
 */
#include "base/cleanup.h"
#include "wire/tls/openssl_internal.h"
#include "wire/tls/tickets_internal.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <string.h>

#define NAME_BYTES 16 /* as OpenSSL has it */
#define KEY_BYTES  32
#define ROTATE_S   (12 * 60 * 60)

struct ticket_key {
    bool is_there;
    uint8_t name[NAME_BYTES];
    uint8_t cipher[KEY_BYTES];
    uint8_t mac[KEY_BYTES];
};

struct tls_tickets {
    atomic_uint references;
    CRYPTO_RWLOCK *lock;       /* over what follows */
    struct ticket_key keys[2]; /* the one that seals, and the one before, which opens */
    int64_t made_s;            /* 0: before the first rotation */
    EVP_CIPHER *cipher;
};

static int make_key(struct ticket_key *ret_key)
{
    struct ticket_key key = {.is_there = true};
    if (RAND_bytes(key.name, sizeof key.name) != 1 ||
        RAND_priv_bytes(key.cipher, sizeof key.cipher) != 1 ||
        RAND_priv_bytes(key.mac, sizeof key.mac) != 1)
        return -EIO;
    *ret_key = key;
    OPENSSL_cleanse(&key, sizeof key);
    return 0;
}

int tls_tickets_create(struct tls_tickets **ret_tickets)
{
    struct tls_tickets *self = NEW(struct tls_tickets);
    if (self == NULL)
        return -ENOMEM;
    atomic_init(&self->references, 1);
    self->lock = CRYPTO_THREAD_lock_new();
    self->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (self->lock == NULL || self->cipher == NULL || make_key(&self->keys[0]) < 0) {
        tls_tickets_unref(self);
        return -ENOMEM;
    }
    *ret_tickets = self;
    return 0;
}

struct tls_tickets *tls_tickets_ref(struct tls_tickets *tickets)
{
    atomic_fetch_add_explicit(&tickets->references, 1, memory_order_relaxed);
    return tickets;
}

void tls_tickets_unref(struct tls_tickets *tickets)
{
    if (tickets == NULL || atomic_fetch_sub(&tickets->references, 1) != 1)
        return;
    CRYPTO_THREAD_lock_free(tickets->lock);
    EVP_CIPHER_free(tickets->cipher);
    OPENSSL_cleanse(tickets->keys, sizeof tickets->keys);
    memory_free(tickets);
}

/* Without randomness the keys stay: old ones are better than none. */
void tls_tickets_rotate(struct tls_tickets *tickets, int64_t now_s)
{
    struct ticket_key next;
    CRYPTO_THREAD_write_lock(tickets->lock);
    if (tickets->made_s == 0 || now_s < tickets->made_s)
        tickets->made_s = now_s; /* the clock was wrong, and may have been by years */
    bool is_due = now_s - tickets->made_s >= ROTATE_S;
    if (now_s - tickets->made_s >= 2 * (int64_t)ROTATE_S)
        tickets->keys[0].is_there = false; /* too old to open anything */
    if (is_due && make_key(&next) == 0) {
        tickets->keys[1] = tickets->keys[0];
        tickets->keys[0] = next;
        tickets->made_s = now_s;
        OPENSSL_cleanse(&next, sizeof next);
    }
    CRYPTO_THREAD_unlock(tickets->lock);
}

static int set_mac(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_init(mac, key->mac, sizeof key->mac, params);
}

static int seal(const struct tls_tickets *tickets, uint8_t *name, uint8_t *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    const struct ticket_key *key = &tickets->keys[0];
    if (!key->is_there)
        return 0;
    memcpy(name, key->name, NAME_BYTES);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(tickets->cipher)) != 1 ||
        EVP_EncryptInit_ex2(cipher, tickets->cipher, key->cipher, iv, NULL) != 1 ||
        set_mac(mac, key) != 1)
        return -1;
    return 1;
}

/* 2: opened, and to be replaced by a newer one. 0: a full handshake follows. */
static int open_with(const struct tls_tickets *tickets, const uint8_t *name, const uint8_t *iv,
                     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    for (unsigned i = 0; i < COUNT_OF(tickets->keys); i++) {
        const struct ticket_key *key = &tickets->keys[i];
        if (!key->is_there || memcmp(name, key->name, NAME_BYTES) != 0)
            continue;
        if (EVP_DecryptInit_ex2(cipher, tickets->cipher, key->cipher, iv, NULL) != 1 ||
            set_mac(mac, key) != 1)
            return -1;
        return i == 0 ? 1 : 2;
    }
    return 0;
}

int tls_tickets_crypt(struct tls_tickets *tickets, uint8_t *name, uint8_t *iv,
                      EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool seals)
{
    CRYPTO_THREAD_read_lock(tickets->lock);
    int rc =
        seals ? seal(tickets, name, iv, cipher, mac) : open_with(tickets, name, iv, cipher, mac);
    CRYPTO_THREAD_unlock(tickets->lock);
    return rc;
}
