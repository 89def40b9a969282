/*
 * The checksum of two runs of bytes behind each other out of theirs alone, for CRCs that begin with
 * all ones and end inverted: CRC-32, CRC-32C, CRC-64/NVME.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The polynomials with their lowest power in the highest bit, as the computation has them. */
#define CRC32_POLYNOMIAL     UINT64_C(0xedb88320)
#define CRC32C_POLYNOMIAL    UINT64_C(0x82f63b78)
#define CRC64NVME_POLYNOMIAL UINT64_C(0x9a6c9329ac4bc9b5)

/* Of `bits` (32 or 64): `first`, and `second` of `second_len` bytes. */
uint64_t crc_join(uint64_t polynomial, unsigned bits, uint64_t first, uint64_t second,
                  uint64_t second_len);
