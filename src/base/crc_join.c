/*
 * A CRC is linear: bytes behind it multiply what it was by x^8 each, modulo the polynomial. That
 * power is made by squaring (Adler's crc32_combine in zlib works so, since 1.2.12).
 */
#include "base/crc_join.h"

struct field_of {
    uint64_t polynomial;
    uint64_t one; /* x^0: the highest bit */
};

static uint64_t multiply(struct field_of field, uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    for (uint64_t bit = field.one; bit != 0 && a != 0; bit >>= 1) {
        if (a & bit) {
            product ^= b;
            a ^= bit;
        }
        b = b >> 1 ^ (field.polynomial & -(b & 1));
    }
    return product;
}

uint64_t crc_join(uint64_t polynomial, unsigned bits, uint64_t first, uint64_t second,
                  uint64_t second_len)
{
    struct field_of field = {polynomial, UINT64_C(1) << (bits - 1)};
    uint64_t power = field.one, square = field.one >> 8; /* x^0, x^8 */
    for (uint64_t len = second_len; len != 0; len >>= 1) {
        if (len & 1)
            power = multiply(field, power, square);
        square = multiply(field, square, square);
    }
    return multiply(field, power, first) ^ second;
}
