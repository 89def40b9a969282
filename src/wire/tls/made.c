/*
 * Thin layers over OpenSSL's makers of keys and certificates, which all fail for want of memory
 * alone: the texts that come from outside are read by two of them, which say so.
 */
#include "base/cleanup.h"
#include "wire/tls/made_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define COMMON_NAME_BYTES_MAX 64
#define HOST_BYTES_MAX        253

EVP_PKEY *made_key(void)
{
    return EVP_EC_gen("P-256");
}

static int refuse_passphrase(char *room, int room_len, int writes, void *arg)
{
    (void)room;
    (void)room_len;
    (void)writes;
    (void)arg;
    return -1;
}

static BIO *bio_of(struct slice text)
{
    return text.len > INT32_MAX ? NULL : BIO_new_mem_buf(text.at, (int)text.len);
}

EVP_PKEY *made_key_read(struct slice pem)
{
    BIO *bio = bio_of(pem);
    EVP_PKEY *key =
        bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, NULL);
    ERR_clear_error();
    BIO_free(bio);
    return key;
}

X509 *made_certificate_read(struct slice pem)
{
    BIO *bio = bio_of(pem);
    X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, refuse_passphrase, NULL);
    ERR_clear_error();
    BIO_free(bio);
    return certificate;
}

static int append_bio(BIO *bio, bool is_whole, struct buffer *pem)
{
    char *text = NULL;
    long len = bio == NULL ? 0 : BIO_get_mem_data(bio, &text);
    int rc = !is_whole || len <= 0 ? -ENOMEM : buffer_append(pem, slice_of(text, (size_t)len));
    ERR_clear_error();
    BIO_free(bio);
    return rc;
}

int made_key_write(EVP_PKEY *key, struct buffer *pem)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    bool is_whole =
        bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    return append_bio(bio, is_whole, pem);
}

int made_certificate_write(X509 *certificate, struct buffer *pem)
{
    BIO *bio = BIO_new(BIO_s_mem());
    return append_bio(bio, bio != NULL && PEM_write_bio_X509(bio, certificate) == 1, pem);
}

/* The address in network order, 4 or 16 bytes; 0 for what is none. */
static int parse_address(struct slice name, unsigned char address[static 16])
{
    char text[INET6_ADDRSTRLEN + 1];
    if (name.len > 2 && name.at[0] == '[' && name.at[name.len - 1] == ']')
        name = slice_of(name.at + 1, name.len - 2);
    if (name.len == 0 || name.len >= sizeof text)
        return 0;
    memcpy(text, name.at, name.len);
    text[name.len] = '\0';
    if (inet_pton(AF_INET, text, address) == 1)
        return 4;
    return inet_pton(AF_INET6, text, address) == 1 ? 16 : 0;
}

static bool is_host(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.at[i]);
        bool is_star = c == '*' && i == 0 && name.len > 2 && name.at[1] == '.';
        if (!is_star && !ascii_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '.' &&
            c != '_')
            return false;
    }
    return name.len > 0 && name.len <= HOST_BYTES_MAX;
}

static int add_name(GENERAL_NAMES *names, struct slice name)
{
    unsigned char address[16];
    int address_len = parse_address(name, address);
    const void *bytes = address_len > 0 ? (const void *)address : name.at;
    int len = address_len > 0 ? address_len : (int)name.len;
    if (address_len == 0 && !is_host(name))
        return -EINVAL;
    GENERAL_NAME *one = GENERAL_NAME_new();
    ASN1_STRING *value =
        ASN1_STRING_type_new(address_len > 0 ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    if (one == NULL || value == NULL || ASN1_STRING_set(value, bytes, len) != 1) {
        ASN1_STRING_free(value);
        GENERAL_NAME_free(one);
        return -ENOMEM;
    }
    GENERAL_NAME_set0_value(one, address_len > 0 ? GEN_IPADD : GEN_DNS, value);
    if (sk_GENERAL_NAME_push(names, one) > 0)
        return 0;
    GENERAL_NAME_free(one);
    return -ENOMEM;
}

int made_names(const struct slice *names, unsigned count, GENERAL_NAMES **ret_names)
{
    GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
    int rc = all == NULL ? -ENOMEM : count == 0 ? -EINVAL : 0;
    for (unsigned i = 0; rc == 0 && i < count; i++)
        rc = add_name(all, names[i]);
    ERR_clear_error();
    if (rc < 0)
        GENERAL_NAMES_free(all);
    else
        *ret_names = all;
    return rc;
}

int made_subject(X509_NAME *subject, struct slice common_name)
{
    if (common_name.len == 0 || common_name.len > COMMON_NAME_BYTES_MAX)
        return 0;
    int ok = X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                        (const unsigned char *)common_name.at, (int)common_name.len,
                                        -1, 0);
    ERR_clear_error();
    return ok == 1 ? 0 : -ENOMEM;
}

/* 127 random bits: positive, and far more than the 64 that CA/Browser Forum asks for. */
static bool set_serial(X509 *certificate)
{
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool is_set =
        number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return is_set;
}

X509 *made_certificate(EVP_PKEY *key, int64_t not_before_s, int64_t not_after_s)
{
    X509 *certificate = X509_new();
    bool is_made = certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
                   set_serial(certificate) &&
                   ASN1_TIME_set(X509_getm_notBefore(certificate), not_before_s) != NULL &&
                   ASN1_TIME_set(X509_getm_notAfter(certificate), not_after_s) != NULL &&
                   X509_set_pubkey(certificate, key) == 1;
    ERR_clear_error();
    if (is_made)
        return certificate;
    X509_free(certificate);
    return NULL;
}

int made_extend(X509 *certificate, X509 *issuer, int nid, const char *words)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, words);
    bool is_added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    ERR_clear_error();
    return is_added ? 0 : -ENOMEM;
}

int made_sign(X509 *certificate, EVP_PKEY *key)
{
    int len = X509_sign(certificate, key, EVP_sha256());
    ERR_clear_error();
    return len > 0 ? 0 : -ENOMEM;
}
