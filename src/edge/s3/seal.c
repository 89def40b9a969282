#include "edge/s3/seal.h"

#include "base/cleanup.h"
#include "edge/objects.h"
#include "edge/s3/encryption.h"
#include "os/random.h"
#include "wire/s3/digest.h"

#include <errno.h>

#define FORM_CUSTOMER  'C'
#define FORM_SERVICE   'S'
#define FORM_KMS       'K'
#define HAS_BUCKET_KEY 1 /* a flag of FORM_KMS */
#define ROOM_BYTES     ((size_t)64 << 10)

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

/* What stands between the proof and the nonces of FORM_KMS. */
struct kms_key {
    bool has_bucket_key;
    struct slice key_id, context;
};

static bool take_text(struct slice *rest, struct slice *ret_text)
{
    if (rest->len < 2)
        return false;
    size_t len = (unsigned char)rest->at[0] | (size_t)(unsigned char)rest->at[1] << 8;
    if (rest->len - 2 < len)
        return false;
    *ret_text = slice_of(rest->at + 2, len);
    *rest = slice_from(*rest, 2 + len);
    return true;
}

/* How long it is before its nonces; 0 when it is damaged. */
static size_t head_bytes(struct slice kept, struct kms_key *ret_named)
{
    *ret_named = (struct kms_key){.has_bucket_key = false};
    if (kept.len < S3_SEAL_HEAD_BYTES)
        return 0;
    if (kept.at[0] != FORM_KMS)
        return S3_SEAL_HEAD_BYTES;
    struct slice rest = slice_from(kept, S3_SEAL_HEAD_BYTES);
    if (rest.len == 0)
        return 0;
    ret_named->has_bucket_key = (rest.at[0] & HAS_BUCKET_KEY) != 0;
    rest = slice_from(rest, 1);
    bool is_whole = take_text(&rest, &ret_named->key_id) && take_text(&rest, &ret_named->context);
    return is_whole ? kept.len - rest.len : 0;
}

/* The key of an id: HMAC-SHA256 by the service's key, once over the id, once over the context. */
static int derive_named(const struct kms_key *named, unsigned char key[static S3_CIPHER_KEY_BYTES])
{
    char text[10 + S3_KMS_KEY_ID_BYTES_MAX] = "weir kms 1";
    if (named->key_id.len > S3_KMS_KEY_ID_BYTES_MAX)
        return -EBADMSG;
    memcpy(text + 10, named->key_id.at, named->key_id.len);
    const struct slice base = slice_of(key, S3_CIPHER_KEY_BYTES);
    int rc = s3_hmac(base, slice_of(text, 10 + named->key_id.len), key);
    return rc < 0 ? rc : s3_hmac(base, named->context, key);
}

static void put_text(struct writer *writer, struct slice text)
{
    write_char(writer, (char)(text.len & 0xff));
    write_char(writer, (char)(text.len >> 8));
    write_slice(writer, text);
}

/* As it is kept, with the proof left open: in the arena. Returns where the salt is. */
static char *make_kept(struct arena *arena, struct s3_seal *seal, const struct s3_wish *wish)
{
    struct writer writer;
    size_t room = S3_SEAL_BYTES_MAX + S3_CIPHER_NONCE_BYTES;
    if (!seal->is_kms)
        room = S3_SEAL_HEAD_BYTES + S3_CIPHER_NONCE_BYTES;
    char *kept = arena_alloc(arena, room);
    if (kept == NULL)
        return NULL;
    memset(kept, 0, S3_SEAL_HEAD_BYTES);
    kept[0] = (char)(seal->is_customers ? FORM_CUSTOMER : seal->is_kms ? FORM_KMS : FORM_SERVICE);
    random_system_bytes(kept + 1, S3_SEAL_SALT_BYTES);
    random_system_bytes(seal->nonce, sizeof seal->nonce);
    writer_init(&writer, kept + S3_SEAL_HEAD_BYTES, room - S3_SEAL_HEAD_BYTES);
    if (seal->is_kms) {
        write_char(&writer, (char)(seal->has_bucket_key ? HAS_BUCKET_KEY : 0));
        put_text(&writer, wish->key_id);
        put_text(&writer, wish->context);
    }
    write_bytes(&writer, seal->nonce, sizeof seal->nonce);
    seal->kept = slice_of(kept, S3_SEAL_HEAD_BYTES + writer_slice(&writer).len);
    return kept + 1;
}

/* 0 or -ENOMEM. The key is used up. */
static int make_with(unsigned char base[static S3_CIPHER_KEY_BYTES], const struct s3_wish *wish,
                     struct arena *arena, struct s3_seal *seal)
{
    const struct kms_key named = {wish->has_bucket_key, wish->key_id, wish->context};
    char *salt = make_kept(arena, seal, wish);
    int rc = salt == NULL ? -ENOMEM : 0;
    if (rc == 0 && seal->is_kms)
        rc = derive_named(&named, base);
    if (rc == 0)
        rc = derive(base, salt, seal->key, salt + S3_SEAL_SALT_BYTES);
    explicit_bzero(base, S3_CIPHER_KEY_BYTES);
    return rc;
}

int s3_seal_make_own(const unsigned char *service_key, const struct s3_wish *wish,
                     struct arena *arena, struct s3_seal *ret_seal)
{
    unsigned char base[S3_CIPHER_KEY_BYTES];
    if (service_key == NULL)
        return -ENOKEY;
    *ret_seal = (struct s3_seal){
        .is_on = true,
        .is_kms = wish->is_kms,
        .has_bucket_key = wish->has_bucket_key,
        .key_id = wish->key_id,
        .context_sent = wish->context_sent,
    };
    memcpy(base, service_key, sizeof base);
    return make_with(base, wish, arena, ret_seal);
}

int s3_seal_make(struct s3_call *call, struct s3_seal *ret_seal)
{
    unsigned char base[S3_CIPHER_KEY_BYTES] = {0};
    struct customer customer = read_fields(call, false);
    struct s3_wish wish;
    *ret_seal = (struct s3_seal){.is_customers = is_said(&customer)};
    int rc = s3_wish_read(call, ret_seal->is_customers, &wish);
    ret_seal->is_on = rc == 0 && (ret_seal->is_customers || wish.is_on);
    if (!ret_seal->is_on)
        return rc;
    if (ret_seal->is_customers) {
        rc = take_key(call, &customer, base, ret_seal);
        if (rc == 0 && make_with(base, &wish, &call->arena, ret_seal) < 0)
            rc = s3_fault_memory(&call->fault);
        return rc;
    }
    rc = s3_seal_make_own(objects_service_key(call->objects), &wish, &call->arena, ret_seal);
    if (rc == -ENOKEY)
        return s3_fault_set(&call->fault, S3_SERVICE_UNAVAILABLE);
    return rc < 0 ? s3_fault_memory(&call->fault) : 0;
}

/* 0, -EKEYREJECTED, -EBADMSG or -ENOMEM. The key is used up. */
static int open_with(unsigned char base[static S3_CIPHER_KEY_BYTES], struct slice kept,
                     struct s3_seal *seal)
{
    char proof[S3_SEAL_PROOF_BYTES];
    struct kms_key named;
    size_t len = head_bytes(kept, &named);
    if (len == 0)
        return -EBADMSG;
    seal->kept = slice_first(kept, len);
    seal->is_kms = kept.at[0] == FORM_KMS;
    seal->has_bucket_key = named.has_bucket_key;
    seal->key_id = named.key_id;
    random_system_bytes(seal->nonce, sizeof seal->nonce);
    int rc = seal->is_kms ? derive_named(&named, base) : 0;
    if (rc == 0)
        rc = derive(base, kept.at + 1, seal->key, proof);
    explicit_bzero(base, S3_CIPHER_KEY_BYTES);
    if (rc < 0)
        return rc;
    return memcmp(proof, kept.at + 1 + S3_SEAL_SALT_BYTES, sizeof proof) == 0 ? 0 : -EKEYREJECTED;
}

int s3_seal_open_own(const unsigned char *service_key, struct slice kept, struct s3_seal *ret_seal)
{
    unsigned char base[S3_CIPHER_KEY_BYTES];
    *ret_seal = (struct s3_seal){.is_on = kept.len > 0};
    if (kept.len == 0)
        return 0;
    if (kept.at[0] != FORM_SERVICE && kept.at[0] != FORM_KMS)
        return -EACCES;
    if (service_key == NULL)
        return -ENOKEY;
    memcpy(base, service_key, sizeof base);
    return open_with(base, kept, ret_seal);
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

bool s3_seal_is_customers(struct slice kept)
{
    return kept.len >= S3_SEAL_HEAD_BYTES && kept.at[0] == FORM_CUSTOMER;
}

int s3_seal_open(struct s3_call *call, struct slice kept, bool of_source, struct s3_seal *ret_seal)
{
    struct customer customer = read_fields(call, of_source);
    bool is_customers = s3_seal_is_customers(kept);
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

int s3_seal_tell(struct s3_call *call, struct slice kept, struct s3_seal *ret_seal)
{
    struct customer customer = read_fields(call, false);
    *ret_seal = (struct s3_seal){.is_on = false};
    if (s3_seal_is_customers(kept) && !is_said(&customer))
        return 0;
    return s3_seal_open(call, kept, false, ret_seal);
}

void s3_seal_wipe(struct s3_seal *seal)
{
    explicit_bzero(seal->key, sizeof seal->key);
}

struct slice s3_seal_of_version(const struct s3_seal *seal)
{
    return seal->kept;
}

struct slice s3_seal_of_upload(const struct s3_seal *seal)
{
    return slice_first(seal->kept, seal->is_on ? seal->kept.len - S3_CIPHER_NONCE_BYTES : 0);
}

struct slice s3_seal_of_part(const struct s3_seal *seal)
{
    return slice_of(seal->nonce, seal->is_on ? sizeof seal->nonce : 0);
}

struct slice s3_seal_etag(unsigned char bytes[static 16], char room[static 32])
{
    random_bytes(bytes, 16);
    return s3_hex_write(bytes, 16, room);
}

static void write_kms(struct writer *head, const struct s3_seal *seal)
{
    write_literal(head, "x-amz-server-side-encryption: aws:kms\r\n");
    h1_write_field(head, SLICE("x-amz-server-side-encryption-aws-kms-key-id"), seal->key_id);
    if (seal->has_bucket_key)
        write_literal(head, "x-amz-server-side-encryption-bucket-key-enabled: true\r\n");
    if (seal->context_sent.at != NULL)
        h1_write_field(head, SLICE("x-amz-server-side-encryption-context"), seal->context_sent);
}

void s3_seal_write(struct writer *head, const struct s3_seal *seal)
{
    if (seal->is_kms)
        write_kms(head, seal);
    else if (seal->is_on && !seal->is_customers)
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
    return sealer->room == NULL ? -ENOMEM
                                : s3_cipher_begin(&sealer->cipher, seal->key, seal->nonce, 0);
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
    unsealer->nonces = slice_from(version->seal, seal->kept.len);
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
