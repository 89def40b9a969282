/* Questions and answers of OCSP, the other side played by OpenSSL. */
#include "wire/tls/ocsp.h"

#include "unit.h"

#include "base/cleanup.h"
#include "wire/tls/authority.h"

#include <errno.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <time.h>

#define DAY_S ((int64_t)86400)

/* An authority, and a certificate of it with its chain. */
struct world {
    struct tls_authority *authority;
    X509 *root, *leaf;
    EVP_PKEY *key; /* the authority's */
    struct buffer chain;
};

static EVP_PKEY *key_of(const struct buffer *pem)
{
    BIO *bio = BIO_new_mem_buf(pem->at, (int)pem->len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return key;
}

static X509 *certificate_of(const struct buffer *pem)
{
    BIO *bio = BIO_new_mem_buf(pem->at, (int)pem->len);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return certificate;
}

static void make(struct world *world)
{
    struct buffer pem;
    struct slice name = SLICE("example.org");
    buffer_init(&pem, AUTHORITY_PEM_BYTES_MAX);
    buffer_init(&world->chain, AUTHORITY_PEM_BYTES_MAX);
    assert_int_equal(
        tls_authority_create(TLS_AUTHORITY_OPEN, SLICE("x"), time(NULL), &world->authority), 0);
    assert_int_equal(tls_authority_write(world->authority, &pem), 0);
    world->key = key_of(&pem);
    world->root = certificate_of(&pem);
    assert_int_equal(
        tls_authority_issue(world->authority, &name, 1, time(NULL), 90 * DAY_S, &world->chain), 0);
    world->leaf = certificate_of(&world->chain);
    assert_int_equal(tls_authority_write_certificate(world->authority, &world->chain), 0);
    buffer_finish(&pem);
}

static void end(struct world *world)
{
    tls_authority_destroy(world->authority);
    X509_free(world->root);
    X509_free(world->leaf);
    EVP_PKEY_free(world->key);
    buffer_finish(&world->chain);
}

static void respond(const struct world *world, const struct world *signer, int status,
                    struct buffer *der)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), world->leaf, world->root);
    ASN1_TIME *now = X509_gmtime_adj(NULL, 0), *later = X509_gmtime_adj(NULL, 3600);
    assert_non_null(OCSP_basic_add1_status(basic, id, status, 0, now, now, later));
    assert_int_equal(
        OCSP_basic_sign(basic, signer->root, signer->key, EVP_sha256(), NULL, OCSP_NOCERTS), 1);
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    unsigned char *bytes = NULL;
    int len = i2d_OCSP_RESPONSE(response, &bytes);
    buffer_init(der, 65536);
    assert_int_equal(buffer_append(der, slice_of(bytes, (size_t)len)), 0);
    OPENSSL_free(bytes);
    ASN1_TIME_free(now);
    ASN1_TIME_free(later);
    OCSP_CERTID_free(id);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
}

static void the_question_names_the_certificate(void **state)
{
    (void)state;
    struct world world;
    SCOPED(buffer_finish) struct buffer der;
    buffer_init(&der, 65536);
    make(&world);
    assert_int_equal(tls_ocsp_ask(buffer_slice(&world.chain), &der), 0);
    const unsigned char *at = (const unsigned char *)der.at;
    OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &at, (long)der.len);
    assert_int_equal(OCSP_request_onereq_count(request), 1);
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), world.leaf, world.root);
    assert_int_equal(OCSP_id_cmp(id, OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0))), 0);
    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(request);
    end(&world);
}

static void answers_are_told(void **state)
{
    (void)state;
    static const int statuses[] = {V_OCSP_CERTSTATUS_GOOD, V_OCSP_CERTSTATUS_UNKNOWN};
    static const enum tls_ocsp_status wanted[] = {TLS_OCSP_GOOD, TLS_OCSP_UNKNOWN};
    struct world world;
    make(&world);
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        struct tls_ocsp_answer answer;
        struct error error = {0};
        struct buffer der;
        respond(&world, &world, statuses[i], &der);
        assert_int_equal(
            tls_ocsp_judge(buffer_slice(&world.chain), buffer_slice(&der), &answer, &error), 0);
        assert_int_equal(answer.status, wanted[i]);
        assert_in_range(answer.this_update_s, time(NULL) - 10, time(NULL) + 10);
        assert_int_equal(answer.next_update_s - answer.this_update_s, 3600);
        buffer_finish(&der);
    }
    end(&world);
}

static void assert_refused(const struct world *about, const struct buffer *der, const char *why)
{
    struct tls_ocsp_answer answer;
    struct error error = {0};
    assert_int_equal(
        tls_ocsp_judge(buffer_slice(&about->chain), buffer_slice(der), &answer, &error), -EINVAL);
    assert_string_equal(error.text, why);
}

static void what_is_forged_or_of_another_is_refused(void **state)
{
    (void)state;
    struct world world, other;
    struct buffer der;
    make(&world);
    make(&other);
    respond(&world, &other, V_OCSP_CERTSTATUS_GOOD, &der);
    assert_refused(&world, &der, "its signature is wrong");
    buffer_finish(&der);
    respond(&world, &world, V_OCSP_CERTSTATUS_GOOD, &der);
    der.at[der.len - 5] ^= 1;
    assert_refused(&world, &der, "its signature is wrong");
    der.len = 20;
    assert_refused(&world, &der, "it is no OCSP response");
    der.len = 0;
    assert_refused(&world, &der, "it is no OCSP response");
    buffer_finish(&der);
    OCSP_RESPONSE *later = OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, NULL);
    unsigned char *bytes = NULL;
    int len = i2d_OCSP_RESPONSE(later, &bytes);
    buffer_init(&der, 65536);
    assert_int_equal(buffer_append(&der, slice_of(bytes, (size_t)len)), 0);
    assert_refused(&world, &der, "the responder says: trylater");
    OPENSSL_free(bytes);
    OCSP_RESPONSE_free(later);
    buffer_finish(&der);
    end(&world);
    end(&other);
}

static void without_the_issuer_nobody_can_be_asked(void **state)
{
    (void)state;
    struct world world;
    struct tls_ocsp_answer answer;
    struct error error = {0};
    SCOPED(buffer_finish) struct buffer der;
    buffer_init(&der, 65536);
    make(&world);
    ptrdiff_t end_at = slice_search(buffer_slice(&world.chain), SLICE("-----END CERTIFICATE"));
    struct slice alone = slice_first(buffer_slice(&world.chain), (size_t)end_at + 26);
    assert_int_equal(tls_ocsp_ask(alone, &der), -ENOENT);
    assert_int_equal(tls_ocsp_judge(alone, SLICE("x"), &answer, &error), -ENOENT);
    assert_int_equal(tls_ocsp_ask(SLICE("nothing"), &der), -ENOENT);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_question_names_the_certificate),
        cmocka_unit_test(answers_are_told),
        cmocka_unit_test(what_is_forged_or_of_another_is_refused),
        cmocka_unit_test(without_the_issuer_nobody_can_be_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
