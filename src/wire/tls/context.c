/*
 * Contexts of OpenSSL. A handshake begins with the listener's; the client's first message tells
 * which identity goes on with it, before OpenSSL has decided anything.
 */
#include "wire/tls/context.h"

#include "base/cleanup.h"
#include "wire/tls/connection_internal.h"
#include "wire/tls/openssl_internal.h"
#include "wire/tls/tickets_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdatomic.h>
#include <string.h>

#define NAME_BYTES_MAX 255

/* Mozilla's intermediate recommendation, version 5.7, but for DHE, which no client of today needs.
 */
static const char intermediate_ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
/* AES-128 first: as safe for all that is known, and cheaper; ChaCha20 for who has no AES in
 * hardware and says so by putting it first. */
static const char suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";

struct staple {
    uint8_t *bytes; /* owned */
    size_t len;
};

struct tls_identity {
    atomic_uint references;
    SSL_CTX *context;                                           /* owned */
    struct tls_certificate *certificates[TLS_CERTIFICATES_MAX]; /* counted */
    unsigned certificates_count;
    bool is_modern;
    enum tls_alpn alpn;
    enum tls_client_auth client_auth;
    uint8_t session_context[32]; /* of its name: what keeps sessions apart */
    CRYPTO_RWLOCK *lock;         /* over the staples */
    struct staple staples[TLS_CERTIFICATES_MAX];
    size_t name_len;
    char name[];
};

struct tls_listener {
    atomic_uint references;
    SSL_CTX *context; /* owned */
    tls_choose *choose;
    void *arg;
    struct tls_tickets *tickets; /* counted */
    struct tls_bio *bio;         /* owned */
};

/* What all contexts have in common. */
SSL_CTX *tls_context_new(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL)
        return NULL;
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_msg_callback(context, tls_connection_note_message);
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, intermediate_ciphers) != 1 ||
        SSL_CTX_set_ciphersuites(context, suites) != 1 ||
        SSL_CTX_ctrl(context, SSL_CTRL_SET_GROUPS_LIST, 0, (void *)(uintptr_t)groups) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

X509_STORE *tls_store_of(struct slice authorities_pem, struct error *ret_error)
{
    BIO *bio = tls_bio_of(authorities_pem);
    X509_STORE *store = X509_STORE_new();
    unsigned count = 0;
    X509 *authority;
    ERR_clear_error();
    while (bio != NULL && store != NULL &&
           (authority = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        count += X509_STORE_add_cert(store, authority) == 1;
        X509_free(authority);
    }
    bool is_broken = ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(bio);
    if (bio != NULL && store != NULL && count > 0 && !is_broken)
        return store;
    X509_STORE_free(store);
    (void)error_set(ret_error, bio == NULL || store == NULL ? -ENOMEM : -EINVAL,
                    bio == NULL || store == NULL ? "out of memory"
                    : count > 0                  ? "a certificate in it is damaged"
                                : "there is no certificate of an authority in it; wanted is PEM");
    return NULL;
}

/* Identities. */

static const struct slice alpn_names[] = {SLICE("h2"), SLICE("http/1.1"), SLICE("http/1.0"),
                                          SLICE("acme-tls/1")};

/* Of alpn_names, the first and the one behind the last that an identity speaks. */
static void alpn_range(enum tls_alpn alpn, unsigned *ret_from, unsigned *ret_to)
{
    *ret_from = alpn == TLS_ALPN_HTTP2 ? 0 : alpn == TLS_ALPN_ACME ? 3 : 1;
    *ret_to = alpn == TLS_ALPN_ACME ? 4 : 3;
}

/* Takes the next name off the front of a list of names, each behind its length. */
static bool take_protocol(struct slice *list, struct slice *ret_name)
{
    if (list->len < 1 || (size_t)(uint8_t)list->at[0] + 1 > list->len)
        return false;
    *ret_name = slice_of(list->at + 1, (uint8_t)list->at[0]);
    *list = slice_of(list->at + 1 + ret_name->len, list->len - 1 - ret_name->len);
    return true;
}

static bool offers(struct slice list, struct slice wanted)
{
    struct slice name;
    while (take_protocol(&list, &name)) {
        if (slice_equal(name, wanted))
            return true;
    }
    return false;
}

static int select_protocol(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_len,
                           const unsigned char *list, unsigned list_len, void *arg)
{
    const struct tls_identity *identity = arg;
    struct slice offered = slice_of((const char *)list, list_len);
    unsigned from, to;
    (void)ssl;
    if (identity->alpn == TLS_ALPN_NONE)
        return SSL_TLSEXT_ERR_NOACK;
    alpn_range(identity->alpn, &from, &to);
    for (unsigned i = from; i < to; i++) {
        if (!offers(offered, alpn_names[i]))
            continue;
        *ret_name = (const unsigned char *)alpn_names[i].at;
        *ret_len = (unsigned char)alpn_names[i].len;
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Staples what belongs to the certificate that was chosen. OpenSSL owns the copy. */
static int send_staple(SSL *ssl, void *arg)
{
    struct tls_identity *identity = arg;
    const X509 *chosen = SSL_get_certificate(ssl);
    int result = SSL_TLSEXT_ERR_NOACK;
    CRYPTO_THREAD_read_lock(identity->lock);
    for (unsigned i = 0; i < identity->certificates_count; i++) {
        const struct staple *staple = &identity->staples[i];
        if (tls_certificate_leaf(identity->certificates[i]) != chosen || staple->len == 0)
            continue;
        void *copy = OPENSSL_memdup(staple->bytes, staple->len);
        if (copy != NULL && SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)staple->len) == 1)
            result = SSL_TLSEXT_ERR_OK;
        else
            OPENSSL_free(copy);
    }
    CRYPTO_THREAD_unlock(identity->lock);
    return result;
}

int tls_identity_staple(struct tls_identity *identity, unsigned certificate, struct slice response)
{
    if (certificate >= identity->certificates_count || response.len > INT32_MAX)
        return -EINVAL;
    uint8_t *bytes = response.len == 0 ? NULL : memory_alloc_raw(response.len);
    if (response.len > 0 && bytes == NULL)
        return -ENOMEM;
    if (bytes != NULL)
        memcpy(bytes, response.at, response.len);
    struct staple *staple = &identity->staples[certificate];
    CRYPTO_THREAD_write_lock(identity->lock);
    uint8_t *before = staple->bytes;
    *staple = (struct staple){bytes, response.len};
    CRYPTO_THREAD_unlock(identity->lock);
    memory_free(before);
    return 0;
}

static int set_client_auth(struct tls_identity *self, struct slice authorities_pem,
                           struct error *error)
{
    if (self->client_auth == TLS_CLIENT_NONE)
        return 0;
    X509_STORE *store = tls_store_of(authorities_pem, error);
    if (store == NULL)
        return -EINVAL;
    SSL_CTX_set_cert_store(self->context, store); /* owned by it from now on */
    STACK_OF(X509_OBJECT) *authorities = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(authorities); i++) {
        X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(authorities, i));
        if (SSL_CTX_add_client_CA(self->context, authority) != 1)
            return error_set(error, -ENOMEM, "out of memory");
    }
    return 0;
}

static int set_up_identity(struct tls_identity *self, const struct tls_identity_settings *settings,
                           struct error *error)
{
    unsigned len;
    self->context = tls_context_new(TLS_server_method());
    self->lock = CRYPTO_THREAD_lock_new();
    if (self->context == NULL || self->lock == NULL ||
        EVP_Digest(settings->name.at, settings->name.len, self->session_context, &len, EVP_sha256(),
                   NULL) != 1)
        return error_set(error, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < settings->certificates_count; i++) {
        self->certificates[i] = tls_certificate_ref(settings->certificates[i]);
        self->certificates_count++;
        if (tls_certificate_use(settings->certificates[i], self->context) < 0)
            return error_set(error, -EINVAL, "OpenSSL does not take the certificate");
    }
    SSL_CTX_set_alpn_select_cb(self->context, select_protocol, self);
    SSL_CTX_set_tlsext_status_cb(self->context, send_staple);
    SSL_CTX_set_tlsext_status_arg(self->context, self);
    return set_client_auth(self, settings->client_authorities_pem, error);
}

int tls_identity_create(const struct tls_identity_settings *settings,
                        struct tls_identity **ret_identity, struct error *ret_error)
{
    if (settings->certificates_count == 0 || settings->certificates_count > TLS_CERTIFICATES_MAX)
        return error_set(ret_error, -EINVAL, "1 to %d certificates can be shown",
                         TLS_CERTIFICATES_MAX);
    struct tls_identity *self = memory_alloc(sizeof *self + settings->name.len);
    if (self == NULL)
        return error_set(ret_error, -ENOMEM, "out of memory");
    atomic_init(&self->references, 1);
    self->is_modern = settings->is_modern;
    self->alpn = settings->alpn;
    self->client_auth = settings->client_auth;
    self->name_len = settings->name.len;
    if (settings->name.len > 0)
        memcpy(self->name, settings->name.at, settings->name.len);
    int rc = set_up_identity(self, settings, ret_error);
    ERR_clear_error();
    if (rc < 0)
        tls_identity_unref(self);
    else
        *ret_identity = self;
    return rc;
}

struct tls_identity *tls_identity_ref(struct tls_identity *identity)
{
    atomic_fetch_add_explicit(&identity->references, 1, memory_order_relaxed);
    return identity;
}

void tls_identity_unref(struct tls_identity *identity)
{
    if (identity == NULL || atomic_fetch_sub(&identity->references, 1) != 1)
        return;
    SSL_CTX_free(identity->context);
    for (unsigned i = 0; i < identity->certificates_count; i++) {
        tls_certificate_unref(identity->certificates[i]);
        memory_free(identity->staples[i].bytes);
    }
    CRYPTO_THREAD_lock_free(identity->lock);
    memory_free(identity);
}

struct slice tls_identity_name(const struct tls_identity *identity)
{
    return slice_of(identity->name, identity->name_len);
}

enum tls_client_auth tls_identity_client_auth(const struct tls_identity *identity)
{
    return identity->client_auth;
}

/* Listeners. */

/* The first name of the extension, in lower case, without a dot at its end (RFC 6066 §3). */
static bool read_server_name(SSL *ssl, char *room, struct slice *ret_name)
{
    const unsigned char *at;
    size_t len;
    *ret_name = (struct slice){0};
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &at, &len) != 1)
        return true;
    if (len < 5 || at[2] != TLSEXT_NAMETYPE_host_name)
        return false;
    size_t name_len = (size_t)at[3] << 8 | at[4];
    if (name_len == 0 || name_len > NAME_BYTES_MAX || name_len > len - 5)
        return false;
    for (size_t i = 0; i < name_len; i++) {
        char c = (char)at[5 + i];
        if (c <= ' ' || c > '~')
            return false;
        room[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    if (name_len > 1 && room[name_len - 1] == '.')
        name_len--;
    *ret_name = slice_of(room, name_len);
    return true;
}

/* Who asks for acme-tls/1 asks for nothing else (RFC 8737 §3). */
static bool wants_acme(SSL *ssl)
{
    const unsigned char *at;
    size_t len;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &at,
                                  &len) != 1 ||
        len < 2)
        return false;
    struct slice list = slice_of((const char *)at + 2, len - 2), name;
    return take_protocol(&list, &name) && list.len == 0 && slice_equal(name, alpn_names[3]);
}

/* What SSL_set_SSL_CTX leaves as the listener's context had it. */
static bool take_identity(SSL *ssl, const struct tls_identity *identity)
{
    int verify = identity->client_auth == TLS_CLIENT_NONE ? SSL_VERIFY_NONE
                 : identity->client_auth == TLS_CLIENT_OPTIONAL
                     ? SSL_VERIFY_PEER
                     : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    if (SSL_set_SSL_CTX(ssl, identity->context) == NULL)
        return false;
    SSL_set_verify(ssl, verify, NULL);
    return SSL_set_min_proto_version(ssl, identity->is_modern ? TLS1_3_VERSION : TLS1_2_VERSION) ==
               1 &&
           SSL_set_session_id_context(ssl, identity->session_context,
                                      sizeof identity->session_context) == 1;
}

static int meet_client(SSL *ssl, int *ret_alert, void *arg)
{
    struct tls_listener *listener = arg;
    struct tls_connection *connection = SSL_get_app_data(ssl);
    char room[NAME_BYTES_MAX];
    struct slice name;
    if (!read_server_name(ssl, room, &name)) {
        *ret_alert = SSL_AD_DECODE_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    const struct tls_identity *identity = listener->choose(listener->arg, name, wants_acme(ssl));
    if (identity == NULL) {
        *ret_alert = SSL_AD_UNRECOGNIZED_NAME;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (tls_connection_meet(connection, identity, name) < 0 || !take_identity(ssl, identity)) {
        *ret_alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

static int crypt_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                        EVP_MAC_CTX *mac, int seals)
{
    const struct tls_connection *connection = SSL_get_app_data(ssl);
    return tls_tickets_crypt(tls_connection_listener(connection)->tickets, name, iv, cipher, mac,
                             seals != 0);
}

int tls_listener_create(const struct tls_listener_settings *settings,
                        struct tls_listener **ret_listener)
{
    struct tls_listener *self = NEW(struct tls_listener);
    if (self == NULL)
        return -ENOMEM;
    atomic_init(&self->references, 1);
    self->choose = settings->choose;
    self->arg = settings->arg;
    self->tickets = tls_tickets_ref(settings->tickets);
    self->context = tls_context_new(TLS_server_method());
    self->bio = tls_bio_create();
    if (self->context == NULL || self->bio == NULL) {
        tls_listener_unref(self);
        return -ENOMEM;
    }
    SSL_CTX_set_num_tickets(self->context, 1); /* each costs 16 µs of a handshake of 250 */
    SSL_CTX_set_client_hello_cb(self->context, meet_client, self);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(self->context, crypt_ticket);
    *ret_listener = self;
    return 0;
}

struct tls_listener *tls_listener_ref(struct tls_listener *listener)
{
    atomic_fetch_add_explicit(&listener->references, 1, memory_order_relaxed);
    return listener;
}

void tls_listener_unref(struct tls_listener *listener)
{
    if (listener == NULL || atomic_fetch_sub(&listener->references, 1) != 1)
        return;
    SSL_CTX_free(listener->context);
    tls_tickets_unref(listener->tickets);
    tls_bio_destroy(listener->bio);
    memory_free(listener);
}

SSL_CTX *tls_listener_context(const struct tls_listener *listener)
{
    return listener->context;
}

const struct tls_bio *tls_listener_bio(const struct tls_listener *listener)
{
    return listener->bio;
}
