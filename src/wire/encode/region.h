/*
 * A heap within memory of a fixed size, for a library that ends the process when it gets none.
 * First fit over few parts; neighbours that are free become one. Not for threads to share.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct region_part;

struct region {
    struct region_part *first; /* borrowed: the memory's start */
    struct region_part *end;   /* behind the last part */
};

/* `memory` is aligned for any type and outlives the region; `bytes` is at least 64. Also makes all
 * of it free again. */
void region_init(struct region *region, void *memory, size_t bytes);

/* Aligned to 16; NULL when no free part is large enough. */
void *region_take(struct region *region, size_t bytes);

/* False when `at` is not the region's. */
bool region_give(struct region *region, void *at);
