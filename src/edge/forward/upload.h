/*
 * A request on its way up to a target: the head and what is there of the body in one write, the
 * rest by a fiber of its own, so that the caller can read the response meanwhile. When the client's
 * side fails, the call is broken under the caller, who finds why in `error`.
 */
#pragma once

#include "http/call.h"
#include "http/exchange.h"

/* Of a request's body what went up, as long as it is small: to be sent again. */
#define KEPT_BODY_BYTES_MAX BLOCK_LARGE_BYTES

struct kept_body {
    char *block; /* pooled; NULL while nothing is kept */
    size_t len;
    bool is_wanted;
    bool is_lost;  /* it was larger, or there was no memory */
    bool is_ended; /* nothing follows */
};

/* Is all that was received of it here? */
static inline bool kept_body_is_whole(const struct kept_body *kept, uint64_t received_bytes)
{
    return kept->is_wanted && !kept->is_lost && kept->len == received_bytes;
}

void kept_body_finish(struct kept_body *kept);

/* A body that is not the exchange's as it came. */
struct upload_source {
    struct framing framing; /* as the target is told of it */
    uint64_t bytes;         /* that were handed out */
    /* As exchange_read_body; as exchange_try_body where it may not wait. Not called for BODY_NONE.
     */
    int (*next)(struct upload_source *source, bool may_wait, struct slice *ret_data);
};

struct upload {
    struct exchange *exchange;
    struct upload_source *source; /* set before; borrowed. NULL: the exchange's own body */
    struct call *call;
    struct kept_body *kept; /* borrowed */
    struct fiber *fiber;    /* NULL when none runs */
    struct fiber *waiter;   /* the caller in upload_end */
    int64_t idle_ms;
    struct slice first; /* the part that is to go before all that is read; borrowed likewise */
    bool is_complete;
    int error;                                  /* of reading the client's body: negative errno */
    int64_t (*pace)(void *arg, uint64_t bytes); /* set before: as in relay_terms; or NULL */
    void *pace_arg;
    int target_error; /* of writing to the target; a socket tells it once, so not to who reads */
};

/*
 * What `kept` holds goes up first, and what follows is added to it where it is wanted. Returns 0,
 * or the error of writing to the target; then `error` tells whether it was the client.
 */
int upload_begin(struct upload *upload, struct exchange *exchange, struct call *call,
                 struct slice head, int64_t idle_ms, struct kept_body *kept);

/* Stops the fiber when it still runs. Returns whether the whole request went up. */
bool upload_end(struct upload *upload);
