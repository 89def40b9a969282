/* The document is read in full, so that a malformed one is told from one that grants too much. */
#include "wire/s3/acl.h"

#include "base/cleanup.h"
#include "wire/xml/writer.h"

#include <errno.h>

int s3_acl_write(struct buffer *out, const struct s3_owner *owner)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "AccessControlPolicy", S3_NAME_SPACE);
    xml_open(&writer, "Owner");
    xml_element(&writer, "ID", owner->id);
    xml_element_if(&writer, "DisplayName", owner->name);
    xml_close(&writer);
    xml_open(&writer, "AccessControlList");
    xml_open(&writer, "Grant");
    xml_open_typed(&writer, "Grantee", "CanonicalUser");
    xml_element(&writer, "ID", owner->id);
    xml_element_if(&writer, "DisplayName", owner->name);
    xml_close(&writer);
    xml_element(&writer, "Permission", SLICE("FULL_CONTROL"));
    xml_close(&writer);
    xml_close(&writer);
    xml_close(&writer);
    return xml_writer_end(&writer);
}

static int check_grant(const struct xml_element *grant, struct slice owner_id,
                       struct s3_fault *fault)
{
    static const struct slice permissions[] = {
        SLICE("FULL_CONTROL"), SLICE("WRITE"), SLICE("WRITE_ACP"), SLICE("READ"), SLICE("READ_ACP"),
    };
    struct s3_field fields[] = {
        {.name = SLICE("Grantee"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("Permission"), .flags = S3_FIELD_NEEDED},
    };
    struct s3_field who[] = {
        {.name = SLICE("ID")},
        {.name = SLICE("DisplayName")},
        {.name = SLICE("URI")},
        {.name = SLICE("EmailAddress")},
    };
    unsigned permission;
    int rc = s3_fields_take(grant, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = s3_choice(fields[1].found, permissions, COUNT_OF(permissions), fault, &permission);
    if (rc == 0)
        rc = s3_fields_take(fields[0].found, who, COUNT_OF(who), fault);
    if (rc < 0)
        return rc;
    if (who[0].count + who[2].count + who[3].count != 1)
        return s3_malformed(fault, fields[0].found, "needs one of ID, URI and EmailAddress");
    if (who[0].found == NULL || !slice_equal(s3_word(who[0].found), owner_id) || permission != 0)
        return s3_fault_set(fault, S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
    return 0;
}

static int check(const struct xml_element *root, struct slice owner_id, struct s3_fault *fault)
{
    struct s3_field fields[] = {
        {.name = SLICE("Owner"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("AccessControlList"), .flags = S3_FIELD_NEEDED},
    };
    struct s3_field owner[] = {{.name = SLICE("ID")}, {.name = SLICE("DisplayName")}};
    struct s3_field grants[] = {{.name = SLICE("Grant"), .flags = S3_FIELD_MANY}};
    int rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = s3_fields_take(fields[0].found, owner, COUNT_OF(owner), fault);
    if (rc == 0)
        rc = s3_fields_take(fields[1].found, grants, COUNT_OF(grants), fault);
    if (rc < 0)
        return rc;
    if (grants[0].count > S3_GRANTS_MAX)
        return s3_malformed(fault, fields[1].found, "has more than 100 grants");
    bool is_owner = owner[0].found != NULL && slice_equal(s3_word(owner[0].found), owner_id);
    for (const struct xml_element *at = grants[0].found; at != NULL; at = xml_next_alike(at)) {
        rc = check_grant(at, owner_id, fault);
        if (rc < 0)
            return rc;
    }
    return is_owner && grants[0].count > 0
               ? 0
               : s3_fault_set(fault, S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
}

int s3_acl_check(struct slice xml, struct slice owner_id, struct arena *arena,
                 struct s3_fault *fault)
{
    const struct xml_element *root;
    int rc = s3_configuration_read(xml, SLICE("AccessControlPolicy"), arena, fault, &root);
    if (rc == 0)
        rc = check(root, owner_id, fault);
    if (rc < 0 && fault->code == S3_MALFORMED_XML)
        fault->code = S3_MALFORMED_ACL;
    return rc;
}

int s3_acl_check_canned(struct slice canned, struct s3_fault *fault)
{
    /* The first three say that the owner has it all. */
    static const struct slice words[] = {
        SLICE("private"),       SLICE("bucket-owner-full-control"), SLICE("bucket-owner-read"),
        SLICE("public-read"),   SLICE("public-read-write"),         SLICE("authenticated-read"),
        SLICE("aws-exec-read"), SLICE("log-delivery-write"),
    };
    for (unsigned i = 0; i < COUNT_OF(words); i++) {
        if (slice_equal(words[i], canned))
            return i < 3 ? 0 : s3_fault_set(fault, S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
    }
    return s3_fault_say(fault, S3_INVALID_ARGUMENT, "The x-amz-acl is not one of S3's");
}
