/* What may be sent twice, and what a loss means. */
#include "edge/forward/attempt.h"

#include "http/worker.h"

#include <errno.h>

/* After a failed connect, or a lost connection that was new, others are asked first for so long. */
#define SUSPECT_MS 1000

bool attempt_is_repeatable(const struct attempt *attempt)
{
    const struct exchange *exchange = attempt->exchange;
    uint64_t received_bytes =
        LIKELY(attempt->terms == NULL) ? exchange->request_bytes : attempt->terms->body->bytes;
    return (received_bytes == 0 || kept_body_is_whole(&attempt->kept, received_bytes)) &&
           (exchange->state == RESPONSE_NONE || exchange->state == RESPONSE_HEAD);
}

bool attempt_wants_retry(const struct attempt *attempt, enum conf_retry_cause cause)
{
    return (attempt->rule->retries.causes & (unsigned)cause) != 0 &&
           attempt_is_idempotent(attempt) && attempt_is_repeatable(attempt);
}

void attempt_suspect(struct attempt *attempt)
{
    atomic_store(&attempt->member->target->suspect_until_ms, loop_now_ms() + SUSPECT_MS);
}

/* The client's side failed, not the target's. */
static enum verdict judge_upload(struct attempt *attempt)
{
    switch (attempt->upload.error) {
    case -EFBIG:
        return attempt_fail(attempt, VERDICT_FAILED, 413,
                            "the request's body is larger than body_max");
    case -EBADMSG:
        return attempt_fail(attempt, VERDICT_FAILED, 400, "the request's body is malformed");
    case -ETIMEDOUT:
        return attempt_fail(attempt, VERDICT_FAILED, 408,
                            "the request's body did not arrive in time");
    default:
        return attempt_fail(attempt, VERDICT_FAILED, 499, "the client left");
    }
}

enum verdict attempt_judge_loss(struct attempt *attempt, int rc, const char *why)
{
    if (rc == -ECANCELED)
        return attempt_fail(attempt, VERDICT_FAILED, 499, "the client left");
    if (attempt->upload.error < 0)
        return judge_upload(attempt);
    if (rc == -ETIMEDOUT)
        return attempt_fail(attempt,
                            attempt_wants_retry(attempt, CONF_RETRY_TIMEOUT) ? VERDICT_RETRY_OTHER
                                                                             : VERDICT_FAILED,
                            504, "the target did not answer in time");
    /* The target has not looked at it: once on another connection, then elsewhere. */
    if (rc == -ENOLINK && attempt_is_repeatable(attempt))
        return attempt_fail(
            attempt, attempt->refusals++ == 0 ? VERDICT_RETRY_SAME : VERDICT_NOT_SENT, 502, why);
    bool was_untouched = call_is_reused(&attempt->call) && rc != -EBADMSG &&
                         attempt->exchange->state == RESPONSE_NONE;
    if (was_untouched && attempt_is_repeatable(attempt) && attempt_is_idempotent(attempt))
        return attempt_fail(attempt, VERDICT_RETRY_SAME, 502, why);
    if (!was_untouched)
        attempt_suspect(attempt);
    return attempt_fail(attempt,
                        attempt_wants_retry(attempt, CONF_RETRY_RESET) ? VERDICT_RETRY_OTHER
                                                                       : VERDICT_FAILED,
                        502, why);
}
