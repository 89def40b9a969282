/* A worker's encoders, which are used again and bounded in number. */
#pragma once

#include "wire/encode/encoder.h"

#define ENCODERS_IDLE_MAX   4  /* of each coding; more go back to the heap */
#define ENCODERS_IN_USE_MAX 64 /* over that responses stay as they are */

struct encoder_pool {
    struct encoder *idle[ENCODINGS_COUNT][ENCODERS_IDLE_MAX]; /* owned */
    unsigned idle_count[ENCODINGS_COUNT];
    unsigned in_use;
};

/* NULL when too many are in use, or memory is used up. A zeroed pool is an empty one. */
struct encoder *encoder_pool_take(struct encoder_pool *pool, enum http_encoding encoding);
void encoder_pool_give(struct encoder_pool *pool, struct encoder *encoder);
void encoder_pool_finish(struct encoder_pool *pool);
