/*
 * The body of a request on its way to another endpoint: what the client sent with its coding taken
 * off. Its last bytes stay here until signature and checksums have held, so that a body that is not
 * what was signed never becomes an object there.
 */
#pragma once

#include "edge/forward/upload.h"
#include "edge/s3/body.h"

#define REMOTE_BODY_HELD_BYTES 4096

struct remote_body {
    struct upload_source source;
    struct s3_body body;
    bool is_proved;
    size_t held_len;
    char held[REMOTE_BODY_HELD_BYTES];
};

/* Of the call's request. An empty one is read and checked at once. 0 or the fault; to be finished
 * in any case. */
int remote_body_init(struct remote_body *self, struct s3_call *call);
void remote_body_finish(struct remote_body *self);
