/* The local authority: what it signs is verified by OpenSSL's library and by its program. */
#include "wire/tls/authority.h"

#include "unit.h"

#include "base/cleanup.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NOW_S  1800000000
#define DAYS_S ((int64_t)86400)

static struct tls_authority *make(enum tls_authority_reach reach)
{
    struct tls_authority *authority = NULL;
    assert_int_equal(tls_authority_create(reach, SLICE("laptop"), NOW_S, &authority), 0);
    return authority;
}

static X509 *certificate_of(struct slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(certificate);
    return certificate;
}

static X509 *root_of(const struct tls_authority *authority)
{
    struct buffer pem;
    buffer_init(&pem, AUTHORITY_PEM_BYTES_MAX);
    assert_int_equal(tls_authority_write_certificate(authority, &pem), 0);
    X509 *root = certificate_of(buffer_slice(&pem));
    buffer_finish(&pem);
    return root;
}

/* X509_V_OK, or why not: as a client that trusts the root alone, wants this name, at that time. */
static int verify(X509 *root, X509 *leaf, const char *host, const char *address, int64_t at_s)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_add_cert(store, root), 1);
    assert_int_equal(X509_STORE_CTX_init(context, store, leaf, NULL), 1);
    X509_VERIFY_PARAM *wanted = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(wanted, at_s);
    X509_VERIFY_PARAM_set_flags(wanted, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_purpose(wanted, X509_PURPOSE_SSL_SERVER);
    if (host != NULL)
        X509_VERIFY_PARAM_set1_host(wanted, host, 0);
    if (address != NULL)
        X509_VERIFY_PARAM_set1_ip_asc(wanted, address);
    (void)X509_verify_cert(context);
    int error = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return error;
}

static int issue(const struct tls_authority *authority, struct slice name, struct buffer *pem)
{
    buffer_init(pem, AUTHORITY_PEM_BYTES_MAX);
    return tls_authority_issue(authority, &name, 1, NOW_S, 90 * DAYS_S, pem);
}

static void test_what_it_signs_is_valid_for_its_names_and_its_time(void **state)
{
    (void)state;
    const struct slice names[] = {SLICE("notes.localhost"), SLICE("*.notes.localhost"),
                                  SLICE("127.0.0.1"), SLICE("[::1]"), SLICE("192.168.3.4")};
    struct tls_authority *authority = make(TLS_AUTHORITY_LOCAL);
    SCOPED(buffer_finish) struct buffer pem;
    buffer_init(&pem, AUTHORITY_PEM_BYTES_MAX);
    assert_int_equal(
        tls_authority_issue(authority, names, COUNT_OF(names), NOW_S, 90 * DAYS_S, &pem), 0);
    assert_true(slice_starts_with(buffer_slice(&pem), SLICE("-----BEGIN PRIVATE KEY-----\n")));
    X509 *root = root_of(authority), *leaf = certificate_of(buffer_slice(&pem));
    assert_int_equal(verify(root, leaf, "notes.localhost", NULL, NOW_S), X509_V_OK);
    assert_int_equal(verify(root, leaf, "a.notes.localhost", NULL, NOW_S), X509_V_OK);
    assert_int_equal(verify(root, leaf, NULL, "127.0.0.1", NOW_S), X509_V_OK);
    assert_int_equal(verify(root, leaf, NULL, "::1", NOW_S), X509_V_OK);
    assert_int_equal(verify(root, leaf, NULL, "192.168.3.4", NOW_S - 3000), X509_V_OK);
    assert_int_equal(verify(root, leaf, NULL, "192.168.3.4", NOW_S + 89 * DAYS_S), X509_V_OK);
    assert_int_equal(verify(root, leaf, "other.localhost", NULL, NOW_S),
                     X509_V_ERR_HOSTNAME_MISMATCH);
    assert_int_equal(verify(root, leaf, NULL, NULL, NOW_S + 91 * DAYS_S),
                     X509_V_ERR_CERT_HAS_EXPIRED);
    assert_int_equal(X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0), 0);
    X509_free(leaf);
    X509_free(root);
    tls_authority_destroy(authority);
}

static void test_the_key_fits_and_each_is_new(void **state)
{
    (void)state;
    struct tls_authority *authority = make(TLS_AUTHORITY_LOCAL);
    struct buffer one, two;
    assert_int_equal(issue(authority, SLICE("localhost"), &one), 0);
    assert_int_equal(issue(authority, SLICE("localhost"), &two), 0);
    BIO *bio = BIO_new_mem_buf(one.at, (int)one.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    X509 *first = certificate_of(buffer_slice(&one)), *second = certificate_of(buffer_slice(&two));
    assert_int_equal(X509_check_private_key(first, key), 1);
    assert_int_equal(X509_check_private_key(second, key), 0);
    assert_int_not_equal(
        ASN1_INTEGER_cmp(X509_get0_serialNumber(first), X509_get0_serialNumber(second)), 0);
    X509_free(first);
    X509_free(second);
    EVP_PKEY_free(key);
    BIO_free(bio);
    buffer_finish(&one);
    buffer_finish(&two);
    tls_authority_destroy(authority);
}

static void test_a_local_one_signs_for_nobody_else(void **state)
{
    (void)state;
    static const struct slice refused[] = {
        SLICE("example.org"), SLICE("localhost.example.org"), SLICE("notlocalhost"),
        SLICE("8.8.8.8"),     SLICE("2001:db8::1"),           SLICE("172.32.0.1"),
    };
    static const struct slice taken[] = {
        SLICE("localhost"), SLICE("a.b.local"),    SLICE("x.internal"),  SLICE("nas.lan"),
        SLICE("10.1.2.3"),  SLICE("172.31.255.1"), SLICE("fd00::1"),     SLICE("[fe80::1]"),
        SLICE("home.arpa"), SLICE("*.x.test"),     SLICE("169.254.1.1"), SLICE("100.64.0.1"),
    };
    struct tls_authority *local = make(TLS_AUTHORITY_LOCAL), *open = make(TLS_AUTHORITY_OPEN);
    X509 *root = root_of(local);
    struct buffer pem;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        assert_false(tls_authority_is_local(refused[i]));
        assert_int_equal(issue(local, refused[i], &pem), -EPERM);
        assert_int_equal(pem.len, 0);
        assert_int_equal(issue(open, refused[i], &pem), 0);
        buffer_finish(&pem);
    }
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        assert_true(tls_authority_is_local(taken[i]));
        assert_int_equal(issue(local, taken[i], &pem), 0);
        X509 *leaf = certificate_of(buffer_slice(&pem));
        assert_int_equal(verify(root, leaf, NULL, NULL, NOW_S), X509_V_OK);
        X509_free(leaf);
        buffer_finish(&pem);
    }
    X509_free(root);
    tls_authority_destroy(local);
    tls_authority_destroy(open);
}

/* Whoever steals the key of a local one gains nothing against those who trust it. */
static void test_clients_hold_a_local_one_to_its_names(void **state)
{
    (void)state;
    struct tls_authority *local = make(TLS_AUTHORITY_LOCAL);
    struct buffer pem;
    buffer_init(&pem, AUTHORITY_PEM_BYTES_MAX);
    assert_int_equal(tls_authority_write(local, &pem), 0);
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    X509 *root = root_of(local), *leaf = X509_new();
    X509_set_version(leaf, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(leaf), 7);
    ASN1_TIME_set(X509_getm_notBefore(leaf), NOW_S);
    ASN1_TIME_set(X509_getm_notAfter(leaf), NOW_S + DAYS_S);
    X509_set_pubkey(leaf, key);
    X509_set_issuer_name(leaf, X509_get_subject_name(root));
    X509V3_CTX context;
    X509V3_set_ctx(&context, root, leaf, NULL, NULL, 0);
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, "critical,DNS:bank.example.com");
    X509_add_ext(leaf, names, -1);
    X509_EXTENSION_free(names);
    X509_EXTENSION *issuer =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid");
    X509_add_ext(leaf, issuer, -1);
    X509_EXTENSION_free(issuer);
    assert_true(X509_sign(leaf, key, EVP_sha256()) > 0);
    assert_int_equal(verify(root, leaf, NULL, NULL, NOW_S + 10), X509_V_ERR_PERMITTED_VIOLATION);
    X509_free(leaf);
    X509_free(root);
    EVP_PKEY_free(key);
    BIO_free(bio);
    buffer_finish(&pem);
    tls_authority_destroy(local);
}

static void test_it_is_written_and_read_again(void **state)
{
    (void)state;
    struct tls_authority *authority = make(TLS_AUTHORITY_LOCAL), *again = NULL;
    struct error error = {0};
    SCOPED(buffer_finish) struct buffer pem;
    struct buffer leaf_pem;
    buffer_init(&pem, AUTHORITY_PEM_BYTES_MAX);
    assert_int_equal(tls_authority_write(authority, &pem), 0);
    assert_int_equal(tls_authority_parse(buffer_slice(&pem), &again, &error), 0);
    assert_memory_equal(tls_authority_digest(authority), tls_authority_digest(again), 32);
    assert_true(slice_equal(tls_authority_name(again), SLICE("Weir local authority laptop")));
    assert_int_equal(tls_authority_not_after_s(again), NOW_S + 10 * 365 * DAYS_S);
    X509 *root = root_of(authority);
    assert_int_equal(issue(again, SLICE("localhost"), &leaf_pem), 0);
    X509 *leaf = certificate_of(buffer_slice(&leaf_pem));
    assert_int_equal(verify(root, leaf, "localhost", NULL, NOW_S), X509_V_OK);
    buffer_finish(&leaf_pem);
    assert_int_equal(issue(again, SLICE("example.org"), &leaf_pem), -EPERM);
    X509_free(leaf);
    X509_free(root);
    buffer_finish(&leaf_pem);
    tls_authority_destroy(authority);
    tls_authority_destroy(again);
}

static void test_what_is_none_is_refused_with_words(void **state)
{
    (void)state;
    struct tls_authority *authority = make(TLS_AUTHORITY_OPEN), *other = make(TLS_AUTHORITY_OPEN);
    struct tls_authority *none = NULL;
    struct error error = {0};
    SCOPED(buffer_finish) struct buffer pem, mixed;
    struct buffer leaf;
    buffer_init(&pem, AUTHORITY_PEM_BYTES_MAX);
    buffer_init(&mixed, AUTHORITY_PEM_BYTES_MAX);
    assert_int_equal(tls_authority_write(authority, &pem), 0);
    ptrdiff_t at = slice_search(buffer_slice(&pem), SLICE("-----BEGIN CERTIFICATE-----"));
    struct slice key = slice_first(buffer_slice(&pem), (size_t)at);
    assert_int_equal(tls_authority_parse(key, &none, &error), -EINVAL);
    assert_string_equal(error.text, "there is no certificate in it");
    assert_int_equal(tls_authority_parse(slice_from(buffer_slice(&pem), (size_t)at), &none, &error),
                     -EINVAL);
    assert_string_equal(error.text, "there is no private key in it");
    assert_int_equal(buffer_append(&mixed, key), 0);
    assert_int_equal(tls_authority_write_certificate(other, &mixed), 0);
    assert_int_equal(tls_authority_parse(buffer_slice(&mixed), &none, &error), -EINVAL);
    assert_string_equal(error.text, "its key belongs to another certificate");
    assert_int_equal(issue(authority, SLICE("localhost"), &leaf), 0);
    assert_int_equal(tls_authority_parse(buffer_slice(&leaf), &none, &error), -EINVAL);
    assert_string_equal(error.text, "its certificate is that of no authority");
    assert_null(none);
    buffer_finish(&leaf);
    tls_authority_destroy(authority);
    tls_authority_destroy(other);
}

static void test_names_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct slice wrong[] = {SLICE(""),         SLICE("a b"), SLICE("x*.localhost"),
                                         SLICE("a.*.test"), SLICE("*."),  SLICE("a\0b.test")};
    struct tls_authority *authority = make(TLS_AUTHORITY_OPEN);
    struct buffer pem;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(issue(authority, wrong[i], &pem), -EINVAL);
        assert_int_equal(pem.len, 0);
    }
    buffer_init(&pem, AUTHORITY_PEM_BYTES_MAX);
    assert_int_equal(tls_authority_issue(authority, NULL, 0, NOW_S, DAYS_S, &pem), -EINVAL);
    tls_authority_destroy(authority);
}

/* X.520 has room for 64 bytes in a name. */
static void test_long_names_fit(void **state)
{
    (void)state;
    struct slice host =
        SLICE("a-machine-with-a-name-that-is-far-longer-than-what-fits.example.org");
    struct slice name =
        SLICE("a-name-that-is-far-longer-than-what-fits-into-sixty-four-bytes-of-it.example.org");
    struct tls_authority *authority = NULL;
    struct buffer pem;
    assert_int_equal(tls_authority_create(TLS_AUTHORITY_OPEN, host, NOW_S, &authority), 0);
    assert_int_equal(tls_authority_name(authority).len, 64);
    assert_int_equal(issue(authority, name, &pem), 0);
    X509 *root = root_of(authority), *leaf = certificate_of(buffer_slice(&pem));
    assert_int_equal(verify(root, leaf, name.at, NULL, NOW_S), X509_V_OK);
    X509_free(leaf);
    X509_free(root);
    buffer_finish(&pem);
    tls_authority_destroy(authority);
}

static void test_a_certificate_does_not_outlive_its_authority(void **state)
{
    (void)state;
    struct tls_authority *authority = make(TLS_AUTHORITY_LOCAL);
    struct buffer pem;
    struct slice name = SLICE("localhost");
    int64_t late_s = NOW_S + 10 * 365 * DAYS_S - 3 * DAYS_S;
    buffer_init(&pem, AUTHORITY_PEM_BYTES_MAX);
    assert_int_equal(tls_authority_issue(authority, &name, 1, late_s, 90 * DAYS_S, &pem), 0);
    X509 *leaf = certificate_of(buffer_slice(&pem));
    struct tm end;
    assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &end), 1);
    assert_int_equal(timegm(&end), tls_authority_not_after_s(authority));
    X509_free(leaf);
    buffer_finish(&pem);
    tls_authority_destroy(authority);
}

static void write_file(const char *folder, const char *name, struct slice text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.at, 1, text.len, file), text.len);
    assert_int_equal(fclose(file), 0);
}

static void test_the_openssl_program_verifies_it(void **state)
{
    (void)state;
    char folder[] = "/tmp/weir-authority-XXXXXX", command[1024];
    assert_non_null(mkdtemp(folder));
    struct tls_authority *authority = NULL;
    struct buffer root, leaf;
    struct slice name = SLICE("notes.localhost");
    assert_int_equal(
        tls_authority_create(TLS_AUTHORITY_LOCAL, SLICE("laptop"), time(NULL), &authority), 0);
    buffer_init(&root, AUTHORITY_PEM_BYTES_MAX);
    buffer_init(&leaf, AUTHORITY_PEM_BYTES_MAX);
    assert_int_equal(tls_authority_write_certificate(authority, &root), 0);
    assert_int_equal(tls_authority_issue(authority, &name, 1, time(NULL), 90 * DAYS_S, &leaf), 0);
    write_file(folder, "root.pem", buffer_slice(&root));
    write_file(folder, "leaf.pem", buffer_slice(&leaf));
    (void)snprintf(command, sizeof command,
                   "cd %s && openssl verify -x509_strict -purpose sslserver -verify_hostname %s "
                   "-CAfile root.pem leaf.pem >verified 2>&1",
                   folder, name.at);
    assert_int_equal(system(command), 0);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    buffer_finish(&root);
    buffer_finish(&leaf);
    tls_authority_destroy(authority);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_signs_is_valid_for_its_names_and_its_time),
        cmocka_unit_test(test_the_key_fits_and_each_is_new),
        cmocka_unit_test(test_a_local_one_signs_for_nobody_else),
        cmocka_unit_test(test_clients_hold_a_local_one_to_its_names),
        cmocka_unit_test(test_it_is_written_and_read_again),
        cmocka_unit_test(test_what_is_none_is_refused_with_words),
        cmocka_unit_test(test_names_that_are_none_are_refused),
        cmocka_unit_test(test_long_names_fit),
        cmocka_unit_test(test_a_certificate_does_not_outlive_its_authority),
        cmocka_unit_test(test_the_openssl_program_verifies_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
