/*
 * The two profiles, root and leaf, as today's clients want them: Chromium and Firefox take names
 * from the subjectAltName alone, want serverAuth, and hold a root to its constraints.
 */
#include "wire/tls/authority.h"

#include "base/cleanup.h"
#include "base/writer.h"
#include "wire/tls/made_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define ROOT_LIFETIME_S ((int64_t)10 * 365 * 86400)
#define BACKDATED_S     3600
#define NAME_PREFIX     "Weir local authority "
#define NAME_BYTES_MAX  64

struct tls_authority {
    EVP_PKEY *key;     /* owned */
    X509 *certificate; /* owned */
    int64_t not_after_s;
    bool is_local; /* as its constraints say */
    uint8_t digest[32];
    char name[NAME_BYTES_MAX + 1];
};

/*
 * What nobody else can own: RFC 6761, RFC 6762, RFC 8375, ICANN's "internal", and the habit of
 * "lan"; and addresses of this machine and of private networks.
 */
static const char *const local_names[] = {"localhost", "local",     "internal", "test",
                                          "invalid",   "home.arpa", "lan"};
static const char *const local_networks[] = {
    "127.0.0.0/255.0.0.0",
    "10.0.0.0/255.0.0.0",
    "172.16.0.0/255.240.0.0",
    "192.168.0.0/255.255.0.0",
    "169.254.0.0/255.255.0.0",
    "100.64.0.0/255.192.0.0",
    "::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fc00::/fe00::",
    "fe80::/ffc0::",
};

static int constrain(X509 *certificate)
{
    char words[1024];
    int len = snprintf(words, sizeof words, "critical");
    for (size_t i = 0; i < COUNT_OF(local_names); i++)
        len +=
            snprintf(words + len, sizeof words - (size_t)len, ",permitted;DNS:%s", local_names[i]);
    for (size_t i = 0; i < COUNT_OF(local_networks); i++)
        len += snprintf(words + len, sizeof words - (size_t)len, ",permitted;IP:%s",
                        local_networks[i]);
    return made_extend(certificate, certificate, NID_name_constraints, words);
}

struct extension {
    int nid;
    const char *words;
};

static int extend_all(X509 *certificate, X509 *issuer, const struct extension *extensions,
                      size_t count)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = made_extend(certificate, issuer, extensions[i].nid, extensions[i].words);
    return rc;
}

/* Host names are long; what does not fit is cut off. */
static int make_root(EVP_PKEY *key, enum tls_authority_reach reach, struct slice host,
                     int64_t now_s, X509 **ret_certificate)
{
    static const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
        {NID_key_usage, "critical,keyCertSign,cRLSign"},
        {NID_ext_key_usage, "serverAuth"},
        {NID_subject_key_identifier, "hash"},
    };
    char name[NAME_BYTES_MAX + 1];
    int len = snprintf(name, sizeof name, NAME_PREFIX "%.*s", SLICE_ARG(host));
    size_t name_len = len > NAME_BYTES_MAX ? NAME_BYTES_MAX : (size_t)len;
    X509 *root = made_certificate(key, now_s - BACKDATED_S, now_s + ROOT_LIFETIME_S);
    int rc = root == NULL ? -ENOMEM
                          : made_subject(X509_get_subject_name(root), slice_of(name, name_len));
    if (rc == 0 && X509_set_issuer_name(root, X509_get_subject_name(root)) != 1)
        rc = -ENOMEM;
    if (rc == 0)
        rc = extend_all(root, root, extensions, COUNT_OF(extensions));
    if (rc == 0 && reach == TLS_AUTHORITY_LOCAL)
        rc = constrain(root);
    if (rc == 0)
        rc = made_sign(root, key);
    if (rc < 0)
        X509_free(root);
    else
        *ret_certificate = root;
    return rc;
}

/* What can be known of it by its certificate. */
static int read_facts(struct tls_authority *self)
{
    struct tm tm;
    unsigned len;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(self->certificate), &tm) != 1 ||
        X509_digest(self->certificate, EVP_sha256(), self->digest, &len) != 1)
        return -EINVAL;
    self->not_after_s = timegm(&tm);
    self->is_local = X509_get_ext_by_NID(self->certificate, NID_name_constraints, -1) >= 0;
    int name_len = X509_NAME_get_text_by_NID(X509_get_subject_name(self->certificate),
                                             NID_commonName, self->name, sizeof self->name);
    if (name_len < 0)
        self->name[0] = '\0';
    return 0;
}

int tls_authority_create(enum tls_authority_reach reach, struct slice host, int64_t now_s,
                         struct tls_authority **ret_authority)
{
    struct tls_authority *self = NEW(struct tls_authority);
    if (self == NULL)
        return -ENOMEM;
    self->key = made_key();
    int rc =
        self->key == NULL ? -ENOMEM : make_root(self->key, reach, host, now_s, &self->certificate);
    if (rc == 0)
        rc = read_facts(self);
    if (rc < 0)
        tls_authority_destroy(self);
    else
        *ret_authority = self;
    return rc;
}

static int check(const struct tls_authority *self, struct error *error)
{
    if (self->key == NULL)
        return error_set(error, -EINVAL, "there is no private key in it");
    if (self->certificate == NULL)
        return error_set(error, -EINVAL, "there is no certificate in it");
    bool fits = X509_check_private_key(self->certificate, self->key) == 1;
    bool can_sign = X509_check_ca(self->certificate) == 1;
    ERR_clear_error();
    if (!fits)
        return error_set(error, -EINVAL, "its key belongs to another certificate");
    return can_sign ? 0 : error_set(error, -EINVAL, "its certificate is that of no authority");
}

int tls_authority_parse(struct slice pem, struct tls_authority **ret_authority,
                        struct error *ret_error)
{
    struct tls_authority *self = NEW(struct tls_authority);
    if (self == NULL)
        return error_set(ret_error, -ENOMEM, "out of memory");
    self->key = made_key_read(pem);
    self->certificate = made_certificate_read(pem);
    int rc = check(self, ret_error);
    if (rc == 0 && read_facts(self) < 0)
        rc = error_set(ret_error, -EINVAL, "its certificate cannot be read");
    if (rc < 0)
        tls_authority_destroy(self);
    else
        *ret_authority = self;
    return rc;
}

void tls_authority_destroy(struct tls_authority *authority)
{
    if (authority == NULL)
        return;
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
    memory_free(authority);
}

int tls_authority_write_certificate(const struct tls_authority *authority, struct buffer *pem)
{
    return made_certificate_write(authority->certificate, pem);
}

int tls_authority_write(const struct tls_authority *authority, struct buffer *pem)
{
    int rc = made_key_write(authority->key, pem);
    return rc == 0 ? made_certificate_write(authority->certificate, pem) : rc;
}

int64_t tls_authority_not_after_s(const struct tls_authority *authority)
{
    return authority->not_after_s;
}

struct slice tls_authority_name(const struct tls_authority *authority)
{
    return slice_of_cstr(authority->name);
}

const uint8_t *tls_authority_digest(const struct tls_authority *authority)
{
    return authority->digest;
}

bool tls_authority_has_issued(const struct tls_authority *authority, struct slice pem)
{
    X509 *certificate = made_certificate_read(pem);
    bool is_own = certificate != NULL && X509_verify(certificate, authority->key) == 1;
    ERR_clear_error();
    X509_free(certificate);
    return is_own;
}

/* As the constraints above: the name itself, or what is below it. */
static bool is_below(struct slice name, struct slice local)
{
    if (!slice_ends_with(name, local))
        return false;
    return name.len == local.len || name.at[name.len - local.len - 1] == '.';
}

/* OpenSSL's own reading of the same words, so that there is no second one here. */
static bool is_in_networks(const unsigned char *address, size_t len)
{
    for (size_t i = 0; i < COUNT_OF(local_networks); i++) {
        ASN1_OCTET_STRING *network = a2i_IPADDRESS_NC(local_networks[i]);
        bool is_inside = network != NULL && (size_t)ASN1_STRING_length(network) == 2 * len;
        const unsigned char *bytes = ASN1_STRING_get0_data(network);
        for (size_t j = 0; is_inside && j < len; j++)
            is_inside = (address[j] & bytes[len + j]) == bytes[j];
        ASN1_OCTET_STRING_free(network);
        if (is_inside)
            return true;
    }
    return false;
}

bool tls_authority_is_local(struct slice name)
{
    GENERAL_NAMES *names = NULL;
    if (made_names(&name, 1, &names) < 0)
        return false;
    const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, 0);
    bool is_local = false;
    if (one->type == GEN_IPADD)
        is_local = is_in_networks(ASN1_STRING_get0_data(one->d.iPAddress),
                                  (size_t)ASN1_STRING_length(one->d.iPAddress));
    for (size_t i = 0; one->type == GEN_DNS && !is_local && i < COUNT_OF(local_names); i++)
        is_local = is_below(name, slice_of_cstr(local_names[i]));
    GENERAL_NAMES_free(names);
    return is_local;
}

static bool reaches(const struct tls_authority *authority, const struct slice *names,
                    unsigned count)
{
    for (unsigned i = 0; authority->is_local && i < count; i++) {
        if (!tls_authority_is_local(names[i]))
            return false;
    }
    return true;
}

/* What people are shown. An address would be held against the constraints as if it were a host. */
static struct slice common_name_of(const GENERAL_NAMES *names, const struct slice *texts)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (sk_GENERAL_NAME_value(names, i)->type == GEN_DNS && texts[i].len <= NAME_BYTES_MAX)
            return texts[i];
    }
    return SLICE("Weir internal certificate");
}

static int make_leaf(const struct tls_authority *authority, EVP_PKEY *key, GENERAL_NAMES *names,
                     struct slice common_name, int64_t now_s, int64_t lifetime_s,
                     X509 **ret_certificate)
{
    static const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, "serverAuth"},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid"},
    };
    int64_t end_s = now_s + lifetime_s;
    if (end_s > authority->not_after_s)
        end_s = authority->not_after_s;
    X509 *leaf = made_certificate(key, now_s - BACKDATED_S, end_s);
    int rc = leaf == NULL ? -ENOMEM : made_subject(X509_get_subject_name(leaf), common_name);
    if (rc == 0 && X509_set_issuer_name(leaf, X509_get_subject_name(authority->certificate)) != 1)
        rc = -ENOMEM;
    if (rc == 0)
        rc = extend_all(leaf, authority->certificate, extensions, COUNT_OF(extensions));
    if (rc == 0 && X509_add1_ext_i2d(leaf, NID_subject_alt_name, names, 0, 0) != 1)
        rc = -ENOMEM;
    if (rc == 0)
        rc = made_sign(leaf, authority->key);
    ERR_clear_error();
    if (rc < 0)
        X509_free(leaf);
    else
        *ret_certificate = leaf;
    return rc;
}

int tls_authority_issue(const struct tls_authority *authority, const struct slice *names,
                        unsigned names_count, int64_t now_s, int64_t lifetime_s, struct buffer *pem)
{
    GENERAL_NAMES *all = NULL;
    X509 *leaf = NULL;
    int rc = made_names(names, names_count, &all);
    if (rc < 0)
        return rc;
    EVP_PKEY *key = NULL;
    if (!reaches(authority, names, names_count))
        rc = -EPERM;
    else if ((key = made_key()) == NULL)
        rc = -ENOMEM;
    if (rc == 0)
        rc = make_leaf(authority, key, all, common_name_of(all, names), now_s, lifetime_s, &leaf);
    size_t len_before = pem->len;
    if (rc == 0)
        rc = made_key_write(key, pem);
    if (rc == 0)
        rc = made_certificate_write(leaf, pem);
    if (rc < 0)
        pem->len = len_before;
    X509_free(leaf);
    EVP_PKEY_free(key);
    GENERAL_NAMES_free(all);
    return rc;
}
