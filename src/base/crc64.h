/* CRC-64/NVME (NVM Express NVM Command Set Specification 1.0, §5.2.1.3.4), which S3 calls
 * CRC64NVME. */
#pragma once

#include "base/slice.h"

/* The checksum of what gave `crc` (0 for nothing) and these bytes behind it. */
uint64_t crc64_add(uint64_t crc, struct slice bytes);
