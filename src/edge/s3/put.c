/* PutObject. */
#include "base/cleanup.h"
#include "edge/s3/answer.h"
#include "edge/s3/draft.h"
#include "edge/s3/expiration.h"
#include "edge/s3/operations.h"
#include "edge/s3/quota.h"
#include "edge/s3/receive.h"
#include "edge/s3/tell.h"

#include <errno.h>

static void answer(struct s3_call *call, const struct s3_draft *draft,
                   const struct s3_stored_sum *sum)
{
    char room[S3_ETAG_ROOM];
    const struct version *version = &draft->version;
    struct writer *head = s3_begin(call, 200, 0);
    if (head == NULL)
        return;
    h1_write_field(head, field_name(FIELD_ETAG), s3_quoted(version->etag, room));
    s3_write_version(call, head, version);
    s3_write_expiration(call, head, version);
    s3_write_stored_sum(head, sum);
    s3_seal_write(head, &draft->seal);
    (void)exchange_send(call->exchange, (struct slice){0}, false);
}

static int commit(struct s3_call *call, struct s3_draft *draft, struct s3_received *received)
{
    char room[S3_STORED_SUM_BYTES];
    struct s3_condition condition;
    struct s3_stored_sum sum = {.kind = received->check_kind};
    struct store_change change = {.kind = RECORD_PUT, .arg = &condition};
    s3_condition_read(call, &condition);
    if (condition.if_match.at != NULL || condition.if_none_match.at != NULL)
        change.decide = s3_condition_decide;
    memcpy(sum.sum, received->check, sizeof sum.sum);
    draft->version.checksum = s3_stored_sum_write(&sum, room);
    s3_received_use(received, &change, &draft->version);
    change.put.version = draft->version;
    s3_quota_apply(call->bucket, &change);
    int rc = s3_change_fault(call, s3_commit(call, S3_EVENT_CREATED_PUT, &change, 1, NULL));
    if (rc == 0) {
        draft->version.sequence = change.sequence;
        answer(call, draft, &sum);
    }
    return rc;
}

int s3_put_object(struct s3_call *call)
{
    const struct framing *framing = &call->exchange->request.framing;
    struct s3_draft draft = {.seal = {.is_on = false}};
    struct s3_received received = {.has_incoming = false};
    if (s3_field(call, SLICE("x-amz-copy-source")).at != NULL)
        return s3_copy_object(call);
    if (framing->kind == BODY_NONE && !framing->has_content_length &&
        !http_is_1_0(&call->exchange->request) && call->exchange->request.version_major < 2)
        return s3_fault_set(&call->fault, S3_MISSING_CONTENT_LENGTH);
    int rc = s3_draft_read(call, &draft);
    if (rc == 0)
        rc = s3_receive(call, S3_CHECKSUM_KINDS, &draft.seal, &received);
    if (rc == 0)
        rc = commit(call, &draft, &received);
    s3_received_finish(&received, rc);
    s3_seal_wipe(&draft.seal);
    return rc;
}
