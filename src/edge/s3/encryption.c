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

/* Nothing where the bucket has none; what was accepted once can be read. */
static int read_default(struct s3_call *call, struct s3_encryption *ret_default, bool *ret_is_there)
{
    struct slice kept = settings_get(call->bucket->settings, SETTING_ENCRYPTION);
    *ret_default = (struct s3_encryption){.is_kms = false};
    *ret_is_there = kept.at != NULL;
    /* Most are AES256, which says all. */
    if (kept.at == NULL || slice_search(kept, SLICE("aws:kms")) < 0)
        return 0;
    return s3_encryption_parse(kept, &call->arena, &call->fault, ret_default);
}

int s3_wish_read(struct s3_call *call, bool is_customers, struct s3_wish *ret_wish)
{
    struct said said = read_said(call);
    struct s3_encryption otherwise;
    bool has_default;
    *ret_wish = (struct s3_wish){.is_on = false};
    int rc = check_said(call, &said, is_customers);
    if (rc == 0 && !is_customers)
        rc = read_default(call, &otherwise, &has_default);
    if (rc < 0 || is_customers)
        return rc;
    bool is_asked = said.method.at != NULL;
    ret_wish->is_on = is_asked || has_default;
    ret_wish->is_kms = is_asked ? slice_equal(said.method, SLICE("aws:kms")) : otherwise.is_kms;
    if (!ret_wish->is_kms)
        return 0;
    ret_wish->has_bucket_key = said.bucket_key.at != NULL
                                   ? slice_equal_nocase(said.bucket_key, SLICE("true"))
                                   : otherwise.is_bucket_key;
    ret_wish->key_id = said.key_id.at != NULL        ? said.key_id
                       : otherwise.key_id.at != NULL ? otherwise.key_id
                                                     : SLICE(S3_KMS_DEFAULT_KEY_ID);
    rc = s3_kms_key_id_check(ret_wish->key_id, &call->fault);
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
