#include "unit.h"

#include "base/map.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>

#define KEYS 500

static void it_agrees_with_an_array_under_random_changes(void **state)
{
    (void)state;
    static char keys[KEYS][8];
    static int present[KEYS];
    struct map map;
    map_init(&map, (struct hash_key){1, 2});
    struct prng prng;
    prng_init(&prng, 42);
    for (int i = 0; i < KEYS; i++)
        (void)snprintf(keys[i], sizeof keys[i], "k%d", i);
    for (int step = 0; step < 20000; step++) {
        size_t i = prng_below(&prng, KEYS);
        struct slice key = slice_of_cstr(keys[i]);
        if (prng_below(&prng, 2) == 0) {
            assert_int_equal(map_set(&map, key, keys[i]), 0);
            present[i] = 1;
        } else {
            assert_ptr_equal(map_remove(&map, key), present[i] ? keys[i] : NULL);
            present[i] = 0;
        }
    }
    size_t expected = 0, seen = 0, cursor = 0;
    for (int i = 0; i < KEYS; i++) {
        expected += (size_t)present[i];
        assert_ptr_equal(map_get(&map, slice_of_cstr(keys[i])), present[i] ? keys[i] : NULL);
    }
    while (map_next(&map, &cursor) != NULL)
        seen++;
    assert_int_equal(seen, expected);
    assert_int_equal(map.used, expected);
    map_finish(&map);
}

static void it_survives_a_failed_growth(void **state)
{
    (void)state;
    struct map map;
    map_init(&map, (struct hash_key){1, 2});
    memory_fail_from(1);
    assert_int_equal(map_set(&map, SLICE("a"), &map), -ENOMEM);
    memory_fail_from(0);
    assert_null(map_get(&map, SLICE("a")));
    assert_null(map_remove(&map, SLICE("a")));
    map_finish(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_an_array_under_random_changes),
        cmocka_unit_test(it_survives_a_failed_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
