/*
 * The memory of one nghttp2 session. nghttp2 1.52 frees things twice where an allocation fails in
 * its middle; so each block in use is linked, and a session that has met a failure is given up with
 * all its blocks, without nghttp2's doing.
 */
#pragma once

#include "wire/h2/pool.h"

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

struct h2_memory {
    struct list blocks;   /* in use; owned */
    struct h2_pool *pool; /* borrowed */
    bool has_failed;
};

void h2_memory_init(struct h2_memory *memory, struct h2_pool *pool);

/* Functions for nghttp2 that allocate here. */
nghttp2_mem h2_memory_functions(struct h2_memory *memory);

/* Frees all that is left. */
void h2_memory_finish(struct h2_memory *memory);
