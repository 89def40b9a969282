/* The parts of a CompleteMultipartUpload request, and its answer. */
#include "wire/s3/complete.h"

#include "base/cleanup.h"
#include "wire/xml/writer.h"

#include <assert.h>
#include <errno.h>

/* A part, its number, its ETag, one checksum, and two to spare. */
const struct xml_limits s3_complete_limits = {S3_COMPLETE_BYTES_MAX, S3_PARTS_MAX * 6};

static const char *const checksum_elements[S3_CHECKSUM_KINDS] = {
#define ELEMENT(name, element, header) [S3_CHECKSUM_##name] = (element),
    S3_CHECKSUMS(ELEMENT)
#undef ELEMENT
};

const char *s3_checksum_element(enum s3_checksum_kind kind)
{
    assert(kind < S3_CHECKSUM_KINDS);
    return checksum_elements[kind];
}

static struct slice without_quotes(struct slice etag)
{
    if (etag.len >= 2 && etag.at[0] == '"' && etag.at[etag.len - 1] == '"')
        return slice_of(etag.at + 1, etag.len - 2);
    return etag;
}

enum { PART_NUMBER, ETAG, CHECKSUM_FIRST };

static int read_part(const struct xml_element *element, struct s3_fault *fault,
                     struct s3_part *ret_part)
{
    struct s3_field fields[] = {
        [PART_NUMBER] = {.name = SLICE("PartNumber"), .flags = S3_FIELD_NEEDED},
        [ETAG] = {.name = SLICE("ETag"), .flags = S3_FIELD_NEEDED},
#define FIELD(kind, element, header)                                                               \
    [CHECKSUM_FIRST + S3_CHECKSUM_##kind] = {.name = SLICE(element)},
        S3_CHECKSUMS(FIELD)
#undef FIELD
    };
    struct s3_part part = {0};
    uint64_t number = 0;
    int rc = s3_fields_take_some(element, fields, COUNT_OF(fields), fault);
    if (rc == 0)
        rc = s3_number(fields[PART_NUMBER].found, INT32_MAX, fault, &number);
    if (rc < 0)
        return rc;
    if (number < 1 || number > S3_PARTS_MAX)
        return s3_fault_say(fault, S3_INVALID_ARGUMENT,
                            "PartNumber must be an integer between 1 and 10000, inclusive");
    part.number = (unsigned)number;
    part.etag = without_quotes(s3_word(fields[ETAG].found));
    if (part.etag.len == 0)
        return s3_malformed(fault, fields[ETAG].found, "is empty");
    for (unsigned kind = 0; kind < S3_CHECKSUM_KINDS; kind++)
        part.checksums[kind] = s3_word(fields[CHECKSUM_FIRST + kind].found);
    *ret_part = part;
    return 0;
}

int s3_complete_read(const struct xml_element *root, struct arena *arena, struct s3_fault *fault,
                     struct s3_complete *ret_complete)
{
    struct s3_field fields[] = {
        {.name = SLICE("Part"), .flags = S3_FIELD_NEEDED | S3_FIELD_MANY},
    };
    struct s3_complete complete = {0};
    if (!slice_equal(root->name, SLICE("CompleteMultipartUpload")))
        return s3_malformed(fault, root, "is not <CompleteMultipartUpload>");
    int rc = s3_fields_take(root, fields, COUNT_OF(fields), fault);
    if (rc < 0)
        return rc;
    if (fields[0].count > S3_PARTS_MAX)
        return s3_malformed(fault, root, "lists more than 10000 parts");
    struct s3_part *parts = arena_alloc_array(arena, fields[0].count, sizeof *parts);
    if (parts == NULL)
        return s3_fault_memory(fault);
    for (const struct xml_element *at = fields[0].found; at != NULL; at = xml_next_alike(at)) {
        unsigned i = complete.parts_count++;
        rc = read_part(at, fault, &parts[i]);
        if (rc < 0)
            return rc;
        if (i > 0 && parts[i].number <= parts[i - 1].number)
            return s3_fault_set(fault, S3_INVALID_PART_ORDER);
    }
    complete.parts = parts;
    *ret_complete = complete;
    return 0;
}

int s3_complete_parse(struct slice xml, struct arena *arena, struct s3_fault *fault,
                      struct s3_complete *ret_complete)
{
    const struct xml_element *root;
    int rc = s3_document_read(xml, &s3_complete_limits, SLICE("CompleteMultipartUpload"), arena,
                              fault, &root);
    return rc < 0 ? rc : s3_complete_read(root, arena, fault, ret_complete);
}

/* Entity tags stand in quotes, which the writer escapes. */
static void write_etag(struct xml_writer *writer, struct slice etag)
{
    if (etag.at == NULL)
        return;
    xml_open(writer, "ETag");
    xml_text(writer, SLICE("\""));
    xml_text(writer, etag);
    xml_text(writer, SLICE("\""));
    xml_close(writer);
}

static void write_checksums(struct xml_writer *writer,
                            const struct slice checksums[static S3_CHECKSUM_KINDS])
{
    for (unsigned kind = 0; kind < S3_CHECKSUM_KINDS; kind++)
        xml_element_if(writer, checksum_elements[kind], checksums[kind]);
}

int s3_complete_write(struct buffer *out, const struct s3_complete *complete)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "CompleteMultipartUpload", S3_NAME_SPACE);
    for (unsigned i = 0; i < complete->parts_count; i++) {
        const struct s3_part *part = &complete->parts[i];
        xml_open(&writer, "Part");
        xml_element_u64(&writer, "PartNumber", part->number);
        write_etag(&writer, part->etag);
        write_checksums(&writer, part->checksums);
        xml_close(&writer);
    }
    xml_close(&writer);
    return xml_writer_end(&writer);
}

int s3_complete_result_write(struct buffer *out, const struct s3_complete_result *result)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_open_root(&writer, "CompleteMultipartUploadResult", S3_NAME_SPACE);
    xml_element_if(&writer, "Location", result->location);
    xml_element_if(&writer, "Bucket", result->bucket);
    xml_element_if(&writer, "Key", result->key);
    write_etag(&writer, result->etag);
    write_checksums(&writer, result->checksums);
    xml_element_if(&writer, "ChecksumType", result->checksum_type);
    xml_close(&writer);
    return xml_writer_end(&writer);
}
