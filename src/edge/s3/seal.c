#include "edge/s3/seal.h"

#include "base/cleanup.h"
#include "edge/objects.h"
#include "edge/s3/settings.h"
#include "os/random.h"
#include "wire/s3/digest.h"

#include <errno.h>

#define FORM_CUSTOMER 'C'
#define FORM_SERVICE  'S'
#define ROOM_BYTES    ((size_t)64 << 10)

_Static_assert(S3_HMAC_BYTES == S3_CIPHER_KEY_BYTES, "the content's key is a MAC");

/* What the client says of its key. */
struct customer {
    struct slice algorithm, key, md5;
};

static struct customer read_fields(const struct s3_call *call, bool of_source)
{
    static const struct slice names[2][3] = {
        {SLICE("x-amz-server-side-encryption-customer-algorithm"),
         SLICE("x-amz-server-side-encryption-customer-key"),
         SLICE("x-amz-server-side-encryption-customer-key-MD5")},
        {SLICE("x-amz-copy-source-server-side-encryption-customer-algorithm"),
         SLICE("x-amz-copy-source-server-side-encryption-customer-key"),
         SLICE("x-amz-copy-source-server-side-encryption-customer-key-MD5")},
    };
    const struct slice *row = names[of_source ? 1 : 0];
    return (struct customer){s3_field(call, row[0]), s3_field(call, row[1]),
                             s3_field(call, row[2])};
}

static bool is_said(const struct customer *customer)
{
    return customer->algorithm.at != NULL || customer->key.at != NULL || customer->md5.at != NULL;
}

static int refuse(struct s3_call *call, const char *what)
{
    return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                        "Requests specifying Server Side Encryption with Customer provided keys "
                        "must provide %s.",
                        what);
}

static int take_key(struct s3_call *call, const struct customer *customer,
                    unsigned char ret_key[static S3_CIPHER_KEY_BYTES], struct s3_seal *seal)
{
    unsigned char md5[S3_SUM_BYTES_MAX];
    char text[S3_SUM_BASE64_MAX], bytes[S3_CIPHER_KEY_BYTES + 16];
    if (customer->algorithm.at == NULL)
        return refuse(call, "a valid encryption algorithm");
    if (!slice_equal(customer->algorithm, SLICE("AES256")))
        return s3_fault_set(&call->fault, S3_INVALID_ENCRYPTION_ALGORITHM);
    if (customer->key.len == 0)
        return refuse(call, "an appropriate secret key");
    if (customer->md5.len == 0)
        return refuse(call, "the client calculated MD5 of the secret key");
    if (customer->key.len > sizeof bytes ||
        s3_base64_read(customer->key, bytes) != S3_CIPHER_KEY_BYTES)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "The secret key was invalid for the specified algorithm.");
    memcpy(ret_key, bytes, S3_CIPHER_KEY_BYTES);
    explicit_bzero(bytes, sizeof bytes);
    if (s3_sum_of(S3_CHECKSUM_MD5, slice_of(ret_key, S3_CIPHER_KEY_BYTES), md5) < 0)
        return s3_fault_memory(&call->fault);
    struct slice ours = s3_base64_write(md5, s3_sum_bytes(S3_CHECKSUM_MD5), text);
    if (!slice_equal(ours, customer->md5) || ours.len != S3_KEY_MD5_LEN)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "The calculated MD5 hash of the key did not match the hash that was "
                            "provided.");
    memcpy(seal->key_md5, ours.at, S3_KEY_MD5_LEN);
    return 0;
}

/* The content's key, and the proof that it was this one, out of the client's and the salt. */
static int derive(const unsigned char base[static S3_CIPHER_KEY_BYTES], const char *salt,
                  unsigned char ret_key[static S3_CIPHER_KEY_BYTES],
                  char ret_proof[static S3_SEAL_PROOF_BYTES])
{
    const struct slice key = slice_of(base, S3_CIPHER_KEY_BYTES);
    unsigned char mac[S3_HMAC_BYTES];
    char text[1 + S3_SEAL_SALT_BYTES] = {'K'};
    memcpy(text + 1, salt, S3_SEAL_SALT_BYTES);
    int rc = s3_hmac(key, slice_of(text, sizeof text), ret_key);
    text[0] = 'P';
    if (rc == 0)
        rc = s3_hmac(key, slice_of(text, sizeof text), mac);
    if (rc == 0)
        memcpy(ret_proof, mac, S3_SEAL_PROOF_BYTES);
    return rc;
}

static int take_service_key(struct s3_call *call, unsigned char ret_key[static S3_CIPHER_KEY_BYTES])
{
    const unsigned char *key = objects_service_key(call->objects);
    if (key == NULL)
        return s3_fault_set(&call->fault, S3_SERVICE_UNAVAILABLE);
    memcpy(ret_key, key, S3_CIPHER_KEY_BYTES);
    return 0;
}

/* Is the service's key asked for, by the request or by the bucket? */
static int check_service(struct s3_call *call, bool is_customers, bool *ret_is_asked)
{
    struct slice word = s3_field(call, SLICE("x-amz-server-side-encryption"));
    *ret_is_asked =
        !is_customers &&
        (word.at != NULL || settings_get(call->bucket->settings, SETTING_ENCRYPTION).at != NULL);
    if (word.at == NULL)
        return 0;
    if (slice_starts_with(word, SLICE("aws:kms")))
        return s3_fault_say(&call->fault, S3_NOT_IMPLEMENTED,
                            "Keys of a key service are not implemented");
    if (!slice_equal(word, SLICE("AES256")))
        return s3_fault_set(&call->fault, S3_INVALID_ENCRYPTION_ALGORITHM);
    return !is_customers ? 0
                         : s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                                        "Server Side Encryption with Customer provided key is "
                                        "incompatible with the encryption method specified");
}

int s3_seal_make(struct s3_call *call, struct s3_seal *ret_seal)
{
    unsigned char base[S3_CIPHER_KEY_BYTES] = {0};
    struct customer customer = read_fields(call, false);
    char *salt = ret_seal->kept + 1;
    bool is_service = false;
    *ret_seal = (struct s3_seal){.is_customers = is_said(&customer)};
    int rc = check_service(call, ret_seal->is_customers, &is_service);
    ret_seal->is_on = ret_seal->is_customers || is_service;
    if (rc < 0 || !ret_seal->is_on)
        return rc;
    rc = is_service ? take_service_key(call, base) : take_key(call, &customer, base, ret_seal);
    ret_seal->kept[0] = is_service ? FORM_SERVICE : FORM_CUSTOMER;
    random_system_bytes(salt, S3_SEAL_SALT_BYTES);
    random_system_bytes(ret_seal->kept + S3_SEAL_HEAD_BYTES, S3_CIPHER_NONCE_BYTES);
    if (rc == 0 && derive(base, salt, ret_seal->key, salt + S3_SEAL_SALT_BYTES) < 0)
        rc = s3_fault_memory(&call->fault);
    explicit_bzero(base, sizeof base);
    return rc;
}

/* 0, -EKEYREJECTED or -ENOMEM. */
static int open_with(const unsigned char base[static S3_CIPHER_KEY_BYTES], struct slice kept,
                     struct s3_seal *seal)
{
    char proof[S3_SEAL_PROOF_BYTES];
    memcpy(seal->kept, kept.at, S3_SEAL_HEAD_BYTES);
    random_system_bytes(seal->kept + S3_SEAL_HEAD_BYTES, S3_CIPHER_NONCE_BYTES);
    int rc = derive(base, seal->kept + 1, seal->key, proof);
    if (rc < 0)
        return rc;
    return memcmp(proof, seal->kept + 1 + S3_SEAL_SALT_BYTES, sizeof proof) == 0 ? 0
                                                                                 : -EKEYREJECTED;
}

int s3_seal_open_own(const unsigned char *service_key, struct slice kept, struct s3_seal *ret_seal)
{
    *ret_seal = (struct s3_seal){.is_on = kept.len > 0};
    if (kept.len == 0)
        return 0;
    if (kept.len < S3_SEAL_HEAD_BYTES || kept.at[0] != FORM_SERVICE)
        return -EACCES;
    return service_key == NULL ? -ENOKEY : open_with(service_key, kept, ret_seal);
}

static int open_customers(struct s3_call *call, const struct customer *customer, struct slice kept,
                          struct s3_seal *seal)
{
    unsigned char base[S3_CIPHER_KEY_BYTES] = {0};
    int rc = take_key(call, customer, base, seal);
    int opened = rc < 0 ? 0 : open_with(base, kept, seal);
    explicit_bzero(base, sizeof base);
    if (opened == 0)
        return rc;
    if (opened != -EKEYREJECTED)
        return s3_fault_memory(&call->fault);
    return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                        "The provided encryption parameters did not match the ones used "
                        "originally.");
}

int s3_seal_open(struct s3_call *call, struct slice kept, bool of_source, struct s3_seal *ret_seal)
{
    struct customer customer = read_fields(call, of_source);
    bool is_customers = kept.len >= S3_SEAL_HEAD_BYTES && kept.at[0] == FORM_CUSTOMER;
    *ret_seal = (struct s3_seal){.is_on = kept.len > 0, .is_customers = is_customers};
    if (!is_customers && (kept.len == 0 || is_said(&customer)))
        return !is_said(&customer)
                   ? 0
                   : s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                                  "The encryption parameters are not applicable to this object.");
    if (!is_customers) {
        int rc = s3_seal_open_own(objects_service_key(call->objects), kept, ret_seal);
        return rc < 0 ? s3_fault_set(&call->fault, S3_INTERNAL_ERROR) : 0;
    }
    if (!is_said(&customer))
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "The object was stored using a form of Server Side Encryption. The "
                            "correct parameters must be provided to retrieve the object.");
    return open_customers(call, &customer, kept, ret_seal);
}

void s3_seal_wipe(struct s3_seal *seal)
{
    explicit_bzero(seal->key, sizeof seal->key);
}

struct slice s3_seal_of_version(const struct s3_seal *seal)
{
    return slice_of(seal->kept, seal->is_on ? sizeof seal->kept : 0);
}

struct slice s3_seal_of_upload(const struct s3_seal *seal)
{
    return slice_of(seal->kept, seal->is_on ? S3_SEAL_HEAD_BYTES : 0);
}

struct slice s3_seal_of_part(const struct s3_seal *seal)
{
    return slice_of(seal->kept + S3_SEAL_HEAD_BYTES, seal->is_on ? S3_CIPHER_NONCE_BYTES : 0);
}

struct slice s3_seal_etag(unsigned char bytes[static 16], char room[static 32])
{
    random_bytes(bytes, 16);
    return s3_hex_write(bytes, 16, room);
}

void s3_seal_write(struct writer *head, const struct s3_seal *seal)
{
    if (seal->is_on && !seal->is_customers)
        write_literal(head, "x-amz-server-side-encryption: AES256\r\n");
    if (!seal->is_customers)
        return;
    write_literal(head, "x-amz-server-side-encryption-customer-algorithm: AES256\r\n"
                        "x-amz-server-side-encryption-customer-key-MD5: ");
    write_bytes(head, seal->key_md5, sizeof seal->key_md5);
    write_literal(head, "\r\n");
}

/* Into the store. */

int s3_sealer_begin(struct s3_sealer *sealer, const struct s3_seal *seal)
{
    *sealer = (struct s3_sealer){.room = NULL};
    if (seal == NULL || !seal->is_on)
        return 0;
    sealer->room = memory_alloc_raw(ROOM_BYTES);
    return sealer->room == NULL
               ? -ENOMEM
               : s3_cipher_begin(&sealer->cipher, seal->key, seal->kept + S3_SEAL_HEAD_BYTES, 0);
}

int s3_sealer_add(struct s3_sealer *sealer, struct incoming *incoming, struct slice data)
{
    int rc = 0;
    if (sealer->room == NULL)
        return incoming_add(incoming, data);
    while (rc == 0 && data.len > 0) {
        struct slice part = slice_first(data, data.len < ROOM_BYTES ? data.len : ROOM_BYTES);
        rc = s3_cipher_apply(&sealer->cipher, part, sealer->room);
        if (rc == 0)
            rc = incoming_add(incoming, slice_of(sealer->room, part.len));
        data = slice_from(data, part.len);
    }
    return rc;
}

void s3_sealer_finish(struct s3_sealer *sealer)
{
    s3_cipher_finish(&sealer->cipher);
    memory_free(sealer->room);
    sealer->room = NULL;
}

/* Out of it. */

/* The segment that begins next: 1, `offset` bytes of it passed over; 0, all of it is. */
static int next_segment(struct s3_unsealer *unsealer, uint64_t offset)
{
    struct content_segment segment;
    if (content_take(&unsealer->segments, &segment) != 1 ||
        unsealer->nonces.len < S3_CIPHER_NONCE_BYTES)
        return -EBADMSG;
    const char *nonce = unsealer->nonces.at;
    unsealer->nonces = slice_from(unsealer->nonces, S3_CIPHER_NONCE_BYTES);
    unsealer->left = segment.length;
    if (offset >= segment.length)
        return 0;
    unsealer->left -= offset;
    int rc = s3_cipher_begin(&unsealer->cipher, unsealer->seal->key, nonce, offset);
    return rc < 0 ? rc : 1;
}

int s3_unsealer_begin(struct s3_unsealer *unsealer, const struct s3_seal *seal,
                      const struct version *version, uint64_t offset)
{
    *unsealer = (struct s3_unsealer){.seal = seal != NULL && seal->is_on ? seal : NULL};
    if (unsealer->seal == NULL)
        return version->seal.len == 0 ? 0 : -EBADMSG;
    unsealer->segments = version->content;
    unsealer->nonces = slice_from(version->seal, S3_SEAL_HEAD_BYTES);
    int rc = version->content.len == 0 ? 1 : 0;
    while (rc == 0 && (rc = next_segment(unsealer, offset)) == 0)
        offset -= unsealer->left;
    return rc < 0 ? rc : 0;
}

int s3_unsealer_apply(struct s3_unsealer *unsealer, struct slice data)
{
    char *at = (char *)(uintptr_t)data.at;
    while (unsealer->seal != NULL && data.len > 0) {
        size_t len = data.len < unsealer->left ? data.len : (size_t)unsealer->left;
        int rc = len == 0 ? next_segment(unsealer, 0)
                          : s3_cipher_apply(&unsealer->cipher, slice_first(data, len), at);
        if (rc < 0)
            return rc;
        unsealer->left -= len == 0 ? 0 : len;
        data = slice_from(data, len);
        at += len;
    }
    return 0;
}

void s3_unsealer_finish(struct s3_unsealer *unsealer)
{
    s3_cipher_finish(&unsealer->cipher);
}
