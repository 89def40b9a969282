/* Byte ranges (RFC 9110 §14) and entity-tag comparison (§8.8.3). */
#pragma once

#include "base/slice.h"

struct byte_range {
    uint64_t first;
    uint64_t last; /* inclusive, < size */
};

#define HTTP_RANGES_MAX 16

/*
 * Parses a Range value against a representation of `size` bytes. Returns the number of satisfiable
 * ranges in ret_ranges, in the order asked; 0 when the field is to be ignored (another unit, a
 * syntax error, more than HTTP_RANGES_MAX, any two that overlap: they only cost, §14.2); -ERANGE
 * when none can be satisfied (416).
 */
int http_range_parse(struct slice value, uint64_t size,
                     struct byte_range ret_ranges[static HTTP_RANGES_MAX]);

/* Does an If-Match or If-None-Match list name this tag? "*" names any. `tag` has its quotes, and
 * W/ when weak. `strong` asks for the strong comparison: weak tags are equal to none. A list ends
 * where it is malformed. */
bool http_etag_list_has(struct slice list, struct slice tag, bool strong);
