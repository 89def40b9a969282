/* Three documents with the same two modes. */
#include "wire/s3/object_lock.h"

#include "base/cleanup.h"
#include "wire/s3/time.h"
#include "wire/xml/writer.h"

#include <assert.h>
#include <errno.h>

static const struct slice modes[] = {SLICE("GOVERNANCE"), SLICE("COMPLIANCE")};

int s3_lock_mode_parse(struct slice word, enum s3_lock_mode *ret_mode)
{
    for (unsigned i = 0; i < COUNT_OF(modes); i++) {
        if (slice_equal(modes[i], word)) {
            *ret_mode = (enum s3_lock_mode)(S3_LOCK_GOVERNANCE + i);
            return 0;
        }
    }
    return -EINVAL;
}

struct slice s3_lock_mode_name(enum s3_lock_mode mode)
{
    assert(mode != S3_LOCK_NONE);
    return modes[mode - S3_LOCK_GOVERNANCE];
}

static int read_mode(const struct xml_element *element, struct s3_fault *fault,
                     enum s3_lock_mode *ret_mode)
{
    return s3_lock_mode_parse(s3_word(element), ret_mode) < 0
               ? s3_malformed(fault, element, "must be GOVERNANCE or COMPLIANCE")
               : 0;
}

/* A whole number, a negative one too, is refused by its own code when it is out of range. */
static int read_period(const struct xml_element *element, unsigned max, struct s3_fault *fault,
                       unsigned *ret_period)
{
    if (element == NULL)
        return 0;
    struct slice word = s3_word(element);
    bool is_negative = slice_starts_with(word, SLICE("-"));
    uint64_t value;
    if (slice_parse_u64(slice_from(word, is_negative), &value) == -EINVAL)
        return s3_malformed(fault, element, "must be a whole number");
    if (is_negative || slice_parse_u64(word, &value) < 0 || value < 1)
        return s3_fault_set(fault, S3_INVALID_RETENTION_PERIOD);
    if (value > max)
        return s3_fault_say(fault, S3_INVALID_RETENTION_PERIOD,
                            "Default retention period is too large: at most %u", max);
    *ret_period = (unsigned)value;
    return 0;
}

static int read_default(const struct xml_element *rule, struct s3_fault *fault,
                        struct s3_object_lock *ret_lock)
{
    struct s3_field inside[] = {{.name = SLICE("DefaultRetention"), .flags = S3_FIELD_NEEDED}};
    struct s3_field fields[] = {
        {.name = SLICE("Mode"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("Days")},
        {.name = SLICE("Years")},
    };
    int rc = s3_fields_take(rule, inside, COUNT_OF(inside), fault);
    if (rc == 0)
        rc = s3_fields_take(inside[0].found, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if ((fields[1].found == NULL) == (fields[2].found == NULL))
        return s3_malformed(fault, inside[0].found, "needs either Days or Years");
    rc = read_mode(fields[0].found, fault, &ret_lock->mode);
    if (rc == 0)
        rc = read_period(fields[1].found, S3_LOCK_DAYS_MAX, fault, &ret_lock->days);
    if (rc == 0)
        rc = read_period(fields[2].found, S3_LOCK_YEARS_MAX, fault, &ret_lock->years);
    return rc;
}

int s3_object_lock_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                         struct s3_object_lock *ret_lock)
{
    static const struct slice enabled[] = {SLICE("Enabled")};
    struct s3_field fields[] = {
        {.name = SLICE("ObjectLockEnabled"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("Rule")},
    };
    const struct xml_element *root;
    struct s3_object_lock lock = {0};
    unsigned index;
    int rc = s3_configuration_read(xml, SLICE("ObjectLockConfiguration"), arena, fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = s3_choice(fields[0].found, enabled, 1, fault, &index);
    if (rc == 0 && fields[1].found != NULL)
        rc = read_default(fields[1].found, fault, &lock);
    if (rc == 0)
        *ret_lock = lock;
    return rc;
}

int s3_object_lock_write(struct buffer *out, const struct s3_object_lock *lock)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "ObjectLockConfiguration", S3_NAME_SPACE);
    xml_element(&writer, "ObjectLockEnabled", SLICE("Enabled"));
    if (lock->mode != S3_LOCK_NONE) {
        xml_open(&writer, "Rule");
        xml_open(&writer, "DefaultRetention");
        xml_element(&writer, "Mode", s3_lock_mode_name(lock->mode));
        if (lock->days > 0)
            xml_element_u64(&writer, "Days", lock->days);
        else
            xml_element_u64(&writer, "Years", lock->years);
        xml_close(&writer);
        xml_close(&writer);
    }
    xml_close(&writer);
    return xml_writer_end(&writer);
}

int64_t s3_object_lock_until_s(const struct s3_object_lock *lock, int64_t now_s)
{
    assert(lock->mode != S3_LOCK_NONE);
    return now_s + ((int64_t)lock->days + (int64_t)lock->years * 365) * S3_DAY_S;
}

int s3_retention_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                       struct s3_retention *ret_retention)
{
    struct s3_field fields[] = {{.name = SLICE("Mode")}, {.name = SLICE("RetainUntilDate")}};
    const struct xml_element *root;
    struct s3_retention retention = {0};
    int rc = s3_configuration_read(xml, SLICE("Retention"), arena, fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if ((fields[0].found == NULL) != (fields[1].found == NULL))
        return s3_malformed(fault, root, "needs both Mode and RetainUntilDate");
    if (fields[0].found != NULL) {
        rc = read_mode(fields[0].found, fault, &retention.mode);
        if (rc < 0)
            return rc;
        if (s3_time_parse(s3_word(fields[1].found), &retention.until_s) < 0)
            return s3_malformed(fault, fields[1].found, "must be a time of ISO 8601");
    }
    *ret_retention = retention;
    return 0;
}

int s3_retention_write(struct buffer *out, const struct s3_retention *retention)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "Retention", S3_NAME_SPACE);
    if (retention->mode != S3_LOCK_NONE) {
        char until[S3_TIME_BYTES];
        s3_time_write(until, retention->until_s);
        xml_element(&writer, "Mode", s3_lock_mode_name(retention->mode));
        xml_element(&writer, "RetainUntilDate", slice_of(until, sizeof until));
    }
    xml_close(&writer);
    return xml_writer_end(&writer);
}

static const struct slice holds[] = {SLICE("OFF"), SLICE("ON")};

int s3_legal_hold_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                        bool *ret_is_on)
{
    struct s3_field fields[] = {{.name = SLICE("Status"), .flags = S3_FIELD_NEEDED}};
    const struct xml_element *root;
    unsigned index;
    int rc = s3_configuration_read(xml, SLICE("LegalHold"), arena, fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = s3_choice(fields[0].found, holds, COUNT_OF(holds), fault, &index);
    if (rc == 0)
        *ret_is_on = index == 1;
    return rc;
}

int s3_legal_hold_write(struct buffer *out, bool is_on)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "LegalHold", S3_NAME_SPACE);
    xml_element(&writer, "Status", holds[is_on]);
    xml_close(&writer);
    return xml_writer_end(&writer);
}
