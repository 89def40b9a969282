/*
 * NotificationConfiguration: which events of a bucket go to which webhook. A webhook is named in
 * Weir's own file and told as a topic "arn:weir:webhook:::NAME"; queues, functions and event buses
 * are refused.
 */
#pragma once

#include "wire/s3/fields.h"

#define S3_NOTIFICATIONS_MAX      100
#define S3_WEBHOOK_NAME_BYTES_MAX 64

/* clang-format off */
/* row(NAME, name). What ends with "*" stands for all that begins alike.  */
#define S3_EVENTS(row)                                                                             \
    row(CREATED_PUT, "s3:ObjectCreated:Put")                                                       \
    row(CREATED_POST, "s3:ObjectCreated:Post")                                                     \
    row(CREATED_COPY, "s3:ObjectCreated:Copy")                                                     \
    row(CREATED_COMPLETE, "s3:ObjectCreated:CompleteMultipartUpload")                              \
    row(REMOVED_DELETE, "s3:ObjectRemoved:Delete")                                                 \
    row(REMOVED_MARKER, "s3:ObjectRemoved:DeleteMarkerCreated")                                    \
    row(TAGGING_PUT, "s3:ObjectTagging:Put")                                                       \
    row(TAGGING_DELETE, "s3:ObjectTagging:Delete")                                                 \
    row(EXPIRATION_DELETE, "s3:LifecycleExpiration:Delete")                                        \
    row(EXPIRATION_MARKER, "s3:LifecycleExpiration:DeleteMarkerCreated")                           \
    row(CREATED_ANY, "s3:ObjectCreated:*")                                                         \
    row(REMOVED_ANY, "s3:ObjectRemoved:*")                                                         \
    row(TAGGING_ANY, "s3:ObjectTagging:*")                                                         \
    row(EXPIRATION_ANY, "s3:LifecycleExpiration:*")
/* clang-format on */

enum s3_event {
#define S3_EVENT_NAME(name, text) S3_EVENT_##name,
    S3_EVENTS(S3_EVENT_NAME)
#undef S3_EVENT_NAME
        S3_EVENT_KINDS
};

/* "s3:ObjectCreated:Put" and so on. */
struct slice s3_event_name(enum s3_event event);

/* Slices lie in the arena. */
struct s3_notification {
    struct slice id;      /* made of the configuration when it was sent without one */
    struct slice webhook; /* its name: letters, digits, '-', '_' and '.' */
    unsigned events; /* bits 1 << enum s3_event, as they were sent: "…:*" has a bit of its own */
    struct slice prefix; /* of the key; a NULL start: any */
    struct slice suffix;
};

struct s3_notifications {
    const struct s3_notification *items;
    unsigned count; /* 0: nothing is told */
};

/* Returns 0, or a negative code with *fault filled: MalformedXML, InvalidArgument, NotImplemented,
 * SlowDown. Whether the webhook exists is the caller's question. */
int s3_notifications_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                           struct s3_notifications *ret_notifications);
int s3_notifications_write(struct buffer *out, const struct s3_notifications *notifications);

/* Whether this one asks for the event (not one of "…:*") of that key. */
bool s3_notification_matches(const struct s3_notification *notification, enum s3_event event,
                             struct slice key);
