/* What the codings have in common. For the folder's own files. */
#pragma once

#include "wire/encode/encoder.h"

struct encoder_ops {
    int (*begin)(struct encoder *encoder, unsigned level, uint64_t length);
    int (*run)(struct encoder *encoder, struct slice *data, enum encoder_end end,
               struct writer *out);
    void (*destroy)(struct encoder *encoder);
};

/* The first member of each. */
struct encoder {
    const struct encoder_ops *ops;
    enum http_encoding encoding;
};

struct encoder *gzip_create(void);
struct encoder *brotli_create(void);
struct encoder *zstd_create(void);
