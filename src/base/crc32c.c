/*
 * By the processor's own instruction where it has one, else by a small table that stays warm. The
 * instruction (SSE 4.2) begins each cycle and ends three later, so three lanes are summed beside
 * one another and joined by a multiplication (PCLMULQDQ).
 */
#include "base/crc32c.h"

#include <string.h>

static const uint32_t table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t add_by_table(uint32_t crc, const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned char)at[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__)
#include <wmmintrin.h>

#include <nmmintrin.h>

#define LANE_BYTES  ((size_t)1024)
#define LANES_BYTES (3 * LANE_BYTES)
/*
 * x^(8 n - 33) modulo the polynomial, its bits reflected, for n bytes that follow: multiplying two
 * reflected words adds one power of x, and the instruction over 64 bits adds 32.
 */
#define PAST_ONE_LANE  0x170076fa
#define PAST_TWO_LANES 0xa51b6135

__attribute__((target("sse4.2"))) static uint64_t add_word(uint64_t crc, const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return _mm_crc32_u64(crc, word);
}

/* What `crc` is when so many zeros have followed. */
__attribute__((target("sse4.2,pclmul"))) static uint64_t past(uint64_t crc, uint32_t power)
{
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi64_si128(power), 0);
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) static uint64_t add_lanes(uint64_t crc, const char *at)
{
    uint64_t second = 0, third = 0;
    for (size_t i = 0; i < LANE_BYTES; i += 8) {
        crc = add_word(crc, at + i);
        second = add_word(second, at + LANE_BYTES + i);
        third = add_word(third, at + 2 * LANE_BYTES + i);
    }
    return past(crc, PAST_TWO_LANES) ^ past(second, PAST_ONE_LANE) ^ third;
}

__attribute__((target("sse4.2"))) static uint32_t add_by_instruction(uint32_t crc, const char *at,
                                                                     size_t len)
{
    uint64_t wide = crc;
    if (__builtin_cpu_supports("pclmul")) {
        for (; len >= LANES_BYTES; at += LANES_BYTES, len -= LANES_BYTES)
            wide = add_lanes(wide, at);
    }
    for (; len >= 8; at += 8, len -= 8)
        wide = add_word(wide, at);
    crc = (uint32_t)wide;
    for (; len > 0; at++, len--)
        crc = _mm_crc32_u8(crc, (unsigned char)*at);
    return crc;
}

static bool has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2");
}
#else
static uint32_t add_by_instruction(uint32_t crc, const char *at, size_t len)
{
    return add_by_table(crc, at, len);
}

static bool has_instruction(void)
{
    return false;
}
#endif

uint32_t crc32c_add(uint32_t crc, struct slice bytes)
{
    crc = ~crc;
    return ~(has_instruction() ? add_by_instruction(crc, bytes.at, bytes.len)
                               : add_by_table(crc, bytes.at, bytes.len));
}
