/* zstd. The context keeps its tables from body to body. */
#include "wire/encode/encoder_internal.h"

#include "base/cleanup.h"
#include "base/list.h"

#include <errno.h>
#include <zstd.h>

/* Clients need not take windows above 8 MiB (RFC 9659 §3); this holds our own memory down. */
#define WINDOW_LOG_MAX 18
#define LEVEL_DEFAULT  1

struct zstd {
    struct encoder encoder;
    ZSTD_CCtx *context; /* owned */
};

static struct zstd *zstd_of(struct encoder *encoder)
{
    return CONTAINER_OF(encoder, struct zstd, encoder);
}

static int begin(struct encoder *encoder, unsigned level, uint64_t length)
{
    ZSTD_CCtx *context = zstd_of(encoder)->context;
    int wanted = level == 0 ? LEVEL_DEFAULT : (int)level;
    bool is_set = !ZSTD_isError(ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters)) &&
                  !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, wanted)) &&
                  !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, WINDOW_LOG_MAX));
    if (is_set && length != ENCODER_LENGTH_UNKNOWN)
        is_set = !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, length));
    return is_set ? 0 : -ENOMEM;
}

static int run(struct encoder *encoder, struct slice *data, enum encoder_end end,
               struct writer *out)
{
    static const ZSTD_EndDirective directives[] = {[ENCODER_MORE] = ZSTD_e_continue,
                                                   [ENCODER_FLUSH] = ZSTD_e_flush,
                                                   [ENCODER_FINISH] = ZSTD_e_end};
    ZSTD_inBuffer in = {data->at, data->len, 0};
    ZSTD_outBuffer to = {out->at, (size_t)(out->end - out->at), 0};
    size_t left = ZSTD_compressStream2(zstd_of(encoder)->context, &to, &in, directives[end]);
    *data = slice_from(*data, in.pos);
    out->at += to.pos;
    if (ZSTD_isError(left))
        return -EPROTO;
    bool is_done = end == ENCODER_MORE ? data->len == 0 : left == 0;
    return is_done ? 0 : 1;
}

static void destroy(struct encoder *encoder)
{
    struct zstd *zstd = zstd_of(encoder);
    (void)ZSTD_freeCCtx(zstd->context);
    memory_free(zstd);
}

static const struct encoder_ops ops = {begin, run, destroy};

struct encoder *zstd_create(void)
{
    struct zstd *zstd = NEW(struct zstd);
    if (zstd == NULL)
        return NULL;
    *zstd = (struct zstd){{&ops, ENCODING_ZSTD}, ZSTD_createCCtx()};
    if (zstd->context != NULL)
        return &zstd->encoder;
    memory_free(zstd);
    return NULL;
}
