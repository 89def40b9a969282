/*
 * Scope-bound cleanup. `SCOPED(arena_finish) struct arena arena;` calls arena_finish(&arena) when
 * the scope is left. `SCOPED_FREE char *text` frees memory of base/memory.h.
 */
#pragma once

#include "base/memory.h"

#define SCOPED(finish) __attribute__((cleanup(finish)))

static inline void memory_free_scoped(void *at)
{
    memory_free(*(void **)at);
}

#define SCOPED_FREE SCOPED(memory_free_scoped)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* For large arrays on hot paths: not zeroed where the build zeroes all automatic variables. */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define UNINITIALISED __attribute__((uninitialized))
#endif
#endif
#if !defined(UNINITIALISED)
#define UNINITIALISED
#endif
