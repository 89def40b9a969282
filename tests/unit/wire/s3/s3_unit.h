/* What the tests of S3's documents share: an arena, slices that are compared, runs out of memory.
 */
#pragma once

#include "unit.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "wire/s3/faults.h"

#include <errno.h>

/* `expected` NULL: the slice has no start. */
static inline void expect_slice(struct slice s, const char *expected)
{
    if (expected == NULL) {
        assert_null(s.at);
        return;
    }
    assert_non_null(s.at);
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.at, expected, s.len);
}

/* Parses within the arena, and writes what came of it when `out` is not NULL. */
typedef int (*s3_round)(struct slice xml, struct arena *arena, struct s3_fault *fault,
                        struct buffer *out);

/* Refused with this code. */
static inline void expect_fault(s3_round round, const char *xml, enum s3_code code)
{
    SCOPED(arena_finish) struct arena arena;
    struct s3_fault fault = {0};
    arena_init(&arena, NULL, 0, 64 << 20);
    int rc = round(slice_of_cstr(xml), &arena, &fault, NULL);
    if (rc >= 0 || fault.code != code)
        print_error("%s: %d, %.*s\n", xml, rc,
                    fault.code == 0 ? 0 : (int)s3_code_name(fault.code).len,
                    fault.code == 0 ? "" : s3_code_name(fault.code).at);
    assert_int_equal(rc, -EBADMSG);
    assert_int_equal(fault.code, code);
    assert_true(s3_fault_text(&fault).len > 0);
}

/*
 * Taken; and what is written of it is taken again and writes the same bytes: the store keeps what
 * was written. Then each allocation fails in turn.
 */
static inline void expect_round(s3_round round, const char *xml)
{
    SCOPED(arena_finish) struct arena arena;
    SCOPED(buffer_finish) struct buffer first;
    SCOPED(buffer_finish) struct buffer second;
    struct s3_fault fault = {0};
    arena_init(&arena, NULL, 0, 64 << 20);
    buffer_init(&first, 16 << 20);
    buffer_init(&second, 16 << 20);
    int rc = round(slice_of_cstr(xml), &arena, &fault, &first);
    if (rc < 0)
        print_error("%s: %d %s\n", xml, rc, fault.text);
    assert_int_equal(rc, 0);
    assert_int_equal(round(buffer_slice(&first), &arena, &fault, &second), 0);
    assert_true(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    rc = -ENOMEM;
    for (long n = 1; rc == -ENOMEM; n++) {
        SCOPED(arena_finish) struct arena small;
        SCOPED(buffer_finish) struct buffer out;
        arena_init(&small, NULL, 0, 64 << 20);
        buffer_init(&out, 16 << 20);
        fault.code = S3_NO_FAULT;
        memory_fail_from(n);
        rc = round(slice_of_cstr(xml), &small, &fault, &out);
        memory_fail_from(0);
        assert_true(rc == 0 || fault.code == S3_SLOW_DOWN || fault.code == S3_NO_FAULT);
        assert_true(n < 2000);
    }
    assert_int_equal(rc, 0);
}

/* What is written of it. */
static inline void expect_written(s3_round round, const char *xml, const char *expected)
{
    SCOPED(arena_finish) struct arena arena;
    SCOPED(buffer_finish) struct buffer out;
    struct s3_fault fault = {0};
    arena_init(&arena, NULL, 0, 64 << 20);
    buffer_init(&out, 16 << 20);
    assert_int_equal(round(slice_of_cstr(xml), &arena, &fault, &out), 0);
    ptrdiff_t start = slice_find(buffer_slice(&out), '\n');
    struct slice body = slice_from(buffer_slice(&out), (size_t)start + 1);
    if (!slice_equal(body, slice_of_cstr(expected)))
        print_error("written: %.*s\n", SLICE_ARG(body));
    assert_true(slice_equal(body, slice_of_cstr(expected)));
}
