/* What the files of wire/s3/policy share: a policy as it was read. All lies in one arena. */
#pragma once

#include "wire/json/json.h"
#include "wire/s3/policy.h"

enum s3_operand {
    S3_OPERAND_TEXT,
    S3_OPERAND_NUMBER,
    S3_OPERAND_DATE,
    S3_OPERAND_BOOL,
    S3_OPERAND_ADDRESS,
    S3_OPERAND_NULL
};

enum s3_comparison {
    S3_EQUAL,
    S3_EQUAL_NOCASE,
    S3_LIKE,
    S3_LESS,
    S3_LESS_EQUAL,
    S3_GREATER,
    S3_GREATER_EQUAL
};

/* An operator by its name without prefix and suffix. */
struct s3_operator {
    struct slice name;
    enum s3_operand operand;
    enum s3_comparison comparison;
    bool is_negated;
};

enum s3_quantifier { S3_ONE_VALUE, S3_ANY_VALUE, S3_ALL_VALUES };

/* An address range; IPv4 as mapped into IPv6, its prefix 96 longer. */
struct s3_range {
    unsigned char address[16];
    unsigned prefix_bits;
};

/* What one value of a condition is, by the operand. */
struct s3_operand_value {
    struct slice text;
    int64_t number; /* also seconds of a date, and 0 or 1 */
    struct s3_range range;
};

struct s3_condition {
    const struct s3_operator *operator_row;
    enum s3_quantifier quantifier;
    bool is_if_exists;
    struct slice key;
    const struct s3_operand_value *values;
    unsigned values_count;
    const struct s3_condition *next;
};

struct s3_statement {
    bool is_allow;
    bool is_not_principal;
    bool is_of_services; /* the principals */
    bool is_not_action;
    bool is_not_resource;
    struct s3_texts principals;
    struct s3_texts actions;
    struct s3_texts resources; /* what stands behind "arn:aws:s3:::" */
    const struct s3_condition *conditions;
};

struct s3_policy {
    const struct s3_statement *statements;
    unsigned statements_count;
};

/* The conditions of a statement. Returns 0, or a negative code with *fault filled. */
int s3_conditions_read(const struct json *conditions, struct arena *arena, struct s3_fault *fault,
                       const struct s3_condition **ret_conditions);

/* Whether all of them hold. */
bool s3_conditions_hold(const struct s3_condition *conditions,
                        const struct s3_policy_request *request);

/* Whether one of them pins down who is let in. */
bool s3_conditions_are_fixed(const struct s3_condition *conditions);

/* MalformedPolicy with a text of its own. Returns -EBADMSG. */
int s3_policy_malformed(struct s3_fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For "%.*s": a part of what was sent, short enough for a fault's text. */
#define S3_SHORT(slice) (int)((slice).len < 64 ? (slice).len : 64), (slice).at
