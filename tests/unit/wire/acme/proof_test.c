/* The certificate of TLS-ALPN-01, looked at as an authority does (RFC 8737 §3). */
#include "wire/acme/proof.h"

#include "unit.h"

#include "base/cleanup.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <string.h>

#define NOW_S 1800000000

static void test_it_holds_the_digest_and_the_name_alone(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer pem;
    buffer_init(&pem, 65536);
    struct slice authorization = SLICE("token.thumbprint");
    assert_int_equal(acme_proof_write(SLICE("www.example.org"), authorization, NOW_S, &pem), 0);
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_int_equal(X509_check_private_key(certificate, key), 1);
    assert_int_equal(X509_verify(certificate, key), 1);
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    assert_int_equal(sk_GENERAL_NAME_num(names), 1);
    assert_int_equal(X509_check_host(certificate, "www.example.org", 0, 0, NULL), 1);
    ASN1_OBJECT *type = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    int at = X509_get_ext_by_OBJ(certificate, type, -1);
    assert_true(at >= 0);
    X509_EXTENSION *extension = X509_get_ext(certificate, at);
    assert_int_equal(X509_EXTENSION_get_critical(extension), 1);
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
    unsigned char wanted[34] = {4, 32};
    (void)SHA256((const unsigned char *)authorization.at, authorization.len, wanted + 2);
    assert_int_equal(ASN1_STRING_length(value), sizeof wanted);
    assert_memory_equal(ASN1_STRING_get0_data(value), wanted, sizeof wanted);
    ASN1_OBJECT_free(type);
    GENERAL_NAMES_free(names);
    X509_free(certificate);
    EVP_PKEY_free(key);
    BIO_free(bio);
}

static void test_what_is_no_name_is_refused(void **state)
{
    (void)state;
    SCOPED(buffer_finish) struct buffer pem;
    buffer_init(&pem, 65536);
    assert_int_equal(acme_proof_write(SLICE("a b"), SLICE("x"), NOW_S, &pem), -EINVAL);
    assert_int_equal(pem.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_holds_the_digest_and_the_name_alone),
        cmocka_unit_test(test_what_is_no_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
