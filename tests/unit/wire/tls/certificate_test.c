/* What is taken for a certificate and its key, and what is said of what is not. */
#include "tls_unit.h"

#include "base/memory.h"
#include "wire/tls/certificate.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static struct made first, second;

static int make(void **state)
{
    (void)state;
    make_certificate(&first, "DNS:A.example,DNS:*.b.example,IP:10.0.0.1,email:a@b.example",
                     MADE_EC);
    make_certificate(&second, "DNS:c.example", MADE_RSA_2048);
    return 0;
}

static int away(void **state)
{
    (void)state;
    made_free(&first);
    made_free(&second);
    return 0;
}

static struct tls_certificate *parse(const char *chain, const char *key)
{
    struct tls_certificate *certificate = NULL;
    struct error error = {0};
    int rc = tls_certificate_parse(slice_of_cstr(chain), slice_of_cstr(key), &certificate, &error);
    if (rc < 0)
        fail_msg("%s", error.text);
    return certificate;
}

static void expect_refusal(const char *chain, const char *key, const char *words)
{
    struct tls_certificate *certificate = NULL;
    struct error error = {0};
    assert_int_equal(
        tls_certificate_parse(slice_of_cstr(chain), slice_of_cstr(key), &certificate, &error),
        -EINVAL);
    assert_null(certificate);
    if (strstr(error.text, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, error.text);
}

static void names_are_those_of_the_extension(void **state)
{
    (void)state;
    struct tls_certificate *certificate = parse(first.chain, first.key_pem);
    assert_int_equal(tls_certificate_key_kind(certificate), TLS_KEY_ECDSA);
    assert_int_equal(tls_certificate_names_count(certificate), 2);
    assert_true(slice_equal(tls_certificate_name(certificate, 0), SLICE("a.example")));
    assert_true(slice_equal(tls_certificate_name(certificate, 1), SLICE("*.b.example")));
    assert_true(tls_certificate_covers(certificate, SLICE("a.example")));
    assert_true(tls_certificate_covers(certificate, SLICE("x.b.example")));
    assert_true(tls_certificate_covers(certificate, SLICE("*.b.example")));
    assert_true(tls_certificate_covers(certificate, SLICE("10.0.0.1")));
    static const struct slice others[] = {
        SLICE("b.example"), SLICE("x.y.b.example"), SLICE(".b.example"),
        SLICE("test"),      SLICE("10.0.0.2"),      SLICE(""),
        SLICE("example"),
    };
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(tls_certificate_covers(certificate, others[i]));
    tls_certificate_unref(certificate);
}

static void times_and_digest_are_told(void **state)
{
    (void)state;
    int64_t now_s = time(NULL);
    struct tls_certificate *one = parse(first.chain, first.key_pem);
    struct tls_certificate *other = parse(second.chain, second.key_pem);
    assert_true(llabs(tls_certificate_not_before_s(one) - (now_s - 1800)) < 60);
    assert_true(llabs(tls_certificate_not_after_s(one) - (now_s + 1800)) < 60);
    assert_memory_not_equal(tls_certificate_digest(one), tls_certificate_digest(other), 32);
    assert_int_equal(tls_certificate_key_kind(other), TLS_KEY_RSA);
    assert_int_equal(tls_certificate_ocsp_url(one).len, 0);
    tls_certificate_unref(tls_certificate_ref(one));
    tls_certificate_unref(one);
    tls_certificate_unref(other);
    tls_certificate_unref(NULL);
}

static void key_and_chain_may_stand_in_one_text(void **state)
{
    char all[3 * PEM_BYTES];
    (void)state;
    (void)snprintf(all, sizeof all, "%s%s%s", first.key_pem, first.chain, second.chain);
    tls_certificate_unref(parse(all, all));
}

static void each_defect_has_its_words(void **state)
{
    char damaged[PEM_BYTES];
    (void)state;
    struct made weak;
    make_certificate(&weak, "DNS:a.example", MADE_RSA_1024);
    (void)snprintf(damaged, sizeof damaged, "%s", first.chain);
    memcpy(strstr(damaged, "\n") + 5, "!!!!", 4);
    expect_refusal("", first.key_pem, "there is no certificate in it");
    expect_refusal("nonsense", first.key_pem, "there is no certificate in it");
    expect_refusal(damaged, first.key_pem, "damaged");
    expect_refusal(first.chain, "", "no private key");
    expect_refusal(first.chain, first.chain, "no private key");
    expect_refusal(first.chain, second.key_pem, "belongs to another certificate");
    expect_refusal(weak.chain, weak.key_pem, "1024 bits");
    made_free(&weak);
}

static void a_passphrase_is_not_asked_for(void **state)
{
    char text[PEM_BYTES];
    (void)state;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(
        PEM_write_bio_PKCS8PrivateKey(bio, first.key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL),
        1);
    int len = BIO_read(bio, text, PEM_BYTES - 1);
    text[len] = '\0';
    BIO_free(bio);
    expect_refusal(first.chain, text, "passphrase");
    /* And in the form of old. */
    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, first.key, EVP_aes_128_cbc(),
                                                          (const unsigned char *)"secret", 6, NULL,
                                                          NULL),
                     1);
    len = BIO_read(bio, text, PEM_BYTES - 1);
    text[len] = '\0';
    BIO_free(bio);
    expect_refusal(first.chain, text, "passphrase");
}

/* Of old: "EC PRIVATE KEY", behind "EC PARAMETERS" as openssl writes them, and "RSA PRIVATE KEY".
 */
static void keys_of_all_forms_are_read(void **state)
{
    (void)state;
    static const char parameters[] = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                                     "-----END EC PARAMETERS-----\n";
    const struct made *all[] = {&first, &second};
    for (size_t i = 0; i < 2; i++) {
        struct tls_certificate *certificate = NULL;
        char text[PEM_BYTES];
        BIO *bio = BIO_new(BIO_s_mem());
        assert_true(BIO_puts(bio, parameters) > 0);
        assert_int_equal(
            PEM_write_bio_PrivateKey_traditional(bio, all[i]->key, NULL, NULL, 0, NULL, NULL), 1);
        int len = BIO_read(bio, text, PEM_BYTES - 1);
        text[len] = '\0';
        BIO_free(bio);
        assert_non_null(strstr(text, i == 0 ? "BEGIN EC PRIVATE KEY" : "BEGIN RSA PRIVATE KEY"));
        assert_int_equal(tls_certificate_parse(slice_of_cstr(all[i]->chain), slice_of_cstr(text),
                                               &certificate, NULL),
                         0);
        tls_certificate_unref(certificate);
    }
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    int rc = -ENOMEM;
    for (long n = 1; rc == -ENOMEM; n++) {
        struct tls_certificate *certificate = NULL;
        memory_fail_from(n);
        rc = tls_certificate_parse(slice_of_cstr(first.chain), slice_of_cstr(first.key_pem),
                                   &certificate, NULL);
        memory_fail_from(0);
        tls_certificate_unref(certificate);
        assert_true(n < 100);
    }
    assert_int_equal(rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_extension),
        cmocka_unit_test(times_and_digest_are_told),
        cmocka_unit_test(key_and_chain_may_stand_in_one_text),
        cmocka_unit_test(each_defect_has_its_words),
        cmocka_unit_test(a_passphrase_is_not_asked_for),
        cmocka_unit_test(keys_of_all_forms_are_read),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, make, away);
}
