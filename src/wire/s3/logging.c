/* One document of three levels. */
#include "wire/s3/logging.h"

#include "base/cleanup.h"
#include "wire/xml/writer.h"

static int read_partitioned(const struct xml_element *element, struct s3_fault *fault,
                            enum s3_log_keys *ret_keys)
{
    static const struct slice sources[] = {SLICE("EventTime"), SLICE("DeliveryTime")};
    struct s3_field fields[] = {{.name = SLICE("PartitionDateSource")}};
    unsigned index = 1;
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc == 0 && fields[0].found != NULL)
        rc = s3_choice(fields[0].found, sources, COUNT_OF(sources), fault, &index);
    *ret_keys = index == 0 ? S3_LOG_KEYS_BY_EVENT : S3_LOG_KEYS_BY_DELIVERY;
    return rc;
}

static int read_keys(const struct xml_element *element, struct s3_fault *fault,
                     enum s3_log_keys *ret_keys)
{
    struct s3_field fields[] = {{.name = SLICE("SimplePrefix")},
                                {.name = SLICE("PartitionedPrefix")}};
    if (element == NULL)
        return 0;
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if (fields[0].count + fields[1].count != 1)
        return s3_malformed(fault, element, "needs one of SimplePrefix and PartitionedPrefix");
    *ret_keys = S3_LOG_KEYS_SIMPLE;
    return fields[1].found == NULL ? 0 : read_partitioned(fields[1].found, fault, ret_keys);
}

static int read_grants(const struct xml_element *element, struct s3_fault *fault,
                       struct s3_logging *logging)
{
    if (element == NULL)
        return 0;
    logging->has_grants = true;
    int rc = s3_acl_read_grants(element, fault, &logging->grants);
    for (unsigned i = 0; rc == 0 && i < logging->grants.count; i++) {
        enum s3_permission permission = logging->grants.grants[i].permission;
        if (permission != S3_FULL_CONTROL && permission != S3_READ && permission != S3_WRITE)
            rc = s3_malformed(fault, element, "grants FULL_CONTROL, READ or WRITE alone");
    }
    return rc;
}

static int read_enabled(const struct xml_element *element, struct s3_fault *fault,
                        struct s3_logging *logging)
{
    struct s3_field fields[] = {
        {.name = SLICE("TargetBucket"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("TargetPrefix"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("TargetObjectKeyFormat")},
        {.name = SLICE("TargetGrants")},
    };
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = read_keys(fields[2].found, fault, &logging->keys);
    if (rc == 0)
        rc = read_grants(fields[3].found, fault, logging);
    if (rc < 0)
        return rc;
    logging->target = s3_word(fields[0].found);
    logging->prefix = s3_text(fields[1].found);
    if (logging->target.len == 0)
        return s3_malformed(fault, fields[0].found, "is empty");
    if (logging->prefix.len > S3_LOG_PREFIX_BYTES_MAX)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT, "TargetPrefix is longer than %d bytes",
                            S3_LOG_PREFIX_BYTES_MAX);
    return 0;
}

int s3_logging_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                     struct s3_logging *ret_logging)
{
    struct s3_field fields[] = {{.name = SLICE("LoggingEnabled")}};
    const struct xml_element *root = NULL;
    *ret_logging = (struct s3_logging){.keys = S3_LOG_KEYS_UNSAID};
    int rc = s3_configuration_read(xml, SLICE("BucketLoggingStatus"), arena, fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc == 0 && fields[0].found != NULL)
        rc = read_enabled(fields[0].found, fault, ret_logging);
    return rc;
}

static void put_keys(struct xml_writer *xml, enum s3_log_keys keys)
{
    if (keys == S3_LOG_KEYS_UNSAID)
        return;
    xml_open(xml, "TargetObjectKeyFormat");
    if (keys == S3_LOG_KEYS_SIMPLE) {
        xml_element(xml, "SimplePrefix", SLICE(""));
    } else {
        xml_open(xml, "PartitionedPrefix");
        xml_element(xml, "PartitionDateSource",
                    keys == S3_LOG_KEYS_BY_EVENT ? SLICE("EventTime") : SLICE("DeliveryTime"));
        xml_close(xml);
    }
    xml_close(xml);
}

/* Names of owners are no part of what is kept. */
static struct slice no_name(const void *arg, struct slice id)
{
    (void)arg;
    (void)id;
    return (struct slice){NULL, 0};
}

int s3_logging_write(struct buffer *out, const struct s3_logging *logging)
{
    struct xml_writer xml;
    xml_writer_init(&xml, out);
    xml_open_root(&xml, "BucketLoggingStatus", S3_NAME_SPACE);
    if (logging->target.at != NULL) {
        xml_open(&xml, "LoggingEnabled");
        xml_element(&xml, "TargetBucket", logging->target);
        xml_element(&xml, "TargetPrefix", logging->prefix);
        if (logging->has_grants) {
            xml_open(&xml, "TargetGrants");
            s3_acl_put_grants(&xml, &logging->grants, no_name, NULL);
            xml_close(&xml);
        }
        put_keys(&xml, logging->keys);
        xml_close(&xml);
    }
    xml_close(&xml);
    return xml_writer_end(&xml);
}
