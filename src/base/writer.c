/* Numbers for the fixed-size writer: each digit goes straight to its place. */
#include "base/writer.h"

#include <assert.h>

/* The byte in each of a word's places. */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Room for so many bytes, or NULL. */
static char *take_room(struct writer *writer, size_t len)
{
    char *room = writer->at;
    if (__builtin_expect(len > (size_t)(writer->end - room), 0)) {
        writer->overflown = true;
        return NULL;
    }
    writer->at += len;
    return room;
}

static unsigned count_digits(uint64_t value)
{
    static const uint64_t powers[] = {0,
                                      10,
                                      100,
                                      1000,
                                      10000,
                                      100000,
                                      1000000,
                                      10000000,
                                      100000000,
                                      1000000000,
                                      10000000000,
                                      100000000000,
                                      1000000000000,
                                      10000000000000,
                                      100000000000000,
                                      1000000000000000,
                                      10000000000000000,
                                      100000000000000000,
                                      1000000000000000000,
                                      UINT64_C(10000000000000000000)};
    /* 1233/4096 is the logarithm of 2: right, or one too few. */
    unsigned fewer = (64 - (unsigned)__builtin_clzll(value | 1)) * 1233 >> 12;
    return fewer + (value >= powers[fewer] ? 1 : 0);
}

static const char pairs[] = "0001020304050607080910111213141516171819"
                            "2021222324252627282930313233343536373839"
                            "4041424344454647484950515253545556575859"
                            "6061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

void write_u64(struct writer *writer, uint64_t value)
{
    unsigned digits = count_digits(value);
    char *room = take_room(writer, digits);
    if (room == NULL)
        return;
    for (; digits > 1; value /= 100) {
        digits -= 2;
        memcpy(room + digits, pairs + value % 100 * 2, 2);
    }
    if (digits == 1)
        room[0] = (char)('0' + value);
}

/* Eight digits at once, one to a byte, the first of them lowest: each request writes its id twice.
 */
static uint64_t hex_of_half(uint32_t half)
{
    uint64_t digits = __builtin_bswap32(half);
    digits = (digits | digits << 16) & UINT64_C(0x0000ffff0000ffff);
    digits = (digits | digits << 8) & UINT64_C(0x00ff00ff00ff00ff);
    digits = (digits >> 4 | digits << 8) & EACH(0x0f);
    uint64_t is_letter = ((digits + EACH(6)) >> 4) & EACH(1);
    digits += EACH('0') + is_letter * ('a' - '0' - 10);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    digits = __builtin_bswap64(digits);
#endif
    return digits;
}

void write_hex(struct writer *writer, uint64_t value, unsigned digits)
{
    assert(digits <= 16);
    char *room = take_room(writer, digits);
    if (room == NULL)
        return;
    uint64_t halves[2] = {hex_of_half((uint32_t)(value >> 32)), hex_of_half((uint32_t)value)};
    if (__builtin_expect(digits == sizeof halves, 1))
        memcpy(room, halves, sizeof halves);
    else
        memcpy(room, (const char *)halves + sizeof halves - digits, digits);
}
