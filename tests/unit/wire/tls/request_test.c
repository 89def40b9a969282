/* Requests for certificates, read again by OpenSSL. */
#include "wire/tls/request.h"

#include "unit.h"

#include "base/cleanup.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void test_one_kind_of_key(enum tls_key_kind kind, int id)
{
    const struct slice names[] = {SLICE("example.org"), SLICE("*.example.org"), SLICE("192.0.2.1")};
    SCOPED(buffer_finish) struct buffer pem;
    SCOPED(buffer_finish) struct buffer der;
    buffer_init(&pem, 65536);
    buffer_init(&der, 65536);
    assert_int_equal(tls_request_key(kind, &pem), 0);
    assert_int_equal(tls_request_write(buffer_slice(&pem), names, COUNT_OF(names), &der), 0);
    const unsigned char *at = (const unsigned char *)der.at;
    X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)der.len);
    assert_non_null(request);
    EVP_PKEY *key = X509_REQ_get_pubkey(request);
    assert_int_equal(EVP_PKEY_get_base_id(key), id);
    assert_int_equal(X509_REQ_verify(request, key), 1);
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    GENERAL_NAMES *all = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
    assert_int_equal(sk_GENERAL_NAME_num(all), 3);
    assert_int_equal(sk_GENERAL_NAME_value(all, 1)->type, GEN_DNS);
    assert_int_equal(sk_GENERAL_NAME_value(all, 2)->type, GEN_IPADD);
    GENERAL_NAMES_free(all);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    EVP_PKEY_free(key);
    X509_REQ_free(request);
}

static void test_both_kinds_of_keys(void **state)
{
    (void)state;
    test_one_kind_of_key(TLS_KEY_ECDSA, EVP_PKEY_EC);
    test_one_kind_of_key(TLS_KEY_RSA, EVP_PKEY_RSA);
}

static void test_what_is_none_is_refused(void **state)
{
    (void)state;
    struct slice name = SLICE("example.org"), wrong = SLICE("a b");
    SCOPED(buffer_finish) struct buffer pem;
    SCOPED(buffer_finish) struct buffer der;
    buffer_init(&pem, 65536);
    buffer_init(&der, 65536);
    assert_int_equal(tls_request_key(TLS_KEY_ED25519, &pem), -EINVAL);
    assert_int_equal(tls_request_key(TLS_KEY_ECDSA, &pem), 0);
    assert_int_equal(tls_request_write(SLICE("no key"), &name, 1, &der), -EINVAL);
    assert_int_equal(tls_request_write(buffer_slice(&pem), &wrong, 1, &der), -EINVAL);
    assert_int_equal(tls_request_write(buffer_slice(&pem), NULL, 0, &der), -EINVAL);
    assert_int_equal(der.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_kinds_of_keys),
        cmocka_unit_test(test_what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
