#include "edge/s3/encryption.h"

#include "base/cleanup.h"
#include "edge/s3/settings.h"
#include "wire/s3/encryption.h"

/* All of the fields begin like this; those of a client's key, too. */
static const struct slice field_start = SLICE("x-amz-server-side-encryption");

struct said {
    struct slice method, key_id, context, bucket_key;
};

static struct said read_said(const struct s3_call *call)
{
    return (struct said){
        .method = s3_field(call, SLICE("x-amz-server-side-encryption")),
        .key_id = s3_field(call, SLICE("x-amz-server-side-encryption-aws-kms-key-id")),
        .context = s3_field(call, SLICE("x-amz-server-side-encryption-context")),
        .bucket_key = s3_field(call, SLICE("x-amz-server-side-encryption-bucket-key-enabled")),
    };
}

/* What goes with what, in the words of AWS. */
static int check_said(struct s3_call *call, const struct said *said, bool is_customers)
{
    struct s3_fault *fault = &call->fault;
    bool is_kms = slice_equal(said->method, SLICE("aws:kms"));
    if (slice_equal(said->method, SLICE("aws:kms:dsse")))
        return s3_fault_say(fault, S3_NOT_IMPLEMENTED,
                            "aws:kms:dsse is not implemented: aws:kms is");
    if (said->method.at != NULL && !is_kms && !slice_equal(said->method, SLICE("AES256")))
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "The encryption method specified is not supported");
    if (is_customers && (said->method.at != NULL || said->key_id.at != NULL))
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "Server Side Encryption with Customer provided key is incompatible "
                            "with the encryption method specified");
    if (!is_kms && (said->key_id.at != NULL || said->context.at != NULL))
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "Server Side Encryption with AWS KMS managed key requires HTTP header "
                            "x-amz-server-side-encryption : aws:kms");
    if (said->bucket_key.at != NULL && !slice_equal_nocase(said->bucket_key, SLICE("true")) &&
        !slice_equal_nocase(said->bucket_key, SLICE("false")))
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "The header 'x-amz-server-side-encryption-bucket-key-enabled' must be "
                            "true or false");
    return 0;
}

/* What was accepted once can be read. */
int s3_wish_of_bucket(const struct store_bucket *bucket, struct arena *arena,
                      struct s3_fault *fault, struct s3_wish *ret_wish)
{
    struct slice kept = settings_get(bucket->settings, SETTING_ENCRYPTION);
    struct s3_encryption encryption;
    *ret_wish = (struct s3_wish){.is_on = kept.at != NULL && s3_encryption_has_default(kept)};
    /* Most are AES256, which says all. */
    if (kept.at == NULL || slice_search(kept, SLICE("aws:kms")) < 0)
        return 0;
    int rc = s3_encryption_parse(kept, arena, fault, &encryption);
    if (rc < 0)
        return rc;
    ret_wish->is_kms = encryption.is_kms;
    ret_wish->has_bucket_key = encryption.is_kms && encryption.is_bucket_key;
    ret_wish->key_id =
        encryption.key_id.at != NULL ? encryption.key_id : SLICE(S3_KMS_DEFAULT_KEY_ID);
    return 0;
}

int s3_wish_check_customers(struct s3_call *call, bool is_customers)
{
    struct slice kept = settings_get(call->bucket->settings, SETTING_ENCRYPTION);
    if (!is_customers || kept.at == NULL || !s3_encryption_blocks_customers(kept))
        return 0;
    return s3_fault_say(&call->fault, S3_ACCESS_DENIED,
                        "Access Denied: the bucket's encryption blocks keys of clients (SSE-C)");
}

int s3_wish_read(struct s3_call *call, bool is_customers, struct s3_wish *ret_wish)
{
    struct said said = read_said(call);
    struct s3_wish wish = {.is_on = false};
    *ret_wish = wish;
    int rc = check_said(call, &said, is_customers);
    if (rc == 0)
        rc = s3_wish_check_customers(call, is_customers);
    if (rc == 0 && !is_customers)
        rc = s3_wish_of_bucket(call->bucket, &call->arena, &call->fault, &wish);
    if (rc < 0 || is_customers)
        return rc;
    if (said.method.at != NULL) {
        wish.is_on = true;
        if (!wish.is_kms)
            wish.key_id = SLICE(S3_KMS_DEFAULT_KEY_ID);
        wish.is_kms = slice_equal(said.method, SLICE("aws:kms"));
    }
    if (wish.is_kms && said.bucket_key.at != NULL)
        wish.has_bucket_key = slice_equal_nocase(said.bucket_key, SLICE("true"));
    if (said.key_id.at != NULL)
        wish.key_id = said.key_id;
    *ret_wish = wish;
    if (!wish.is_kms) {
        *ret_wish = (struct s3_wish){.is_on = wish.is_on};
        return 0;
    }
    rc = s3_kms_key_id_check(wish.key_id, &call->fault);
    if (rc < 0 || said.context.at == NULL)
        return rc;
    ret_wish->context_sent = said.context;
    return s3_kms_context_read(said.context, &call->arena, &call->fault, &ret_wish->context);
}

int s3_wish_expect_none(struct s3_call *call)
{
    const struct fields *fields = &call->exchange->request.fields;
    for (unsigned i = 0; i < fields->count; i++) {
        struct slice name = fields->at[i].name;
        if (name.len < field_start.len ||
            !slice_equal_nocase(slice_first(name, field_start.len), field_start) ||
            slice_equal_nocase(slice_first(slice_from(name, field_start.len), 10),
                               SLICE("-customer-")))
            continue;
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "%.*s header is not supported for this operation.", SLICE_ARG(name));
    }
    return 0;
}
