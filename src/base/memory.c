/* The heap with a switch for fault injection. The switch is one relaxed load when it is off. */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* 0: off. n > 1: n - 1 allocations still work. 1: all fail. ASK: `fail_if` says. */
static atomic_long fail_countdown;
static bool (*fail_if)(void);

#define ASK (-1)

static int must_fail(void)
{
    if (__builtin_expect(atomic_load_explicit(&fail_countdown, memory_order_relaxed) == 0, 1))
        return 0;
    long left = atomic_load(&fail_countdown);
    if (left == ASK)
        return fail_if();
    while (left > 1) {
        if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1))
            return 0;
    }
    return left == 1;
}

void memory_fail_from(long nth)
{
    atomic_store(&fail_countdown, nth);
}

void memory_fail_if(bool (*fails)(void))
{
    fail_if = fails;
    atomic_store(&fail_countdown, fails == NULL ? 0 : ASK);
}

void *memory_alloc(size_t bytes)
{
    return must_fail() ? NULL : calloc(1, bytes);
}

void *memory_alloc_raw(size_t bytes)
{
    return must_fail() ? NULL : malloc(bytes);
}

void *memory_alloc_array(size_t count, size_t bytes_each)
{
    return must_fail() ? NULL : calloc(count, bytes_each);
}

void *memory_resize(void *at, size_t bytes)
{
    return must_fail() ? NULL : realloc(at, bytes);
}

void memory_free(void *at)
{
    free(at);
}

char *memory_copy_text(const char *at, size_t len)
{
    char *copy = memory_alloc_raw(len + 1);
    if (copy == NULL)
        return NULL;
    if (len > 0)
        memcpy(copy, at, len);
    copy[len] = '\0';
    return copy;
}
