/*
 * PEM to a checked certificate. Called where a configuration is checked and where it is put to
 * work, so that both say the same.
 */
#include "wire/tls/certificate.h"

#include "base/cleanup.h"
#include "wire/tls/openssl_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <string.h>

#define CHAIN_MAX    10
#define RSA_BITS_MIN 2048

struct tls_certificate {
    atomic_uint references;
    X509 *leaf;             /* owned, as the next four */
    STACK_OF(X509) * chain; /* without the leaf */
    EVP_PKEY *key;
    char *text; /* what names and URL are slices of */
    struct slice *names;
    unsigned names_count;
    struct slice ocsp_url;
    enum tls_key_kind kind;
    int64_t not_before_s, not_after_s;
    uint8_t digest[32];
};

BIO *tls_bio_of(struct slice text)
{
    return text.len > INT32_MAX ? NULL : BIO_new_mem_buf(text.at, (int)text.len);
}

static int read_chain(struct tls_certificate *self, struct slice pem, struct error *error)
{
    BIO *bio = tls_bio_of(pem);
    self->chain = sk_X509_new_null();
    int rc = bio == NULL || self->chain == NULL ? -ENOMEM : 0;
    while (rc == 0) {
        ERR_clear_error();
        X509 *next = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (next == NULL)
            break;
        if (self->leaf == NULL)
            self->leaf = next;
        else if (sk_X509_num(self->chain) >= CHAIN_MAX || !sk_X509_push(self->chain, next))
            rc = -EINVAL;
        if (rc < 0)
            X509_free(next);
    }
    bool is_broken = ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(bio);
    if (rc == -EINVAL)
        return error_set(error, rc, "there are more than %d certificates in its chain", CHAIN_MAX);
    if (rc < 0)
        return error_set(error, rc, "out of memory");
    if (self->leaf == NULL || is_broken)
        return error_set(error, -EINVAL,
                         is_broken ? "a certificate in it is damaged"
                                   : "there is no certificate in it; wanted is PEM, which begins "
                                     "with -----BEGIN CERTIFICATE-----");
    return 0;
}

/* The kind of a key as its PEM tells it; EVP_PKEY_NONE: it is none. */
static int kind_of_key(const char *name, const unsigned char *der, long len)
{
    const ASN1_OBJECT *algorithm = NULL;
    int kind = EVP_PKEY_NONE;
    if (strcmp(name, PEM_STRING_ECPRIVATEKEY) == 0)
        return EVP_PKEY_EC;
    if (strcmp(name, PEM_STRING_RSA) == 0)
        return EVP_PKEY_RSA;
    if (strcmp(name, PEM_STRING_PKCS8INF) != 0)
        return EVP_PKEY_NONE;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, len);
    if (info != NULL && PKCS8_pkey_get0(&algorithm, NULL, NULL, NULL, info) == 1)
        kind = OBJ_obj2nid(algorithm);
    PKCS8_PRIV_KEY_INFO_free(info);
    return kind;
}

/*
 * The first key of the text. By its kind, for to leave it to OpenSSL to find that out takes four
 * times as long, which is seconds for thousands of sites. Keys behind a passphrase are not asked
 * for: nobody sits there.
 */
static EVP_PKEY *find_key(BIO *bio, bool *ret_has_passphrase)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long len = 0;
    EVP_PKEY *key = NULL;
    bool is_over = false;
    while (!is_over && PEM_read_bio(bio, &name, &header, &der, &len) == 1) {
        bool is_encrypted =
            strcmp(name, PEM_STRING_PKCS8) == 0 || strstr(header, "ENCRYPTED") != NULL;
        const unsigned char *at = der;
        int kind = is_encrypted ? EVP_PKEY_NONE : kind_of_key(name, der, len);
        *ret_has_passphrase |= is_encrypted;
        if (kind != EVP_PKEY_NONE)
            key = d2i_PrivateKey(kind, NULL, &at, len);
        is_over = is_encrypted || kind != EVP_PKEY_NONE;
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)len);
    }
    return key;
}

static int read_key(struct tls_certificate *self, struct slice pem, struct error *error)
{
    bool has_passphrase = false;
    BIO *bio = tls_bio_of(pem);
    if (bio == NULL)
        return error_set(error, -ENOMEM, "out of memory");
    self->key = find_key(bio, &has_passphrase);
    ERR_clear_error();
    BIO_free(bio);
    if (self->key != NULL)
        return 0;
    return error_set(error, -EINVAL,
                     has_passphrase
                         ? "the key is protected by a passphrase; take it off with `openssl pkey "
                           "-in KEY -out NEW`, the file's permissions protect it"
                         : "there is no private key in it; wanted is PEM, which begins with "
                           "-----BEGIN PRIVATE KEY----- or the like");
}

static int check_key(struct tls_certificate *self, struct error *error)
{
    switch (EVP_PKEY_get_base_id(self->key)) {
    case EVP_PKEY_EC:
        self->kind = TLS_KEY_ECDSA;
        break;
    case EVP_PKEY_RSA:
        self->kind = TLS_KEY_RSA;
        break;
    case EVP_PKEY_ED25519:
        self->kind = TLS_KEY_ED25519;
        break;
    default:
        return error_set(error, -EINVAL,
                         "its key is of a kind that is not served: wanted is "
                         "ECDSA, RSA or Ed25519");
    }
    int bits = EVP_PKEY_get_bits(self->key);
    if (self->kind == TLS_KEY_RSA && bits < RSA_BITS_MIN)
        return error_set(error, -EINVAL, "its RSA key has %d bits; at least %d are wanted", bits,
                         RSA_BITS_MIN);
    bool fits = X509_check_private_key(self->leaf, self->key) == 1;
    ERR_clear_error();
    return fits ? 0
                : error_set(error, -EINVAL,
                            "the key belongs to another certificate; the first "
                            "certificate must be that of the key");
}

static int read_time(const ASN1_TIME *time, int64_t *ret_s)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(time, &tm) != 1)
        return -EINVAL;
    *ret_s = timegm(&tm);
    return 0;
}

static int check_times(struct tls_certificate *self, struct error *error)
{
    int rc = read_time(X509_get0_notBefore(self->leaf), &self->not_before_s);
    if (rc == 0)
        rc = read_time(X509_get0_notAfter(self->leaf), &self->not_after_s);
    return rc == 0 ? 0 : error_set(error, rc, "the times of its validity cannot be read");
}

static struct slice dns_name(const GENERAL_NAME *name)
{
    if (name->type != GEN_DNS)
        return (struct slice){0};
    return slice_of((const char *)ASN1_STRING_get0_data(name->d.dNSName),
                    (size_t)ASN1_STRING_length(name->d.dNSName));
}

static void copy_lower(char *to, struct slice from)
{
    for (size_t i = 0; i < from.len; i++) {
        char c = from.at[i];
        to[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
}

/* First how much room they take, then the names themselves. */
static int keep_names(struct tls_certificate *self, const GENERAL_NAMES *names, struct slice url)
{
    size_t bytes = url.len + 1;
    int count = names == NULL ? 0 : sk_GENERAL_NAME_num(names);
    for (int i = 0; i < count; i++)
        bytes += dns_name(sk_GENERAL_NAME_value(names, i)).len;
    self->text = memory_alloc_raw(bytes);
    self->names = memory_alloc_array((size_t)count + 1, sizeof *self->names);
    if (self->text == NULL || self->names == NULL)
        return -ENOMEM;
    memcpy(self->text, url.at == NULL ? "" : url.at, url.len);
    self->ocsp_url = slice_of(self->text, url.len);
    char *at = self->text + url.len;
    for (int i = 0; i < count; i++) {
        struct slice name = dns_name(sk_GENERAL_NAME_value(names, i));
        if (name.len == 0)
            continue;
        if (memchr(name.at, '\0', name.len) != NULL)
            return -EBADMSG;
        copy_lower(at, name);
        self->names[self->names_count++] = slice_of(at, name.len);
        at += name.len;
    }
    return 0;
}

static int read_names(struct tls_certificate *self, struct error *error)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(self->leaf, NID_subject_alt_name, NULL, NULL);
    STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(self->leaf);
    struct slice url = {0};
    if (urls != NULL && sk_OPENSSL_STRING_num(urls) > 0)
        url = slice_of_cstr(sk_OPENSSL_STRING_value(urls, 0));
    int rc = keep_names(self, names, url);
    X509_email_free(urls);
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    if (rc == -EBADMSG)
        return error_set(error, -EINVAL, "a name in it holds a NUL");
    return rc < 0 ? error_set(error, rc, "out of memory") : 0;
}

static int read_all(struct tls_certificate *self, struct slice chain_pem, struct slice key_pem,
                    struct error *error)
{
    unsigned digest_len;
    int rc = read_chain(self, chain_pem, error);
    if (rc == 0)
        rc = read_key(self, key_pem, error);
    if (rc == 0)
        rc = check_key(self, error);
    if (rc == 0)
        rc = check_times(self, error);
    if (rc == 0)
        rc = read_names(self, error);
    if (rc == 0 && X509_digest(self->leaf, EVP_sha256(), self->digest, &digest_len) != 1)
        rc = error_set(error, -ENOMEM, "out of memory");
    return rc;
}

int tls_certificate_parse(struct slice chain_pem, struct slice key_pem,
                          struct tls_certificate **ret_certificate, struct error *ret_error)
{
    struct tls_certificate *self = NEW(struct tls_certificate);
    if (self == NULL)
        return error_set(ret_error, -ENOMEM, "out of memory");
    atomic_init(&self->references, 1);
    int rc = read_all(self, chain_pem, key_pem, ret_error);
    if (rc < 0)
        tls_certificate_unref(self);
    else
        *ret_certificate = self;
    return rc;
}

struct tls_certificate *tls_certificate_ref(struct tls_certificate *certificate)
{
    atomic_fetch_add_explicit(&certificate->references, 1, memory_order_relaxed);
    return certificate;
}

void tls_certificate_unref(struct tls_certificate *certificate)
{
    if (certificate == NULL || atomic_fetch_sub(&certificate->references, 1) != 1)
        return;
    X509_free(certificate->leaf);
    sk_X509_pop_free(certificate->chain, X509_free);
    EVP_PKEY_free(certificate->key);
    memory_free(certificate->text);
    memory_free(certificate->names);
    memory_free(certificate);
}

enum tls_key_kind tls_certificate_key_kind(const struct tls_certificate *certificate)
{
    return certificate->kind;
}

int64_t tls_certificate_not_before_s(const struct tls_certificate *certificate)
{
    return certificate->not_before_s;
}

int64_t tls_certificate_not_after_s(const struct tls_certificate *certificate)
{
    return certificate->not_after_s;
}

unsigned tls_certificate_names_count(const struct tls_certificate *certificate)
{
    return certificate->names_count;
}

struct slice tls_certificate_name(const struct tls_certificate *certificate, unsigned index)
{
    return certificate->names[index];
}

/* A star stands for one whole label, the first (RFC 9525 §6.3). */
static bool name_covers(struct slice name, struct slice host)
{
    if (slice_equal(name, host))
        return true;
    if (name.len < 3 || name.at[0] != '*' || name.at[1] != '.')
        return false;
    ptrdiff_t dot = slice_find(host, '.');
    return dot > 0 && slice_equal(slice_of(name.at + 1, name.len - 1),
                                  slice_of(host.at + dot, host.len - (size_t)dot));
}

/* Addresses stand in it in a form of their own. */
static bool address_covers(const struct tls_certificate *certificate, struct slice host)
{
    char text[64];
    if (host.len >= sizeof text)
        return false;
    memcpy(text, host.at, host.len);
    text[host.len] = '\0';
    bool is_covered = X509_check_ip_asc(certificate->leaf, text, 0) == 1;
    ERR_clear_error();
    return is_covered;
}

bool tls_certificate_covers(const struct tls_certificate *certificate, struct slice host)
{
    for (unsigned i = 0; i < certificate->names_count; i++) {
        if (name_covers(certificate->names[i], host))
            return true;
    }
    return address_covers(certificate, host);
}

struct slice tls_certificate_ocsp_url(const struct tls_certificate *certificate)
{
    return certificate->ocsp_url;
}

const uint8_t *tls_certificate_digest(const struct tls_certificate *certificate)
{
    return certificate->digest;
}

X509 *tls_certificate_leaf(const struct tls_certificate *certificate)
{
    return certificate->leaf;
}

STACK_OF(X509) * tls_certificate_chain(const struct tls_certificate *certificate)
{
    return certificate->chain;
}

int tls_certificate_use(const struct tls_certificate *certificate, SSL_CTX *context)
{
    int ok = SSL_CTX_use_cert_and_key(context, certificate->leaf, certificate->key,
                                      certificate->chain, 1);
    ERR_clear_error();
    return ok == 1 ? 0 : -ENOMEM;
}
