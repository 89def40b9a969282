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

/* The lanes have names, or gcc leaves them in memory, which takes twice as long. */
uint64_t page_sum(const void *page, size_t len, uint64_t number)
{
    const char *at = page;
    uint64_t a = (number * LANES + 1) * PRIME_B, b = (number * LANES + 2) * PRIME_B;
    uint64_t c = (number * LANES + 3) * PRIME_B, d = (number * LANES + 4) * PRIME_B;
    size_t words = len / sizeof(uint64_t);
    for (; words >= LANES; words -= LANES, at += LANES * sizeof(uint64_t)) {
        a = mix(a, load(at));
        b = mix(b, load(at + 8));
        c = mix(c, load(at + 16));
        d = mix(d, load(at + 24));
    }
    for (; words > 0; words--, at += sizeof(uint64_t))
        a = mix(a, load(at));
    uint64_t sum = len;
    sum = mix(sum, a ^ a >> 32);
    sum = mix(sum, b ^ b >> 32);
    sum = mix(sum, c ^ c >> 32);
    sum = mix(sum, d ^ d >> 32);
    sum = (sum ^ sum >> 33) * PRIME_B;
    return sum ^ sum >> 29;
}
