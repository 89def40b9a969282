/* The extension is an OCTET STRING in a critical extension of the type acmeIdentifier. */
#include "wire/acme/proof.h"

#include "wire/tls/made_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#define DAY_S ((int64_t)86400)

static int add_digest(X509 *certificate, struct slice authorization)
{
    unsigned char value[2 + SHA256_DIGEST_LENGTH] = {V_ASN1_OCTET_STRING, SHA256_DIGEST_LENGTH};
    ASN1_OBJECT *type = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;
    int rc = -ENOMEM;
    (void)SHA256((const unsigned char *)authorization.at, authorization.len, value + 2);
    if (type != NULL && octets != NULL && ASN1_OCTET_STRING_set(octets, value, sizeof value) == 1 &&
        (extension = X509_EXTENSION_create_by_OBJ(NULL, type, 1, octets)) != NULL &&
        X509_add_ext(certificate, extension, -1) == 1)
        rc = 0;
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(type);
    return rc;
}

static int make(EVP_PKEY *key, GENERAL_NAMES *names, struct slice authorization, int64_t now_s,
                X509 **ret_certificate)
{
    X509 *certificate = made_certificate(key, now_s - DAY_S, now_s + DAY_S);
    int rc = certificate == NULL
                 ? -ENOMEM
                 : made_subject(X509_get_subject_name(certificate), SLICE("ACME challenge"));
    if (rc == 0 && X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) != 1)
        rc = -ENOMEM;
    if (rc == 0 && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) != 1)
        rc = -ENOMEM;
    if (rc == 0)
        rc = add_digest(certificate, authorization);
    if (rc == 0)
        rc = made_sign(certificate, key);
    *ret_certificate = certificate;
    return rc;
}

int acme_proof_write(struct slice name, struct slice authorization, int64_t now_s,
                     struct buffer *pem)
{
    GENERAL_NAMES *names = NULL;
    X509 *certificate = NULL;
    int rc = made_names(&name, 1, &names);
    if (rc < 0)
        return rc;
    EVP_PKEY *key = made_key();
    rc = key == NULL ? -ENOMEM : make(key, names, authorization, now_s, &certificate);
    size_t len_before = pem->len;
    if (rc == 0)
        rc = made_key_write(key, pem);
    if (rc == 0)
        rc = made_certificate_write(certificate, pem);
    if (rc < 0)
        pem->len = len_before;
    X509_free(certificate);
    EVP_PKEY_free(key);
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return rc;
}
