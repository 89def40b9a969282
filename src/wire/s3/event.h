/*
 * What a webhook is told: the message of S3's user guide, "Event message structure", version 2.1,
 * with one record, and the test message that S3 sends when a configuration is put.
 */
#pragma once

#include "base/writer.h"
#include "wire/s3/notification.h"

struct s3_event_message {
    enum s3_event event; /* not one of "…:*" */
    int64_t time_ms;     /* since 1970 */
    struct slice region;
    struct slice principal;  /* who did it */
    struct slice source_ip;  /* empty: nobody asked for it */
    struct slice request_id; /* empty likewise */
    struct slice configuration_id;
    struct slice bucket;
    struct slice key;        /* any bytes */
    struct slice version_id; /* empty: the bucket keeps no versions */
    bool has_content;        /* else `size` and `etag` are not told */
    uint64_t size;
    struct slice etag;  /* without quotes */
    uint64_t sequencer; /* later changes of a key have larger ones */
};

/* Enough for s3_event_write and s3_event_write_test. */
size_t s3_event_bytes(const struct s3_event_message *message);

void s3_event_write(struct writer *writer, const struct s3_event_message *message);

/* Of `region`, `key` and what is about a change nothing is told. */
void s3_event_write_test(struct writer *writer, const struct s3_event_message *message);
