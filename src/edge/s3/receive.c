#include "edge/s3/receive.h"

#include "base/cleanup.h"

#include <errno.h>

#define OBJECT_BYTES_MAX (UINT64_C(5) << 30)

static int take_all(struct s3_call *call, struct s3_body *body, struct s3_sealer *sealer,
                    struct s3_received *received)
{
    struct slice data;
    int rc;
    while ((rc = s3_body_next(body, &data)) == 1) {
        rc = s3_sealer_add(sealer, &received->incoming, data);
        if (rc < 0)
            return s3_store_fault(call, rc);
    }
    return rc;
}

static int take(struct s3_call *call, struct s3_body *body, const struct s3_seal *seal,
                struct s3_received *received)
{
    struct s3_sealer sealer;
    int rc = s3_store_fault(call, s3_sealer_begin(&sealer, seal));
    s3_step_out(call, true);
    if (rc == 0)
        rc = take_all(call, body, &sealer, received);
    s3_sealer_finish(&sealer);
    if (rc == 0)
        rc = s3_store_fault(call, incoming_end(&received->incoming, received->content_room,
                                               &received->data, &received->content));
    received->is_pinned = rc == 0 && received->content.len > 0;
    return rc < 0 ? rc : s3_step_in(call);
}

int s3_receive(struct s3_call *call, unsigned default_kind, const struct s3_seal *seal,
               struct s3_received *ret_received)
{
    struct s3_body body;
    struct s3_received *received = ret_received;
    memset(received, 0, sizeof *received);
    int rc = s3_body_init(&body, call, true, default_kind);
    if (rc == 0 && body.length != EXCHANGE_LENGTH_UNKNOWN && body.length > OBJECT_BYTES_MAX)
        rc = s3_fault_set(&call->fault, S3_ENTITY_TOO_LARGE);
    incoming_init(&received->incoming, call->store);
    received->has_incoming = true;
    if (!seal->is_on) /* else what is added there is not what was sent */
        s3_body_goes_to(&body, &received->incoming);
    if (rc == 0)
        rc = take(call, &body, seal, received);
    received->length = received->incoming.length;
    received->check_kind = body.has_check ? body.check_kind : S3_CHECKSUM_KINDS;
    memcpy(received->check, body.check_sum, sizeof received->check);
    memcpy(received->md5, body.md5_sum, sizeof received->md5);
    received->etag =
        s3_seal_hides_sum(seal)
            ? s3_seal_etag(received->md5, received->etag_room)
            : s3_hex_write(received->md5, s3_sum_bytes(S3_CHECKSUM_MD5), received->etag_room);
    s3_body_finish(&body);
    return rc;
}

void s3_received_use(struct s3_received *received, struct store_change *change,
                     struct version *version)
{
    change->data = received->data;
    change->is_pinned = received->is_pinned;
    version->content = received->content;
    version->size = received->length;
    version->etag = received->etag;
}

void s3_received_finish(struct s3_received *received, int rc)
{
    if (!received->has_incoming)
        return;
    if (rc < 0 && received->is_pinned)
        store_unpin(received->incoming.store, received->content);
    incoming_finish(&received->incoming);
    received->has_incoming = false;
}
