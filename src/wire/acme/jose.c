/* JSON texts made in buffers, then encoded and signed. */
#include "wire/acme/jose.h"

#include "base/cleanup.h"
#include "wire/tls/made_internal.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>

#define COORDINATE_BYTES 32
#define TEXT_BYTES_MAX   1048576
#define SECRET_BYTES_MAX 1024

struct jose_key {
    EVP_PKEY *key; /* owned */
};

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int jose_key_create(struct jose_key **ret_key)
{
    struct jose_key *self = NEW(struct jose_key);
    if (self == NULL)
        return -ENOMEM;
    self->key = made_key();
    if (self->key == NULL) {
        jose_key_destroy(self);
        return -ENOMEM;
    }
    *ret_key = self;
    return 0;
}

static bool is_p256(EVP_PKEY *key)
{
    char group[32] = "";
    size_t len;
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

int jose_key_parse(struct slice pem, struct jose_key **ret_key)
{
    struct jose_key *self = NEW(struct jose_key);
    if (self == NULL)
        return -ENOMEM;
    self->key = made_key_read(pem);
    if (self->key == NULL || !is_p256(self->key)) {
        jose_key_destroy(self);
        return -EINVAL;
    }
    *ret_key = self;
    return 0;
}

void jose_key_destroy(struct jose_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->key);
    memory_free(key);
}

int jose_key_write(const struct jose_key *key, struct buffer *pem)
{
    return made_key_write(key->key, pem);
}

/* Three bytes make four digits; two make three, and one makes two. */
static size_t encode_into(struct slice bytes, char *room)
{
    size_t len = 0;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t count = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (j < count ? (unsigned char)bytes.at[i + j] : 0);
        for (size_t j = 0; j <= count; j++)
            room[len++] = digits[bits >> (18 - 6 * j) & 63];
    }
    return len;
}

int jose_encode(struct slice bytes, struct buffer *out)
{
    if (bytes.len == 0)
        return 0; /* an empty buffer may have no memory to write at */
    int rc = buffer_reserve(out, (bytes.len + 2) / 3 * 4);
    if (rc == 0)
        out->len += encode_into(bytes, out->at + out->len);
    return rc;
}

ptrdiff_t jose_decode(struct slice text, char *room)
{
    ptrdiff_t len = 0;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = text.at[i] == '\0' ? NULL : strchr(digits, text.at[i]);
        if (digit == NULL)
            return -EBADMSG;
        bits = (bits << 6 | (uint32_t)(digit - digits)) & 0xffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            room[len++] = (char)(bits >> count);
        }
    }
    bool has_rest = (bits & ((1U << count) - 1)) != 0;
    return count >= 6 || has_rest ? -EBADMSG : len;
}

/* One coordinate of the public point. */
static int write_coordinate(const struct jose_key *key, const char *name, struct buffer *out)
{
    BIGNUM *number = NULL;
    unsigned char bytes[COORDINATE_BYTES];
    int rc = -ENOMEM;
    if (EVP_PKEY_get_bn_param(key->key, name, &number) == 1 &&
        BN_bn2binpad(number, bytes, sizeof bytes) == sizeof bytes)
        rc = jose_encode(slice_of(bytes, sizeof bytes), out);
    BN_free(number);
    ERR_clear_error();
    return rc;
}

int jose_write_jwk(const struct jose_key *key, struct buffer *out)
{
    int rc = buffer_append(out, SLICE("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\""));
    if (rc == 0)
        rc = write_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X, out);
    if (rc == 0)
        rc = buffer_append(out, SLICE("\",\"y\":\""));
    if (rc == 0)
        rc = write_coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y, out);
    return rc == 0 ? buffer_append(out, SLICE("\"}")) : rc;
}

void jose_digest(struct slice text, char ret_text[static JOSE_ENCODED_DIGEST + 1])
{
    unsigned char digest[JOSE_DIGEST_BYTES] = {0};
    (void)EVP_Digest(text.at, text.len, digest, NULL, EVP_sha256(), NULL);
    ret_text[encode_into(slice_of(digest, sizeof digest), ret_text)] = '\0';
}

int jose_authorise(const struct jose_key *key, struct slice token, struct buffer *out)
{
    char thumbprint[JOSE_ENCODED_DIGEST + 1];
    SCOPED(buffer_finish) struct buffer jwk;
    buffer_init(&jwk, TEXT_BYTES_MAX);
    int rc = jose_write_jwk(key, &jwk);
    if (rc < 0)
        return rc;
    jose_digest(buffer_slice(&jwk), thumbprint);
    return buffer_format(out, "%.*s.%s", SLICE_ARG(token), thumbprint);
}

/* DER to the two numbers side by side (RFC 7518 §3.4). */
static int encode_signature(const unsigned char *der, size_t der_len, struct buffer *out)
{
    unsigned char raw[2 * COORDINATE_BYTES];
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
    int rc = -ENOMEM;
    if (pair != NULL &&
        BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, COORDINATE_BYTES) == COORDINATE_BYTES &&
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + COORDINATE_BYTES, COORDINATE_BYTES) ==
            COORDINATE_BYTES)
        rc = jose_encode(slice_of(raw, sizeof raw), out);
    ECDSA_SIG_free(pair);
    return rc;
}

static int sign_text(const struct jose_key *key, struct slice text, struct buffer *out)
{
    unsigned char der[128];
    size_t len = sizeof der;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int rc = -ENOMEM;
    if (context != NULL && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->key) == 1 &&
        EVP_DigestSign(context, der, &len, (const unsigned char *)text.at, text.len) == 1)
        rc = encode_signature(der, len, out);
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return rc;
}

static int mac_text(struct slice secret, struct slice text, struct buffer *out)
{
    unsigned char mac[JOSE_DIGEST_BYTES];
    unsigned len = 0;
    if (HMAC(EVP_sha256(), secret.at, (int)secret.len, (const unsigned char *)text.at, text.len,
             mac, &len) == NULL)
        return -ENOMEM;
    return jose_encode(slice_of(mac, len), out);
}

/* "HEADER.PAYLOAD", each encoded: what the signature is over. */
static int encode_both(struct slice header, struct slice payload, struct buffer *out,
                       size_t *ret_header_len)
{
    int rc = jose_encode(header, out);
    *ret_header_len = out->len;
    if (rc == 0)
        rc = buffer_append_char(out, '.');
    return rc == 0 ? jose_encode(payload, out) : rc;
}

/* With our key, or with `secret` where that is not empty. */
static int flatten(const struct jose_key *key, struct slice secret, struct slice header,
                   struct slice payload, struct buffer *out)
{
    SCOPED(buffer_finish) struct buffer both;
    SCOPED(buffer_finish) struct buffer signature;
    size_t header_len;
    buffer_init(&both, TEXT_BYTES_MAX);
    buffer_init(&signature, TEXT_BYTES_MAX);
    int rc = encode_both(header, payload, &both, &header_len);
    if (rc == 0)
        rc = secret.len > 0 ? mac_text(secret, buffer_slice(&both), &signature)
                            : sign_text(key, buffer_slice(&both), &signature);
    if (rc < 0)
        return rc;
    struct slice encoded = slice_from(buffer_slice(&both), header_len + 1);
    return buffer_format(
        out, "{\"protected\":\"%.*s\",\"payload\":\"%.*s\",\"signature\":\"%.*s\"}",
        (int)header_len, both.at, SLICE_ARG(encoded), SLICE_ARG(buffer_slice(&signature)));
}

/* URLs, nonces and names of keys hold no byte that JSON would escape, or are not taken. */
static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= ' ' || text.at[i] > '~' || text.at[i] == '"' || text.at[i] == '\\')
            return false;
    }
    return true;
}

int jose_sign(const struct jose_key *key, const struct jose_message *message, struct buffer *out)
{
    SCOPED(buffer_finish) struct buffer header;
    buffer_init(&header, TEXT_BYTES_MAX);
    if (!is_plain(message->url) || !is_plain(message->nonce) || !is_plain(message->account))
        return -EBADMSG;
    int rc = buffer_format(&header, "{\"alg\":\"ES256\",\"nonce\":\"%.*s\",\"url\":\"%.*s\",",
                           SLICE_ARG(message->nonce), SLICE_ARG(message->url));
    if (rc == 0 && message->account.len > 0)
        rc = buffer_format(&header, "\"kid\":\"%.*s\"", SLICE_ARG(message->account));
    else if (rc == 0)
        rc = buffer_append(&header, SLICE("\"jwk\":"));
    if (rc == 0 && message->account.len == 0)
        rc = jose_write_jwk(key, &header);
    if (rc == 0)
        rc = buffer_append_char(&header, '}');
    return rc == 0 ? flatten(key, (struct slice){0}, buffer_slice(&header), message->payload, out)
                   : rc;
}

int jose_bind(const struct jose_key *key, struct slice url, struct slice id, struct slice secret,
              struct buffer *out)
{
    char room[SECRET_BYTES_MAX];
    SCOPED(buffer_finish) struct buffer header;
    SCOPED(buffer_finish) struct buffer jwk;
    buffer_init(&header, TEXT_BYTES_MAX);
    buffer_init(&jwk, TEXT_BYTES_MAX);
    ptrdiff_t len =
        secret.len == 0 || secret.len > sizeof room ? -EBADMSG : jose_decode(secret, room);
    if (len <= 0 || !is_plain(url) || !is_plain(id))
        return -EBADMSG;
    int rc = buffer_format(&header, "{\"alg\":\"HS256\",\"kid\":\"%.*s\",\"url\":\"%.*s\"}",
                           SLICE_ARG(id), SLICE_ARG(url));
    if (rc == 0)
        rc = jose_write_jwk(key, &jwk);
    return rc == 0 ? flatten(key, slice_of(room, (size_t)len), buffer_slice(&header),
                             buffer_slice(&jwk), out)
                   : rc;
}
