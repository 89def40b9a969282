/* Ids are checked for their form alone: there is nobody who could say which keys there are. */
#include "wire/s3/encryption.h"

#include "base/cleanup.h"
#include "wire/json/json.h"
#include "wire/s3/checksum.h"
#include "wire/xml/writer.h"

#include <errno.h>

#define CONTEXT_ARENA_BYTES ((size_t)256 << 10)

/* <ApplyServerSideEncryptionByDefault> */
static int read_default(const struct xml_element *element, struct s3_fault *fault,
                        struct s3_encryption *encryption)
{
    struct s3_field fields[] = {
        {.name = SLICE("SSEAlgorithm"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("KMSMasterKeyID")},
    };
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    struct slice algorithm = s3_word(fields[0].found);
    encryption->has_default = true;
    if (slice_equal(algorithm, SLICE("aws:kms:dsse")))
        return s3_fault_say(fault, S3_NOT_IMPLEMENTED,
                            "aws:kms:dsse is not implemented: aws:kms is");
    encryption->is_kms = slice_equal(algorithm, SLICE("aws:kms"));
    if (!encryption->is_kms && !slice_equal(algorithm, SLICE("AES256")))
        return s3_fault_set(fault, S3_INVALID_ENCRYPTION_ALGORITHM);
    if (fields[1].found == NULL)
        return 0;
    if (!encryption->is_kms)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "a KMSMasterKeyID is not applicable if the default sse algorithm is "
                            "not aws:kms or aws:kms:dsse");
    encryption->key_id = s3_word(fields[1].found);
    return s3_kms_key_id_check(encryption->key_id, fault);
}

static int read_blocked(const struct xml_element *element, struct s3_fault *fault,
                        enum s3_blocked *ret_blocked)
{
    static const struct slice types[] = {SLICE("NONE"), SLICE("SSE-C")};
    struct s3_field fields[] = {{.name = SLICE("EncryptionType"), .flags = S3_FIELD_NEEDED}};
    unsigned index = 0;
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = s3_choice(fields[0].found, types, COUNT_OF(types), fault, &index);
    *ret_blocked = index == 0 ? S3_BLOCKED_NONE : S3_BLOCKED_CUSTOMERS;
    return rc;
}

int s3_encryption_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                        struct s3_encryption *ret_encryption)
{
    struct s3_field rules[] = {{.name = SLICE("Rule"), .flags = S3_FIELD_NEEDED}};
    struct s3_field fields[] = {
        {.name = SLICE("ApplyServerSideEncryptionByDefault")},
        {.name = SLICE("BucketKeyEnabled")},
        {.name = SLICE("BlockedEncryptionTypes")},
    };
    const struct xml_element *root;
    struct s3_encryption encryption = {0};
    int rc =
        s3_configuration_read(xml, SLICE("ServerSideEncryptionConfiguration"), arena, fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, rules, COUNT_OF(rules), fault);
    if (rc == 0)
        rc = s3_fields_take(rules[0].found, fields, COUNT_OF(fields), fault);
    if (rc == 0 && fields[0].found == NULL && fields[2].found == NULL)
        rc = s3_malformed(fault, rules[0].found,
                          "needs ApplyServerSideEncryptionByDefault or BlockedEncryptionTypes");
    if (rc == 0 && fields[0].found != NULL)
        rc = read_default(fields[0].found, fault, &encryption);
    if (rc == 0 && fields[2].found != NULL)
        rc = read_blocked(fields[2].found, fault, &encryption.blocked);
    if (rc == 0)
        rc = s3_bool(fields[1].found, fault, &encryption.is_bucket_key);
    if (rc < 0)
        return rc;
    encryption.has_bucket_key = fields[1].found != NULL;
    *ret_encryption = encryption;
    return 0;
}

static const struct slice default_name = SLICE("ApplyServerSideEncryptionByDefault");

int s3_encryption_write(struct buffer *out, const struct s3_encryption *encryption)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "ServerSideEncryptionConfiguration", S3_NAME_SPACE);
    xml_open(&writer, "Rule");
    if (encryption->has_default) {
        xml_open(&writer, default_name.at);
        xml_element(&writer, "SSEAlgorithm",
                    encryption->is_kms ? SLICE("aws:kms") : SLICE("AES256"));
        xml_element_if(&writer, "KMSMasterKeyID", encryption->key_id);
        xml_close(&writer);
    }
    if (encryption->blocked != S3_BLOCKED_UNSAID) {
        xml_open(&writer, "BlockedEncryptionTypes");
        xml_element(&writer, "EncryptionType",
                    encryption->blocked == S3_BLOCKED_NONE ? SLICE("NONE") : SLICE("SSE-C"));
        xml_close(&writer);
    }
    if (encryption->has_bucket_key)
        xml_element_bool(&writer, "BucketKeyEnabled", encryption->is_bucket_key);
    xml_close(&writer);
    xml_close(&writer);
    return xml_writer_end(&writer);
}

bool s3_encryption_has_default(struct slice written)
{
    return slice_search(written, default_name) >= 0;
}

bool s3_encryption_blocks_customers(struct slice written)
{
    return slice_search(written, SLICE("<EncryptionType>SSE-C</EncryptionType>")) >= 0;
}

/* arn:PARTITION:kms:REGION:ACCOUNT:key/ID or …:alias/NAME */
static bool is_arn_of_key(struct slice arn)
{
    struct slice rest = arn, parts[5] = {{NULL, 0}};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (!slice_cut(&rest, ':', &parts[i]))
            return false;
    }
    bool is_key = slice_starts_with(rest, SLICE("key/")) && rest.len > 4;
    bool is_alias = slice_starts_with(rest, SLICE("alias/")) && rest.len > 6;
    return slice_equal(parts[2], SLICE("kms")) && parts[1].len > 0 && (is_key || is_alias) &&
           slice_find(rest, ':') < 0;
}

int s3_kms_key_id_check(struct slice id, struct s3_fault *fault)
{
    bool is_good = id.len > 0 && id.len <= S3_KMS_KEY_ID_BYTES_MAX;
    for (size_t i = 0; i < id.len && is_good; i++) {
        char c = ascii_lower(id.at[i]);
        is_good = ascii_is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.' ||
                  c == '/' || c == ':';
    }
    if (is_good && slice_starts_with(id, SLICE("arn:")))
        is_good = is_arn_of_key(id);
    if (is_good)
        return 0;
    return s3_fault_say(fault, S3_KMS_NOT_FOUND,
                        "Invalid keyId '%.*s': an id, alias/NAME or an ARN of a key or alias, "
                        "1 to %d letters, digits and -_./: was expected",
                        (int)(id.len < 64 ? id.len : 64), id.at, S3_KMS_KEY_ID_BYTES_MAX);
}

/* An object whose members are texts. 0, -EBADMSG or -ENOMEM. */
static int check_map(struct slice json)
{
    SCOPED(arena_finish) struct arena arena;
    const struct json *root = NULL;
    arena_init(&arena, NULL, 0, CONTEXT_ARENA_BYTES);
    int rc = json_parse(json, &arena, &root);
    if (rc == 0 && root->kind != JSON_OBJECT)
        rc = -EBADMSG;
    JSON_FOR_EACH(rc == 0 ? root : NULL, member)
    {
        if (member->kind != JSON_STRING)
            rc = -EBADMSG;
    }
    return rc;
}

int s3_kms_context_read(struct slice text, struct arena *arena, struct s3_fault *fault,
                        struct slice *ret_context)
{
    bool is_small = text.len <= (size_t)S3_KMS_CONTEXT_BYTES_MAX / 3 * 4;
    char *room = is_small ? arena_alloc(arena, text.len + 1) : NULL;
    if (is_small && room == NULL)
        return s3_fault_memory(fault);
    ptrdiff_t len = is_small ? s3_base64_read(text, room) : -EBADMSG;
    int rc = len > 0 ? check_map(slice_of(room, (size_t)len)) : -EBADMSG;
    if (rc == -ENOMEM)
        return s3_fault_memory(fault);
    if (rc < 0)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "The header 'x-amz-server-side-encryption-context' shall be "
                            "Base64-encoded UTF-8 string holding JSON which represents a "
                            "string-string map of at most %d bytes",
                            S3_KMS_CONTEXT_BYTES_MAX);
    *ret_context = slice_of(room, (size_t)len);
    return 0;
}
