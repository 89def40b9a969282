/*
 * Object lock: what a bucket keeps (ObjectLockConfiguration), and for one version how long
 * (Retention) and whether (LegalHold). Parse functions return 0, or a negative code with *fault
 * filled; write functions 0, -ENOMEM or -EMSGSIZE. No clock: whether a time lies in the future is
 * the caller's question.
 */
#pragma once

#include "wire/s3/fields.h"

enum s3_lock_mode { S3_LOCK_NONE, S3_LOCK_GOVERNANCE, S3_LOCK_COMPLIANCE };

/* As headers and documents write it, exactly; -EINVAL for anything else. */
int s3_lock_mode_parse(struct slice word, enum s3_lock_mode *ret_mode);
struct slice s3_lock_mode_name(enum s3_lock_mode mode); /* not of S3_LOCK_NONE */

#define S3_LOCK_DAYS_MAX  36500
#define S3_LOCK_YEARS_MAX 100

/* Of a bucket in which lock is enabled; what new objects get by default. */
struct s3_object_lock {
    enum s3_lock_mode mode; /* S3_LOCK_NONE: no default */
    unsigned days;          /* one of both is not 0 */
    unsigned years;
};

/* MalformedXML; InvalidRetentionPeriod for a period that is not from 1 to the maximum. */
int s3_object_lock_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                         struct s3_object_lock *ret_lock);
int s3_object_lock_write(struct buffer *out, const struct s3_object_lock *lock);

/* Until when an object that is written now is kept by default: a year has 365 days. Not for
 * S3_LOCK_NONE. */
int64_t s3_object_lock_until_s(const struct s3_object_lock *lock, int64_t now_s);

struct s3_retention {
    enum s3_lock_mode mode; /* S3_LOCK_NONE: an empty document, which ends a retention */
    int64_t until_s;
};

/* MalformedXML. */
int s3_retention_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                       struct s3_retention *ret_retention);
int s3_retention_write(struct buffer *out, const struct s3_retention *retention);

/* MalformedXML. */
int s3_legal_hold_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                        bool *ret_is_on);
int s3_legal_hold_write(struct buffer *out, bool is_on);
