/* Each document has one function to read it and one to write it. */
#include "wire/s3/access.h"

#include "base/cleanup.h"
#include "wire/xml/writer.h"

#include <assert.h>
#include <errno.h>

int s3_public_access_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                           struct s3_public_access *ret_access)
{
    struct s3_field fields[] = {
        {.name = SLICE("BlockPublicAcls")},
        {.name = SLICE("IgnorePublicAcls")},
        {.name = SLICE("BlockPublicPolicy")},
        {.name = SLICE("RestrictPublicBuckets")},
    };
    const struct xml_element *root;
    struct s3_public_access access = {0};
    int rc =
        s3_configuration_read(xml, SLICE("PublicAccessBlockConfiguration"), arena, fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = s3_bool(fields[0].found, fault, &access.blocks_acls);
    if (rc == 0)
        rc = s3_bool(fields[1].found, fault, &access.ignores_acls);
    if (rc == 0)
        rc = s3_bool(fields[2].found, fault, &access.blocks_policies);
    if (rc == 0)
        rc = s3_bool(fields[3].found, fault, &access.restricts);
    if (rc == 0)
        *ret_access = access;
    return rc;
}

int s3_public_access_write(struct buffer *out, const struct s3_public_access *access)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "PublicAccessBlockConfiguration", S3_NAME_SPACE);
    xml_element_bool(&writer, "BlockPublicAcls", access->blocks_acls);
    xml_element_bool(&writer, "IgnorePublicAcls", access->ignores_acls);
    xml_element_bool(&writer, "BlockPublicPolicy", access->blocks_policies);
    xml_element_bool(&writer, "RestrictPublicBuckets", access->restricts);
    xml_close(&writer);
    return xml_writer_end(&writer);
}

static const struct slice ownerships[] = {
    [S3_BUCKET_OWNER_ENFORCED] = SLICE("BucketOwnerEnforced"),
    [S3_BUCKET_OWNER_PREFERRED] = SLICE("BucketOwnerPreferred"),
    [S3_OBJECT_WRITER] = SLICE("ObjectWriter"),
};

int s3_ownership_parse_word(struct slice word, enum s3_ownership *ret_ownership)
{
    for (unsigned i = 0; i < COUNT_OF(ownerships); i++) {
        if (slice_equal(ownerships[i], word)) {
            *ret_ownership = (enum s3_ownership)i;
            return 0;
        }
    }
    return -EINVAL;
}

struct slice s3_ownership_name(enum s3_ownership ownership)
{
    assert(ownership < COUNT_OF(ownerships));
    return ownerships[ownership];
}

int s3_ownership_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                       enum s3_ownership *ret_ownership)
{
    struct s3_field rules[] = {{.name = SLICE("Rule"), .flags = S3_FIELD_NEEDED}};
    struct s3_field fields[] = {{.name = SLICE("ObjectOwnership"), .flags = S3_FIELD_NEEDED}};
    const struct xml_element *root;
    int rc = s3_configuration_read(xml, SLICE("OwnershipControls"), arena, fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, rules, COUNT_OF(rules), fault);
    if (rc == 0)
        rc = s3_fields_take(rules[0].found, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if (s3_ownership_parse_word(s3_word(fields[0].found), ret_ownership) < 0)
        return s3_malformed(fault, fields[0].found, "has a value that is not allowed");
    return 0;
}

int s3_ownership_write(struct buffer *out, enum s3_ownership ownership)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "OwnershipControls", S3_NAME_SPACE);
    xml_open(&writer, "Rule");
    xml_element(&writer, "ObjectOwnership", s3_ownership_name(ownership));
    xml_close(&writer);
    xml_close(&writer);
    return xml_writer_end(&writer);
}
