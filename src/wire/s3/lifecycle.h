/*
 * LifecycleConfiguration: when objects, old versions and unfinished uploads go (S3's API reference,
 * PutBucketLifecycleConfiguration). What a rule says of one object is wire/s3/lifecycle_decide.h.
 * Transitions to other storage classes are refused by NotImplemented.
 */
#pragma once

#include "wire/s3/tagging.h"

#define S3_LIFECYCLE_RULES_MAX    1000
#define S3_LIFECYCLE_DAYS_MAX     INT32_MAX
#define S3_LIFECYCLE_VERSIONS_MAX 100

/* A configuration may be longer than others. */
#define S3_LIFECYCLE_BYTES_MAX (1 << 20)
extern const struct xml_limits s3_lifecycle_limits;

/* How the objects of a rule are told, which is kept so that a client gets back what it sent. */
enum s3_filter_form {
    S3_FILTER_PREFIX_ALONE, /* <Prefix> in the rule itself: the form of old */
    S3_FILTER_ONE,          /* <Filter> with one condition, or none: all objects */
    S3_FILTER_AND,          /* <Filter><And> */
};

struct s3_lifecycle_filter {
    enum s3_filter_form form;
    struct slice prefix; /* a NULL start without one */
    struct s3_tags tags; /* an object must have all of them */
    bool has_greater;
    bool has_less;
    uint64_t greater_than; /* bytes of the object */
    uint64_t less_than;
};

/* Days are whole, from 1; 0: not said. Slices lie in the arena. */
struct s3_lifecycle_rule {
    struct slice id; /* made of the rule when it was sent without one */
    bool is_enabled;
    struct s3_lifecycle_filter filter;
    unsigned expiration_days;
    bool has_expiration_date;
    int64_t expiration_date_s; /* a midnight, UTC */
    bool has_expired_marker;   /* ExpiredObjectDeleteMarker was said; true or false below */
    bool removes_expired_marker;
    unsigned noncurrent_days;
    unsigned newer_noncurrent_versions; /* that are kept; 0: none */
    unsigned abort_days;
};

struct s3_lifecycle {
    const struct s3_lifecycle_rule *rules;
    unsigned rules_count; /* 1 to S3_LIFECYCLE_RULES_MAX */
};

/* Returns 0, or a negative code with *fault filled: MalformedXML, InvalidArgument, InvalidRequest,
 * InvalidTag, NotImplemented, SlowDown. */
int s3_lifecycle_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                       struct s3_lifecycle *ret_lifecycle);
int s3_lifecycle_write(struct buffer *out, const struct s3_lifecycle *lifecycle);
