/* CreateMultipartUpload, UploadPart, UploadPartCopy, CompleteMultipartUpload, AbortMultipartUpload.
 */
#include "base/cleanup.h"
#include "edge/s3/answer.h"
#include "edge/s3/body.h"
#include "edge/s3/draft.h"
#include "edge/s3/encryption.h"
#include "edge/s3/log_request.h"
#include "edge/s3/operations.h"
#include "edge/s3/quota.h"
#include "edge/s3/source.h"
#include "edge/s3/tell.h"
#include "edge/s3/upload.h"
#include "os/random.h"
#include "wire/http/chars.h"
#include "wire/http/range.h"
#include "wire/s3/complete.h"
#include "wire/s3/fields.h"

#include <errno.h>

#define SEAL_BYTES_MAX (S3_SEAL_BYTES_MAX + CONTENT_SEGMENTS_MAX * S3_CIPHER_NONCE_BYTES)

#define PART_BYTES_MIN   (UINT64_C(5) << 20)
#define PART_BYTES_MAX   (UINT64_C(5) << 30)
#define OBJECT_BYTES_MAX (UINT64_C(5) << 40)

struct slice s3_checksum_name(unsigned kind)
{
    static const struct slice names[] = {SLICE("CRC32"), SLICE("CRC32C"), SLICE("CRC64NVME"),
                                         SLICE("SHA1"), SLICE("SHA256")};
    return names[kind];
}

void s3_upload_sum_write(unsigned kind, bool is_composite, char ret_room[static 2],
                         struct slice *ret_checksum)
{
    ret_room[0] = (char)(kind + 1);
    ret_room[1] = (char)is_composite;
    *ret_checksum = kind == S3_CHECKSUM_KINDS ? (struct slice){0} : slice_of(ret_room, 2);
}

void s3_upload_sum_read(struct slice checksum, unsigned *ret_kind, bool *ret_is_composite)
{
    bool is_there = checksum.len == 2 && checksum.at[0] >= 1 && checksum.at[0] <= S3_CHECKSUM_KINDS;
    *ret_kind = is_there ? (unsigned)checksum.at[0] - 1 : S3_CHECKSUM_KINDS;
    *ret_is_composite = is_there && checksum.at[1] != 0;
}

int s3_upload_id_read(struct slice text, char ret_id[static UPLOAD_ID_BYTES])
{
    if (text.len != S3_UPLOAD_ID_LEN)
        return -EBADMSG;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        int digit = ascii_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return -EBADMSG;
        ret_id[i / 2] = (char)(i % 2 == 0 ? digit << 4 : (unsigned char)ret_id[i / 2] | digit);
    }
    return 0;
}

struct finding {
    struct s3_upload *upload;
    struct slice id;
};

static int find_upload(void *arg, struct catalog_reader *reader)
{
    struct finding *finding = arg;
    return catalog_find_upload(reader, finding->id, &finding->upload->room,
                               &finding->upload->upload);
}

int s3_upload_find(struct s3_call *call, struct s3_upload *ret_upload)
{
    struct finding finding = {ret_upload, slice_of(ret_upload->id, sizeof ret_upload->id)};
    *ret_upload = (struct s3_upload){.check_kind = S3_CHECKSUM_KINDS};
    buffer_init(&ret_upload->room, SIZE_MAX);
    if (s3_upload_id_read(s3_param(call, SLICE("uploadId")), ret_upload->id) < 0)
        return s3_fault_set(&call->fault, S3_NO_SUCH_UPLOAD);
    int rc = store_read(call->store, find_upload, &finding);
    if (rc == -ENOENT)
        return s3_fault_set(&call->fault, S3_NO_SUCH_UPLOAD);
    if (rc < 0)
        return s3_store_fault(call, rc);
    const struct version *version = &ret_upload->upload.version;
    if (version->bucket != call->bucket->id || !slice_equal(version->key, call->key))
        return s3_fault_set(&call->fault, S3_NO_SUCH_UPLOAD);
    s3_upload_sum_read(version->checksum, &ret_upload->check_kind, &ret_upload->is_composite);
    return 0;
}

void s3_upload_finish(struct s3_upload *upload)
{
    buffer_finish(&upload->room);
}

/* Beginning. */

/* x-amz-checksum-algorithm and -type. What S3 allows: CRC64NVME of the whole alone, SHA of the
 * parts alone, the other CRCs of both. */
static int read_sum_kind(struct s3_call *call, unsigned *ret_kind, bool *ret_is_composite)
{
    struct slice algorithm = s3_field(call, SLICE("x-amz-checksum-algorithm"));
    struct slice type = s3_field(call, SLICE("x-amz-checksum-type"));
    bool is_full = slice_equal_nocase(type, SLICE("FULL_OBJECT"));
    bool is_composite = slice_equal_nocase(type, SLICE("COMPOSITE"));
    *ret_kind = s3_checksum_find(algorithm);
    if ((algorithm.at != NULL && *ret_kind == S3_CHECKSUM_KINDS) ||
        (type.at != NULL && !is_full && !is_composite))
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "Checksum algorithm or type provided is unsupported.");
    if (type.at != NULL && algorithm.at == NULL)
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "The x-amz-checksum-type header can only be used with the "
                            "x-amz-checksum-algorithm header.");
    if (*ret_kind == S3_CHECKSUM_KINDS)
        return 0;
    if ((is_full && !s3_sum_joins(*ret_kind)) ||
        (is_composite && *ret_kind == S3_CHECKSUM_CRC64NVME))
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "The %s checksum type cannot be used with the %s checksum algorithm.",
                            is_full ? "FULL_OBJECT" : "COMPOSITE", s3_checksum_name(*ret_kind).at);
    *ret_is_composite = !is_full && *ret_kind != S3_CHECKSUM_CRC64NVME;
    return 0;
}

static int answer_created(struct s3_call *call, const struct s3_seal *seal, struct slice id,
                          unsigned kind, bool is_composite)
{
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer xml;
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    xml_writer_init(&xml, &out);
    xml_open_root(&xml, "InitiateMultipartUploadResult", S3_NAME_SPACE);
    xml_element(&xml, "Bucket", call->bucket_name);
    xml_element(&xml, "Key", call->key);
    xml_element(&xml, "UploadId", id);
    xml_close(&xml);
    if (xml_writer_end(&xml) < 0)
        return s3_fault_memory(&call->fault);
    struct writer *head = s3_begin(call, 200, out.len);
    if (head == NULL)
        return 0;
    write_literal(head, "Content-Type: application/xml\r\n");
    s3_seal_write(head, seal);
    if (kind != S3_CHECKSUM_KINDS) {
        h1_write_field(head, SLICE("x-amz-checksum-algorithm"), s3_checksum_name(kind));
        h1_write_field(head, SLICE("x-amz-checksum-type"),
                       is_composite ? SLICE("COMPOSITE") : SLICE("FULL_OBJECT"));
    }
    (void)exchange_send(call->exchange, buffer_slice(&out), false);
    return 0;
}

int s3_create_upload(struct s3_call *call)
{
    struct s3_draft draft;
    unsigned kind = S3_CHECKSUM_KINDS;
    bool is_composite = false;
    char id[UPLOAD_ID_BYTES], text[S3_UPLOAD_ID_LEN], sum[2];
    int rc = s3_draft_read(call, &draft);
    if (rc == 0)
        rc = read_sum_kind(call, &kind, &is_composite);
    if (rc < 0)
        return rc;
    random_bytes(id, sizeof id);
    s3_seal_wipe(&draft.seal);
    draft.version.seal = s3_seal_of_upload(&draft.seal);
    s3_upload_sum_write(kind, is_composite, sum, &draft.version.checksum);
    struct store_change change = {
        .kind = RECORD_UPLOAD,
        .upload = {.id = slice_of(id, sizeof id), .version = draft.version},
    };
    rc = s3_store_fault(call, store_commit(call->store, &change, 1));
    return rc < 0 ? rc
                  : answer_created(call, &draft.seal, s3_hex_write(id, sizeof id, text), kind,
                                   is_composite);
}

/* Parts. */

static int read_number(struct s3_call *call, uint64_t *ret_number)
{
    *ret_number = 0;
    int rc = s3_param_number(call, SLICE("partNumber"), UINT32_MAX, ret_number);
    if (rc < 0 || *ret_number < 1 || *ret_number > S3_PARTS_MAX)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "Part number must be an integer between 1 and 10000, inclusive");
    return 0;
}

static int commit_part(struct s3_call *call, const struct s3_upload *upload, uint64_t number,
                       const struct s3_seal *seal, struct s3_received *received,
                       struct s3_stored_sum *sum)
{
    char room[S3_STORED_SUM_BYTES];
    struct store_change change = {
        .kind = RECORD_PART,
        .needs_upload = true,
        .part = {.upload = upload->upload.id, .number = (uint32_t)number},
    };
    *sum = (struct s3_stored_sum){.kind = received->check_kind};
    memcpy(sum->sum, received->check, sizeof sum->sum);
    change.part.version.modified_ms = call->now_ms;
    change.part.version.seal = s3_seal_of_part(seal);
    change.part.version.checksum = s3_stored_sum_write(sum, room);
    s3_received_use(received, &change, &change.part.version);
    return s3_store_fault(call, store_commit(call->store, &change, 1));
}

static int answer_part(struct s3_call *call, const struct s3_seal *seal,
                       const struct s3_received *received, const struct s3_stored_sum *sum)
{
    char etag[S3_ETAG_ROOM], text[S3_SUM_TEXT_ROOM];
    struct writer *head = s3_begin(call, 200, 0);
    if (head == NULL)
        return 0;
    h1_write_field(head, field_name(FIELD_ETAG), s3_quoted(received->etag, etag));
    s3_log_note_size(call, received->length);
    s3_seal_write(head, seal);
    if (sum->kind != S3_CHECKSUM_KINDS) {
        write_literal(head, "x-amz-checksum-");
        write_slice(head, slice_of_cstr(s3_checksum_word(sum->kind)));
        write_literal(head, ": ");
        write_slice(head, s3_stored_sum_text(sum, text));
        write_literal(head, "\r\n");
    }
    (void)exchange_send(call->exchange, (struct slice){0}, false);
    return 0;
}

/* An upload that has a kind of sum has it of each part. */
static int check_part_sum(struct s3_call *call, const struct s3_upload *upload,
                          const struct s3_received *received)
{
    if (upload->check_kind == S3_CHECKSUM_KINDS || received->check_kind == upload->check_kind)
        return 0;
    return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                        "Checksum Type mismatch occurred, expected checksum Type: %s, actual "
                        "checksum Type: %s",
                        s3_checksum_word(upload->check_kind),
                        received->check_kind == S3_CHECKSUM_KINDS
                            ? "null"
                            : s3_checksum_word(received->check_kind));
}

int s3_upload_part(struct s3_call *call)
{
    struct s3_upload upload;
    struct s3_seal seal = {.is_on = false};
    struct s3_received received = {.has_incoming = false};
    struct s3_stored_sum sum;
    uint64_t number;
    if (s3_field(call, SLICE("x-amz-copy-source")).at != NULL)
        return s3_upload_part_copy(call);
    int rc = read_number(call, &number);
    if (rc < 0)
        return rc;
    rc = s3_upload_find(call, &upload);
    if (rc == 0)
        rc = s3_seal_open(call, upload.upload.version.seal, false, &seal);
    if (rc == 0)
        rc = s3_wish_check_customers(call, seal.is_customers);
    if (rc == 0)
        rc = s3_receive(call, upload.check_kind, &seal, &received);
    if (rc == 0)
        rc = check_part_sum(call, &upload, &received);
    if (rc == 0)
        rc = commit_part(call, &upload, number, &seal, &received, &sum);
    if (rc == 0)
        rc = answer_part(call, &seal, &received, &sum);
    s3_received_finish(&received, rc);
    s3_seal_wipe(&seal);
    s3_upload_finish(&upload);
    return rc;
}

/* x-amz-copy-source-range: bytes=FIRST-LAST, both there and inside of the source. */
static int read_copy_range(struct s3_call *call, uint64_t size, uint64_t *ret_offset,
                           uint64_t *ret_length)
{
    struct byte_range ranges[HTTP_RANGES_MAX];
    struct slice text = s3_field(call, SLICE("x-amz-copy-source-range"));
    *ret_offset = 0;
    *ret_length = size;
    if (text.at == NULL)
        return 0;
    bool is_open = slice_ends_with(text, SLICE("-")) || slice_search(text, SLICE("=-")) >= 0;
    /* As if it were as long as can be, so that what lies outside is seen. */
    int count = is_open ? 0 : http_range_parse(text, UINT64_MAX / 2, ranges);
    if (count != 1)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "The x-amz-copy-source-range value must be of the form "
                            "bytes=first-last where first and last are the zero-based offsets of "
                            "the first and last bytes to copy");
    if (ranges[0].last >= size)
        return s3_fault_say(&call->fault, S3_INVALID_RANGE,
                            "The specified copy range is invalid for the source object size: "
                            "%llu",
                            (unsigned long long)size);
    *ret_offset = ranges[0].first;
    *ret_length = ranges[0].last - ranges[0].first + 1;
    return 0;
}

static int answer_copied(struct s3_call *call, const struct s3_received *received,
                         const struct s3_stored_sum *sum)
{
    SCOPED(buffer_finish) struct buffer out;
    struct xml_writer xml;
    char time[S3_TIME_LEN], etag[S3_ETAG_ROOM], text[S3_SUM_TEXT_ROOM];
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    xml_writer_init(&xml, &out);
    xml_open_root(&xml, "CopyPartResult", S3_NAME_SPACE);
    xml_element(&xml, "LastModified", s3_time(call->now_ms, time));
    xml_element(&xml, "ETag", s3_quoted(received->etag, etag));
    if (sum->kind != S3_CHECKSUM_KINDS)
        xml_element(&xml, s3_checksum_element(sum->kind), s3_stored_sum_text(sum, text));
    xml_close(&xml);
    return s3_answer_xml(call, 200, &xml, &out);
}

static int copy_part(struct s3_call *call, const struct s3_upload *upload, uint64_t number,
                     const struct s3_source *source)
{
    struct s3_seal seal;
    struct s3_received received = {.has_incoming = false};
    struct s3_stored_sum sum;
    uint64_t offset, length;
    int rc = s3_seal_open(call, upload->upload.version.seal, false, &seal);
    if (rc == 0)
        rc = s3_wish_check_customers(call, seal.is_customers);
    if (rc == 0)
        rc = read_copy_range(call, source->object->version.size, &offset, &length);
    if (rc == 0 && length > PART_BYTES_MAX)
        rc = s3_fault_set(&call->fault, S3_ENTITY_TOO_LARGE);
    if (rc == 0)
        rc = s3_source_copy(call, source, offset, length, upload->check_kind, &seal, &received);
    if (rc == 0)
        rc = commit_part(call, upload, number, &seal, &received, &sum);
    if (rc == 0)
        rc = answer_copied(call, &received, &sum);
    s3_received_finish(&received, rc);
    s3_seal_wipe(&seal);
    return rc;
}

int s3_upload_part_copy(struct s3_call *call)
{
    struct s3_upload upload;
    struct s3_source source = {.bucket = NULL};
    uint64_t number;
    int rc = read_number(call, &number);
    if (rc < 0)
        return rc;
    rc = s3_upload_find(call, &upload);
    if (rc == 0)
        rc = s3_source_find(call, &source);
    if (rc == 0)
        rc = copy_part(call, &upload, number, &source);
    if (rc == 0)
        s3_source_log(call, &source, SLICE("REST.COPY.PART_GET"));
    s3_source_finish(&source);
    s3_upload_finish(&upload);
    return rc;
}

int s3_abort_upload(struct s3_call *call)
{
    struct s3_upload upload;
    int rc = s3_upload_find(call, &upload);
    if (rc == 0) {
        struct store_change change = {.kind = RECORD_UPLOAD_GONE, .needs_upload = true};
        change.upload.id = upload.upload.id;
        rc = s3_store_fault(call, store_commit(call->store, &change, 1));
    }
    s3_upload_finish(&upload);
    return rc < 0 ? rc : s3_answer_no_content(call);
}

/* Completing. */

struct completion {
    struct s3_call *call;
    const struct s3_upload *upload;
    const struct s3_complete *request;
    unsigned at; /* the next part of the request */
    struct buffer content;
    struct buffer seal; /* what is kept of the upload's, and the nonces of parts */
    struct s3_seal told;
    uint64_t size;
    uint64_t last_size; /* of the part before */
    struct s3_sum etag;
    struct s3_sum sums; /* of a composite sum */
    struct s3_stored_sum sum;
    char etag_room[VERSION_ETAG_BYTES_MAX];
    int rc; /* the fault of a part */
};

static struct slice unquoted(struct slice etag)
{
    if (etag.len >= 2 && etag.at[0] == '"' && etag.at[etag.len - 1] == '"')
        return slice_of(etag.at + 1, etag.len - 2);
    return etag;
}

/* -EBADMSG for what is no MD5 in hexadecimal. */
static int add_md5(struct completion *completion, struct slice etag)
{
    unsigned char bytes[S3_SUM_BYTES_MAX];
    size_t len = s3_sum_bytes(S3_CHECKSUM_MD5);
    if (etag.len != 2 * len || !chars_are(etag, CHAR_HEX))
        return -EBADMSG;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)(hex_digit_value(etag.at[2 * i]) << 4 |
                                   hex_digit_value(etag.at[2 * i + 1]));
    s3_sum_add(&completion->etag, slice_of(bytes, len));
    return 0;
}

static int check_sums(struct completion *completion, const struct s3_part *asked,
                      const struct s3_stored_sum *has)
{
    char room[S3_SUM_TEXT_ROOM];
    struct s3_fault *fault = &completion->call->fault;
    for (unsigned kind = 0; kind < S3_CHECKSUM_KINDS; kind++) {
        if (asked->checksums[kind].at == NULL)
            continue;
        if (has->kind != kind ||
            !slice_equal(asked->checksums[kind], s3_stored_sum_text(has, room)))
            return s3_fault_set(fault, S3_INVALID_PART);
    }
    return 0;
}

static int join_sums(struct completion *completion, const struct s3_stored_sum *part,
                     uint64_t part_size)
{
    unsigned kind = completion->upload->check_kind;
    if (kind == S3_CHECKSUM_KINDS)
        return 0;
    if (part->kind != kind)
        return s3_fault_set(&completion->call->fault, S3_INVALID_PART);
    if (completion->upload->is_composite)
        s3_sum_add(&completion->sums, slice_of(part->sum, s3_sum_bytes(kind)));
    else if (completion->at == 0)
        memcpy(completion->sum.sum, part->sum, sizeof part->sum);
    else
        s3_sum_join(kind, completion->sum.sum, part->sum, part_size);
    return 0;
}

static int take_part(struct completion *completion, const struct s3_part *asked,
                     const struct version *version)
{
    struct s3_stored_sum sum;
    struct s3_fault *fault = &completion->call->fault;
    if (!slice_equal(unquoted(asked->etag), version->etag))
        return s3_fault_set(fault, S3_INVALID_PART);
    if (completion->at > 0 && completion->last_size < PART_BYTES_MIN)
        return s3_fault_set(fault, S3_ENTITY_TOO_SMALL);
    s3_stored_sum_read(version->checksum, &sum);
    int rc = check_sums(completion, asked, &sum);
    if (rc == 0)
        rc = join_sums(completion, &sum, version->size);
    if (rc == 0)
        rc = add_md5(completion, version->etag) < 0 ? s3_fault_set(fault, S3_INTERNAL_ERROR) : 0;
    if (rc == 0 && version->content.len > 0 &&
        buffer_append(&completion->content, version->content) < 0)
        rc = s3_fault_memory(fault);
    if (rc == 0 && completion->seal.len > 0 && version->content.len > 0 &&
        buffer_append(&completion->seal, version->seal) < 0)
        rc = s3_fault_memory(fault);
    completion->size += version->size;
    completion->last_size = version->size;
    return rc;
}

static int visit_part(void *arg, const struct change_part *part)
{
    struct completion *completion = arg;
    if (completion->at == completion->request->parts_count)
        return CATALOG_END;
    const struct s3_part *asked = &completion->request->parts[completion->at];
    if (part->number < asked->number)
        return 0;
    completion->rc = part->number > asked->number
                         ? s3_fault_set(&completion->call->fault, S3_INVALID_PART)
                         : take_part(completion, asked, &part->version);
    completion->at++;
    return completion->rc < 0 ? CATALOG_END : 0;
}

static int gather_parts(void *arg, struct catalog_reader *reader)
{
    struct completion *completion = arg;
    int rc = catalog_list_parts(reader, completion->upload->upload.id, 0, visit_part, completion);
    return rc == CATALOG_END ? 0 : rc;
}

/* "md5 of the parts' md5s"-N. */
static struct slice end_etag(struct completion *completion)
{
    unsigned char sum[S3_SUM_BYTES_MAX];
    struct writer writer;
    struct slice hex = s3_hex_write(sum, s3_sum_end(&completion->etag, sum), completion->etag_room);
    writer_init(&writer, completion->etag_room + hex.len, sizeof completion->etag_room - hex.len);
    write_char(&writer, '-');
    write_u64(&writer, completion->request->parts_count);
    return slice_of(completion->etag_room, hex.len + writer_slice(&writer).len);
}

/* What the client says of the whole. */
static int check_whole(struct completion *completion)
{
    struct s3_call *call = completion->call;
    char name[40], room[S3_SUM_TEXT_ROOM];
    struct writer writer;
    struct slice size = s3_field(call, SLICE("x-amz-mp-object-size"));
    struct slice type = s3_field(call, SLICE("x-amz-checksum-type"));
    uint64_t told = 0;
    for (size_t i = 0; i < size.len && ascii_is_digit(size.at[i]); i++)
        told = told * 10 + (unsigned)(size.at[i] - '0');
    if (size.at != NULL && told != completion->size)
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "The provided 'x-amz-mp-object-size' header does not match what was "
                            "computed.");
    if (completion->size > OBJECT_BYTES_MAX)
        return s3_fault_set(&call->fault, S3_ENTITY_TOO_LARGE);
    if (completion->sum.kind == S3_CHECKSUM_KINDS)
        return 0;
    if (type.at != NULL &&
        slice_equal_nocase(type, SLICE("COMPOSITE")) != completion->sum.is_composite)
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "The upload was created with another checksum type");
    writer_init(&writer, name, sizeof name);
    write_literal(&writer, "x-amz-checksum-");
    write_slice(&writer, slice_of_cstr(s3_checksum_word(completion->sum.kind)));
    struct slice expected = s3_field(call, writer_slice(&writer));
    if (expected.at != NULL && !slice_equal(expected, s3_stored_sum_text(&completion->sum, room)))
        return s3_fault_say(&call->fault, S3_BAD_DIGEST,
                            "The %s you specified did not match the calculated checksum.",
                            s3_checksum_word(completion->sum.kind));
    return 0;
}

static void end_sum(struct completion *completion)
{
    if (!completion->sum.is_composite)
        return;
    (void)s3_sum_end(&completion->sums, completion->sum.sum);
    completion->sum.parts = completion->request->parts_count;
}

static int gather(struct completion *completion)
{
    struct s3_call *call = completion->call;
    int rc = s3_sum_begin(&completion->etag, S3_CHECKSUM_MD5);
    completion->sum.kind = completion->upload->check_kind;
    completion->sum.is_composite = completion->upload->is_composite;
    if (rc == 0 && completion->sum.is_composite)
        rc = s3_sum_begin(&completion->sums, completion->sum.kind);
    if (rc < 0)
        return s3_fault_memory(&call->fault);
    rc = store_read(call->store, gather_parts, completion);
    if (rc < 0)
        return s3_store_fault(call, rc);
    if (completion->rc < 0)
        return completion->rc;
    if (completion->at < completion->request->parts_count)
        return s3_fault_set(&call->fault, S3_INVALID_PART);
    end_sum(completion);
    return check_whole(completion);
}

static int answer_completed(struct completion *completion, const struct version *version)
{
    struct s3_call *call = completion->call;
    SCOPED(buffer_finish) struct buffer out;
    char sum[S3_SUM_TEXT_ROOM];
    struct s3_complete_result result = {
        .location = arena_format(
            &call->arena, "%s://%.*s%.*s", call->exchange->is_secure ? "https" : "http",
            SLICE_ARG(call->exchange->request.authority), SLICE_ARG(call->exchange->request.path)),
        .bucket = call->bucket_name,
        .key = call->key,
        .etag = version->etag,
    };
    if (completion->sum.kind != S3_CHECKSUM_KINDS) {
        result.checksums[completion->sum.kind] = s3_stored_sum_text(&completion->sum, sum);
        result.checksum_type =
            completion->sum.is_composite ? SLICE("COMPOSITE") : SLICE("FULL_OBJECT");
    }
    buffer_init(&out, S3_ANSWER_BYTES_MAX);
    if (s3_complete_result_write(&out, &result) < 0)
        return s3_fault_memory(&call->fault);
    struct writer *head = s3_begin(call, 200, out.len);
    if (head == NULL)
        return 0;
    write_literal(head, "Content-Type: application/xml\r\n");
    s3_write_version(call, head, version);
    s3_seal_write(head, &completion->told);
    (void)exchange_send(call->exchange, buffer_slice(&out), false);
    return 0;
}

static int commit_whole(struct completion *completion)
{
    struct s3_call *call = completion->call;
    char room[S3_STORED_SUM_BYTES];
    struct s3_condition condition;
    struct store_change change = {
        .kind = RECORD_PUT, .arg = &condition, .needs_upload = true, .is_pinned = true};
    struct version *version = &change.put.version;
    s3_condition_read(call, &condition);
    if (condition.if_match.at != NULL || condition.if_none_match.at != NULL)
        change.decide = s3_condition_decide;
    change.put.upload = completion->upload->upload.id;
    *version = completion->upload->upload.version;
    version->modified_ms = call->now_ms;
    version->is_null = s3_versioning_of(call->bucket) != S3_VERSIONING_ENABLED;
    version->etag = end_etag(completion);
    version->size = completion->size;
    version->content = buffer_slice(&completion->content);
    version->seal = buffer_slice(&completion->seal);
    version->checksum = s3_stored_sum_write(&completion->sum, room);
    s3_quota_apply(call->bucket, &change);
    /* A part that is sent again meanwhile must not take away what this names. */
    if (store_pin(call->store, version->content) < 0)
        return s3_fault_memory(&call->fault);
    int rc = s3_commit(call, S3_EVENT_CREATED_COMPLETE, &change, 1, NULL);
    if (rc < 0)
        store_unpin(call->store, version->content);
    if (rc < 0)
        return s3_change_fault(call, rc);
    version->sequence = change.sequence;
    return answer_completed(completion, version);
}

static int complete(struct s3_call *call, const struct s3_upload *upload,
                    const struct s3_complete *request)
{
    struct completion completion = {.call = call, .upload = upload, .request = request};
    buffer_init(&completion.content, (size_t)CONTENT_SEGMENTS_MAX * CONTENT_SEGMENT_BYTES_MAX);
    buffer_init(&completion.seal, SEAL_BYTES_MAX);
    int rc = s3_seal_tell(call, upload->upload.version.seal, &completion.told);
    s3_seal_wipe(&completion.told);
    if (rc == 0)
        rc = s3_wish_check_customers(call, s3_seal_is_customers(upload->upload.version.seal));
    if (rc == 0 && buffer_append(&completion.seal, upload->upload.version.seal) < 0)
        rc = s3_fault_memory(&call->fault);
    if (rc == 0)
        rc = gather(&completion);
    if (rc == 0)
        rc = commit_whole(&completion);
    s3_sum_finish(&completion.etag);
    s3_sum_finish(&completion.sums);
    buffer_finish(&completion.content);
    buffer_finish(&completion.seal);
    return rc;
}

/* Who has not heard that his upload was completed asks again: it was, when the object that is there
 * now is of just these parts. */
static int complete_again(struct s3_call *call, const struct s3_complete *request)
{
    struct completion completion = {.call = call, .request = request};
    struct object *object = NULL;
    int rc = s3_sum_begin(&completion.etag, S3_CHECKSUM_MD5);
    for (unsigned i = 0; rc == 0 && i < request->parts_count; i++)
        rc = add_md5(&completion, request->parts[i].etag);
    if (rc == 0)
        rc = store_find(call->store, call->bucket->id, call->key, VERSION_LATEST, 0, &object);
    if (rc == 0 && slice_equal(object->version.etag, end_etag(&completion))) {
        call->fault.code = S3_NO_FAULT;
        s3_stored_sum_read(object->version.checksum, &completion.sum);
        rc = s3_seal_tell(call, object->version.seal, &completion.told);
        s3_seal_wipe(&completion.told);
        if (rc == 0)
            rc = answer_completed(&completion, &object->version);
    } else {
        rc = s3_fault_set(&call->fault, S3_NO_SUCH_UPLOAD);
    }
    object_unref(object);
    s3_sum_finish(&completion.etag);
    return rc;
}

int s3_complete_upload(struct s3_call *call)
{
    struct s3_upload upload;
    struct s3_complete request;
    SCOPED(buffer_finish) struct buffer body;
    SCOPED(arena_finish) struct arena arena;
    buffer_init(&body, S3_COMPLETE_BYTES_MAX);
    arena_init(&arena, NULL, 0,
               XML_ARENA_BYTES(s3_complete_limits) + S3_PARTS_MAX * sizeof(struct s3_part));
    call->sums_are_of_object = true;
    int found = s3_upload_find(call, &upload);
    bool is_gone = found < 0 && call->fault.code == S3_NO_SUCH_UPLOAD;
    int rc = is_gone ? 0 : found;
    if (rc == 0)
        rc = s3_body_read(call, S3_COMPLETE_BYTES_MAX, &body);
    if (rc == 0)
        rc = s3_complete_parse(buffer_slice(&body), &arena, &call->fault, &request);
    if (rc == 0)
        rc = is_gone ? complete_again(call, &request) : complete(call, &upload, &request);
    s3_upload_finish(&upload);
    return rc;
}
