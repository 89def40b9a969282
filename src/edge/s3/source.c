#include "edge/s3/source.h"
#include "edge/events/outbox.h"

#include "base/cleanup.h"
#include "edge/s3/draft.h"
#include "edge/s3/log_request.h"
#include "wire/http/date.h"
#include "wire/http/range.h"
#include "wire/s3/names.h"

#include <errno.h>

int s3_source_read(struct s3_call *call, struct s3_source *source)
{
    const struct slice parameter = SLICE("?versionId=");
    struct slice text = s3_field(call, SLICE("x-amz-copy-source"));
    ptrdiff_t question = slice_search(text, parameter);
    if (question >= 0) {
        source->version_id = slice_from(text, (size_t)question + parameter.len);
        text = slice_first(text, (size_t)question);
    }
    char *room = arena_alloc(&call->arena, text.len + 1);
    if (room == NULL)
        return s3_fault_memory(&call->fault);
    ptrdiff_t len = s3_unescape(text, true, room);
    struct slice path = slice_of(room, len < 0 ? 0 : (size_t)len);
    if (slice_starts_with(path, SLICE("/")))
        path = slice_from(path, 1);
    ptrdiff_t slash = slice_find(path, '/');
    if (len < 0 || slash <= 0 || (size_t)slash + 1 == path.len)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "Copy Source must mention the source bucket and key: "
                            "sourcebucket/sourcekey");
    source->bucket_name = slice_first(path, (size_t)slash);
    source->key = slice_from(path, (size_t)slash + 1);
    return s3_key_check(source->key, &call->fault);
}

static int find_object(struct s3_call *call, struct s3_source *source)
{
    enum version_which which;
    uint64_t sequence;
    int rc = s3_version_named(call, source->version_id, &which, &sequence);
    if (rc < 0)
        return rc;
    rc = store_find(call->store, source->bucket->id, source->key, which, sequence, &source->object);
    if (rc == -ENOENT)
        return s3_fault_set(&call->fault,
                            which == VERSION_LATEST ? S3_NO_SUCH_KEY : S3_NO_SUCH_VERSION);
    if (rc < 0)
        return s3_store_fault(call, rc);
    if (!source->object->version.is_marker)
        return 0;
    if (which == VERSION_LATEST)
        return s3_fault_set(&call->fault, S3_NO_SUCH_KEY);
    return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                        "The source of a copy request may not specifically refer to a delete "
                        "marker by version id.");
}

static bool holds_time(struct s3_call *call, struct slice name, int64_t modified_s, bool is_since)
{
    int64_t time_s;
    struct slice text = s3_field(call, name);
    if (text.at == NULL || http_date_parse(text, call->now_ms / 1000, &time_s) < 0)
        return true;
    return is_since ? modified_s > time_s : modified_s <= time_s;
}

static int check_conditions(struct s3_call *call, const struct version *version)
{
    char room[VERSION_ETAG_BYTES_MAX + 2];
    struct writer writer;
    struct slice match = s3_field(call, SLICE("x-amz-copy-source-if-match"));
    struct slice none_match = s3_field(call, SLICE("x-amz-copy-source-if-none-match"));
    int64_t modified_s = version->modified_ms / 1000;
    writer_init(&writer, room, sizeof room);
    write_char(&writer, '"');
    write_slice(&writer, version->etag);
    write_char(&writer, '"');
    struct slice quoted = writer_slice(&writer);
    bool is_match = match.at != NULL &&
                    (slice_equal(match, version->etag) || http_etag_list_has(match, quoted, true));
    bool is_none = none_match.at == NULL || (!slice_equal(none_match, version->etag) &&
                                             !http_etag_list_has(none_match, quoted, false));
    bool holds = match.at != NULL ? is_match
                                  : holds_time(call, SLICE("x-amz-copy-source-if-unmodified-since"),
                                               modified_s, false);
    holds = holds &&
            (none_match.at != NULL ? is_none
                                   : holds_time(call, SLICE("x-amz-copy-source-if-modified-since"),
                                                modified_s, true));
    return holds ? 0 : s3_fault_set(&call->fault, S3_PRECONDITION_FAILED);
}

static int may_read(struct s3_call *call, const struct s3_source *source)
{
    struct slice asked = call->version_asked;
    call->version_asked = source->version_id;
    int rc = s3_may(call, SLICE("s3:GetObject"), source->bucket, source->key, false);
    call->version_asked = asked;
    return rc;
}

int s3_source_find(struct s3_call *call, struct s3_source *ret_source)
{
    *ret_source = (struct s3_source){.bucket = NULL};
    int rc = s3_source_read(call, ret_source);
    if (rc == 0 && s3_remote_named(call, ret_source->bucket_name) != NULL)
        rc = s3_fault_say(&call->fault, S3_NOT_IMPLEMENTED,
                          "%.*s lies at another endpoint, and %.*s does not: nothing is copied "
                          "between them; get the object and put it",
                          SLICE_ARG(ret_source->bucket_name), SLICE_ARG(call->bucket_name));
    if (rc == 0)
        rc = s3_store_fault(call, outbox_is_bucket(ret_source->bucket_name)
                                      ? -ENOENT
                                      : store_bucket_find(call->store, ret_source->bucket_name,
                                                          &ret_source->bucket));
    if (rc == 0)
        rc = may_read(call, ret_source);
    if (rc == 0)
        rc = find_object(call, ret_source);
    if (rc == 0)
        rc = check_conditions(call, &ret_source->object->version);
    return rc < 0 ? rc
                  : s3_seal_open(call, ret_source->object->version.seal, true, &ret_source->seal);
}

void s3_source_log(struct s3_call *call, const struct s3_source *source, struct slice operation)
{
    char room[S3_VERSION_ID_LEN];
    const struct version *version = &source->object->version;
    const struct s3_log_part part = {
        .operation = operation,
        .key = source->key,
        .version_id = s3_versioning_of(source->bucket) == S3_VERSIONING_NEVER
                          ? (struct slice){NULL, 0}
                          : s3_version_id(version, room),
        .size = version->size,
        .status = 200,
    };
    s3_log_part(call, source->bucket, &part);
}

void s3_source_finish(struct s3_source *source)
{
    s3_seal_wipe(&source->seal);
    object_unref(source->object);
    store_bucket_unref(source->bucket);
}

struct copying {
    struct s3_received *received;
    struct s3_sum md5, check;
    bool has_check;
    struct s3_unsealer unsealer;
    struct s3_sealer sealer;
};

static int copy_parts(struct s3_call *call, struct copying *copying, struct outgoing *outgoing,
                      char *room)
{
    struct slice data;
    int rc;
    while ((rc = outgoing_next(outgoing, room, &data)) == 1) {
        rc = s3_unsealer_apply(&copying->unsealer, data);
        if (rc < 0)
            return s3_store_fault(call, rc);
        s3_sum_add(&copying->md5, data);
        if (copying->has_check)
            s3_sum_add(&copying->check, data);
        rc = s3_sealer_add(&copying->sealer, &copying->received->incoming, data);
        if (rc < 0)
            return s3_store_fault(call, rc);
    }
    return rc < 0 ? s3_store_fault(call, rc == -ENOENT ? -EIO : rc) : 0;
}

static int copy_all(struct s3_call *call, const struct s3_source *source, uint64_t offset,
                    uint64_t length, const struct s3_seal *seal, struct copying *copying)
{
    struct s3_received *received = copying->received;
    struct outgoing outgoing;
    SCOPED_FREE char *room = memory_alloc_raw(OUTGOING_BYTES);
    if (room == NULL)
        return s3_fault_memory(&call->fault);
    outgoing_init(&outgoing, call->store, source->object, offset, length);
    int rc = s3_store_fault(call, s3_unsealer_begin(&copying->unsealer, &source->seal,
                                                    &source->object->version, offset));
    if (rc == 0)
        rc = s3_store_fault(call, s3_sealer_begin(&copying->sealer, seal));
    if (rc == 0)
        rc = copy_parts(call, copying, &outgoing, room);
    s3_unsealer_finish(&copying->unsealer);
    s3_sealer_finish(&copying->sealer);
    outgoing_finish(&outgoing);
    if (rc == 0)
        rc = s3_store_fault(call, incoming_end(&received->incoming, received->content_room,
                                               &received->data, &received->content));
    received->is_pinned = rc == 0 && received->content.len > 0;
    return rc;
}

int s3_source_copy(struct s3_call *call, const struct s3_source *source, uint64_t offset,
                   uint64_t length, unsigned check_kind, const struct s3_seal *seal,
                   struct s3_received *ret_received)
{
    struct copying copying = {.received = ret_received,
                              .has_check = check_kind != S3_CHECKSUM_KINDS};
    struct s3_received *received = ret_received;
    memset(received, 0, sizeof *received);
    incoming_init(&received->incoming, call->store);
    received->has_incoming = true;
    int rc = s3_sum_begin(&copying.md5, S3_CHECKSUM_MD5);
    if (rc == 0 && copying.has_check)
        rc = s3_sum_begin(&copying.check, check_kind);
    rc = rc < 0 ? s3_fault_memory(&call->fault)
                : copy_all(call, source, offset, length, seal, &copying);
    if (rc == 0) {
        received->length = received->incoming.length;
        received->check_kind = check_kind;
        received->etag = s3_hex_write(received->md5, s3_sum_end(&copying.md5, received->md5),
                                      received->etag_room);
        if (s3_seal_hides_sum(seal))
            received->etag = s3_seal_etag(received->md5, received->etag_room);
        if (copying.has_check)
            (void)s3_sum_end(&copying.check, received->check);
    }
    s3_sum_finish(&copying.md5);
    s3_sum_finish(&copying.check);
    return rc;
}
