/* A version's codec. The first byte is the layout: the second one has two texts more. */
#include "store/version.h"

#include "store/codec.h"

#include <errno.h>

enum { LAYOUT = 1, LAYOUT_WITH_MORE = 2 };
enum { FLAG_MARKER = 1, FLAG_NULL = 2, FLAG_HOLD = 4 };

/* Numbers before the texts, and the lengths of seven texts. */
#define NUMBERS_BYTES_MAX ((size_t)1 + 5 * CODEC_NUMBER_BYTES_MAX + 7 * CODEC_NUMBER_BYTES_MAX)

size_t version_bytes(const struct version *version)
{
    return NUMBERS_BYTES_MAX + version->etag.len + version->fields.len + version->tags.len +
           version->checksum.len + version->content.len + version->access.len + version->seal.len;
}

void version_write(struct writer *writer, const struct version *version)
{
    bool has_more = version->access.len > 0 || version->seal.len > 0;
    codec_put(writer, has_more ? LAYOUT_WITH_MORE : LAYOUT);
    codec_put(writer, (version->is_marker ? FLAG_MARKER : 0u) |
                          (version->is_null ? FLAG_NULL : 0u) |
                          (version->has_hold ? FLAG_HOLD : 0u));
    codec_put(writer, (uint64_t)version->lock);
    codec_put(writer, (uint64_t)version->retain_until_ms);
    codec_put(writer, (uint64_t)version->modified_ms);
    codec_put(writer, version->size);
    codec_put_bytes(writer, version->etag);
    codec_put_bytes(writer, version->fields);
    codec_put_bytes(writer, version->tags);
    codec_put_bytes(writer, version->checksum);
    codec_put_bytes(writer, version->content);
    if (has_more) {
        codec_put_bytes(writer, version->access);
        codec_put_bytes(writer, version->seal);
    }
}

int version_read(struct slice bytes, struct version *ret_version)
{
    struct codec codec = codec_of(bytes);
    struct version version = {.bucket = 0};
    uint64_t layout = codec_take(&codec), flags = codec_take(&codec), lock = codec_take(&codec);
    version.is_marker = (flags & FLAG_MARKER) != 0;
    version.is_null = (flags & FLAG_NULL) != 0;
    version.has_hold = (flags & FLAG_HOLD) != 0;
    version.retain_until_ms = (int64_t)codec_take(&codec);
    version.modified_ms = (int64_t)codec_take(&codec);
    version.size = codec_take(&codec);
    version.etag = codec_take_bytes(&codec);
    version.fields = codec_take_bytes(&codec);
    version.tags = codec_take_bytes(&codec);
    version.checksum = codec_take_bytes(&codec);
    version.content = codec_take_bytes(&codec);
    if (layout == LAYOUT_WITH_MORE) {
        version.access = codec_take_bytes(&codec);
        version.seal = codec_take_bytes(&codec);
    }
    if (codec.failed || codec.rest.len > 0 || layout < LAYOUT || layout > LAYOUT_WITH_MORE ||
        lock > VERSION_COMPLIANCE)
        return -EBADMSG;
    version.lock = (enum version_lock)lock;
    *ret_version = version;
    return 0;
}
