/* CRC-32C (Castagnoli), as in iSCSI (RFC 3720 §12.1), the PROXY protocol, S3 and Weir's own files.
 */
#pragma once

#include "base/slice.h"

#include <stdint.h>

/* The checksum of what gave `crc` (0 for nothing) and these bytes behind it. */
uint32_t crc32c_add(uint32_t crc, struct slice bytes);
