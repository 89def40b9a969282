/* The names stand in an extension that the request asks for; authorities look at nothing else. */
#include "wire/tls/request.h"

#include "wire/tls/made_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#define RSA_BITS 2048

int tls_request_key(enum tls_key_kind kind, struct buffer *pem)
{
    if (kind != TLS_KEY_ECDSA && kind != TLS_KEY_RSA)
        return -EINVAL;
    EVP_PKEY *key = kind == TLS_KEY_RSA ? EVP_RSA_gen(RSA_BITS) : made_key();
    int rc = key == NULL ? -ENOMEM : made_key_write(key, pem);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rc;
}

static int ask_for_names(X509_REQ *request, GENERAL_NAMES *names)
{
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    bool is_added = X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, 0) == 1 &&
                    X509_REQ_add_extensions(request, extensions) == 1;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return is_added ? 0 : -ENOMEM;
}

static int append_der(X509_REQ *request, struct buffer *der)
{
    unsigned char *bytes = NULL;
    int len = i2d_X509_REQ(request, &bytes);
    int rc = len <= 0 ? -ENOMEM : buffer_append(der, slice_of(bytes, (size_t)len));
    OPENSSL_free(bytes);
    return rc;
}

int tls_request_write(struct slice key_pem, const struct slice *names, unsigned names_count,
                      struct buffer *der)
{
    GENERAL_NAMES *all = NULL;
    EVP_PKEY *key = made_key_read(key_pem);
    int rc = key == NULL ? -EINVAL : made_names(names, names_count, &all);
    X509_REQ *request = rc == 0 ? X509_REQ_new() : NULL;
    if (rc == 0 && (request == NULL || X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
                    X509_REQ_set_pubkey(request, key) != 1))
        rc = -ENOMEM;
    if (rc == 0)
        rc = ask_for_names(request, all);
    if (rc == 0 && X509_REQ_sign(request, key, EVP_sha256()) <= 0)
        rc = -ENOMEM;
    if (rc == 0)
        rc = append_der(request, der);
    X509_REQ_free(request);
    GENERAL_NAMES_free(all);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return rc;
}
