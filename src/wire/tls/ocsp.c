/* OpenSSL's OCSP over the two certificates at the front of a chain. */
#include "wire/tls/ocsp.h"

#include "base/cleanup.h"
#include "wire/tls/made_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>

#define CHAIN_MAX 10

/* A certificate and who signed it. */
struct pair {
    X509 *leaf, *issuer;     /* owned */
    STACK_OF(X509) * others; /* owned; of the chain, the two included */
};

static void pair_finish(struct pair *pair)
{
    X509_free(pair->leaf);
    X509_free(pair->issuer);
    sk_X509_pop_free(pair->others, X509_free);
}

static int keep(struct pair *pair, X509 *certificate)
{
    if (!sk_X509_push(pair->others, certificate)) {
        X509_free(certificate);
        return -ENOMEM;
    }
    X509 **place = pair->leaf == NULL ? &pair->leaf : &pair->issuer;
    bool is_wanted =
        pair->leaf == NULL ||
        (pair->issuer == NULL && X509_check_issued(certificate, pair->leaf) == X509_V_OK);
    if (is_wanted && X509_up_ref(certificate) == 1)
        *place = certificate;
    return 0;
}

static int read_pair(struct slice pem, struct pair *pair)
{
    BIO *bio = pem.len > INT32_MAX ? NULL : BIO_new_mem_buf(pem.at, (int)pem.len);
    *pair = (struct pair){.others = sk_X509_new_null()};
    int rc = bio == NULL || pair->others == NULL ? -ENOMEM : 0;
    X509 *next = NULL;
    for (unsigned i = 0; rc == 0 && i < CHAIN_MAX; i++) {
        next = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (next == NULL)
            break;
        rc = keep(pair, next);
    }
    BIO_free(bio);
    ERR_clear_error();
    return rc < 0 ? rc : pair->issuer == NULL ? -ENOENT : 0;
}

static int append_request(OCSP_REQUEST *request, struct buffer *der)
{
    unsigned char *bytes = NULL;
    int len = i2d_OCSP_REQUEST(request, &bytes);
    int rc = len <= 0 ? -ENOMEM : buffer_append(der, slice_of(bytes, (size_t)len));
    OPENSSL_free(bytes);
    return rc;
}

/* By SHA-1, which names and protects nothing: many responders know no other (RFC 5019 §2.1.1). */
int tls_ocsp_ask(struct slice chain_pem, struct buffer *der)
{
    struct pair pair;
    int rc = read_pair(chain_pem, &pair);
    OCSP_REQUEST *request = rc == 0 ? OCSP_REQUEST_new() : NULL;
    OCSP_CERTID *id = request == NULL ? NULL : OCSP_cert_to_id(EVP_sha1(), pair.leaf, pair.issuer);
    if (rc == 0 && (id == NULL || OCSP_request_add0_id(request, id) == NULL)) {
        OCSP_CERTID_free(id);
        rc = -ENOMEM;
    }
    if (rc == 0)
        rc = append_request(request, der);
    OCSP_REQUEST_free(request);
    pair_finish(&pair);
    ERR_clear_error();
    return rc;
}

/* Who signed the certificate, or who was named by that one for the purpose: OpenSSL looks for the
 * extended key usage. */
static bool is_signed(OCSP_BASICRESP *basic, const struct pair *pair)
{
    X509_STORE *store = X509_STORE_new();
    bool is_good = store != NULL && X509_STORE_add_cert(store, pair->issuer) == 1 &&
                   X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
                   OCSP_basic_verify(basic, pair->others, store, 0) == 1;
    X509_STORE_free(store);
    return is_good;
}

static int64_t seconds_of(const ASN1_GENERALIZEDTIME *time)
{
    struct tm tm;
    return time == NULL || ASN1_TIME_to_tm(time, &tm) != 1 ? 0 : timegm(&tm);
}

static int find_status(OCSP_BASICRESP *basic, const struct pair *pair,
                       struct tls_ocsp_answer *ret_answer, struct error *error)
{
    ASN1_GENERALIZEDTIME *this_update = NULL, *next_update = NULL;
    int status = V_OCSP_CERTSTATUS_UNKNOWN;
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), pair->leaf, pair->issuer);
    bool is_there = id != NULL && OCSP_resp_find_status(basic, id, &status, NULL, NULL,
                                                        &this_update, &next_update) == 1;
    OCSP_CERTID_free(id);
    if (!is_there)
        return error_set(error, -EINVAL, "it is about another certificate");
    *ret_answer = (struct tls_ocsp_answer){
        .status = status == V_OCSP_CERTSTATUS_GOOD      ? TLS_OCSP_GOOD
                  : status == V_OCSP_CERTSTATUS_REVOKED ? TLS_OCSP_REVOKED
                                                        : TLS_OCSP_UNKNOWN,
        .this_update_s = seconds_of(this_update),
        .next_update_s = seconds_of(next_update),
    };
    return 0;
}

static int judge(const struct pair *pair, OCSP_RESPONSE *response,
                 struct tls_ocsp_answer *ret_answer, struct error *error)
{
    int status = OCSP_response_status(response);
    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        return error_set(error, -EINVAL, "the responder says: %s",
                         OCSP_response_status_str(status));
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    int rc = basic == NULL             ? error_set(error, -EINVAL, "it is of no known kind")
             : !is_signed(basic, pair) ? error_set(error, -EINVAL, "its signature is wrong")
                                       : find_status(basic, pair, ret_answer, error);
    OCSP_BASICRESP_free(basic);
    return rc;
}

int tls_ocsp_judge(struct slice chain_pem, struct slice der, struct tls_ocsp_answer *ret_answer,
                   struct error *ret_error)
{
    struct pair pair;
    const unsigned char *at = (const unsigned char *)der.at;
    int rc = read_pair(chain_pem, &pair);
    if (rc < 0)
        (void)error_set(ret_error, rc, "the chain does not hold who signed the certificate");
    OCSP_RESPONSE *response = rc < 0 || der.len > INT32_MAX || der.len == 0
                                  ? NULL
                                  : d2i_OCSP_RESPONSE(NULL, &at, (long)der.len);
    if (rc == 0)
        rc = response == NULL ? error_set(ret_error, -EINVAL, "it is no OCSP response")
                              : judge(&pair, response, ret_answer, ret_error);
    OCSP_RESPONSE_free(response);
    pair_finish(&pair);
    ERR_clear_error();
    return rc;
}
