/*
 * Conditions of policy statements (IAM, "Condition operators"). A condition holds when one of its
 * values does; one with a negated operator when none does. A key that the request does not have
 * makes a condition fail, but hold with a negated operator, with …IfExists and with ForAllValues.
 */
#include "wire/s3/policy_internal.h"

#include "base/cleanup.h"
#include "wire/s3/match.h"
#include "wire/s3/time.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Operators that compare: name, and the six ways. */
#define COMPARISONS(word, operand)                                                                 \
    {SLICE(word "Equals"), operand, S3_EQUAL, false},                                              \
        {SLICE(word "NotEquals"), operand, S3_EQUAL, true},                                        \
        {SLICE(word "LessThan"), operand, S3_LESS, false},                                         \
        {SLICE(word "LessThanEquals"), operand, S3_LESS_EQUAL, false},                             \
        {SLICE(word "GreaterThan"), operand, S3_GREATER, false},                                   \
    {                                                                                              \
        SLICE(word "GreaterThanEquals"), operand, S3_GREATER_EQUAL, false                          \
    }

static const struct s3_operator operators[] = {
    {SLICE("StringEquals"), S3_OPERAND_TEXT, S3_EQUAL, false},
    {SLICE("StringNotEquals"), S3_OPERAND_TEXT, S3_EQUAL, true},
    {SLICE("StringEqualsIgnoreCase"), S3_OPERAND_TEXT, S3_EQUAL_NOCASE, false},
    {SLICE("StringNotEqualsIgnoreCase"), S3_OPERAND_TEXT, S3_EQUAL_NOCASE, true},
    {SLICE("StringLike"), S3_OPERAND_TEXT, S3_LIKE, false},
    {SLICE("StringNotLike"), S3_OPERAND_TEXT, S3_LIKE, true},
    {SLICE("ArnEquals"), S3_OPERAND_TEXT, S3_LIKE, false},
    {SLICE("ArnNotEquals"), S3_OPERAND_TEXT, S3_LIKE, true},
    {SLICE("ArnLike"), S3_OPERAND_TEXT, S3_LIKE, false},
    {SLICE("ArnNotLike"), S3_OPERAND_TEXT, S3_LIKE, true},
    COMPARISONS("Numeric", S3_OPERAND_NUMBER),
    COMPARISONS("Date", S3_OPERAND_DATE),
    {SLICE("Bool"), S3_OPERAND_BOOL, S3_EQUAL, false},
    {SLICE("IpAddress"), S3_OPERAND_ADDRESS, S3_EQUAL, false},
    {SLICE("NotIpAddress"), S3_OPERAND_ADDRESS, S3_EQUAL, true},
    {SLICE("Null"), S3_OPERAND_NULL, S3_EQUAL, false},
};

static bool parse_number(struct slice text, int64_t *ret_number)
{
    bool is_negative = slice_starts_with(text, SLICE("-"));
    uint64_t value;
    if (slice_parse_u64(slice_from(text, is_negative), &value) < 0 || value > INT64_MAX)
        return false;
    *ret_number = is_negative ? -(int64_t)value : (int64_t)value;
    return true;
}

/* ISO 8601, or seconds since 1970. */
static bool parse_date(struct slice text, int64_t *ret_time_s)
{
    return s3_time_parse(text, ret_time_s) == 0 || parse_number(text, ret_time_s);
}

static bool parse_bool(struct slice text, int64_t *ret_bool)
{
    *ret_bool = slice_equal_nocase(text, SLICE("true"));
    return *ret_bool || slice_equal_nocase(text, SLICE("false"));
}

/* An address, or a range with its length behind '/'. */
static bool parse_range(struct slice text, struct s3_range *ret_range)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    char address[INET6_ADDRSTRLEN];
    struct slice rest = text, host = {NULL, 0};
    struct s3_range range = {.prefix_bits = 128};
    uint64_t bits;
    (void)slice_cut(&rest, '/', &host);
    if (host.len == 0 || host.len >= sizeof address || memchr(host.at, '\0', host.len) != NULL)
        return false;
    memcpy(address, host.at, host.len);
    address[host.len] = '\0';
    bool is_short = inet_pton(AF_INET, address, range.address + 12) == 1;
    if (is_short)
        memcpy(range.address, mapped, sizeof mapped);
    else if (inet_pton(AF_INET6, address, range.address) != 1)
        return false;
    if (rest.at != NULL) {
        if (slice_parse_u64(rest, &bits) < 0 || bits > (is_short ? 32 : 128))
            return false;
        range.prefix_bits = (unsigned)bits + (is_short ? 96 : 0);
    }
    *ret_range = range;
    return true;
}

static bool parse_value(enum s3_operand operand, struct slice text, struct s3_operand_value *value)
{
    value->text = text;
    switch (operand) {
    case S3_OPERAND_TEXT:
        return true;
    case S3_OPERAND_NUMBER:
        return parse_number(text, &value->number);
    case S3_OPERAND_DATE:
        return parse_date(text, &value->number);
    case S3_OPERAND_BOOL:
    case S3_OPERAND_NULL:
        return parse_bool(text, &value->number);
    case S3_OPERAND_ADDRESS:
        return parse_range(text, &value->range);
    }
    return false;
}

static int read_value(enum s3_operand operand, const struct json *value, struct s3_fault *fault,
                      struct s3_operand_value *ret_value)
{
    struct slice text = value->text;
    if (value->kind == JSON_BOOL)
        text = value->boolean ? SLICE("true") : SLICE("false");
    else if (value->kind != JSON_STRING && value->kind != JSON_NUMBER)
        return s3_policy_malformed(fault, "A value of a condition must be a text, number or bool");
    if (slice_search(text, SLICE("${")) >= 0)
        return s3_policy_malformed(fault, "Policy variables are not supported: %.*s",
                                   S3_SHORT(text));
    if (!parse_value(operand, text, ret_value))
        return s3_policy_malformed(fault, "Invalid value in a condition: %.*s", S3_SHORT(text));
    return 0;
}

/* Takes prefix and suffix off the name. NULL: there is no such operator. */
static const struct s3_operator *find_operator(struct slice name, struct s3_condition *condition)
{
    static const struct slice any = SLICE("ForAnyValue:"), all = SLICE("ForAllValues:"),
                              suffix = SLICE("IfExists");
    if (slice_starts_with(name, any)) {
        condition->quantifier = S3_ANY_VALUE;
        name = slice_from(name, any.len);
    } else if (slice_starts_with(name, all)) {
        condition->quantifier = S3_ALL_VALUES;
        name = slice_from(name, all.len);
    }
    if (slice_ends_with(name, suffix)) {
        condition->is_if_exists = true;
        name = slice_first(name, name.len - suffix.len);
    }
    for (size_t i = 0; i < COUNT_OF(operators); i++) {
        bool is_null = operators[i].operand == S3_OPERAND_NULL;
        if (slice_equal(operators[i].name, name) && !(is_null && condition->is_if_exists))
            return &operators[i];
    }
    return NULL;
}

/* A key is of the request or its surroundings; a misspelt one must not seem to protect. */
static bool is_key(struct slice key)
{
    static const struct slice families[] = {SLICE("aws:"), SLICE("s3:")};
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        size_t len = families[i].len;
        if (key.len > len && slice_equal_nocase(slice_first(key, len), families[i]))
            return true;
    }
    return false;
}

static int read_condition(const struct json *value, struct arena *arena, struct s3_fault *fault,
                          struct s3_condition *condition)
{
    bool is_list = value->kind == JSON_ARRAY;
    unsigned count = is_list ? value->count : 1;
    if (!is_key(value->name) || count == 0)
        return s3_policy_malformed(fault, "Policy has an invalid condition key: %.*s",
                                   S3_SHORT(value->name));
    struct s3_operand_value *values = arena_alloc_array(arena, count, sizeof *values);
    if (values == NULL)
        return s3_fault_memory(fault);
    const struct json *at = is_list ? value->first : value;
    for (unsigned i = 0; i < count; i++, at = at->next) {
        int rc = read_value(condition->operator_row->operand, at, fault, &values[i]);
        if (rc < 0)
            return rc;
    }
    condition->key = value->name;
    condition->values = values;
    condition->values_count = count;
    return 0;
}

int s3_conditions_read(const struct json *conditions, struct arena *arena, struct s3_fault *fault,
                       const struct s3_condition **ret_conditions)
{
    const struct s3_condition *first = NULL;
    if (conditions->kind != JSON_OBJECT)
        return s3_policy_malformed(fault, "Condition must be an object");
    JSON_FOR_EACH(conditions, group)
    {
        struct s3_condition shape = {0};
        shape.operator_row = find_operator(group->name, &shape);
        if (shape.operator_row == NULL || group->kind != JSON_OBJECT)
            return s3_policy_malformed(fault, "Invalid Condition type : %.*s",
                                       S3_SHORT(group->name));
        JSON_FOR_EACH(group, key)
        {
            struct s3_condition *condition = arena_alloc(arena, sizeof *condition);
            if (condition == NULL)
                return s3_fault_memory(fault);
            *condition = shape;
            int rc = read_condition(key, arena, fault, condition);
            if (rc < 0)
                return rc;
            condition->next = first;
            first = condition;
        }
    }
    *ret_conditions = first;
    return 0;
}

/* The values that a request has for a key. */
struct found {
    struct slice values[S3_BUCKET_TAGS_MAX];
    unsigned count;
    char text[32]; /* where a value had to be written */
};

static void find_tag(struct found *found, const struct s3_tags *tags, struct slice key)
{
    if (tags != NULL && s3_tags_find(tags, key, &found->values[0]))
        found->count = 1;
}

static void find_tag_keys(struct found *found, const struct s3_tags *tags)
{
    for (unsigned i = 0; tags != NULL && i < tags->count && i < COUNT_OF(found->values); i++)
        found->values[found->count++] = tags->tags[i].key;
}

static bool has_prefix(struct slice key, struct slice prefix)
{
    return key.len > prefix.len && slice_equal_nocase(slice_first(key, prefix.len), prefix);
}

static void find_given(struct found *found, const struct s3_policy_request *request,
                       struct slice key)
{
    for (size_t i = 0; i < request->values_count; i++) {
        if (slice_equal_nocase(request->values[i].name, key) &&
            request->values[i].value.at != NULL && found->count < COUNT_OF(found->values))
            found->values[found->count++] = request->values[i].value;
    }
}

static void find_one(struct found *found, struct slice value)
{
    if (value.at != NULL)
        found->values[found->count++] = value;
}

static void find(struct found *found, const struct s3_policy_request *request, struct slice key)
{
    static const struct slice existing = SLICE("s3:ExistingObjectTag/"),
                              requested = SLICE("s3:RequestObjectTag/");
    found->count = 0;
    if (slice_equal_nocase(key, SLICE("aws:SecureTransport"))) {
        find_one(found, request->is_secure ? SLICE("true") : SLICE("false"));
    } else if (slice_equal_nocase(key, SLICE("aws:SourceIp"))) {
        find_one(found, request->source_ip);
    } else if (slice_equal_nocase(key, SLICE("aws:username"))) {
        find_one(found, request->principal);
    } else if (slice_equal_nocase(key, SLICE("aws:PrincipalAccount"))) {
        find_one(found, request->account);
    } else if (slice_equal_nocase(key, SLICE("aws:CurrentTime")) ||
               slice_equal_nocase(key, SLICE("aws:EpochTime"))) {
        int len = snprintf(found->text, sizeof found->text, "%" PRId64, request->now_s);
        find_one(found, slice_of(found->text, (size_t)len));
    } else if (slice_equal_nocase(key, SLICE("s3:RequestObjectTagKeys"))) {
        find_tag_keys(found, request->request_tags);
    } else if (has_prefix(key, existing)) {
        find_tag(found, request->existing_tags, slice_from(key, existing.len));
    } else if (has_prefix(key, requested)) {
        find_tag(found, request->request_tags, slice_from(key, requested.len));
    } else {
        find_given(found, request, key);
    }
}

static bool compare_numbers(enum s3_comparison comparison, int64_t asked, int64_t value)
{
    switch (comparison) {
    case S3_LESS:
        return asked < value;
    case S3_LESS_EQUAL:
        return asked <= value;
    case S3_GREATER:
        return asked > value;
    case S3_GREATER_EQUAL:
        return asked >= value;
    default:
        return asked == value;
    }
}

static bool is_within(const unsigned char *address, const struct s3_range *range)
{
    unsigned bytes = range->prefix_bits / 8, bits = range->prefix_bits % 8;
    unsigned char mask = (unsigned char)(0xff00 >> bits);
    return memcmp(address, range->address, bytes) == 0 &&
           (bits == 0 || ((address[bytes] ^ range->address[bytes]) & mask) == 0);
}

/* Without regard to negation. */
static bool is_match(const struct s3_operator *row, const struct s3_operand_value *asked,
                     const struct s3_operand_value *value)
{
    if (row->operand == S3_OPERAND_ADDRESS)
        return is_within(asked->range.address, &value->range);
    if (row->operand != S3_OPERAND_TEXT)
        return compare_numbers(row->comparison, asked->number, value->number);
    if (row->comparison == S3_LIKE)
        return s3_match(value->text, asked->text);
    return row->comparison == S3_EQUAL_NOCASE ? slice_equal_nocase(value->text, asked->text)
                                              : slice_equal(value->text, asked->text);
}

/* What the request has is held against all values. What it has in no form of the operand (a text
 * where a number is compared) matches none. */
static bool holds_for(const struct s3_condition *condition, struct slice text)
{
    struct s3_operand_value asked = {0};
    bool is_any = false;
    if (parse_value(condition->operator_row->operand, text, &asked)) {
        for (unsigned i = 0; i < condition->values_count && !is_any; i++)
            is_any = is_match(condition->operator_row, &asked, &condition->values[i]);
    }
    return is_any != condition->operator_row->is_negated;
}

static bool holds_null(const struct s3_condition *condition, bool is_absent)
{
    for (unsigned i = 0; i < condition->values_count; i++) {
        if ((condition->values[i].number != 0) == is_absent)
            return true;
    }
    return false;
}

static bool holds(const struct s3_condition *condition, const struct s3_policy_request *request)
{
    struct found found;
    find(&found, request, condition->key);
    if (condition->operator_row->operand == S3_OPERAND_NULL)
        return holds_null(condition, found.count == 0);
    if (found.count == 0)
        return condition->is_if_exists || condition->quantifier == S3_ALL_VALUES ||
               (condition->quantifier == S3_ONE_VALUE && condition->operator_row->is_negated);
    bool is_all = true, is_any = false;
    for (unsigned i = 0; i < found.count; i++) {
        bool is_held = holds_for(condition, found.values[i]);
        is_all = is_all && is_held;
        is_any = is_any || is_held;
    }
    return condition->quantifier == S3_ANY_VALUE ? is_any : is_all;
}

bool s3_conditions_hold(const struct s3_condition *conditions,
                        const struct s3_policy_request *request)
{
    for (const struct s3_condition *at = conditions; at != NULL; at = at->next) {
        if (!holds(at, request))
            return false;
    }
    return true;
}

static bool is_narrow(const struct s3_range *range)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool is_short = memcmp(range->address, mapped, sizeof mapped) == 0 && range->prefix_bits >= 96;
    return range->prefix_bits >= (is_short ? 96 + 8 : 32);
}

/* Whether every value of the condition pins the key down. */
static bool is_fixed(const struct s3_condition *condition)
{
    static const struct slice keys[] = {
        SLICE("aws:PrincipalAccount"), SLICE("aws:PrincipalArn"), SLICE("aws:PrincipalOrgID"),
        SLICE("aws:SourceAccount"),    SLICE("aws:SourceArn"),    SLICE("aws:SourceOrgID"),
        SLICE("aws:SourceVpc"),        SLICE("aws:SourceVpce"),   SLICE("aws:userid"),
        SLICE("aws:username"),
    };
    const struct s3_operator *row = condition->operator_row;
    if (row->is_negated || condition->is_if_exists || condition->quantifier == S3_ALL_VALUES)
        return false;
    if (row->operand == S3_OPERAND_ADDRESS) {
        for (unsigned i = 0; i < condition->values_count; i++) {
            if (!is_narrow(&condition->values[i].range))
                return false;
        }
        return slice_equal_nocase(condition->key, SLICE("aws:SourceIp"));
    }
    bool is_known = false;
    for (size_t i = 0; i < COUNT_OF(keys) && !is_known; i++)
        is_known = slice_equal_nocase(condition->key, keys[i]);
    for (unsigned i = 0; i < condition->values_count && is_known; i++)
        is_known = row->operand == S3_OPERAND_TEXT &&
                   (row->comparison != S3_LIKE || (slice_find(condition->values[i].text, '*') < 0 &&
                                                   slice_find(condition->values[i].text, '?') < 0));
    return is_known;
}

bool s3_conditions_are_fixed(const struct s3_condition *conditions)
{
    for (const struct s3_condition *at = conditions; at != NULL; at = at->next) {
        if (is_fixed(at))
            return true;
    }
    return false;
}
