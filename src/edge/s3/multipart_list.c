/* ListMultipartUploads and ListParts. */
#include "base/cleanup.h"
#include "edge/s3/answer.h"
#include "edge/s3/draft.h"
#include "edge/s3/operations.h"
#include "edge/s3/owners.h"
#include "edge/s3/upload.h"
#include "wire/s3/fields.h"

#include <errno.h>

#define PAGE_MAX 1000

struct parts_page {
    struct s3_call *call;
    struct slice upload;
    uint64_t marker;
    uint64_t max;
    struct xml_writer xml;
    uint64_t count;
    uint64_t last;
    bool is_truncated;
};

static int visit_part(void *arg, const struct change_part *part)
{
    struct parts_page *page = arg;
    struct xml_writer *xml = &page->xml;
    struct s3_stored_sum sum;
    char time[S3_TIME_LEN], etag[S3_ETAG_ROOM], text[S3_SUM_TEXT_ROOM];
    if (page->count == page->max) {
        page->is_truncated = true;
        return CATALOG_END;
    }
    s3_stored_sum_read(part->version.checksum, &sum);
    xml_open(xml, "Part");
    xml_element_u64(xml, "PartNumber", part->number);
    xml_element(xml, "LastModified", s3_time(part->version.modified_ms, time));
    xml_element(xml, "ETag", s3_quoted(part->version.etag, etag));
    xml_element_u64(xml, "Size", part->version.size);
    if (sum.kind != S3_CHECKSUM_KINDS)
        xml_element(xml, s3_checksum_element(sum.kind), s3_stored_sum_text(&sum, text));
    xml_close(xml);
    page->last = part->number;
    page->count++;
    return 0;
}

static int walk_parts(void *arg, struct catalog_reader *reader)
{
    struct parts_page *page = arg;
    int rc = catalog_list_parts(reader, page->upload, (uint32_t)page->marker + 1, visit_part, page);
    return rc == CATALOG_END ? 0 : rc;
}

static void put_sum_kind(struct xml_writer *xml, unsigned kind, bool is_composite)
{
    if (kind == S3_CHECKSUM_KINDS)
        return;
    xml_element(xml, "ChecksumAlgorithm", s3_checksum_name(kind));
    xml_element(xml, "ChecksumType", is_composite ? SLICE("COMPOSITE") : SLICE("FULL_OBJECT"));
}

static int answer_parts(struct s3_call *call, const struct s3_upload *upload,
                        struct parts_page *page)
{
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer *xml = &page->xml;
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    xml_writer_init(xml, &out);
    xml_open_root(xml, "ListPartsResult", S3_NAME_SPACE);
    xml_element(xml, "Bucket", call->bucket_name);
    xml_element(xml, "Key", call->key);
    xml_element(xml, "UploadId", s3_param(call, SLICE("uploadId")));
    struct slice owner = s3_version_owner(call, &upload->upload.version);
    s3_put_owner(call, xml, "Initiator", owner);
    s3_put_owner(call, xml, "Owner", owner);
    xml_element(xml, "StorageClass", SLICE("STANDARD"));
    put_sum_kind(xml, upload->check_kind, upload->is_composite);
    xml_element_u64(xml, "PartNumberMarker", page->marker);
    xml_element_u64(xml, "MaxParts", page->max);
    int rc = page->max == 0 ? 0 : store_read(call->store, walk_parts, page);
    if (rc < 0)
        return s3_store_fault(call, rc);
    xml_element_u64(xml, "NextPartNumberMarker", page->last);
    xml_element_bool(xml, "IsTruncated", page->is_truncated);
    xml_close(xml);
    return s3_answer_xml(call, 200, xml, &out);
}

int s3_list_parts(struct s3_call *call)
{
    struct s3_upload upload;
    struct parts_page page = {.call = call, .max = PAGE_MAX};
    int rc = s3_upload_find(call, &upload);
    page.upload = upload.upload.id;
    if (rc == 0)
        rc = s3_param_number(call, SLICE("max-parts"), INT32_MAX, &page.max);
    if (rc == 0)
        rc = s3_param_number(call, SLICE("part-number-marker"), INT32_MAX, &page.marker);
    if (page.max > PAGE_MAX)
        page.max = PAGE_MAX;
    if (rc == 0)
        rc = answer_parts(call, &upload, &page);
    s3_upload_finish(&upload);
    return rc;
}

struct uploads_page {
    struct s3_call *call;
    struct slice prefix, delimiter, key_marker, id_marker;
    char id[UPLOAD_ID_BYTES];
    uint64_t max;
    bool is_encoded;
    struct xml_writer xml;
    struct buffer prefixes; /* found, each with a NUL behind it */
    struct buffer last_prefix;
    struct buffer last_key;
    char last_id[S3_UPLOAD_ID_LEN];
    bool last_is_upload;
    uint64_t count;
    bool is_truncated;
};

static struct slice common_prefix(const struct uploads_page *page, struct slice key)
{
    if (page->delimiter.len == 0)
        return (struct slice){0};
    ptrdiff_t at = slice_search(slice_from(key, page->prefix.len), page->delimiter);
    return at < 0 ? (struct slice){0}
                  : slice_first(key, page->prefix.len + (size_t)at + page->delimiter.len);
}

static void put_upload(struct uploads_page *page, const struct change_upload *upload)
{
    struct xml_writer *xml = &page->xml;
    unsigned kind;
    bool is_composite;
    char time[S3_TIME_LEN];
    struct slice id = s3_hex_write(upload->id.at, UPLOAD_ID_BYTES, page->last_id);
    s3_upload_sum_read(upload->version.checksum, &kind, &is_composite);
    xml_open(xml, "Upload");
    s3_put_text(page->call, xml, "Key", upload->version.key, page->is_encoded);
    xml_element(xml, "UploadId", id);
    struct slice owner = s3_version_owner(page->call, &upload->version);
    s3_put_owner(page->call, xml, "Initiator", owner);
    s3_put_owner(page->call, xml, "Owner", owner);
    xml_element(xml, "StorageClass", SLICE("STANDARD"));
    put_sum_kind(xml, kind, is_composite);
    xml_element(xml, "Initiated", s3_time(upload->version.modified_ms, time));
    xml_close(xml);
}

static int note_key(struct uploads_page *page, struct slice key, bool is_upload)
{
    page->last_key.len = 0;
    page->last_is_upload = is_upload;
    page->count++;
    return buffer_append(&page->last_key, key);
}

static int visit_upload(void *arg, const struct change_upload *upload)
{
    struct uploads_page *page = arg;
    struct slice key = upload->version.key;
    if (!slice_starts_with(key, page->prefix)) {
        size_t len = key.len < page->prefix.len ? key.len : page->prefix.len;
        return len > 0 && memcmp(key.at, page->prefix.at, len) > 0 ? CATALOG_END : 0;
    }
    struct slice prefix = common_prefix(page, key);
    bool is_known = prefix.len > 0 && (slice_equal(prefix, buffer_slice(&page->last_prefix)) ||
                                       slice_equal(prefix, page->key_marker));
    if (is_known)
        return 0;
    if (page->count == page->max) {
        page->is_truncated = true;
        return CATALOG_END;
    }
    if (prefix.len == 0) {
        put_upload(page, upload);
        return note_key(page, key, true);
    }
    page->last_prefix.len = 0;
    int rc = buffer_append(&page->last_prefix, prefix);
    if (rc == 0)
        rc = buffer_append(&page->prefixes, prefix);
    if (rc == 0)
        rc = buffer_append_char(&page->prefixes, '\0');
    return rc < 0 ? rc : note_key(page, prefix, false);
}

static int walk_uploads(void *arg, struct catalog_reader *reader)
{
    struct uploads_page *page = arg;
    /* Without an id, uploads of the marker's own key are passed over as well: no id is larger. */
    static const char last[UPLOAD_ID_BYTES] = "\xff\xff\xff\xff\xff\xff\xff\xff"
                                              "\xff\xff\xff\xff\xff\xff\xff\xff";
    struct slice id = {0};
    if (page->key_marker.len > 0)
        id = page->id_marker.len > 0 ? slice_of(page->id, sizeof page->id)
                                     : slice_of(last, sizeof last);
    int rc = catalog_list_uploads(reader, page->call->bucket->id, page->key_marker, id,
                                  visit_upload, page);
    return rc == CATALOG_END ? 0 : rc;
}

static void put_upload_prefixes(struct uploads_page *page)
{
    struct slice rest = buffer_slice(&page->prefixes), prefix;
    while (rest.len > 0 && slice_cut(&rest, '\0', &prefix)) {
        xml_open(&page->xml, "CommonPrefixes");
        s3_put_text(page->call, &page->xml, "Prefix", prefix, page->is_encoded);
        xml_close(&page->xml);
    }
}

static int answer_uploads(struct uploads_page *page)
{
    struct s3_call *call = page->call;
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer *xml = &page->xml;
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    xml_writer_init(xml, &out);
    xml_open_root(xml, "ListMultipartUploadsResult", S3_NAME_SPACE);
    xml_element(xml, "Bucket", call->bucket_name);
    s3_put_text(call, xml, "KeyMarker", page->key_marker, page->is_encoded);
    xml_element(xml, "UploadIdMarker", page->id_marker);
    s3_put_text(call, xml, "Prefix", page->prefix, page->is_encoded);
    if (page->delimiter.len > 0)
        s3_put_text(call, xml, "Delimiter", page->delimiter, page->is_encoded);
    if (page->is_encoded)
        xml_element(xml, "EncodingType", SLICE("url"));
    xml_element_u64(xml, "MaxUploads", page->max);
    int rc = page->max == 0 ? 0 : store_read(call->store, walk_uploads, page);
    if (rc < 0)
        return s3_store_fault(call, rc);
    put_upload_prefixes(page);
    xml_element_bool(xml, "IsTruncated", page->is_truncated);
    if (page->is_truncated) {
        s3_put_text(call, xml, "NextKeyMarker", buffer_slice(&page->last_key), page->is_encoded);
        xml_element(xml, "NextUploadIdMarker",
                    page->last_is_upload ? slice_of(page->last_id, sizeof page->last_id)
                                         : SLICE(""));
    }
    xml_close(xml);
    return s3_answer_xml(call, 200, xml, &out);
}

int s3_list_uploads(struct s3_call *call)
{
    struct uploads_page page = {
        .call = call,
        .prefix = s3_param(call, SLICE("prefix")),
        .delimiter = s3_param(call, SLICE("delimiter")),
        .key_marker = s3_param(call, SLICE("key-marker")),
        .id_marker = s3_param(call, SLICE("upload-id-marker")),
        .max = PAGE_MAX,
        .is_encoded = slice_equal(s3_param(call, SLICE("encoding-type")), SLICE("url")),
    };
    if (page.key_marker.len == 0)
        page.id_marker = (struct slice){0};
    if (page.prefix.len > VERSION_KEY_BYTES_MAX || page.delimiter.len > VERSION_KEY_BYTES_MAX ||
        page.key_marker.len > VERSION_KEY_BYTES_MAX)
        return s3_fault_set(&call->fault, S3_KEY_TOO_LONG);
    if (page.id_marker.len > 0 && s3_upload_id_read(page.id_marker, page.id) < 0)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT, "Invalid uploadId marker");
    int rc = s3_param_number(call, SLICE("max-uploads"), INT32_MAX, &page.max);
    if (rc < 0)
        return rc;
    if (page.max > PAGE_MAX)
        page.max = PAGE_MAX;
    buffer_init(&page.prefixes, PAGE_MAX * (VERSION_KEY_BYTES_MAX + 1));
    buffer_init(&page.last_prefix, VERSION_KEY_BYTES_MAX);
    buffer_init(&page.last_key, VERSION_KEY_BYTES_MAX);
    rc = answer_uploads(&page);
    buffer_finish(&page.prefixes);
    buffer_finish(&page.last_prefix);
    buffer_finish(&page.last_key);
    return rc;
}
