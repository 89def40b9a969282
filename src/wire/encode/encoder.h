/*
 * Content codings as pure transformers: gzip (RFC 1952, by zlib), br (RFC 7932, by libbrotlienc),
 * zstd (RFC 8878, by libzstd). An encoder is costly to make and cheap to use again; its memory is
 * bounded: about 270 KiB (gzip), 1 MiB (zstd, 3 MiB at its higher levels) and 2 MiB (br, 5 MiB).
 */
#pragma once

#include "base/writer.h"
#include "wire/http/encoding.h"

struct encoder;

#define ENCODER_LENGTH_UNKNOWN UINT64_MAX

/* What is to come out of the bytes given so far. */
enum encoder_end {
    ENCODER_MORE,   /* what is convenient */
    ENCODER_FLUSH,  /* all of them, so that they can be decoded */
    ENCODER_FINISH, /* the end of the encoded body */
};

/* Not for ENCODING_IDENTITY. NULL when memory is used up. */
struct encoder *encoder_create(enum http_encoding encoding);
void encoder_destroy(struct encoder *encoder); /* NULL is fine */

/*
 * Begins a body, whatever became of the one before. `level` is 1 (fast) to 9 (small; br ends
 * at 6), 0 the one that costs least for what it saves; `length` that of the body to come, which
 * then must be true. 0 or -ENOMEM.
 */
int encoder_begin(struct encoder *encoder, unsigned level, uint64_t length);

/*
 * Takes bytes off *data and writes encoded ones behind what is in `out`. Returns 1 when there was
 * no more room in `out`: take what is there and call again with the rest; 0 when all was taken and
 * `end` holds; -EPROTO when `length` was not true.
 */
int encoder_run(struct encoder *encoder, struct slice *data, enum encoder_end end,
                struct writer *out);

enum http_encoding encoder_encoding(const struct encoder *encoder);
