/* Certificates made on the spot, for tests of TLS. */
#pragma once

#include "unit.h"

#include "base/slice.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define PEM_BYTES 8192

struct made {
    EVP_PKEY *key;
    X509 *leaf;
    char chain[PEM_BYTES];
    char key_pem[PEM_BYTES];
};

enum { MADE_EC, MADE_RSA_2048, MADE_RSA_1024 };

static inline EVP_PKEY *make_key(int kind)
{
    EVP_PKEY *key =
        kind == MADE_EC ? EVP_EC_gen("P-256") : EVP_RSA_gen(kind == MADE_RSA_2048 ? 2048u : 1024u);
    assert_non_null(key);
    return key;
}

static inline void add_extension(X509 *leaf, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(leaf, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline void write_pem(struct made *made)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, made->leaf), 1);
    int len = BIO_read(bio, made->chain, PEM_BYTES - 1);
    assert_true(len > 0);
    made->chain[len] = '\0';
    assert_int_equal(PEM_write_bio_PrivateKey(bio, made->key, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_read(bio, made->key_pem, PEM_BYTES - 1);
    assert_true(len > 0);
    made->key_pem[len] = '\0';
    BIO_free(bio);
}

/*
 * Signed by `issuer`, or by itself when that is NULL. `names` is as openssl.cnf(5) has it:
 * "DNS:a,IP:10.0.0.1"; NULL: an authority. Valid for an hour around now.
 */
static inline void make_signed(struct made *made, const char *common_name, const char *names,
                               int kind, const struct made *issuer)
{
    made->key = make_key(kind);
    made->leaf = X509_new();
    X509_set_version(made->leaf, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made->leaf), issuer == NULL ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(made->leaf), -1800);
    X509_gmtime_adj(X509_getm_notAfter(made->leaf), 1800);
    X509_set_pubkey(made->leaf, made->key);
    X509_NAME *subject = X509_get_subject_name(made->leaf);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1,
                               -1, 0);
    X509_set_issuer_name(made->leaf,
                         issuer == NULL ? subject : X509_get_subject_name(issuer->leaf));
    if (names != NULL)
        add_extension(made->leaf, NID_subject_alt_name, names);
    else
        add_extension(made->leaf, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(made->leaf, issuer == NULL ? made->key : issuer->key, EVP_sha256()) > 0);
    write_pem(made);
}

static inline void make_certificate(struct made *made, const char *names, int kind)
{
    make_signed(made, "test", names, kind, NULL);
}

static inline void made_free(struct made *made)
{
    EVP_PKEY_free(made->key);
    X509_free(made->leaf);
}
