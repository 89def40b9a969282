/* Each condition is held against the fields; each field is looked for among the conditions. */
#include "wire/s3/post_policy.h"

#include "wire/json/json.h"
#include "wire/s3/time.h"

#include <errno.h>

struct checking {
    const struct s3_post_field *fields;
    unsigned count;
    struct slice bucket;
    struct s3_fault *fault;
    struct s3_post_limits limits;
};

#define SHORT(slice) (int)((slice).len < 64 ? (slice).len : 64), (slice).at

static int invalid(struct checking *checking, const char *what)
{
    return s3_fault_say(checking->fault, S3_INVALID_POLICY_DOCUMENT, "Invalid Policy: %s", what);
}

static bool value_of(const struct checking *checking, struct slice name, struct slice *ret_value)
{
    for (unsigned i = 0; i < checking->count; i++) {
        if (slice_equal_nocase(checking->fields[i].name, name)) {
            *ret_value = checking->fields[i].value;
            return true;
        }
    }
    *ret_value = checking->bucket;
    return slice_equal_nocase(name, SLICE("bucket"));
}

static int failed(struct checking *checking, const char *kind, struct slice name,
                  struct slice wanted)
{
    return s3_fault_say(checking->fault, S3_ACCESS_DENIED,
                        "Invalid according to Policy: Policy Condition failed: [\"%s\", "
                        "\"$%.*s\", \"%.*s\"]",
                        kind, SHORT(name), SHORT(wanted));
}

/* For Content-Type a list of values may begin with the same each. */
static int check_equal(struct checking *checking, struct slice name, struct slice wanted)
{
    struct slice value;
    return value_of(checking, name, &value) && slice_equal(value, wanted)
               ? 0
               : failed(checking, "eq", name, wanted);
}

static int check_prefix(struct checking *checking, struct slice name, struct slice wanted)
{
    struct slice value;
    return value_of(checking, name, &value) && slice_starts_with(value, wanted)
               ? 0
               : failed(checking, "starts-with", name, wanted);
}

static bool read_number(const struct json *json, uint64_t *ret_value)
{
    struct slice text = json->text;
    *ret_value = 0;
    if ((json->kind != JSON_NUMBER && json->kind != JSON_STRING) || text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_digit(text.at[i]) || *ret_value > UINT64_MAX / 20)
            return false;
        *ret_value = *ret_value * 10 + (unsigned)(text.at[i] - '0');
    }
    return true;
}

static int check_range(struct checking *checking, const struct json *list)
{
    uint64_t min, max;
    const struct json *first = list->first->next;
    if (!read_number(first, &min) || !read_number(first->next, &max) || min > max)
        return invalid(checking, "Invalid content-length-range.");
    if (min > checking->limits.min)
        checking->limits.min = min;
    if (max < checking->limits.max)
        checking->limits.max = max;
    return 0;
}

/* ["eq", "$key", "value"], ["starts-with", …], ["content-length-range", 1, 10] */
static int check_list(struct checking *checking, const struct json *list)
{
    if (list->count != 3 || list->first->kind != JSON_STRING)
        return invalid(checking, "Invalid Condition: a list of three was expected.");
    struct slice kind = list->first->text;
    if (slice_equal_nocase(kind, SLICE("content-length-range")))
        return check_range(checking, list);
    const struct json *name = list->first->next, *wanted = name->next;
    if (name->kind != JSON_STRING || wanted->kind != JSON_STRING ||
        !slice_starts_with(name->text, SLICE("$")))
        return invalid(checking, "Invalid Condition: a field begins with \"$\".");
    if (slice_equal_nocase(kind, SLICE("eq")))
        return check_equal(checking, slice_from(name->text, 1), wanted->text);
    if (slice_equal_nocase(kind, SLICE("starts-with")))
        return check_prefix(checking, slice_from(name->text, 1), wanted->text);
    return invalid(checking, "Invalid Condition: eq, starts-with or content-length-range.");
}

static int check_condition(struct checking *checking, const struct json *condition)
{
    if (condition->kind == JSON_ARRAY)
        return check_list(checking, condition);
    if (condition->kind != JSON_OBJECT || condition->count == 0)
        return invalid(checking, "Invalid Condition: an object or a list was expected.");
    JSON_FOR_EACH(condition, member)
    {
        if (member->kind != JSON_STRING)
            return invalid(checking, "Invalid Simple-Condition: the value must be a text.");
        int rc = check_equal(checking, member->name, member->text);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static bool speaks_of(const struct json *condition, struct slice name)
{
    if (condition->kind == JSON_OBJECT) {
        JSON_FOR_EACH(condition, member)
        {
            if (slice_equal_nocase(member->name, name))
                return true;
        }
        return false;
    }
    struct slice field = condition->first->next->text;
    return condition->first->next->kind == JSON_STRING && field.len > 0 &&
           slice_equal_nocase(slice_from(field, 1), name);
}

static bool is_exempt(struct slice name)
{
    static const struct slice names[] = {SLICE("x-amz-signature"), SLICE("file"), SLICE("policy"),
                                         SLICE("awsaccesskeyid"), SLICE("signature")};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_equal_nocase(name, names[i]))
            return true;
    }
    return slice_equal_nocase(slice_first(name, 9), SLICE("x-ignore-"));
}

/* Every field of the form, and the bucket, which stands in the path. */
static int check_coverage(struct checking *checking, const struct json *conditions)
{
    for (unsigned i = 0; i <= checking->count; i++) {
        struct slice name = i < checking->count ? checking->fields[i].name : SLICE("bucket");
        bool is_covered = is_exempt(name);
        JSON_FOR_EACH(conditions, condition)
        is_covered = is_covered || speaks_of(condition, name);
        if (!is_covered)
            return s3_fault_say(checking->fault, S3_ACCESS_DENIED,
                                "Invalid according to Policy: Extra input fields: %.*s",
                                SHORT(name));
    }
    return 0;
}

static int check_expiration(struct checking *checking, const struct json *root, int64_t now_s)
{
    int64_t until_s;
    struct slice text = json_get_text(root, SLICE("expiration"));
    if (text.at == NULL)
        return invalid(checking, "Policy missing expiration.");
    if (s3_time_parse(text, &until_s) < 0)
        return invalid(checking, "Invalid 'expiration' value.");
    if (until_s <= now_s)
        return s3_fault_say(checking->fault, S3_ACCESS_DENIED,
                            "Invalid according to Policy: Policy expired.");
    return 0;
}

int s3_post_policy_check(struct slice json, const struct s3_post_field *fields, unsigned count,
                         struct slice bucket, int64_t now_s, struct arena *arena,
                         struct s3_fault *fault, struct s3_post_limits *ret_limits)
{
    struct checking checking = {fields, count, bucket, fault, {0, UINT64_MAX}};
    const struct json *root;
    int rc = json_parse(json, arena, &root);
    if (rc == -ENOMEM)
        return s3_fault_memory(fault);
    if (rc < 0 || root->kind != JSON_OBJECT)
        return invalid(&checking, "Invalid JSON.");
    rc = check_expiration(&checking, root, now_s);
    if (rc < 0)
        return rc;
    const struct json *conditions = json_get(root, SLICE("conditions"));
    if (conditions == NULL || conditions->kind != JSON_ARRAY)
        return invalid(&checking, "Policy missing conditions.");
    JSON_FOR_EACH(conditions, condition)
    {
        rc = check_condition(&checking, condition);
        if (rc < 0)
            return rc;
    }
    *ret_limits = checking.limits;
    return check_coverage(&checking, conditions);
}
