/*
 * The body of a request on its way to another endpoint: what the client sent with its coding taken
 * off and proved. Its last bytes stay here until signature and checksums have held, so that a body
 * that is not what was signed never becomes an object there.
 *
 * One with a checksum in its trailer is coded anew, without signatures of its chunks
 * (wire/s3/chunks.h): the other endpoint may insist on that checksum.
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
    bool is_coded;       /* with the next five */
    bool has_ended;      /* the trailer was handed out */
    uint64_t left;       /* of the content, without the chunk under way */
    uint64_t chunk_left; /* of that */
    struct slice part;   /* of the content, not handed out yet */
    char line[96];       /* what stands around the chunks */
};

/* Of the call's request; `self` is zeroed. An empty one is read and checked at once. 0 or the
 * fault; to be finished in any case. */
int remote_body_init(struct remote_body *self, struct s3_call *call);
void remote_body_finish(struct remote_body *self);
