/* How targets are spoken to: one context for all connections of a group. */
#include "base/cleanup.h"
#include "wire/tls/connection_internal.h"
#include "wire/tls/openssl_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <string.h>

#define NAME_BYTES_MAX 255

struct tls_client {
    atomic_uint references;
    SSL_CTX *context;    /* owned */
    struct tls_bio *bio; /* owned */
    bool is_verified;
    char server_name[NAME_BYTES_MAX + 1]; /* empty: the host's */
};

static int set_authorities(struct tls_client *self, const struct tls_client_settings *settings,
                           struct error *error)
{
    if (!settings->is_verified)
        return 0;
    SSL_CTX_set_verify(self->context, SSL_VERIFY_PEER, NULL);
    if (settings->authorities_pem.len == 0) {
        if (settings->system_authorities == NULL ||
            SSL_CTX_load_verify_file(self->context, settings->system_authorities) == 1)
            return 0;
        return error_set(error, -ENOENT,
                         "the system's authorities cannot be read; install ca-certificates, or "
                         "give `ca`");
    }
    X509_STORE *store = tls_store_of(settings->authorities_pem, error);
    if (store == NULL)
        return -EINVAL;
    SSL_CTX_set_cert_store(self->context, store); /* owned by it from now on */
    return 0;
}

static int set_protocols(struct tls_client *self, const struct tls_client_settings *settings)
{
    static const unsigned char acme[] = "\x0a"
                                        "acme-tls/1";
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    const unsigned char *list = settings->has_h2 ? both : both + 3;
    unsigned len = (settings->has_h2 ? 3 : 0) + (settings->has_http1 ? 9 : 0);
    if (settings->has_acme) {
        list = acme;
        len = sizeof acme - 1;
    }
    if (len == 0)
        return 0;
    return SSL_CTX_set_alpn_protos(self->context, list, len) == 0 ? 0 : -ENOMEM;
}

static bool is_address(const char *name)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(name);
    ASN1_OCTET_STRING_free(address);
    ERR_clear_error();
    return address != NULL;
}

static int set_up(struct tls_client *self, const struct tls_client_settings *settings,
                  struct error *error)
{
    if (settings->server_name.len >= sizeof self->server_name)
        return error_set(error, -EINVAL, "the name of the target is too long for TLS");
    if (settings->server_name.len > 0)
        memcpy(self->server_name, settings->server_name.at, settings->server_name.len);
    self->is_verified = settings->is_verified;
    self->context = tls_context_new(TLS_client_method());
    self->bio = tls_bio_create();
    if (self->context == NULL || self->bio == NULL || set_protocols(self, settings) < 0)
        return error_set(error, -ENOMEM, "out of memory");
    int rc = set_authorities(self, settings, error);
    if (rc == 0 && settings->certificate != NULL &&
        tls_certificate_use(settings->certificate, self->context) < 0)
        rc = error_set(error, -EINVAL, "OpenSSL does not take the certificate");
    return rc;
}

int tls_client_create(const struct tls_client_settings *settings, struct tls_client **ret_client,
                      struct error *ret_error)
{
    struct tls_client *self = NEW(struct tls_client);
    if (self == NULL)
        return error_set(ret_error, -ENOMEM, "out of memory");
    atomic_init(&self->references, 1);
    int rc = set_up(self, settings, ret_error);
    ERR_clear_error();
    if (rc < 0)
        tls_client_unref(self);
    else
        *ret_client = self;
    return rc;
}

struct tls_client *tls_client_ref(struct tls_client *client)
{
    atomic_fetch_add_explicit(&client->references, 1, memory_order_relaxed);
    return client;
}

void tls_client_unref(struct tls_client *client)
{
    if (client == NULL || atomic_fetch_sub(&client->references, 1) != 1)
        return;
    SSL_CTX_free(client->context);
    tls_bio_destroy(client->bio);
    memory_free(client);
}

SSL_CTX *tls_client_context(const struct tls_client *client)
{
    return client->context;
}

const struct tls_bio *tls_client_bio(const struct tls_client *client)
{
    return client->bio;
}

/* An address is no name that could be sent (RFC 6066 §3). */
static int set_name(const struct tls_client *client, SSL *ssl, const char *name)
{
    bool is_name = !is_address(name);
    /* As SSL_set_tlsext_host_name, whose cast clang does not take; the name is copied. */
    if (is_name && SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                            (void *)(uintptr_t)name) != 1)
        return -ENOMEM;
    if (!client->is_verified)
        return 0;
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    int ok = is_name ? X509_VERIFY_PARAM_set1_host(param, name, 0)
                     : X509_VERIFY_PARAM_set1_ip_asc(param, name);
    return ok == 1 ? 0 : -ENOMEM;
}

int tls_client_prepare(const struct tls_client *client, SSL *ssl, struct slice host)
{
    char name[NAME_BYTES_MAX + 1];
    if (client->server_name[0] != '\0')
        return set_name(client, ssl, client->server_name);
    if (host.len == 0)
        return client->is_verified ? -EINVAL : 0; /* a Unix socket has no name */
    if (host.len > NAME_BYTES_MAX)
        return -EINVAL;
    memcpy(name, host.at, host.len);
    name[host.len] = '\0';
    return set_name(client, ssl, name);
}
