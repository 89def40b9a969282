/* Words are read as little-endian; what four lanes leave over goes into the first one. */
#include "store/page_sum.h"

#include <endian.h>
#include <string.h>

#define LANES 4
/* Odd constants without a pattern, those of xxHash. */
#define PRIME_A UINT64_C(0x9e3779b185ebca87)
#define PRIME_B UINT64_C(0xc2b2ae3d27d4eb4f)

static uint64_t rotate(uint64_t word, unsigned by)
{
    return word << by | word >> (64 - by);
}

static uint64_t load(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return le64toh(word);
}

static uint64_t mix(uint64_t lane, uint64_t word)
{
    return rotate((lane ^ word) * PRIME_A, 29);
}

uint64_t page_sum(const void *page, size_t len, uint64_t number)
{
    const char *at = page;
    uint64_t lanes[LANES];
    for (size_t i = 0; i < LANES; i++)
        lanes[i] = (number * LANES + i + 1) * PRIME_B;
    size_t words = len / sizeof(uint64_t);
    for (; words >= LANES; words -= LANES, at += LANES * sizeof(uint64_t)) {
        for (size_t i = 0; i < LANES; i++)
            lanes[i] = mix(lanes[i], load(at + i * sizeof(uint64_t)));
    }
    for (; words > 0; words--, at += sizeof(uint64_t))
        lanes[0] = mix(lanes[0], load(at));
    uint64_t sum = len;
    for (size_t i = 0; i < LANES; i++)
        sum = mix(sum, lanes[i] ^ lanes[i] >> 32);
    sum = (sum ^ sum >> 33) * PRIME_B;
    return sum ^ sum >> 29;
}
