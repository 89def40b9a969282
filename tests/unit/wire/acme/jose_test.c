/* Signed messages of ACME, against the examples of the RFCs, and read again by OpenSSL. */
#include "wire/acme/jose.h"

#include "unit.h"

#include "base/cleanup.h"
#include "wire/json/json.h"

#include <errno.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <string.h>

#define MAX 65536

/* The key of RFC 7515 appendix A.3.1, as PEM. */
static const char key_pem[] = "-----BEGIN EC PRIVATE KEY-----\n"
                              "MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n"
                              "AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\n"
                              "focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
                              "-----END EC PRIVATE KEY-----\n";

static void assert_text(const struct buffer *buffer, const char *text)
{
    assert_int_equal(buffer->len, strlen(text));
    assert_memory_equal(buffer->at, text, buffer->len);
}

static struct jose_key *read_key(void)
{
    struct jose_key *key = NULL;
    assert_int_equal(jose_key_parse(slice_of_cstr(key_pem), &key), 0);
    return key;
}

static void test_base64url(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
    } pairs[] = {{"", ""},           {"f", "Zg"},          {"fo", "Zm8"},       {"foo", "Zm9v"},
                 {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"\xff\xfe", "__4"}, {"\xfb", "-w"}};
    char room[16];
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        struct buffer out;
        buffer_init(&out, MAX);
        assert_int_equal(jose_encode(slice_of_cstr(pairs[i].bytes), &out), 0);
        assert_text(&out, pairs[i].text);
        assert_int_equal(jose_decode(slice_of_cstr(pairs[i].text), room), strlen(pairs[i].bytes));
        assert_memory_equal(room, pairs[i].bytes, strlen(pairs[i].bytes));
        buffer_finish(&out);
    }
    static const char *const wrong[] = {"Z", "Zg==", "Zh", "Zm9", "Zm+v", "Zm9v\n", "a b"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(jose_decode(slice_of_cstr(wrong[i]), room), -EBADMSG);
    assert_int_equal(jose_decode(SLICE("Zm\0v"), room), -EBADMSG);
}

/* RFC 7515 appendix A.3.1 gives the coordinates. */
static void test_the_public_key(void **state)
{
    (void)state;
    struct jose_key *key = read_key();
    SCOPED(buffer_finish) struct buffer out;
    buffer_init(&out, MAX);
    assert_int_equal(jose_write_jwk(key, &out), 0);
    assert_text(&out, "{\"crv\":\"P-256\",\"kty\":\"EC\","
                      "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
                      "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}");
    jose_key_destroy(key);
}

static void test_a_key_authorization(void **state)
{
    (void)state;
    struct jose_key *key = read_key();
    SCOPED(buffer_finish) struct buffer out;
    char digest[JOSE_ENCODED_DIGEST + 1];
    buffer_init(&out, MAX);
    assert_int_equal(jose_authorise(key, SLICE("token-1"), &out), 0);
    /* The thumbprint is that of `sha256sum` over the text above. */
    assert_text(&out, "token-1.oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
    jose_digest(SLICE("abc"), digest);
    assert_string_equal(digest, "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    jose_key_destroy(key);
}

static const struct json *parse(struct slice text, struct arena *arena)
{
    const struct json *document = NULL;
    assert_int_equal(json_parse(text, arena, &document), 0);
    return document;
}

static struct slice decoded(const struct json *document, struct slice member, struct arena *arena)
{
    struct slice text = json_get_text(document, member);
    char *room = arena_alloc(arena, text.len + 1);
    ptrdiff_t len = jose_decode(text, room);
    assert_true(len >= 0);
    return slice_of(room, (size_t)len);
}

/* Does OpenSSL find that the public key made this signature? */
static bool is_signed(const struct json *document, struct arena *arena)
{
    struct slice raw = decoded(document, SLICE("signature"), arena);
    struct slice header = json_get_text(document, SLICE("protected"));
    struct slice payload = json_get_text(document, SLICE("payload"));
    struct slice both = arena_format(arena, "%.*s.%.*s", SLICE_ARG(header), SLICE_ARG(payload));
    assert_int_equal(raw.len, 64);
    ECDSA_SIG *pair = ECDSA_SIG_new();
    ECDSA_SIG_set0(pair, BN_bin2bn((const unsigned char *)raw.at, 32, NULL),
                   BN_bin2bn((const unsigned char *)raw.at + 32, 32, NULL));
    unsigned char *der = NULL;
    int der_len = i2d_ECDSA_SIG(pair, &der);
    BIO *bio = BIO_new_mem_buf(key_pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key);
    bool is_good = EVP_DigestVerify(context, der, (size_t)der_len, (const unsigned char *)both.at,
                                    both.len) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(bio);
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
    return is_good;
}

static void test_messages_are_signed(void **state)
{
    (void)state;
    struct jose_key *key = read_key();
    SCOPED(arena_finish) struct arena arena;
    arena_init(&arena, NULL, 0, 1 << 20);
    struct jose_message message = {.url = SLICE("https://acme.example/new-account"),
                                   .nonce = SLICE("n0nce"),
                                   .payload = SLICE("{\"a\":1}")};
    for (int i = 0; i < 200; i++) { /* the numbers of a signature are sometimes short */
        struct buffer out;
        buffer_init(&out, MAX);
        assert_int_equal(jose_sign(key, &message, &out), 0);
        const struct json *document = parse(buffer_slice(&out), &arena);
        assert_true(is_signed(document, &arena));
        if (i == 0) {
            struct slice payload = decoded(document, SLICE("payload"), &arena);
            assert_true(slice_equal(payload, message.payload));
            const struct json *header =
                parse(decoded(document, SLICE("protected"), &arena), &arena);
            assert_true(slice_equal(json_get_text(header, SLICE("alg")), SLICE("ES256")));
            assert_true(slice_equal(json_get_text(header, SLICE("nonce")), message.nonce));
            assert_true(slice_equal(json_get_text(header, SLICE("url")), message.url));
            assert_int_equal(json_get(header, SLICE("jwk"))->kind, JSON_OBJECT);
            assert_null(json_get(header, SLICE("kid")));
        }
        buffer_finish(&out);
    }
    jose_key_destroy(key);
}

static void test_an_account_stands_for_the_key(void **state)
{
    (void)state;
    struct jose_key *key = read_key();
    SCOPED(arena_finish) struct arena arena;
    SCOPED(buffer_finish) struct buffer out;
    arena_init(&arena, NULL, 0, 1 << 20);
    buffer_init(&out, MAX);
    struct jose_message message = {.url = SLICE("https://acme.example/order/1"),
                                   .nonce = SLICE("n"),
                                   .account = SLICE("https://acme.example/account/1")};
    assert_int_equal(jose_sign(key, &message, &out), 0);
    const struct json *document = parse(buffer_slice(&out), &arena);
    const struct json *header = parse(decoded(document, SLICE("protected"), &arena), &arena);
    assert_true(slice_equal(json_get_text(header, SLICE("kid")), message.account));
    assert_null(json_get(header, SLICE("jwk")));
    assert_int_equal(json_get_text(document, SLICE("payload")).len, 0);
    assert_true(is_signed(document, &arena));
    message.nonce = SLICE("a\"b");
    assert_int_equal(jose_sign(key, &message, &out), -EBADMSG);
    jose_key_destroy(key);
}

static void test_an_account_is_bound_to_another(void **state)
{
    (void)state;
    struct jose_key *key = read_key();
    SCOPED(arena_finish) struct arena arena;
    SCOPED(buffer_finish) struct buffer out;
    arena_init(&arena, NULL, 0, 1 << 20);
    buffer_init(&out, MAX);
    assert_int_equal(
        jose_bind(key, SLICE("https://a/new"), SLICE("kid-1"), SLICE("c2VjcmV0"), &out), 0);
    const struct json *document = parse(buffer_slice(&out), &arena);
    const struct json *header = parse(decoded(document, SLICE("protected"), &arena), &arena);
    assert_true(slice_equal(json_get_text(header, SLICE("alg")), SLICE("HS256")));
    assert_true(slice_equal(json_get_text(header, SLICE("kid")), SLICE("kid-1")));
    struct slice protected = json_get_text(document, SLICE("protected"));
    struct slice payload = json_get_text(document, SLICE("payload"));
    struct slice both = arena_format(&arena, "%.*s.%.*s", SLICE_ARG(protected), SLICE_ARG(payload));
    unsigned char mac[32];
    unsigned len;
    HMAC(EVP_sha256(), "secret", 6, (const unsigned char *)both.at, both.len, mac, &len);
    struct slice given = decoded(document, SLICE("signature"), &arena);
    assert_int_equal(given.len, len);
    assert_memory_equal(given.at, mac, len);
    assert_int_equal(jose_bind(key, SLICE("https://a/new"), SLICE("k"), SLICE("no base64"), &out),
                     -EBADMSG);
    assert_int_equal(jose_bind(key, SLICE("https://a/new"), SLICE("k"), SLICE(""), &out), -EBADMSG);
    jose_key_destroy(key);
}

static void test_keys_are_written_and_read_again(void **state)
{
    (void)state;
    struct jose_key *key = NULL, *again = NULL;
    SCOPED(buffer_finish) struct buffer pem;
    SCOPED(buffer_finish) struct buffer one;
    SCOPED(buffer_finish) struct buffer two;
    buffer_init(&pem, MAX);
    buffer_init(&one, MAX);
    buffer_init(&two, MAX);
    assert_int_equal(jose_key_create(&key), 0);
    assert_int_equal(jose_key_write(key, &pem), 0);
    assert_int_equal(jose_key_parse(buffer_slice(&pem), &again), 0);
    assert_int_equal(jose_write_jwk(key, &one), 0);
    assert_int_equal(jose_write_jwk(again, &two), 0);
    assert_true(slice_equal(buffer_slice(&one), buffer_slice(&two)));
    jose_key_destroy(key);
    jose_key_destroy(again);
    assert_int_equal(jose_key_parse(SLICE("nothing"), &key), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64url),
        cmocka_unit_test(test_the_public_key),
        cmocka_unit_test(test_a_key_authorization),
        cmocka_unit_test(test_messages_are_signed),
        cmocka_unit_test(test_an_account_stands_for_the_key),
        cmocka_unit_test(test_an_account_is_bound_to_another),
        cmocka_unit_test(test_keys_are_written_and_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
