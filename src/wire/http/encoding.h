/*
 * Content codings and what a client accepts of them (RFC 9110 §8.4.1, §12.5.3). Pure; whoever
 * compresses or has compressed representations at hand chooses by these.
 */
#pragma once

#include "base/slice.h"

struct fields;

enum http_encoding {
    ENCODING_IDENTITY,
    ENCODING_GZIP,
    ENCODING_BR,
    ENCODING_ZSTD,
    ENCODINGS_COUNT,
};

#define ENCODING_QUALITY_MAX 1000

/* A quality for each, in thousandths: 0 is not acceptable, the highest is liked best. */
struct accept_encoding {
    uint16_t quality[ENCODINGS_COUNT];
};

/*
 * What all Accept-Encoding fields of a request say together. Without such a field only identity is
 * good (the RFC would allow any coding, but who cannot decode sends none). Identity that is not
 * named, and not excluded by "*", is acceptable with the lowest quality there is, 1: behind
 * whatever the client asks for. "x-gzip" is gzip. An element that is malformed does not count; of
 * one that is named twice the lower quality does.
 */
void accept_encoding_parse(const struct fields *fields, struct accept_encoding *ret_accept);

/*
 * The best of `offered` (in the server's order of preference, which decides between equals and goes
 * before identity) or identity when that is liked better, or none of them is acceptable: identity
 * is sent then even to a client that excludes it, as 406 would help nobody.
 */
enum http_encoding accept_encoding_choose(const struct accept_encoding *accept,
                                          const enum http_encoding *offered, unsigned count);

/* As Content-Encoding names it: "gzip", "br", "zstd", "identity". */
struct slice http_encoding_name(enum http_encoding encoding);
