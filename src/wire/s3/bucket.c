/* Two short documents. */
#include "wire/s3/bucket.h"

#include "base/cleanup.h"
#include "wire/xml/writer.h"

#include <errno.h>

int s3_create_bucket_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                           struct s3_create_bucket *ret_create)
{
    struct s3_field fields[] = {
        {.name = SLICE("LocationConstraint")},
        {.name = SLICE("Tags")},
        {.name = SLICE("Location")},
        {.name = SLICE("Bucket")},
    };
    struct s3_field tags[] = {{.name = SLICE("Tag"), .flags = S3_FIELD_MANY}};
    struct s3_create_bucket create = {0};
    const struct xml_element *root;
    if (xml.len == 0) {
        *ret_create = create;
        return 0;
    }
    int rc = s3_configuration_read(xml, SLICE("CreateBucketConfiguration"), arena, fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if (fields[2].found != NULL || fields[3].found != NULL)
        return s3_fault_say(fault, S3_NOT_IMPLEMENTED, "Directory buckets are not implemented");
    create.location = s3_word(fields[0].found);
    rc = s3_fields_take(fields[1].found, tags, COUNT_OF(tags), fault);
    if (rc == 0)
        rc = s3_tags_read(tags[0].found, S3_BUCKET_TAGS_MAX, arena, fault, &create.tags);
    if (rc == 0)
        *ret_create = create;
    return rc;
}

int s3_create_bucket_write(struct buffer *out, const struct s3_create_bucket *create)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "CreateBucketConfiguration", S3_NAME_SPACE);
    xml_element_if(&writer, "LocationConstraint", create->location);
    if (create->tags.count > 0) {
        xml_open(&writer, "Tags");
        s3_tags_write_elements(&writer, &create->tags);
        xml_close(&writer);
    }
    xml_close(&writer);
    return xml_writer_end(&writer);
}

int s3_location_write(struct buffer *out, struct slice location)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "LocationConstraint", S3_NAME_SPACE);
    xml_text(&writer, location);
    xml_close(&writer);
    return xml_writer_end(&writer);
}

static const struct slice switches[] = {SLICE("Enabled"), SLICE("Disabled")};
static const struct slice statuses[] = {SLICE("Enabled"), SLICE("Suspended")};

int s3_versioning_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                        enum s3_versioning *ret_versioning)
{
    struct s3_field fields[] = {{.name = SLICE("Status")}, {.name = SLICE("MfaDelete")}};
    const struct xml_element *root;
    unsigned status, deletion = 1;
    int rc = s3_configuration_read(xml, SLICE("VersioningConfiguration"), arena, fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc == 0 && fields[1].found != NULL)
        rc = s3_choice(fields[1].found, switches, 2, fault, &deletion);
    if (rc < 0)
        return rc;
    if (deletion == 0)
        return s3_fault_say(fault, S3_NOT_IMPLEMENTED, "MfaDelete is not implemented");
    if (fields[0].found == NULL)
        return s3_fault_say(fault, S3_ILLEGAL_VERSIONING_CONFIGURATION,
                            "The Versioning element must be specified");
    rc = s3_choice(fields[0].found, statuses, 2, fault, &status);
    if (rc == 0)
        *ret_versioning = status == 0 ? S3_VERSIONING_ENABLED : S3_VERSIONING_SUSPENDED;
    return rc;
}

int s3_versioning_write(struct buffer *out, enum s3_versioning versioning)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "VersioningConfiguration", S3_NAME_SPACE);
    if (versioning != S3_VERSIONING_NEVER)
        xml_element(&writer, "Status", statuses[versioning == S3_VERSIONING_SUSPENDED]);
    xml_close(&writer);
    return xml_writer_end(&writer);
}
