/* GetObjectAttributes. */
#include "base/cleanup.h"
#include "edge/s3/amend.h"
#include "edge/s3/answer.h"
#include "edge/s3/draft.h"
#include "edge/s3/encryption.h"
#include "edge/s3/operations.h"
#include "edge/s3/seal.h"
#include "wire/http/date.h"
#include "wire/s3/fields.h"

#include <errno.h>

static bool wants(struct slice list, const char *name)
{
    return http_list_has(list, slice_of_cstr(name));
}

/* All lines of the field. */
static struct slice asked_for(struct s3_call *call)
{
    const struct fields *fields = &call->exchange->request.fields;
    struct slice all = {0};
    for (unsigned i = 0; i < fields->count; i++) {
        if (!slice_equal_nocase(fields->at[i].name, SLICE("x-amz-object-attributes")))
            continue;
        all = all.len == 0 ? fields->at[i].value
                           : arena_format(&call->arena, "%.*s,%.*s", SLICE_ARG(all),
                                          SLICE_ARG(fields->at[i].value));
    }
    return all;
}

static int check_asked(struct s3_call *call, struct slice list)
{
    static const char *const known[] = {"ETag", "Checksum", "ObjectParts", "StorageClass",
                                        "ObjectSize"};
    struct slice element;
    unsigned count = 0;
    while (http_list_next(&list, &element)) {
        bool is_known = false;
        for (size_t i = 0; i < COUNT_OF(known); i++)
            is_known |= slice_equal(element, slice_of_cstr(known[i]));
        if (!is_known)
            return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                                "Invalid attribute name specified");
        count++;
    }
    return count > 0 ? 0
                     : s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                                    "The x-amz-object-attributes header specifying the attributes "
                                    "to be retrieved is either missing or empty");
}

static unsigned count_parts(const struct version *version)
{
    struct slice rest = version->content;
    struct content_segment segment;
    unsigned count = 0;
    while (content_take(&rest, &segment) == 1)
        count++;
    return slice_find(version->etag, '-') < 0 ? 0 : count;
}

/* The numbers alone: sums of single parts are not kept once they are an object. */
static void put_parts(struct xml_writer *xml, const struct version *version, uint64_t marker,
                      uint64_t max)
{
    struct slice rest = version->content;
    struct content_segment segment;
    uint64_t number = 0, last = 0, told = 0;
    unsigned count = count_parts(version);
    if (count == 0)
        return;
    xml_open(xml, "ObjectParts");
    xml_element_u64(xml, "PartsCount", count);
    xml_element_u64(xml, "PartNumberMarker", marker);
    xml_element_u64(xml, "MaxParts", max);
    while (content_take(&rest, &segment) == 1) {
        number++;
        if (number <= marker || told == max)
            continue;
        xml_open(xml, "Part");
        xml_element_u64(xml, "PartNumber", number);
        xml_element_u64(xml, "Size", segment.length);
        xml_close(xml);
        last = number;
        told++;
    }
    xml_element_u64(xml, "NextPartNumberMarker", last);
    xml_element_bool(xml, "IsTruncated", last < number && told == max);
    xml_close(xml);
}

static int read_header_number(struct s3_call *call, struct slice name, uint64_t *ret_value)
{
    struct slice text = s3_field(call, name);
    if (text.at == NULL)
        return 0;
    *ret_value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_digit(text.at[i]) || *ret_value > UINT32_MAX)
            return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT, "%.*s is no number",
                                SLICE_ARG(name));
        *ret_value = *ret_value * 10 + (unsigned)(text.at[i] - '0');
    }
    return 0;
}

static void put_attributes(struct xml_writer *xml, const struct version *version,
                           struct slice asked, uint64_t marker, uint64_t max)
{
    struct s3_stored_sum sum;
    char text[S3_SUM_TEXT_ROOM];
    s3_stored_sum_read(version->checksum, &sum);
    if (wants(asked, "ETag"))
        xml_element(xml, "ETag", version->etag);
    if (wants(asked, "Checksum") && sum.kind != S3_CHECKSUM_KINDS) {
        xml_open(xml, "Checksum");
        xml_element(xml, s3_checksum_element(sum.kind), s3_stored_sum_text(&sum, text));
        xml_element(xml, "ChecksumType",
                    sum.is_composite ? SLICE("COMPOSITE") : SLICE("FULL_OBJECT"));
        xml_close(xml);
    }
    if (wants(asked, "ObjectParts"))
        put_parts(xml, version, marker, max);
    if (wants(asked, "StorageClass"))
        xml_element(xml, "StorageClass", SLICE("STANDARD"));
    if (wants(asked, "ObjectSize"))
        xml_element_u64(xml, "ObjectSize", version->size);
}

static int answer(struct s3_call *call, const struct version *version, const struct s3_seal *seal,
                  struct slice asked)
{
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer xml;
    uint64_t marker = 0, max = 1000;
    char date[HTTP_DATE_BYTES];
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    int rc = read_header_number(call, SLICE("x-amz-max-parts"), &max);
    if (rc == 0)
        rc = read_header_number(call, SLICE("x-amz-part-number-marker"), &marker);
    if (rc < 0)
        return rc;
    xml_writer_init(&xml, &out);
    xml_open_root(&xml, "GetObjectAttributesResponse", S3_NAME_SPACE);
    put_attributes(&xml, version, asked, marker, max > 1000 ? 1000 : max);
    xml_close(&xml);
    if (xml_writer_end(&xml) < 0)
        return s3_fault_memory(&call->fault);
    struct writer *head = s3_begin(call, 200, out.len);
    if (head == NULL)
        return 0;
    http_date_write(date, version->modified_ms / 1000);
    write_literal(head, "Content-Type: application/xml\r\n");
    h1_write_field(head, field_name(FIELD_LAST_MODIFIED), slice_of(date, sizeof date));
    s3_write_version(call, head, version);
    s3_seal_write(head, seal);
    (void)exchange_send(call->exchange, buffer_slice(&out), false);
    return 0;
}

int s3_get_attributes(struct s3_call *call)
{
    struct object *object = NULL;
    struct slice asked = asked_for(call);
    int rc = check_asked(call, asked);
    if (rc == 0)
        rc = s3_wish_expect_none(call);
    if (rc == 0)
        rc = s3_version_find(call, &object);
    if (rc < 0)
        return rc;
    struct s3_seal seal;
    rc = s3_seal_open(call, object->version.seal, false, &seal);
    s3_seal_wipe(&seal);
    if (rc == 0)
        rc = answer(call, &object->version, &seal, asked);
    object_unref(object);
    return rc;
}
