/*
 * br by libbrotlienc. It cannot begin anew with an encoder it has, and Debian's ends the process
 * when it gets no memory. So each encoder has a region that is large enough for whatever it can be
 * asked for: by measurement 5 MiB, with windows up to 256 KiB and qualities up to 6, of which only
 * what is used is ever touched.
 */
#include "wire/encode/encoder_internal.h"

#include "base/cleanup.h"
#include "base/list.h"
#include "wire/encode/region.h"

#include <brotli/encode.h>
#include <errno.h>

#define WINDOW_LOG_MAX 18
#define QUALITY_MAX    6
#define LEVEL_DEFAULT  2
#define REGION_BYTES   ((size_t)12 << 20)

struct brotli {
    struct encoder encoder;
    BrotliEncoderState *state; /* owned; NULL before the first body */
    struct region region;
    char *memory; /* owned, the region's */
};

static struct brotli *brotli_of(struct encoder *encoder)
{
    return CONTAINER_OF(encoder, struct brotli, encoder);
}

static void *allocate(void *opaque, size_t bytes)
{
    struct brotli *brotli = opaque;
    void *at = region_take(&brotli->region, bytes);
    return at != NULL ? at : memory_alloc_raw(bytes);
}

static void release(void *opaque, void *at)
{
    struct brotli *brotli = opaque;
    if (at != NULL && !region_give(&brotli->region, at))
        memory_free(at);
}

static void end_body(struct brotli *brotli)
{
    if (brotli->state != NULL)
        BrotliEncoderDestroyInstance(brotli->state);
    brotli->state = NULL;
}

static int begin(struct encoder *encoder, unsigned level, uint64_t length)
{
    struct brotli *brotli = brotli_of(encoder);
    uint32_t window = BROTLI_MIN_WINDOW_BITS;
    end_body(brotli);
    brotli->state = BrotliEncoderCreateInstance(allocate, release, brotli);
    if (brotli->state == NULL)
        return -ENOMEM;
    while (window < WINDOW_LOG_MAX && ((uint64_t)1 << window) - 16 < length)
        window++;
    if (level == 0)
        level = LEVEL_DEFAULT;
    (void)BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_QUALITY,
                                    level < QUALITY_MAX ? level : QUALITY_MAX);
    (void)BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_LGWIN, window);
    if (length <= UINT32_MAX)
        (void)BrotliEncoderSetParameter(brotli->state, BROTLI_PARAM_SIZE_HINT, (uint32_t)length);
    return 0;
}

static int run(struct encoder *encoder, struct slice *data, enum encoder_end end,
               struct writer *out)
{
    static const BrotliEncoderOperation operations[] = {[ENCODER_MORE] = BROTLI_OPERATION_PROCESS,
                                                        [ENCODER_FLUSH] = BROTLI_OPERATION_FLUSH,
                                                        [ENCODER_FINISH] = BROTLI_OPERATION_FINISH};
    BrotliEncoderState *state = brotli_of(encoder)->state;
    const uint8_t *next_in = (const uint8_t *)data->at;
    uint8_t *next_out = (uint8_t *)out->at;
    size_t left = data->len, room = (size_t)(out->end - out->at);
    if (!BrotliEncoderCompressStream(state, operations[end], &left, &next_in, &room, &next_out,
                                     NULL))
        return -ENOMEM;
    *data = slice_from(*data, data->len - left);
    out->at = (char *)next_out;
    bool is_done = left == 0 && !BrotliEncoderHasMoreOutput(state) &&
                   (end != ENCODER_FINISH || BrotliEncoderIsFinished(state));
    return is_done ? 0 : 1;
}

static void destroy(struct encoder *encoder)
{
    struct brotli *brotli = brotli_of(encoder);
    end_body(brotli);
    memory_free(brotli->memory);
    memory_free(brotli);
}

static const struct encoder_ops ops = {begin, run, destroy};

struct encoder *brotli_create(void)
{
    struct brotli *brotli = NEW(struct brotli);
    if (brotli == NULL)
        return NULL;
    brotli->encoder = (struct encoder){&ops, ENCODING_BR};
    brotli->memory = memory_alloc_raw(REGION_BYTES);
    if (brotli->memory == NULL) {
        memory_free(brotli);
        return NULL;
    }
    region_init(&brotli->region, brotli->memory, REGION_BYTES);
    return &brotli->encoder;
}
