/*
 * A request on its way up to a target: the head and what is there of the body in one write, the
 * rest by a fiber of its own, so that the caller can read the response meanwhile. When the client's
 * side fails, the upstream is closed under the caller, who finds why in `error`.
 */
#pragma once

#include "http/client.h"
#include "http/exchange.h"

struct upload {
    struct exchange *exchange;
    struct upstream *upstream;
    struct fiber *fiber;  /* NULL when none runs */
    struct fiber *waiter; /* the caller in upload_end */
    int64_t idle_ms;
    bool is_chunked;
    bool is_complete;
    int error;        /* of reading the client's body: negative errno */
    int target_error; /* of writing to the target; a socket tells it once, so not to who reads */
};

/* Returns 0, or the error of writing to the target; then `error` tells whether it was the client.
 */
int upload_begin(struct upload *upload, struct exchange *exchange, struct upstream *upstream,
                 struct slice head, int64_t idle_ms);

/* Stops the fiber when it still runs. Returns whether the whole request went up. */
bool upload_end(struct upload *upload);
