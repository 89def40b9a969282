/* gzip by zlib. One deflate state for as long as the encoder lives: it is reset, not made anew. */
#include "wire/encode/encoder_internal.h"

#include "base/cleanup.h"
#include "base/list.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

#define GZIP_WINDOW   (15 + 16) /* zlib's way to ask for gzip's header and trailer */
#define MEMORY_LEVEL  8
#define LEVEL_DEFAULT 1

struct gzip {
    struct encoder encoder;
    z_stream stream;
    unsigned level;
};

static void *allocate(void *opaque, unsigned count, unsigned bytes_each)
{
    (void)opaque;
    size_t bytes;
    return __builtin_mul_overflow((size_t)count, bytes_each, &bytes) ? NULL
                                                                     : memory_alloc_raw(bytes);
}

static void release(void *opaque, void *at)
{
    (void)opaque;
    memory_free(at);
}

static struct gzip *gzip_of(struct encoder *encoder)
{
    return CONTAINER_OF(encoder, struct gzip, encoder);
}

static int begin(struct encoder *encoder, unsigned level, uint64_t length)
{
    struct gzip *gzip = gzip_of(encoder);
    (void)length;
    if (level == 0)
        level = LEVEL_DEFAULT;
    (void)deflateReset(&gzip->stream);
    /* Nothing has been given to it: this only sets the parameters. */
    if (level != gzip->level &&
        deflateParams(&gzip->stream, (int)level, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    gzip->level = level;
    return 0;
}

static int run(struct encoder *encoder, struct slice *data, enum encoder_end end,
               struct writer *out)
{
    static const int flushes[] = {
        [ENCODER_MORE] = Z_NO_FLUSH, [ENCODER_FLUSH] = Z_SYNC_FLUSH, [ENCODER_FINISH] = Z_FINISH};
    z_stream *stream = &gzip_of(encoder)->stream;
    size_t room = (size_t)(out->end - out->at);
    stream->next_in = (z_const Bytef *)(uintptr_t)data->at;
    stream->avail_in = data->len < UINT_MAX ? (unsigned)data->len : UINT_MAX;
    stream->next_out = (Bytef *)out->at;
    stream->avail_out = room < UINT_MAX ? (unsigned)room : UINT_MAX;
    unsigned given = stream->avail_in;
    int rc = deflate(stream, flushes[end]);
    *data = slice_from(*data, given - stream->avail_in);
    out->at = (char *)stream->next_out;
    if (rc == Z_STREAM_END || (end != ENCODER_FINISH && stream->avail_out > 0 && data->len == 0))
        return 0;
    return 1;
}

static void destroy(struct encoder *encoder)
{
    struct gzip *gzip = gzip_of(encoder);
    (void)deflateEnd(&gzip->stream);
    memory_free(gzip);
}

static const struct encoder_ops ops = {begin, run, destroy};

struct encoder *gzip_create(void)
{
    struct gzip *gzip = NEW(struct gzip);
    if (gzip == NULL)
        return NULL;
    *gzip = (struct gzip){.encoder = {&ops, ENCODING_GZIP}, .level = LEVEL_DEFAULT};
    gzip->stream.zalloc = allocate;
    gzip->stream.zfree = release;
    if (deflateInit2(&gzip->stream, LEVEL_DEFAULT, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) == Z_OK)
        return &gzip->encoder;
    memory_free(gzip);
    return NULL;
}
