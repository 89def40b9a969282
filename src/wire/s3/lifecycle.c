/* Reading and writing of lifecycle rules. What AWS refuses by a code of its own is told by it. */
#include "wire/s3/lifecycle.h"

#include "base/cleanup.h"
#include "wire/s3/names.h"
#include "wire/s3/time.h"

#include <errno.h>

#define ID_CHARACTERS_MAX 255

const struct xml_limits s3_lifecycle_limits = {S3_LIFECYCLE_BYTES_MAX, 40000};

/* Days and counts from 1. */
static int read_count(const struct xml_element *element, unsigned max, struct s3_fault *fault,
                      unsigned *ret_count)
{
    uint64_t count;
    if (element == NULL)
        return 0;
    struct slice word = s3_word(element);
    bool is_negative = slice_starts_with(word, SLICE("-"));
    if (slice_parse_u64(slice_from(word, is_negative), &count) == -EINVAL)
        return s3_malformed(fault, element, "must be a whole number");
    if (is_negative || count < 1 || slice_parse_u64(word, &count) < 0 || count > max)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "'%.*s' must be a positive integer, at most %u",
                            SLICE_ARG(element->name), max);
    *ret_count = (unsigned)count;
    return 0;
}

static int read_date(const struct xml_element *element, struct s3_fault *fault, int64_t *ret_date_s)
{
    int64_t date_s;
    if (element == NULL)
        return 0;
    if (s3_time_parse(s3_word(element), &date_s) < 0)
        return s3_malformed(fault, element, "must be a date of ISO 8601");
    if (date_s % S3_DAY_S != 0)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT, "'Date' must be at midnight GMT");
    *ret_date_s = date_s;
    return 0;
}

enum { PREFIX, TAG, GREATER, LESS, AND };

#define CONDITIONS(tag_flags)                                                                      \
    [PREFIX] = {.name = SLICE("Prefix")}, [TAG] = {.name = SLICE("Tag"), .flags = (tag_flags)},    \
    [GREATER] = {.name = SLICE("ObjectSizeGreaterThan")},                                          \
    [LESS] = {.name = SLICE("ObjectSizeLessThan")}

static int read_conditions(const struct s3_field *fields, struct arena *arena,
                           struct s3_fault *fault, struct s3_lifecycle_filter *filter)
{
    filter->prefix = s3_text(fields[PREFIX].found);
    filter->has_greater = fields[GREATER].found != NULL;
    filter->has_less = fields[LESS].found != NULL;
    if (filter->prefix.len > S3_KEY_BYTES_MAX)
        return s3_fault_say(fault, S3_INVALID_REQUEST, "The maximum size of a prefix is %d.",
                            S3_KEY_BYTES_MAX);
    int rc = s3_tags_read(fields[TAG].found, S3_OBJECT_TAGS_MAX, arena, fault, &filter->tags);
    if (rc == 0)
        rc = s3_number(fields[GREATER].found, INT64_MAX, fault, &filter->greater_than);
    if (rc == 0)
        rc = s3_number(fields[LESS].found, INT64_MAX, fault, &filter->less_than);
    if (rc == 0 && filter->has_greater && filter->has_less &&
        filter->less_than <= filter->greater_than)
        return s3_fault_say(fault, S3_INVALID_REQUEST,
                            "'ObjectSizeLessThan' has to be a value greater than "
                            "'ObjectSizeGreaterThan'.");
    return rc;
}

static int read_filter(const struct xml_element *element, struct arena *arena,
                       struct s3_fault *fault, struct s3_lifecycle_filter *filter)
{
    struct s3_field one[] = {CONDITIONS(0), [AND] = {.name = SLICE("And")}};
    struct s3_field all[] = {CONDITIONS(S3_FIELD_MANY)};
    int rc = s3_fields_take(element, one, COUNT_OF(one), fault);
    if (rc < 0)
        return rc;
    if (element->count > 1)
        return s3_malformed(fault, element, "needs <And> around several conditions");
    if (one[AND].found == NULL) {
        filter->form = S3_FILTER_ONE;
        return read_conditions(one, arena, fault, filter);
    }
    filter->form = S3_FILTER_AND;
    rc = s3_fields_take(one[AND].found, all, COUNT_OF(all), fault);
    return rc < 0 ? rc : read_conditions(all, arena, fault, filter);
}

static int read_expiration(const struct xml_element *element, struct s3_fault *fault,
                           struct s3_lifecycle_rule *rule)
{
    struct s3_field fields[] = {
        {.name = SLICE("Days")},
        {.name = SLICE("Date")},
        {.name = SLICE("ExpiredObjectDeleteMarker")},
    };
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if (fields[0].count + fields[1].count + fields[2].count != 1)
        return s3_malformed(fault, element,
                            "needs one of Days, Date and ExpiredObjectDeleteMarker");
    rule->has_expiration_date = fields[1].found != NULL;
    rule->has_expired_marker = fields[2].found != NULL;
    rc = read_count(fields[0].found, S3_LIFECYCLE_DAYS_MAX, fault, &rule->expiration_days);
    if (rc == 0)
        rc = read_date(fields[1].found, fault, &rule->expiration_date_s);
    if (rc == 0)
        rc = s3_bool(fields[2].found, fault, &rule->removes_expired_marker);
    return rc;
}

static int read_noncurrent(const struct xml_element *element, struct s3_fault *fault,
                           struct s3_lifecycle_rule *rule)
{
    struct s3_field fields[] = {
        {.name = SLICE("NoncurrentDays"), .flags = S3_FIELD_NEEDED},
        {.name = SLICE("NewerNoncurrentVersions")},
    };
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = read_count(fields[0].found, S3_LIFECYCLE_DAYS_MAX, fault, &rule->noncurrent_days);
    if (rc == 0)
        rc = read_count(fields[1].found, S3_LIFECYCLE_VERSIONS_MAX, fault,
                        &rule->newer_noncurrent_versions);
    return rc;
}

static int read_abort(const struct xml_element *element, struct s3_fault *fault,
                      struct s3_lifecycle_rule *rule)
{
    struct s3_field fields[] = {
        {.name = SLICE("DaysAfterInitiation"), .flags = S3_FIELD_NEEDED},
    };
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    return rc < 0 ? rc
                  : read_count(fields[0].found, S3_LIFECYCLE_DAYS_MAX, fault, &rule->abort_days);
}

/* A transition that is wrong in itself is told so before all of them are refused. */
static int refuse_transition(const struct xml_element *element, struct s3_fault *fault)
{
    int64_t date_s;
    int rc = read_date(xml_child(element, SLICE("Date")), fault, &date_s);
    if (rc < 0)
        return rc;
    return s3_fault_say(fault, S3_NOT_IMPLEMENTED,
                        "%.*s is not implemented: there is one storage class",
                        SLICE_ARG(element->name));
}

enum {
    ID,
    STATUS,
    RULE_PREFIX,
    FILTER,
    EXPIRATION,
    NONCURRENT,
    ABORT,
    TRANSITION,
    NONCURRENT_TRANSITION,
    RULE_FIELDS
};

static int read_actions(const struct xml_element *element, const struct s3_field *fields,
                        struct s3_fault *fault, struct s3_lifecycle_rule *rule)
{
    int rc = 0;
    if (fields[TRANSITION].found != NULL)
        return refuse_transition(fields[TRANSITION].found, fault);
    if (fields[NONCURRENT_TRANSITION].found != NULL)
        return refuse_transition(fields[NONCURRENT_TRANSITION].found, fault);
    if (fields[EXPIRATION].found != NULL)
        rc = read_expiration(fields[EXPIRATION].found, fault, rule);
    if (rc == 0 && fields[NONCURRENT].found != NULL)
        rc = read_noncurrent(fields[NONCURRENT].found, fault, rule);
    if (rc == 0 && fields[ABORT].found != NULL)
        rc = read_abort(fields[ABORT].found, fault, rule);
    if (rc < 0)
        return rc;
    if (fields[EXPIRATION].count + fields[NONCURRENT].count + fields[ABORT].count == 0)
        return s3_fault_say(fault, S3_INVALID_REQUEST,
                            "At least one action needs to be specified in a rule (line %u).",
                            element->line);
    bool has_sizes = rule->filter.has_greater || rule->filter.has_less;
    if (rule->has_expired_marker && rule->filter.tags.count > 0)
        return s3_fault_say(fault, S3_INVALID_REQUEST,
                            "ExpiredObjectDeleteMarker cannot be specified with Tags.");
    if (rule->abort_days > 0 && (rule->filter.tags.count > 0 || has_sizes))
        return s3_fault_say(fault, S3_INVALID_REQUEST,
                            "AbortIncompleteMultipartUpload cannot be specified with %s.",
                            has_sizes ? "object sizes" : "Tags");
    return 0;
}

static int read_id(const struct xml_element *element, const struct s3_field *field, unsigned number,
                   struct arena *arena, struct s3_fault *fault, struct slice *ret_id)
{
    struct slice id = s3_text(field->found);
    if (id.len == 0)
        id = s3_rule_name(element, number, arena);
    if (id.at == NULL)
        return s3_fault_memory(fault);
    if (s3_characters(id) > ID_CHARACTERS_MAX)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "ID length should not exceed allowed limit of %d", ID_CHARACTERS_MAX);
    *ret_id = id;
    return 0;
}

static int read_rule(const struct xml_element *element, unsigned number, struct arena *arena,
                     struct s3_fault *fault, struct s3_lifecycle_rule *ret_rule)
{
    static const struct slice statuses[] = {SLICE("Disabled"), SLICE("Enabled")};
    struct s3_field fields[RULE_FIELDS] = {
        [ID] = {.name = SLICE("ID")},
        [STATUS] = {.name = SLICE("Status"), .flags = S3_FIELD_NEEDED},
        [RULE_PREFIX] = {.name = SLICE("Prefix")},
        [FILTER] = {.name = SLICE("Filter")},
        [EXPIRATION] = {.name = SLICE("Expiration")},
        [NONCURRENT] = {.name = SLICE("NoncurrentVersionExpiration")},
        [ABORT] = {.name = SLICE("AbortIncompleteMultipartUpload")},
        [TRANSITION] = {.name = SLICE("Transition"), .flags = S3_FIELD_MANY},
        [NONCURRENT_TRANSITION] = {.name = SLICE("NoncurrentVersionTransition"),
                                   .flags = S3_FIELD_MANY},
    };
    struct s3_lifecycle_rule rule = {0};
    unsigned status = 0;
    int rc = s3_fields_take(element, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = s3_choice(fields[STATUS].found, statuses, COUNT_OF(statuses), fault, &status);
    if (rc == 0)
        rc = read_id(element, &fields[ID], number, arena, fault, &rule.id);
    if (rc < 0)
        return rc;
    rule.is_enabled = status == 1;
    if ((fields[RULE_PREFIX].found == NULL) == (fields[FILTER].found == NULL))
        return s3_malformed(fault, element, "needs either Filter or Prefix");
    if (fields[FILTER].found != NULL)
        rc = read_filter(fields[FILTER].found, arena, fault, &rule.filter);
    else if (s3_text(fields[RULE_PREFIX].found).len > S3_KEY_BYTES_MAX)
        rc = s3_malformed(fault, fields[RULE_PREFIX].found, "is longer than a key");
    else
        rule.filter.prefix = s3_text(fields[RULE_PREFIX].found);
    if (rc == 0)
        rc = read_actions(element, fields, fault, &rule);
    if (rc == 0)
        *ret_rule = rule;
    return rc;
}

static bool is_id_taken(const struct s3_lifecycle_rule *rules, unsigned count, struct slice id)
{
    for (unsigned i = 0; i < count; i++) {
        if (slice_equal(rules[i].id, id))
            return true;
    }
    return false;
}

int s3_lifecycle_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                       struct s3_lifecycle *ret_lifecycle)
{
    struct s3_field fields[] = {
        {.name = SLICE("Rule"), .flags = S3_FIELD_NEEDED | S3_FIELD_MANY},
    };
    const struct xml_element *root;
    int rc = s3_document_read(xml, &s3_lifecycle_limits, SLICE("LifecycleConfiguration"), arena,
                              fault, &root);
    if (rc == 0)
        rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if (fields[0].count > S3_LIFECYCLE_RULES_MAX)
        return s3_malformed(fault, root, "has more than 1000 rules");
    struct s3_lifecycle_rule *rules = arena_alloc_array(arena, fields[0].count, sizeof *rules);
    struct s3_lifecycle lifecycle = {rules, 0};
    if (rules == NULL)
        return s3_fault_memory(fault);
    for (const struct xml_element *at = fields[0].found; at != NULL; at = xml_next_alike(at)) {
        struct s3_lifecycle_rule *rule = &rules[lifecycle.rules_count];
        rc = read_rule(at, lifecycle.rules_count + 1, arena, fault, rule);
        if (rc < 0)
            return rc;
        if (is_id_taken(rules, lifecycle.rules_count, rule->id))
            return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                                "Rule ID must be unique. Found same ID for more than one rule");
        lifecycle.rules_count++;
    }
    *ret_lifecycle = lifecycle;
    return 0;
}

static void write_conditions(struct xml_writer *writer, const struct s3_lifecycle_filter *filter)
{
    xml_element_if(writer, "Prefix", filter->prefix);
    s3_tags_write_elements(writer, &filter->tags);
    if (filter->has_greater)
        xml_element_u64(writer, "ObjectSizeGreaterThan", filter->greater_than);
    if (filter->has_less)
        xml_element_u64(writer, "ObjectSizeLessThan", filter->less_than);
}

static void write_filter(struct xml_writer *writer, const struct s3_lifecycle_filter *filter)
{
    if (filter->form == S3_FILTER_PREFIX_ALONE) {
        xml_element(writer, "Prefix", filter->prefix);
        return;
    }
    xml_open(writer, "Filter");
    if (filter->form == S3_FILTER_AND)
        xml_open(writer, "And");
    write_conditions(writer, filter);
    if (filter->form == S3_FILTER_AND)
        xml_close(writer);
    xml_close(writer);
}

static void write_expiration(struct xml_writer *writer, const struct s3_lifecycle_rule *rule)
{
    if (rule->expiration_days == 0 && !rule->has_expiration_date && !rule->has_expired_marker)
        return;
    xml_open(writer, "Expiration");
    if (rule->expiration_days > 0)
        xml_element_u64(writer, "Days", rule->expiration_days);
    if (rule->has_expiration_date) {
        char date[S3_TIME_BYTES];
        s3_time_write(date, rule->expiration_date_s);
        xml_element(writer, "Date", slice_of(date, sizeof date));
    }
    if (rule->has_expired_marker)
        xml_element_bool(writer, "ExpiredObjectDeleteMarker", rule->removes_expired_marker);
    xml_close(writer);
}

static void write_rule(struct xml_writer *writer, const struct s3_lifecycle_rule *rule)
{
    xml_open(writer, "Rule");
    xml_element(writer, "ID", rule->id);
    write_filter(writer, &rule->filter);
    xml_element(writer, "Status", rule->is_enabled ? SLICE("Enabled") : SLICE("Disabled"));
    write_expiration(writer, rule);
    if (rule->noncurrent_days > 0) {
        xml_open(writer, "NoncurrentVersionExpiration");
        xml_element_u64(writer, "NoncurrentDays", rule->noncurrent_days);
        if (rule->newer_noncurrent_versions > 0)
            xml_element_u64(writer, "NewerNoncurrentVersions", rule->newer_noncurrent_versions);
        xml_close(writer);
    }
    if (rule->abort_days > 0) {
        xml_open(writer, "AbortIncompleteMultipartUpload");
        xml_element_u64(writer, "DaysAfterInitiation", rule->abort_days);
        xml_close(writer);
    }
    xml_close(writer);
}

int s3_lifecycle_write(struct buffer *out, const struct s3_lifecycle *lifecycle)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "LifecycleConfiguration", S3_NAME_SPACE);
    for (unsigned i = 0; i < lifecycle->rules_count; i++)
        write_rule(&writer, &lifecycle->rules[i]);
    xml_close(&writer);
    return xml_writer_end(&writer);
}
