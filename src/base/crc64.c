/* Eight bytes at a step (Kounavis, Berry: "A Systematic Approach to Building High Performance
 * Software-based CRC Generators", 2005). */
#include "base/crc64.h"

#include "base/crc_join.h"

#include <endian.h>

#define STEP 8

/* tables[k][b]: what the byte b gives with k bytes of zeros behind it. */
static uint64_t tables[STEP][256];

/* Before main, so that no thread has to ask whether it is done. */
__attribute__((constructor)) static void make_tables(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t crc = byte;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (CRC64NVME_POLYNOMIAL & -(crc & 1));
        tables[0][byte] = crc;
    }
    for (unsigned step = 1; step < STEP; step++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint64_t before = tables[step - 1][byte];
            tables[step][byte] = before >> 8 ^ tables[0][before & 0xff];
        }
    }
}

uint64_t crc64_add(uint64_t crc, struct slice bytes)
{
    const char *at = bytes.at;
    size_t left = bytes.len;
    crc = ~crc;
    for (; left >= STEP; at += STEP, left -= STEP) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        word = le64toh(word) ^ crc;
        crc = 0;
        for (unsigned i = 0; i < STEP; i++)
            crc ^= tables[STEP - 1 - i][word >> (8 * i) & 0xff];
    }
    for (; left > 0; at++, left--)
        crc = crc >> 8 ^ tables[0][(crc ^ (unsigned char)*at) & 0xff];
    return ~crc;
}
