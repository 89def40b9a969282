/* Segments, written and read. */
#include "store/content.h"

#include <errno.h>
#include <string.h>

void content_put(struct writer *writer, const struct content_segment *segment)
{
    codec_put(writer, (uint64_t)segment->kind);
    codec_put(writer, segment->length);
    if (segment->kind == CONTENT_BLOB) {
        write_bytes(writer, segment->hash, sizeof segment->hash);
        return;
    }
    codec_put(writer, segment->pack);
    codec_put(writer, segment->offset);
    codec_put(writer, segment->crc);
}

static void take_pack(struct codec *codec, struct content_segment *segment)
{
    uint64_t pack = codec_take(codec), offset = codec_take(codec), crc = codec_take(codec);
    codec->failed |= pack > UINT32_MAX || offset > UINT32_MAX || crc > UINT32_MAX ||
                     segment->length > CONTENT_SMALL_BYTES_MAX;
    segment->pack = (uint32_t)pack;
    segment->offset = (uint32_t)offset;
    segment->crc = (uint32_t)crc;
}

int content_take(struct slice *segments, struct content_segment *ret_segment)
{
    if (segments->len == 0)
        return 0;
    struct codec codec = codec_of(*segments);
    uint64_t kind = codec_take(&codec);
    struct content_segment segment = {.kind = kind == CONTENT_BLOB ? CONTENT_BLOB : CONTENT_PACK,
                                      .length = codec_take(&codec)};
    if (kind > CONTENT_BLOB)
        return -EBADMSG;
    if (segment.kind == CONTENT_PACK) {
        take_pack(&codec, &segment);
    } else {
        struct slice hash = codec_take_raw(&codec, sizeof segment.hash);
        if (!codec.failed)
            memcpy(segment.hash, hash.at, sizeof segment.hash);
    }
    if (codec.failed)
        return -EBADMSG;
    *segments = codec.rest;
    *ret_segment = segment;
    return 1;
}
