#include "unit.h"

#include "base/arena.h"
#include "base/memory.h"

static void blocks_are_aligned_and_apart(void **state)
{
    (void)state;
    char first[100];
    struct arena arena;
    arena_init(&arena, first + 1, sizeof first - 1, 1 << 20);
    char *last = NULL;
    for (int i = 0; i < 1000; i++) {
        char *block = arena_alloc(&arena, 33);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 16, 0);
        assert_true(last == NULL || block >= last + 33 || block + 33 <= last);
        memset(block, i, 33);
        last = block;
    }
    arena_finish(&arena);
}

static void the_maximum_holds(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL, 0, 10000);
    assert_null(arena_alloc(&arena, 10001));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc_array(&arena, SIZE_MAX / 2, 3));
    assert_non_null(arena_alloc(&arena, 9000));
    assert_null(arena_alloc(&arena, 9000));
    arena_finish(&arena);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    memory_fail_from(1);
    struct arena arena;
    arena_init(&arena, NULL, 0, 10000);
    assert_null(arena_alloc(&arena, 1));
    assert_null(arena_copy(&arena, SLICE("x")).at);
    assert_null(arena_format(&arena, "%d", 1).at);
    memory_fail_from(0);
    assert_string_equal(arena_format(&arena, "%s-%d", "a", 7).at, "a-7");
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_apart),
        cmocka_unit_test(the_maximum_holds),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
