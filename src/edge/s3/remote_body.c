#include "edge/s3/remote_body.h"

#include "base/cleanup.h"

#include <errno.h>

/* Of the last part the last bytes are kept back. */
static void hold_back(struct remote_body *self, struct slice *data)
{
    size_t len = data->len < sizeof self->held ? data->len : sizeof self->held;
    memcpy(self->held, data->at + data->len - len, len);
    self->held_len = len;
    data->len -= len;
}

/* Who was told to stop has not met a fault of the client's. */
static int fail(struct s3_body *body, int rc)
{
    if (!fiber_is_cancelled(fiber_current()))
        return rc;
    body->call->fault.code = S3_NO_FAULT;
    return -ECANCELED;
}

static int next(struct upload_source *source, bool may_wait, struct slice *ret_data)
{
    struct remote_body *self = CONTAINER_OF(source, struct remote_body, source);
    struct s3_body *body = &self->body;
    for (;;) {
        if (self->is_proved) {
            *ret_data = slice_of(self->held, self->held_len);
            self->held_len = 0;
            return ret_data->len > 0 ? 1 : 0;
        }
        int rc = may_wait ? s3_body_next(body, ret_data) : s3_body_try(body, ret_data);
        if (rc < 0)
            return rc == -EAGAIN ? rc : fail(body, rc);
        self->is_proved = rc == 0;
        if (rc == 1 && body->come == body->length)
            hold_back(self, ret_data);
        if (rc == 1 && ret_data->len > 0)
            return 1;
    }
}

static int read_empty(struct remote_body *self)
{
    struct slice data;
    return s3_body_next(&self->body, &data); /* no part can come: it would be one too long */
}

int remote_body_init(struct remote_body *self, struct s3_call *call)
{
    self->source = (struct upload_source){.next = next};
    self->is_proved = false;
    self->held_len = 0;
    int rc = s3_body_init(&self->body, call, false, S3_CHECKSUM_KINDS);
    if (rc < 0)
        return rc;
    uint64_t length = self->body.length;
    const struct framing *sent = &call->exchange->request.framing;
    self->source.framing = (struct framing){
        .kind = length == EXCHANGE_LENGTH_UNKNOWN ? BODY_CHUNKED
                : length > 0                      ? BODY_LENGTH
                                                  : BODY_NONE,
        .content_length = length == EXCHANGE_LENGTH_UNKNOWN ? 0 : length,
        .has_content_length =
            length != EXCHANGE_LENGTH_UNKNOWN && (length > 0 || sent->has_content_length),
    };
    return length == 0 ? read_empty(self) : 0;
}

void remote_body_finish(struct remote_body *self)
{
    s3_body_finish(&self->body);
}
