/* Numbers for the fixed-size writer. */
#include "base/writer.h"

#include <assert.h>

#define U64_DIGITS_MAX 20

void write_u64(struct writer *writer, uint64_t value)
{
    char digits[U64_DIGITS_MAX];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    write_bytes(writer, digits + at, sizeof digits - at);
}

void write_hex(struct writer *writer, uint64_t value, unsigned digits)
{
    assert(digits <= 16);
    char text[16];
    for (unsigned i = digits; i > 0; i--, value >>= 4)
        text[i - 1] = "0123456789abcdef"[value & 15];
    write_bytes(writer, text, digits);
}
