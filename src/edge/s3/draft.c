#include "edge/s3/draft.h"

#include "base/cleanup.h"
#include "edge/s3/operations.h"
#include "edge/s3/owners.h"
#include "wire/http/chars.h"
#include "wire/http/range.h"
#include "wire/s3/tagging.h"

#include <errno.h>

/* Fields of a request that are told again with the object, besides x-amz-meta-*. */
static const struct slice kept[] = {
    SLICE("Cache-Control"),    SLICE("Content-Disposition"),
    SLICE("Content-Encoding"), SLICE("Content-Language"),
    SLICE("Expires"),          SLICE("x-amz-website-redirect-location"),
};

static const struct slice storage_classes[] = {
    SLICE("STANDARD"),     SLICE("REDUCED_REDUNDANCY"),  SLICE("STANDARD_IA"),
    SLICE("ONEZONE_IA"),   SLICE("INTELLIGENT_TIERING"), SLICE("GLACIER"),
    SLICE("DEEP_ARCHIVE"), SLICE("GLACIER_IR"),
};

static const struct slice meta_prefix = SLICE("x-amz-meta-");

static bool is_meta(struct slice name)
{
    return slice_equal_nocase(slice_first(name, meta_prefix.len), meta_prefix);
}

/* Names are told in lower case, as S3 does. */
static void write_meta(struct writer *writer, const struct field *field)
{
    for (size_t i = 0; i < field->name.len; i++)
        write_char(writer, ascii_lower(field->name.at[i]));
    write_literal(writer, ": ");
    write_slice(writer, field->value);
    write_literal(writer, "\r\n");
}

/* Without "aws-chunked", which was the coding of the request alone. */
static void write_encoding(struct writer *writer, struct slice value)
{
    struct slice element;
    bool is_first = true;
    while (http_list_next(&value, &element)) {
        if (slice_equal_nocase(element, SLICE("aws-chunked")))
            continue;
        write_slice(writer, is_first ? SLICE("Content-Encoding: ") : SLICE(", "));
        write_slice(writer, element);
        is_first = false;
    }
    if (!is_first)
        write_literal(writer, "\r\n");
}

static void write_kept(struct writer *writer, const struct field *field)
{
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        if (!slice_equal_nocase(field->name, kept[i]))
            continue;
        if (slice_equal(kept[i], SLICE("Content-Encoding")))
            write_encoding(writer, field->value);
        else
            h1_write_field(writer, kept[i], field->value);
        return;
    }
}

static int check_storage_class(struct s3_call *call, struct slice class)
{
    for (size_t i = 0; i < COUNT_OF(storage_classes); i++) {
        if (slice_equal(class, storage_classes[i]))
            return 0;
    }
    return s3_fault_set(&call->fault, S3_INVALID_STORAGE_CLASS);
}

static int write_fields(struct s3_call *call, struct writer *writer)
{
    const struct fields *fields = &call->exchange->request.fields;
    struct slice type = fields_value(fields, FIELD_CONTENT_TYPE);
    struct slice class = s3_field(call, SLICE("x-amz-storage-class"));
    size_t meta_bytes = 0;
    h1_write_field(writer, SLICE("Content-Type"),
                   type.len > 0 ? type : SLICE("binary/octet-stream"));
    for (unsigned i = 0; i < fields->count; i++) {
        const struct field *field = &fields->at[i];
        if (is_meta(field->name)) {
            meta_bytes += field->name.len - meta_prefix.len + field->value.len;
            write_meta(writer, field);
        } else {
            write_kept(writer, field);
        }
    }
    if (meta_bytes > S3_METADATA_BYTES_MAX)
        return s3_fault_set(&call->fault, S3_METADATA_TOO_LARGE);
    if (class.at == NULL || slice_equal(class, SLICE("STANDARD")))
        return 0;
    h1_write_field(writer, SLICE("x-amz-storage-class"), class);
    return check_storage_class(call, class);
}

static int read_tags(struct s3_call *call, struct version *version)
{
    struct s3_tags tags;
    SCOPED(buffer_finish) struct buffer text;
    struct slice query = s3_field(call, SLICE("x-amz-tagging"));
    buffer_init(&text, VERSION_TAGS_BYTES_MAX);
    if (query.len == 0)
        return 0;
    int rc = s3_tags_parse_query(query, &call->arena, &call->fault, &tags);
    if (rc < 0)
        return rc;
    if (s3_tags_write_query(&text, &tags) < 0)
        return s3_fault_memory(&call->fault);
    version->tags = arena_copy(&call->arena, buffer_slice(&text));
    return version->tags.at == NULL ? s3_fault_memory(&call->fault) : 0;
}

int s3_draft_read(struct s3_call *call, struct s3_draft *ret_draft)
{
    struct writer writer;
    char *room = arena_alloc(&call->arena, VERSION_FIELDS_BYTES_MAX);
    if (room == NULL)
        return s3_fault_memory(&call->fault);
    writer_init(&writer, room, VERSION_FIELDS_BYTES_MAX);
    ret_draft->version = (struct version){
        .bucket = call->bucket->id,
        .key = call->key,
        .modified_ms = call->now_ms,
        .is_null = s3_versioning_of(call->bucket) != S3_VERSIONING_ENABLED,
    };
    int rc = s3_seal_make(call, &ret_draft->seal);
    if (rc == 0)
        rc = s3_access_of_object(call, &ret_draft->version.access);
    if (rc == 0)
        rc = write_fields(call, &writer);
    if (rc == 0 && writer.overflown)
        rc = s3_fault_set(&call->fault, S3_METADATA_TOO_LARGE);
    ret_draft->version.fields = writer_slice(&writer);
    ret_draft->version.seal = s3_seal_of_version(&ret_draft->seal);
    if (rc == 0)
        rc = s3_draft_lock(call, &ret_draft->version);
    return rc < 0 ? rc : read_tags(call, &ret_draft->version);
}

void s3_condition_read(const struct s3_call *call, struct s3_condition *ret_condition)
{
    const struct fields *fields = &call->exchange->request.fields;
    ret_condition->if_match = fields_value(fields, FIELD_IF_MATCH);
    ret_condition->if_none_match = fields_value(fields, FIELD_IF_NONE_MATCH);
}

static bool names(struct slice list, const struct version *version)
{
    char room[VERSION_ETAG_BYTES_MAX + 2];
    struct writer writer;
    writer_init(&writer, room, sizeof room);
    write_char(&writer, '"');
    write_slice(&writer, version->etag);
    write_char(&writer, '"');
    return slice_equal(list, version->etag) ||
           http_etag_list_has(list, writer_slice(&writer), true);
}

int s3_condition_decide(struct store_change *change, const struct version *current)
{
    const struct s3_condition *condition = change->arg;
    bool is_there = current != NULL && !current->is_marker;
    if (condition->if_match.at != NULL && !is_there)
        return -ENODATA;
    if (condition->if_match.at != NULL && !names(condition->if_match, current))
        return -EEXIST;
    if (condition->if_none_match.at != NULL && is_there && names(condition->if_none_match, current))
        return -EEXIST;
    return 0;
}

int s3_change_fault(struct s3_call *call, int rc)
{
    if (rc == -EEXIST)
        return s3_fault_set(&call->fault, S3_PRECONDITION_FAILED);
    if (rc == -ENODATA)
        return s3_fault_set(&call->fault, S3_NO_SUCH_KEY);
    if (rc == -EPERM)
        return s3_fault_say(&call->fault, S3_ACCESS_DENIED,
                            "Access Denied because object protected by object lock.");
    return s3_store_fault(call, rc);
}

/* Kind and one, composite or not, the number of parts (two bytes), the sum. */

struct slice s3_stored_sum_write(const struct s3_stored_sum *sum,
                                 char room[static S3_STORED_SUM_BYTES])
{
    if (sum->kind == S3_CHECKSUM_KINDS)
        return (struct slice){0};
    size_t len = s3_sum_bytes(sum->kind);
    room[0] = (char)(sum->kind + 1);
    room[1] = (char)sum->is_composite;
    room[2] = (char)(sum->parts & 0xff);
    room[3] = (char)(sum->parts >> 8);
    memcpy(room + 4, sum->sum, len);
    return slice_of(room, 4 + len);
}

void s3_stored_sum_read(struct slice bytes, struct s3_stored_sum *ret_sum)
{
    *ret_sum = (struct s3_stored_sum){.kind = S3_CHECKSUM_KINDS};
    if (bytes.len < 4 || bytes.at[0] < 1 || bytes.at[0] > S3_CHECKSUM_KINDS)
        return;
    unsigned kind = (unsigned)bytes.at[0] - 1;
    if (bytes.len != 4 + s3_sum_bytes(kind))
        return;
    ret_sum->kind = kind;
    ret_sum->is_composite = bytes.at[1] != 0;
    ret_sum->parts = (unsigned char)bytes.at[2] | (unsigned)(unsigned char)bytes.at[3] << 8;
    memcpy(ret_sum->sum, bytes.at + 4, s3_sum_bytes(kind));
}

struct slice s3_stored_sum_text(const struct s3_stored_sum *sum, char room[static S3_SUM_TEXT_ROOM])
{
    struct writer writer;
    struct slice text = s3_base64_write(sum->sum, s3_sum_bytes(sum->kind), room);
    if (!sum->is_composite)
        return text;
    writer_init(&writer, room + text.len, S3_SUM_TEXT_ROOM - text.len);
    write_char(&writer, '-');
    write_u64(&writer, sum->parts);
    return slice_of(room, text.len + writer_slice(&writer).len);
}

void s3_write_stored_sum(struct writer *head, const struct s3_stored_sum *sum)
{
    char room[S3_SUM_TEXT_ROOM];
    if (sum->kind == S3_CHECKSUM_KINDS)
        return;
    write_literal(head, "x-amz-checksum-");
    write_slice(head, slice_of_cstr(s3_checksum_word(sum->kind)));
    write_literal(head, ": ");
    write_slice(head, s3_stored_sum_text(sum, room));
    write_literal(head, "\r\nx-amz-checksum-type: ");
    write_slice(head, sum->is_composite ? SLICE("COMPOSITE") : SLICE("FULL_OBJECT"));
    write_literal(head, "\r\n");
}
