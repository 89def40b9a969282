/*
 * The heap. All of Weir's own allocations pass here, so that tests can let each of them fail in
 * turn. Every function may return NULL; sizes are multiplied with an overflow check.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Zeroed memory, or NULL. Freed by memory_free. */
void *memory_alloc(size_t bytes) __attribute__((malloc, warn_unused_result));

/* Memory whose bytes are not set, or NULL. */
void *memory_alloc_raw(size_t bytes) __attribute__((malloc, warn_unused_result));

void *memory_alloc_array(size_t count, size_t bytes_each) __attribute__((warn_unused_result));

/* As realloc: on NULL the old block is still there. */
void *memory_resize(void *at, size_t bytes) __attribute__((warn_unused_result));

void memory_free(void *at);

/* A copy of the bytes with a NUL behind them, or NULL. */
char *memory_copy_text(const char *at, size_t len) __attribute__((warn_unused_result));

#define NEW(type) ((type *)memory_alloc(sizeof(type)))

/*
 * For tests: the allocation numbered `nth` (1 is the next) and all that follow it fail, until this
 * is called with 0. Process-wide.
 */
void memory_fail_from(long nth);

/* For tests: an allocation fails when `fails`, which is asked each time, says so; NULL: none does.
 * Process-wide. */
void memory_fail_if(bool (*fails)(void));
