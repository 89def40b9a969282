/* A version in memory, with all its slices behind it. Immutable and counted, by any thread. */
#pragma once

#include "store/version.h"

#include <stdatomic.h>

struct object {
    atomic_uint references;
    size_t bytes; /* it takes as a whole */
    struct version version;
    char memory[];
};

/* A copy with one reference. NULL: no memory. */
struct object *object_create(const struct version *version);

static inline struct object *object_ref(struct object *object)
{
    atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);
    return object;
}

void object_unref(struct object *object); /* NULL is fine */
