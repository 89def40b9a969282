/*
 * What lifecycle rules say of one object, version or upload: pure functions of the rules, the facts
 * and the time (S3's user guide, "Understanding object expiration"). An action is due as many days
 * after the fact as the rule says, rounded up to the next midnight UTC; a date is due at that date
 * and ever after.
 */
#pragma once

#include "wire/s3/lifecycle.h"

/* Times in seconds since 1970. */
struct s3_lifecycle_clock {
    int64_t now_s;
    int64_t day_s; /* S3_DAY_S; fewer where a test lets days pass quickly. From 1. */
};

struct s3_lifecycle_facts {
    struct slice key;
    struct s3_tags tags;
    uint64_t bytes;
    int64_t made_s; /* when this version was written */
    bool is_marker; /* a delete marker */
    bool is_current;
    bool is_only;               /* there is no other version of the key */
    unsigned newer_noncurrent;  /* of a noncurrent one: how many such are newer */
    int64_t noncurrent_since_s; /* when the version that took its place was written */
};

enum s3_lifecycle_action {
    S3_LIFECYCLE_KEEP,
    /* The object goes: in a bucket with versions a delete marker is put before it, or, where they
     * are suspended, in its place. */
    S3_LIFECYCLE_EXPIRE,
    S3_LIFECYCLE_DELETE_VERSION, /* this noncurrent version goes for good */
    S3_LIFECYCLE_DELETE_MARKER,  /* this delete marker goes: it is all that is left of the key */
};

struct s3_lifecycle_decision {
    enum s3_lifecycle_action action;
    const struct s3_lifecycle_rule *rule; /* borrowed of the rules; NULL: none is ever due */
    int64_t due_s;                        /* when it is or was due */
};

/*
 * The action that is due first of all that enabled rules ask for: `action` is S3_LIFECYCLE_KEEP
 * when it is not due yet, and `rule` and `due_s` tell when it will be (x-amz-expiration tells so of
 * a current object).
 */
struct s3_lifecycle_decision s3_lifecycle_decide(const struct s3_lifecycle *lifecycle,
                                                 const struct s3_lifecycle_facts *facts,
                                                 struct s3_lifecycle_clock clock);

/* The same for an upload that was begun then: the rule that ends it first, NULL when none ever
 * does, and when that is due. */
const struct s3_lifecycle_rule *s3_lifecycle_abort(const struct s3_lifecycle *lifecycle,
                                                   struct slice key, int64_t begun_s, int64_t day_s,
                                                   int64_t *ret_due_s);
