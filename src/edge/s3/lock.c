/* Object lock: what a new version gets, and retention and legal hold of one that is there. */
#include "base/cleanup.h"
#include "edge/s3/amend.h"
#include "edge/s3/answer.h"
#include "edge/s3/body.h"
#include "edge/s3/draft.h"
#include "edge/s3/operations.h"
#include "wire/s3/object_lock.h"
#include "wire/s3/time.h"

#include <errno.h>

static bool is_on(const struct s3_call *call)
{
    return settings_get(call->bucket->settings, SETTING_OBJECT_LOCK).at != NULL;
}

static int missing(struct s3_call *call)
{
    return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                        "Bucket is missing Object Lock Configuration");
}

static enum version_lock lock_of(enum s3_lock_mode mode)
{
    return mode == S3_LOCK_NONE         ? VERSION_UNLOCKED
           : mode == S3_LOCK_GOVERNANCE ? VERSION_GOVERNANCE
                                        : VERSION_COMPLIANCE;
}

/* What the bucket gives to objects that say nothing. */
static int take_default(struct s3_call *call, struct version *version)
{
    SCOPED(arena_finish) struct arena arena;
    struct s3_object_lock lock;
    struct slice rule = settings_get(call->bucket->settings, SETTING_LOCK_RULE);
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES);
    if (rule.at == NULL)
        return 0;
    int rc = s3_object_lock_parse(rule, &arena, &call->fault, &lock);
    if (rc < 0 || lock.mode == S3_LOCK_NONE)
        return rc;
    version->lock = lock_of(lock.mode);
    version->retain_until_ms = s3_object_lock_until_s(&lock, call->now_ms / 1000) * 1000;
    return 0;
}

static int in_the_past(struct s3_call *call)
{
    return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                        "The retain until date must be in the future!");
}

static int take_retention(struct s3_call *call, struct slice mode_text, struct slice until_text,
                          struct version *version)
{
    enum s3_lock_mode mode;
    int64_t until_s;
    if (mode_text.at == NULL || until_text.at == NULL)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must "
                            "both be supplied");
    if (s3_lock_mode_parse(mode_text, &mode) < 0)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT, "Unknown wormMode directive.");
    if (s3_time_parse(until_text, &until_s) < 0)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "The retain until date must be provided in ISO 8601 format");
    if (until_s <= call->now_ms / 1000)
        return in_the_past(call);
    version->lock = lock_of(mode);
    version->retain_until_ms = until_s * 1000;
    return 0;
}

int s3_draft_lock(struct s3_call *call, struct version *version)
{
    struct slice mode = s3_field(call, SLICE("x-amz-object-lock-mode"));
    struct slice until = s3_field(call, SLICE("x-amz-object-lock-retain-until-date"));
    struct slice hold = s3_field(call, SLICE("x-amz-object-lock-legal-hold"));
    bool is_asked = mode.at != NULL || until.at != NULL || hold.at != NULL;
    if (!is_on(call))
        return is_asked ? missing(call) : 0;
    version->has_hold = slice_equal(hold, SLICE("ON"));
    if (hold.at != NULL && !version->has_hold && !slice_equal(hold, SLICE("OFF")))
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "Legal Hold must be either of 'ON' or 'OFF'");
    return mode.at != NULL || until.at != NULL ? take_retention(call, mode, until, version)
                                               : take_default(call, version);
}

/* May the retention become that? A longer one always; else only what governance lets be bypassed.
 */
static int apply_retention(struct amendment *amendment, struct version *version)
{
    int64_t now_ms = amendment->call->now_ms;
    bool is_kept = version->lock != VERSION_UNLOCKED && version->retain_until_ms > now_ms;
    bool is_longer =
        amendment->lock == version->lock && amendment->retain_until_ms >= version->retain_until_ms;
    bool is_stricter = amendment->lock == VERSION_COMPLIANCE &&
                       version->lock == VERSION_GOVERNANCE &&
                       amendment->retain_until_ms >= version->retain_until_ms;
    if (is_kept && !is_longer && !is_stricter &&
        (version->lock == VERSION_COMPLIANCE || !amendment->bypasses_governance))
        return -EPERM;
    version->lock = amendment->lock;
    version->retain_until_ms = amendment->retain_until_ms;
    return 0;
}

static int apply_hold(struct amendment *amendment, struct version *version)
{
    version->has_hold = amendment->has_hold;
    return 0;
}

/* The body of either, into an arena. */
static int read_document(struct s3_call *call, struct buffer *body)
{
    if (!is_on(call))
        return missing(call);
    return s3_body_read(call, S3_CONFIGURATION_BYTES_MAX, body);
}

static int answer_amended(struct s3_call *call, const struct amendment *amendment)
{
    struct writer *head = s3_begin(call, 200, 0);
    if (head == NULL)
        return 0;
    s3_write_amended(call, head, amendment);
    (void)exchange_send(call->exchange, (struct slice){0}, false);
    return 0;
}

int s3_put_retention(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer body;
    SCOPED(arena_finish) struct arena arena;
    struct s3_retention retention;
    struct amendment amendment = {.apply = apply_retention, .event = S3_EVENT_KINDS};
    buffer_init(&body, S3_CONFIGURATION_BYTES_MAX);
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES);
    int rc = read_document(call, &body);
    if (rc == 0)
        rc = s3_retention_parse(buffer_slice(&body), &arena, &call->fault, &retention);
    if (rc == 0 && retention.mode != S3_LOCK_NONE && retention.until_s <= call->now_ms / 1000)
        rc = in_the_past(call);
    if (rc < 0)
        return rc;
    amendment.lock = lock_of(retention.mode);
    amendment.retain_until_ms = retention.mode == S3_LOCK_NONE ? 0 : retention.until_s * 1000;
    amendment.bypasses_governance = slice_equal_nocase(
        s3_field(call, SLICE("x-amz-bypass-governance-retention")), SLICE("true"));
    rc = s3_amend(call, &amendment);
    return rc < 0 ? rc : answer_amended(call, &amendment);
}

int s3_put_legal_hold(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer body;
    SCOPED(arena_finish) struct arena arena;
    struct amendment amendment = {.apply = apply_hold, .event = S3_EVENT_KINDS};
    buffer_init(&body, S3_CONFIGURATION_BYTES_MAX);
    arena_init(&arena, NULL, 0, S3_CONFIGURATION_ARENA_BYTES);
    int rc = read_document(call, &body);
    if (rc == 0)
        rc = s3_legal_hold_parse(buffer_slice(&body), &arena, &call->fault, &amendment.has_hold);
    if (rc == 0)
        rc = s3_amend(call, &amendment);
    return rc < 0 ? rc : answer_amended(call, &amendment);
}

static int answer_document(struct s3_call *call, int written, const struct buffer *out)
{
    if (written < 0)
        return s3_fault_memory(&call->fault);
    struct writer *head = s3_begin(call, 200, out->len);
    if (head == NULL)
        return 0;
    write_literal(head, "Content-Type: application/xml\r\n");
    (void)exchange_send(call->exchange, buffer_slice(out), false);
    return 0;
}

int s3_get_retention(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer out;
    struct object *object = NULL;
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    int rc = is_on(call) ? s3_version_find(call, &object) : missing(call);
    if (rc < 0)
        return rc;
    const struct s3_retention retention = {
        .mode =
            object->version.lock == VERSION_GOVERNANCE ? S3_LOCK_GOVERNANCE : S3_LOCK_COMPLIANCE,
        .until_s = object->version.retain_until_ms / 1000,
    };
    bool is_there = object->version.lock != VERSION_UNLOCKED;
    object_unref(object);
    if (!is_there)
        return s3_fault_set(&call->fault, S3_NO_SUCH_OBJECT_LOCK);
    return answer_document(call, s3_retention_write(&out, &retention), &out);
}

int s3_get_legal_hold(struct s3_call *call)
{
    SCOPED(buffer_finish) struct buffer out;
    struct object *object = NULL;
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    int rc = is_on(call) ? s3_version_find(call, &object) : missing(call);
    if (rc < 0)
        return rc;
    bool has_hold = object->version.has_hold;
    object_unref(object);
    return answer_document(call, s3_legal_hold_write(&out, has_hold), &out);
}
