/* The table of codings. */
#include "wire/encode/encoder_internal.h"

#include <assert.h>

struct encoder *encoder_create(enum http_encoding encoding)
{
    switch (encoding) {
    case ENCODING_GZIP:
        return gzip_create();
    case ENCODING_BR:
        return brotli_create();
    case ENCODING_ZSTD:
        return zstd_create();
    case ENCODING_IDENTITY:
    case ENCODINGS_COUNT:
        break;
    }
    assert(!"no coding");
    return NULL;
}

void encoder_destroy(struct encoder *encoder)
{
    if (encoder != NULL)
        encoder->ops->destroy(encoder);
}

int encoder_begin(struct encoder *encoder, unsigned level, uint64_t length)
{
    return encoder->ops->begin(encoder, level, length);
}

int encoder_run(struct encoder *encoder, struct slice *data, enum encoder_end end,
                struct writer *out)
{
    return encoder->ops->run(encoder, data, end, out);
}

enum http_encoding encoder_encoding(const struct encoder *encoder)
{
    return encoder->encoding;
}
