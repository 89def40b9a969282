/*
 * What a bucket is set to: small values and documents as they were sent, kept as the store's
 * opaque settings of a bucket: items of a kind (one byte), a length (four, little-endian) and the
 * bytes, each kind once, in the order of their numbers.
 */
#pragma once

#include "base/buffer.h"
#include "conf/bucket.h"

#define SETTINGS_BYTES_MAX ((size_t)768 << 10)

/* Numbers are on disks: never given anew. */
enum setting {
    SETTING_VERSIONING = 1,  /* "Enabled" or "Suspended"; none: never was */
    SETTING_OBJECT_LOCK = 2, /* "Enabled" */
    SETTING_PUBLIC = 3,      /* "1": the file says that anybody may read */
    SETTING_QUOTA = 4,       /* bytes, in decimal */
    SETTING_OWNER = 5,       /* the key that made it, by name */
    SETTING_POLICY = 16,     /* documents from here on */
    SETTING_CORS = 17,
    SETTING_LIFECYCLE = 18,
    SETTING_WEBSITE = 19,
    SETTING_TAGGING = 20,
    SETTING_NOTIFICATION = 21,
    SETTING_LOCK_RULE = 22,
    SETTING_OWNERSHIP = 23,
    SETTING_PUBLIC_ACCESS = 24,
    SETTING_ENCRYPTION = 25,
    SETTING_ACL = 26,
    SETTING_LOGGING = 27,
    SETTING_ACCELERATE = 28,
    SETTING_REQUEST_PAYMENT = 29,
    SETTING_REPLICATION = 30,
};

/* A NULL start when it is not set. */
struct slice settings_get(struct slice settings, enum setting which);

/* The same settings with this one; a value with a NULL start takes it away. 0, -ENOMEM or
 * -EMSGSIZE. */
int settings_with(struct slice settings, enum setting which, struct slice value,
                  struct buffer *out);

/* The same for several of them. */
struct setting_value {
    enum setting which;
    struct slice value;
};
int settings_with_all(struct slice settings, const struct setting_value *values, unsigned count,
                      struct buffer *out);

/* The same settings with what the file says of its bucket. */
int settings_of_file(struct slice settings, const struct conf_bucket *conf, struct buffer *out);
