/*
 * Classes of bytes, many at a time: the inner loops of the HTTP/1 scanner and parser. Each exists
 * twice, with SSE2 (part of every x86-64) and portably in plain 64-bit words. The parser takes the
 * better one at compile time; tests run both and compare.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BLOCK_BYTES 64

/* Bit i tells of byte i. */
struct block_masks {
    uint64_t cr;
    uint64_t lf;
    uint64_t other; /* controls that stand nowhere in a head: all but CR, LF and tab */
};

#define WORD_OF(byte) (UINT64_C(0x0101010101010101) * (byte))

/* 0x80 in each byte of `word` that is 0. Exact: no carry passes from byte to byte. */
static inline uint64_t word_zero_bytes(uint64_t word)
{
    const uint64_t low = WORD_OF(0x7f);
    return ~(((word & low) + low) | word | low);
}

/* Gathers the 0x80 bits of eight bytes, the first byte's lowest. */
static inline uint64_t word_gather(uint64_t marks)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    marks = __builtin_bswap64(marks);
#endif
    return ((marks >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

static inline uint64_t word_load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline struct block_masks block_classify_portable(const char at[BLOCK_BYTES])
{
    struct block_masks masks = {0, 0, 0};
    for (unsigned i = 0; i < BLOCK_BYTES; i += sizeof(uint64_t)) {
        uint64_t word = word_load(at + i);
        uint64_t cr = word_zero_bytes(word ^ WORD_OF('\r'));
        uint64_t lf = word_zero_bytes(word ^ WORD_OF('\n'));
        uint64_t tab = word_zero_bytes(word ^ WORD_OF('\t'));
        uint64_t control =
            word_zero_bytes(word & WORD_OF(0xe0)) | word_zero_bytes(word ^ WORD_OF(0x7f));
        masks.cr |= word_gather(cr) << i;
        masks.lf |= word_gather(lf) << i;
        masks.other |= word_gather(control & ~(cr | lf | tab)) << i;
    }
    return masks;
}

/* Bit i is set when byte i is `byte`. */
static inline uint64_t block_find_portable(const char at[BLOCK_BYTES], char byte)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < BLOCK_BYTES; i += sizeof(uint64_t))
        mask |= word_gather(word_zero_bytes(word_load(at + i) ^ WORD_OF((uint8_t)byte))) << i;
    return mask;
}

/* The first of two bytes from `at` on, or `end`. Reads nothing from `end` on. */
static inline const char *bytes_find_portable(const char *at, const char *end, char a, char b)
{
    while (at < end && *at != a && *at != b)
        at++;
    return at;
}

#ifdef __SSE2__

/* Adds the masks of 16 bytes at bit `place`. */
static inline void block_add_sse2(struct block_masks *masks, const char *at, unsigned place)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i is_cr = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r'));
    __m128i is_lf = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'));
    __m128i is_tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
    __m128i is_del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    __m128i is_low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
    __m128i is_fine = _mm_or_si128(_mm_or_si128(is_cr, is_lf), is_tab);
    __m128i is_other = _mm_or_si128(_mm_andnot_si128(is_fine, is_low), is_del);
    masks->cr |= (uint64_t)(unsigned)_mm_movemask_epi8(is_cr) << place;
    masks->lf |= (uint64_t)(unsigned)_mm_movemask_epi8(is_lf) << place;
    masks->other |= (uint64_t)(unsigned)_mm_movemask_epi8(is_other) << place;
}

static inline struct block_masks block_classify_sse2(const char at[BLOCK_BYTES])
{
    struct block_masks masks = {0, 0, 0};
    block_add_sse2(&masks, at, 0);
    block_add_sse2(&masks, at + 16, 16);
    block_add_sse2(&masks, at + 32, 32);
    block_add_sse2(&masks, at + 48, 48);
    return masks;
}

/* Which of 16 bytes are `byte`. */
static inline uint64_t equal_sse2(const char *at, char byte)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte)));
}

static inline uint64_t block_find_sse2(const char at[BLOCK_BYTES], char byte)
{
    return equal_sse2(at, byte) | equal_sse2(at + 16, byte) << 16 |
           equal_sse2(at + 32, byte) << 32 | equal_sse2(at + 48, byte) << 48;
}

static inline const char *bytes_find_sse2(const char *at, const char *end, char a, char b)
{
    const __m128i is_a = _mm_set1_epi8(a), is_b = _mm_set1_epi8(b);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, is_a), _mm_cmpeq_epi8(bytes, is_b));
        int mask = _mm_movemask_epi8(found);
        if (mask != 0)
            return at + __builtin_ctz((unsigned)mask);
    }
    return bytes_find_portable(at, end, a, b);
}

#define block_classify block_classify_sse2
#define block_find     block_find_sse2
#define bytes_find     bytes_find_sse2

#else

#define block_classify block_classify_portable
#define block_find     block_find_portable
#define bytes_find     bytes_find_portable

#endif
