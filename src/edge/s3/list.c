/*
 * ListObjects (both versions) and ListObjectVersions: one walk over the index, on a thread that may
 * block, which writes the entries; names that share what stands before a delimiter are one entry,
 * and the walk goes on behind them by seeking.
 */
#include "base/cleanup.h"
#include "edge/s3/answer.h"
#include "edge/s3/draft.h"
#include "edge/s3/operations.h"
#include "edge/s3/owners.h"
#include "wire/s3/fields.h"

#include <errno.h>

#define KEYS_MAX 1000

enum form { LIST_V1, LIST_V2, LIST_VERSIONS };

struct page {
    struct s3_call *call;
    enum form form;
    struct slice prefix;
    struct slice delimiter;
    struct slice marker;  /* entries behind this one; empty: from the first */
    struct slice version; /* of LIST_VERSIONS: those of the marker behind this one */
    uint64_t max;
    bool is_encoded;
    bool has_owner;
    struct xml_writer xml;
    struct buffer prefixes; /* those that were found, each with a NUL behind it */
    struct buffer last;     /* the last entry: a key, or a common prefix */
    uint64_t last_sequence; /* of LIST_VERSIONS */
    bool last_is_prefix;
    bool is_truncated;
    uint64_t count;
    int rc;
};

static int read_page(struct s3_call *call, struct page *page)
{
    struct slice encoding = s3_param(call, SLICE("encoding-type"));
    page->call = call;
    page->prefix = s3_param(call, SLICE("prefix"));
    page->delimiter = s3_param(call, SLICE("delimiter"));
    page->max = KEYS_MAX;
    page->is_encoded = encoding.len > 0;
    if (encoding.len > 0 && !slice_equal(encoding, SLICE("url")))
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "Invalid Encoding Method specified in Request");
    if (page->prefix.len > VERSION_KEY_BYTES_MAX || page->marker.len > VERSION_KEY_BYTES_MAX ||
        page->delimiter.len > VERSION_KEY_BYTES_MAX)
        return s3_fault_set(&call->fault, S3_KEY_TOO_LONG);
    int rc = s3_param_number(call, SLICE("max-keys"), INT32_MAX, &page->max);
    if (page->max > KEYS_MAX)
        page->max = KEYS_MAX;
    buffer_init(&page->prefixes, KEYS_MAX * (VERSION_KEY_BYTES_MAX + 1));
    buffer_init(&page->last, VERSION_KEY_BYTES_MAX);
    return rc;
}

static void finish_page(struct page *page)
{
    buffer_finish(&page->prefixes);
    buffer_finish(&page->last);
}

static struct slice storage_class_of(const struct version *version)
{
    const struct slice name = SLICE("x-amz-storage-class: ");
    ptrdiff_t at = slice_search(version->fields, name);
    struct slice class = {0}, rest = {0};
    if (at < 0)
        return SLICE("STANDARD");
    rest = slice_from(version->fields, (size_t)at + name.len);
    (void)slice_cut(&rest, '\r', &class);
    return class;
}

static void put_checksum(struct page *page, const struct version *version)
{
    static const char *const names[] = {"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"};
    struct s3_stored_sum sum;
    s3_stored_sum_read(version->checksum, &sum);
    if (sum.kind == S3_CHECKSUM_KINDS)
        return;
    xml_element(&page->xml, "ChecksumAlgorithm", slice_of_cstr(names[sum.kind]));
    xml_element(&page->xml, "ChecksumType",
                sum.is_composite ? SLICE("COMPOSITE") : SLICE("FULL_OBJECT"));
}

static void put_version(struct page *page, const struct version *version, bool is_latest)
{
    char etag[S3_ETAG_ROOM], time[S3_TIME_LEN], id[S3_VERSION_ID_LEN];
    struct xml_writer *xml = &page->xml;
    bool has_versions = page->form == LIST_VERSIONS;
    xml_open(xml, !has_versions ? "Contents" : version->is_marker ? "DeleteMarker" : "Version");
    s3_put_text(page->call, xml, "Key", version->key, page->is_encoded);
    if (has_versions) {
        xml_element(xml, "VersionId", s3_version_id(version, id));
        xml_element_bool(xml, "IsLatest", is_latest);
    }
    xml_element(xml, "LastModified", s3_time(version->modified_ms, time));
    if (!version->is_marker) {
        xml_element(xml, "ETag", s3_quoted(version->etag, etag));
        put_checksum(page, version);
        xml_element_u64(xml, "Size", version->size);
        xml_element(xml, "StorageClass", storage_class_of(version));
    }
    if (page->has_owner)
        s3_put_owner(page->call, xml, "Owner", s3_version_owner(page->call, version));
    xml_close(xml);
}

/* The part of the key up to and with the first delimiter behind the prefix; empty: none. */
static struct slice common_prefix(const struct page *page, struct slice key)
{
    if (page->delimiter.len == 0)
        return (struct slice){0};
    ptrdiff_t at = slice_search(slice_from(key, page->prefix.len), page->delimiter);
    return at < 0 ? (struct slice){0}
                  : slice_first(key, page->prefix.len + (size_t)at + page->delimiter.len);
}

/* The first name that does not begin with it, in the order of bytes; false: there is none. */
static int behind_prefix(struct slice prefix, struct buffer *out)
{
    while (prefix.len > 0 && (unsigned char)prefix.at[prefix.len - 1] == 0xff)
        prefix.len--;
    out->len = 0;
    if (prefix.len == 0)
        return -ERANGE;
    int rc = buffer_append(out, prefix);
    if (rc == 0)
        out->at[out->len - 1] = (char)((unsigned char)out->at[out->len - 1] + 1);
    return rc;
}

static int note_last(struct page *page, struct slice name, uint64_t sequence, bool is_prefix)
{
    page->last.len = 0;
    page->last_sequence = sequence;
    page->last_is_prefix = is_prefix;
    page->count++;
    return name.len == 0 ? 0 : buffer_append(&page->last, name);
}

/* One more entry would be too many. */
static int end_page(struct page *page)
{
    page->is_truncated = true;
    return CATALOG_END;
}

static int visit_prefix(struct page *page, struct slice prefix, struct buffer *seek)
{
    if (!slice_equal(prefix, page->marker)) {
        if (page->count == page->max)
            return end_page(page);
        int rc = note_last(page, prefix, 0, true);
        if (rc == 0)
            rc = buffer_append(&page->prefixes, prefix);
        if (rc == 0)
            rc = buffer_append_char(&page->prefixes, '\0');
        if (rc < 0)
            return rc;
    }
    int rc = behind_prefix(prefix, seek);
    return rc == -ERANGE ? CATALOG_END : rc < 0 ? rc : CATALOG_SEEK;
}

static int visit(void *arg, const struct version *version, bool is_latest, struct buffer *seek)
{
    struct page *page = arg;
    if (!slice_starts_with(version->key, page->prefix))
        return CATALOG_END;
    if (page->form != LIST_VERSIONS && version->is_marker)
        return CATALOG_SKIP_KEY;
    struct slice prefix = common_prefix(page, version->key);
    if (prefix.len > 0)
        return visit_prefix(page, prefix, seek);
    if (page->count == page->max)
        return end_page(page);
    put_version(page, version, is_latest);
    int rc = note_last(page, version->key, version->sequence, false);
    return rc < 0 ? rc : page->form == LIST_VERSIONS ? 0 : CATALOG_SKIP_KEY;
}

/* The sequence of the version that a listing is to go on behind. */
static int marker_sequence(const struct page *page, struct catalog_reader *reader,
                           struct buffer *room, uint64_t *ret_sequence)
{
    enum version_which which;
    struct version version;
    *ret_sequence = 0;
    if (page->version.len == 0)
        return 0;
    int rc = s3_version_named(page->call, page->version, &which, ret_sequence);
    if (rc < 0 || which != VERSION_NULL)
        return rc;
    rc = catalog_find(reader, page->call->bucket->id, page->marker, which, 0, room, &version);
    *ret_sequence = rc == 0 ? version.sequence : 0;
    return rc == -ENOENT ? 0 : rc;
}

static bool ends_as_prefix(const struct page *page)
{
    return page->delimiter.len > 0 && slice_ends_with(page->marker, page->delimiter) &&
           slice_starts_with(page->marker, page->prefix) &&
           common_prefix(page, page->marker).len == page->marker.len;
}

/* On a thread that may block. */
static int walk(void *arg, struct catalog_reader *reader)
{
    struct page *page = arg;
    SCOPED(buffer_finish) struct buffer from;
    SCOPED(buffer_finish) struct buffer room;
    uint64_t sequence = 0;
    int rc = 0;
    buffer_init(&from, VERSION_KEY_BYTES_MAX + 1);
    buffer_init(&room, SIZE_MAX);
    if (page->max == 0)
        return 0;
    if (page->form == LIST_VERSIONS)
        rc = marker_sequence(page, reader, &room, &sequence);
    if (rc == 0 && page->marker.len > 0 && ends_as_prefix(page))
        rc = behind_prefix(page->marker, &from);
    else if (rc == 0 && page->marker.len > 0)
        rc = buffer_append(&from, page->marker);
    if (rc == 0 && page->marker.len > 0 && !ends_as_prefix(page) && sequence == 0)
        rc = buffer_append_char(&from, '\0');
    if (rc == -ERANGE)
        return 0;
    struct slice start = buffer_slice(&from);
    if (rc == 0 && !slice_starts_with(start, page->prefix)) {
        size_t len = start.len < page->prefix.len ? start.len : page->prefix.len;
        int order = len == 0 ? 0 : memcmp(start.at, page->prefix.at, len);
        if (order < 0 || (order == 0 && start.len < page->prefix.len)) {
            start = page->prefix;
            sequence = 0;
        }
    }
    if (rc == 0)
        rc = catalog_list(reader, page->call->bucket->id, start, sequence, visit, page);
    return rc == CATALOG_END ? 0 : rc;
}

static void put_prefixes(struct page *page)
{
    struct slice rest = buffer_slice(&page->prefixes), prefix;
    while (rest.len > 0 && slice_cut(&rest, '\0', &prefix)) {
        xml_open(&page->xml, "CommonPrefixes");
        s3_put_text(page->call, &page->xml, "Prefix", prefix, page->is_encoded);
        xml_close(&page->xml);
    }
}

static void put_param(struct page *page, const char *element, struct slice text)
{
    s3_put_text(page->call, &page->xml, element, text, page->is_encoded);
}

/* A token is the last entry in base64. */
static int put_token(struct page *page, const char *element)
{
    size_t bytes = (page->last.len + 2) / 3 * 4;
    char *room = arena_alloc(&page->call->arena, bytes + 1);
    if (room == NULL)
        return s3_fault_memory(&page->call->fault);
    xml_element(&page->xml, element, s3_base64_write(page->last.at, page->last.len, room));
    return 0;
}

static int put_next(struct page *page)
{
    char id[S3_VERSION_ID_LEN];
    const struct version version = {.sequence = page->last_sequence};
    if (!page->is_truncated)
        return 0;
    switch (page->form) {
    case LIST_V2:
        return put_token(page, "NextContinuationToken");
    case LIST_V1:
        if (page->delimiter.len > 0)
            put_param(page, "NextMarker", buffer_slice(&page->last));
        return 0;
    case LIST_VERSIONS:
        put_param(page, "NextKeyMarker", buffer_slice(&page->last));
        if (!page->last_is_prefix)
            xml_element(&page->xml, "NextVersionIdMarker", s3_version_id(&version, id));
        return 0;
    }
    return 0;
}

static void put_head(struct page *page)
{
    struct s3_call *call = page->call;
    struct xml_writer *xml = &page->xml;
    xml_open_root(xml, page->form == LIST_VERSIONS ? "ListVersionsResult" : "ListBucketResult",
                  S3_NAME_SPACE);
    xml_element(xml, "Name", call->bucket_name);
    put_param(page, "Prefix", page->prefix);
    switch (page->form) {
    case LIST_V1:
        put_param(page, "Marker", page->marker);
        break;
    case LIST_V2:
        xml_element_if(xml, "ContinuationToken", s3_param(call, SLICE("continuation-token")));
        if (s3_has_param(call, SLICE("start-after")))
            put_param(page, "StartAfter", s3_param(call, SLICE("start-after")));
        break;
    case LIST_VERSIONS:
        put_param(page, "KeyMarker", page->marker);
        xml_element(xml, "VersionIdMarker", page->version);
        break;
    }
    xml_element_u64(xml, "MaxKeys", page->max);
    if (page->delimiter.len > 0)
        put_param(page, "Delimiter", page->delimiter);
    if (page->is_encoded)
        xml_element(xml, "EncodingType", SLICE("url"));
}

static int answer_page(struct page *page)
{
    struct s3_call *call = page->call;
    SCOPED(buffer_finish) struct buffer out;
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    xml_writer_init(&page->xml, &out);
    put_head(page);
    int rc = store_read(call->store, walk, page);
    if (rc < 0)
        return call->fault.code != S3_NO_FAULT ? rc : s3_store_fault(call, rc);
    put_prefixes(page);
    if (page->form == LIST_V2)
        xml_element_u64(&page->xml, "KeyCount", page->count);
    xml_element_bool(&page->xml, "IsTruncated", page->is_truncated);
    rc = put_next(page);
    xml_close(&page->xml);
    return rc < 0 ? rc : s3_answer_xml(call, 200, &page->xml, &out);
}

static int run(struct s3_call *call, struct page *page)
{
    int rc = read_page(call, page);
    if (rc == 0)
        rc = answer_page(page);
    finish_page(page);
    return rc;
}

int s3_list_objects(struct s3_call *call)
{
    struct page page = {
        .form = LIST_V1, .marker = s3_param(call, SLICE("marker")), .has_owner = true};
    return run(call, &page);
}

static int read_token(struct s3_call *call, struct slice token, struct slice *ret_marker)
{
    char *room = arena_alloc(&call->arena, token.len + 1);
    if (room == NULL)
        return s3_fault_memory(&call->fault);
    ptrdiff_t len = s3_base64_read(token, room);
    if (len <= 0)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "The continuation token provided is incorrect");
    *ret_marker = slice_of(room, (size_t)len);
    return 0;
}

int s3_list_objects_v2(struct s3_call *call)
{
    struct page page = {
        .form = LIST_V2,
        .marker = s3_param(call, SLICE("start-after")),
        .has_owner = slice_equal_nocase(s3_param(call, SLICE("fetch-owner")), SLICE("true")),
    };
    struct slice token = s3_param(call, SLICE("continuation-token"));
    if (!slice_equal(s3_param(call, SLICE("list-type")), SLICE("2")))
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT, "Invalid List Type specified");
    int rc = token.len == 0 ? 0 : read_token(call, token, &page.marker);
    return rc < 0 ? rc : run(call, &page);
}

int s3_list_versions(struct s3_call *call)
{
    struct page page = {
        .form = LIST_VERSIONS,
        .marker = s3_param(call, SLICE("key-marker")),
        .version = s3_param(call, SLICE("version-id-marker")),
        .has_owner = true,
    };
    if (page.version.len > 0 && page.marker.len == 0)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "A version-id marker cannot be specified without a key marker.");
    return run(call, &page);
}
