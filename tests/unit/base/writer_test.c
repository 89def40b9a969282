#include "unit.h"

#include "base/writer.h"

#include <inttypes.h>
#include <stdio.h>

static char memory[64];

static struct slice decimal(uint64_t value)
{
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    write_u64(&writer, value);
    assert_false(writer.overflown);
    return writer_slice(&writer);
}

static void expect_decimal(uint64_t value)
{
    char expected[24];
    (void)snprintf(expected, sizeof expected, "%" PRIu64, value);
    struct slice written = decimal(value);
    assert_int_equal(written.len, strlen(expected));
    assert_memory_equal(written.at, expected, written.len);
}

static void numbers_are_written_as_printf_does(void **state)
{
    (void)state;
    for (uint64_t value = 0; value < 11000; value++)
        expect_decimal(value);
    for (uint64_t power = 10; power < UINT64_MAX / 10; power *= 10) {
        expect_decimal(power - 1);
        expect_decimal(power);
        expect_decimal(power + 1);
    }
    expect_decimal(UINT64_C(10000000000000000000));
    expect_decimal(UINT64_MAX);
}

static void hexadecimal_has_as_many_digits_as_asked(void **state)
{
    (void)state;
    static const uint64_t values[] = {
        0, 1, 0x9a, 0x0123456789abcdef, 0xfedcba9876543210, 0xa0b1c2d3e4f59687, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char expected[24];
        (void)snprintf(expected, sizeof expected, "%016" PRIx64, values[i]);
        for (unsigned digits = 0; digits <= 16; digits++) {
            struct writer writer;
            writer_init(&writer, memory, sizeof memory);
            write_hex(&writer, values[i], digits);
            assert_int_equal(writer_slice(&writer).len, digits);
            assert_memory_equal(memory, expected + 16 - digits, digits);
        }
    }
}

static void what_does_not_fit_overflows(void **state)
{
    (void)state;
    for (size_t room = 0; room < 5; room++) {
        struct writer writer;
        memset(memory, '#', sizeof memory);
        writer_init(&writer, memory, room);
        write_u64(&writer, 12345);
        write_hex(&writer, 0x12345, 5);
        assert_true(writer.overflown);
        assert_int_equal(memory[room], '#');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_printf_does),
        cmocka_unit_test(hexadecimal_has_as_many_digits_as_asked),
        cmocka_unit_test(what_does_not_fit_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
