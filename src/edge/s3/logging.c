/*
 * PutBucketLogging and GetBucketLogging. That the other bucket takes the lines is checked when they
 * are asked for, and again whenever some are written.
 */
#include "wire/s3/logging.h"
#include "base/cleanup.h"
#include "edge/events/outbox.h"
#include "edge/s3/answer.h"
#include "edge/s3/body.h"
#include "edge/s3/log_deliver.h"
#include "edge/s3/operations.h"
#include "edge/s3/owners.h"

#include <errno.h>

static int refuse_target(struct s3_call *call, const char *why)
{
    return s3_fault_say(&call->fault, S3_INVALID_TARGET_BUCKET_FOR_LOGGING,
                        "The target bucket for logging %s", why);
}

static int check_rights(struct s3_call *call, const struct store_bucket *target,
                        const struct s3_logging *logging)
{
    const struct log_source source = {call->bucket->name, s3_bucket_owner(call->bucket)};
    if (!log_may_deliver(target, logging->prefix, &source, call->now_ms / 1000))
        return s3_fault_say(&call->fault, S3_ACCESS_DENIED,
                            "Access Denied: the policy of the target bucket must let the service "
                            "logging.s3.amazonaws.com do s3:PutObject under the prefix");
    if (logging->has_grants && s3_ownership_of(target) == S3_BUCKET_OWNER_ENFORCED)
        return s3_fault_set(&call->fault, S3_ACCESS_CONTROL_LIST_NOT_SUPPORTED);
    return 0;
}

static int check_target(struct s3_call *call, const struct s3_logging *logging)
{
    struct store_bucket *target = NULL;
    if (slice_equal(logging->target, call->bucket->name))
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "A bucket's log is not written to the bucket itself: name another one "
                            "as TargetBucket");
    if (s3_remote_named(call, logging->target) != NULL)
        return refuse_target(call, "lies at another endpoint: it has to be on Weir's own disk");
    int rc = outbox_is_bucket(logging->target)
                 ? -ENOENT
                 : store_bucket_find(call->store, logging->target, &target);
    if (rc == -ENOENT)
        return refuse_target(call, "does not exist");
    rc = rc < 0 ? s3_store_fault(call, rc) : check_rights(call, target, logging);
    store_bucket_unref(target);
    return rc;
}

static int read_logging(struct s3_call *call, struct arena *arena, struct s3_logging *logging)
{
    SCOPED(buffer_finish) struct buffer body;
    buffer_init(&body, S3_CONFIGURATION_BYTES_MAX);
    int rc = s3_body_read(call, S3_CONFIGURATION_BYTES_MAX, &body);
    if (rc == 0 && body.len == 0)
        rc = s3_fault_set(&call->fault, S3_MISSING_REQUEST_BODY);
    struct slice text = rc < 0 ? (struct slice){0} : arena_copy(arena, buffer_slice(&body));
    if (rc == 0 && text.at == NULL)
        rc = s3_fault_memory(&call->fault);
    return rc < 0 ? rc : s3_logging_parse(text, arena, &call->fault, logging);
}

int s3_put_logging(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer out;
    SCOPED(arena_finish) struct arena arena;
    struct s3_logging logging = {.target = {NULL, 0}};
    buffer_init(&out, SETTINGS_BYTES_MAX);
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES + S3_CONFIGURATION_BYTES_MAX);
    /* As on AWS, whatever a policy says. */
    if (!s3_is_bucket_owner(call, call->bucket))
        return s3_fault_set(&call->fault, S3_ACCESS_DENIED);
    int rc = read_logging(call, &arena, &logging);
    if (rc == 0 && logging.target.at == NULL) {
        rc = s3_set(call, SETTING_LOGGING, (struct slice){NULL, 0});
        return rc < 0 ? rc : s3_answer_empty(call, 200);
    }
    if (rc == 0)
        rc = check_target(call, &logging);
    if (rc == 0 && s3_logging_write(&out, &logging) < 0)
        rc = s3_fault_memory(&call->fault);
    if (rc == 0)
        rc = s3_set(call, SETTING_LOGGING, buffer_slice(&out));
    return rc < 0 ? rc : s3_answer_empty(call, 200);
}

int s3_get_logging(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer out;
    const struct s3_logging off = {.target = {NULL, 0}};
    struct slice kept = settings_get(call->bucket->settings, SETTING_LOGGING);
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    if ((kept.at != NULL ? buffer_append(&out, kept) : s3_logging_write(&out, &off)) < 0)
        return s3_fault_memory(&call->fault);
    struct writer *head = s3_begin(call, 200, out.len);
    if (head == NULL)
        return 0;
    write_literal(head, "Content-Type: application/xml\r\n");
    (void)exchange_send(call->exchange, buffer_slice(&out), false);
    return 0;
}
