/*
 * Small blocks of memory that sessions of one thread have given back and will take again: nghttp2
 * takes a handful for each stream. Kept by their size, in steps, up to a bound.
 */
#pragma once

#include "base/list.h"

#include <stdint.h>

#define H2_POOL_STEP_BYTES 64
#define H2_POOL_STEPS      8 /* larger blocks go back to the heap */
#define H2_POOL_BYTES_MAX  (1024 * 1024)

struct h2_pool {
    struct list kept[H2_POOL_STEPS]; /* owned */
    uint32_t kept_bytes;
};

void h2_pool_init(struct h2_pool *pool);
void h2_pool_finish(struct h2_pool *pool);
