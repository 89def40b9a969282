#include "unit.h"

#include "os/random.h"

#include <string.h>

static void bytes_are_filled_to_the_last(void **state)
{
    (void)state;
    /* Each byte must have been non-zero in one of the rounds: 2^-80 that one was not. */
    unsigned char seen[600] = {0}, bytes[600];
    for (int round = 0; round < 10; round++) {
        random_bytes(bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++)
            seen[i] |= bytes[i];
    }
    for (size_t i = 0; i < sizeof seen; i++)
        assert_int_not_equal(seen[i], 0);
}

static void nothing_is_written_for_no_bytes(void **state)
{
    (void)state;
    unsigned char byte = 0x5a;
    random_bytes(&byte, 0);
    assert_int_equal(byte, 0x5a);
}

static void two_seeds_differ(void **state)
{
    (void)state;
    struct prng a, b;
    random_seed(&a);
    random_seed(&b);
    assert_memory_not_equal(&a, &b, sizeof a);
    struct hash_key one = random_hash_key(), other = random_hash_key();
    assert_memory_not_equal(&one, &other, sizeof one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_filled_to_the_last),
        cmocka_unit_test(nothing_is_written_for_no_bytes),
        cmocka_unit_test(two_seeds_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
