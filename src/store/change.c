/* The codecs of records' meta. */
#include "store/change.h"

static void put_version(struct writer *writer, const struct version *version)
{
    codec_put(writer, version->bucket);
    codec_put_bytes(writer, version->key);
    version_write(writer, version);
}

/* The version is all that is left. */
static int take_version(struct codec *codec, struct version *ret_version)
{
    uint64_t bucket = codec_take(codec);
    struct slice key = codec_take_bytes(codec);
    if (codec->failed || bucket > UINT32_MAX || key.len > VERSION_KEY_BYTES_MAX)
        return -EBADMSG;
    int rc = version_read(codec->rest, ret_version);
    if (rc < 0)
        return rc;
    ret_version->bucket = (uint32_t)bucket;
    ret_version->key = key;
    return 0;
}

void change_write_put(struct writer *writer, const struct change_put *put)
{
    codec_put_bytes(writer, put->upload);
    put_version(writer, &put->version);
}

int change_read_put(struct slice meta, struct change_put *ret_put)
{
    struct codec codec = codec_of(meta);
    ret_put->upload = codec_take_bytes(&codec);
    return take_version(&codec, &ret_put->version);
}

void change_write_version(struct writer *writer, const struct change_version *change, bool is_amend)
{
    codec_put(writer, (uint64_t)change->which);
    codec_put(writer, change->sequence);
    codec_put(writer, change->bucket);
    codec_put_bytes(writer, change->key);
    if (is_amend)
        version_write(writer, &change->version);
}

int change_read_version(struct slice meta, bool is_amend, struct change_version *ret_change)
{
    struct codec codec = codec_of(meta);
    uint64_t which = codec_take(&codec);
    ret_change->sequence = codec_take(&codec);
    uint64_t bucket = codec_take(&codec);
    ret_change->key = codec_take_bytes(&codec);
    if (codec.failed || which > VERSION_SEQUENCE || which == VERSION_LATEST || bucket > UINT32_MAX)
        return -EBADMSG;
    ret_change->which = (enum version_which)which;
    ret_change->bucket = (uint32_t)bucket;
    if (!is_amend)
        return codec.rest.len > 0 ? -EBADMSG : 0;
    return version_read(codec.rest, &ret_change->version);
}

void change_write_bucket(struct writer *writer, const struct change_bucket *bucket)
{
    codec_put(writer, bucket->id);
    codec_put_bytes(writer, bucket->name);
    codec_put(writer, (uint64_t)bucket->made_ms);
    codec_put_bytes(writer, bucket->settings);
}

int change_read_bucket(struct slice meta, struct change_bucket *ret_bucket)
{
    struct codec codec = codec_of(meta);
    uint64_t id = codec_take(&codec);
    ret_bucket->name = codec_take_bytes(&codec);
    ret_bucket->made_ms = (int64_t)codec_take(&codec);
    ret_bucket->settings = codec_take_bytes(&codec);
    ret_bucket->id = (uint32_t)id;
    return codec.failed || codec.rest.len > 0 || id > UINT32_MAX ? -EBADMSG : 0;
}

void change_write_upload(struct writer *writer, const struct change_upload *upload)
{
    codec_put_bytes(writer, upload->id);
    put_version(writer, &upload->version);
}

int change_read_upload(struct slice meta, struct change_upload *ret_upload)
{
    struct codec codec = codec_of(meta);
    ret_upload->id = codec_take_bytes(&codec);
    return take_version(&codec, &ret_upload->version);
}

void change_write_part(struct writer *writer, const struct change_part *part)
{
    codec_put_bytes(writer, part->upload);
    codec_put(writer, part->number);
    version_write(writer, &part->version);
}

int change_read_part(struct slice meta, struct change_part *ret_part)
{
    struct codec codec = codec_of(meta);
    ret_part->upload = codec_take_bytes(&codec);
    uint64_t number = codec_take(&codec);
    ret_part->number = (uint32_t)number;
    return codec.failed || number > UINT32_MAX ? -EBADMSG
                                               : version_read(codec.rest, &ret_part->version);
}

void change_write_move(struct writer *writer, const struct change_move *move)
{
    codec_put_bytes(writer, move->upload);
    codec_put(writer, move->number);
    codec_put(writer, move->bucket);
    codec_put_bytes(writer, move->key);
    codec_put(writer, move->sequence);
    content_put(writer, &move->old);
}

int change_read_move(struct slice meta, struct change_move *ret_move)
{
    struct codec codec = codec_of(meta);
    ret_move->upload = codec_take_bytes(&codec);
    uint64_t number = codec_take(&codec), bucket = codec_take(&codec);
    ret_move->key = codec_take_bytes(&codec);
    ret_move->sequence = codec_take(&codec);
    ret_move->number = (uint32_t)number;
    ret_move->bucket = (uint32_t)bucket;
    if (codec.failed || number > UINT32_MAX || bucket > UINT32_MAX)
        return -EBADMSG;
    return content_take(&codec.rest, &ret_move->old) == 1 && codec.rest.len == 0 ? 0 : -EBADMSG;
}
