/* GetObject and HeadObject: conditions, one range, a part by its number, fields that the query
 * overrides. */
#include "base/cleanup.h"
#include "edge/files/condition.h"
#include "edge/s3/answer.h"
#include "edge/s3/draft.h"
#include "edge/s3/encryption.h"
#include "edge/s3/expiration.h"
#include "edge/s3/operations.h"
#include "edge/s3/send.h"
#include "http/worker.h"
#include "wire/http/range.h"
#include "wire/s3/tagging.h"

#include <errno.h>

/* What is sent of the object. */
struct portion {
    uint64_t offset;
    uint64_t length;
    bool is_range;
    unsigned parts; /* the object's, where a part was asked for by number; 0: none was */
};

/* Parameters that take the place of a field, for requests that are signed. */
static const struct {
    struct slice parameter;
    struct slice field;
} overrides[] = {
    {SLICE("response-content-type"), SLICE("Content-Type")},
    {SLICE("response-content-language"), SLICE("Content-Language")},
    {SLICE("response-expires"), SLICE("Expires")},
    {SLICE("response-cache-control"), SLICE("Cache-Control")},
    {SLICE("response-content-disposition"), SLICE("Content-Disposition")},
    {SLICE("response-content-encoding"), SLICE("Content-Encoding")},
};

int s3_check_overrides(struct s3_call *call)
{
    for (size_t i = 0; i < COUNT_OF(overrides) && call->query.count > 0; i++) {
        struct slice value = s3_param(call, overrides[i].parameter);
        if (value.at == NULL)
            continue;
        if (call->signature.form == S3_SIGNED_NOT)
            return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                                "Request specific response headers cannot be used for anonymous "
                                "GET requests.");
        if (!http_is_field_value(value))
            return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                                "%.*s has characters that no header may have",
                                SLICE_ARG(overrides[i].parameter));
    }
    return 0;
}

static struct slice override_of(const struct s3_call *call, struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(overrides); i++) {
        if (slice_equal(name, overrides[i].field))
            return s3_param(call, overrides[i].parameter);
    }
    return (struct slice){NULL, 0};
}

/* The object's lines, but for those that the query overrides. */
static void write_fields(struct s3_call *call, struct writer *head, const struct version *version)
{
    struct slice rest = version->fields, line;
    if (call->query.count == 0) {
        write_slice(head, rest);
        return;
    }
    while (slice_cut(&rest, '\n', &line)) {
        ptrdiff_t colon = slice_find(line, ':');
        if (colon <= 0 || override_of(call, slice_first(line, (size_t)colon)).at != NULL)
            continue;
        write_slice(head, line);
        write_char(head, '\n');
    }
    for (size_t i = 0; i < COUNT_OF(overrides); i++) {
        struct slice value = s3_param(call, overrides[i].parameter);
        if (value.at != NULL)
            h1_write_field(head, overrides[i].field, value);
    }
}

static void write_tag_count(struct writer *head, const struct version *version)
{
    unsigned count = version->tags.len > 0 ? 1 : 0;
    for (size_t i = 0; i < version->tags.len; i++)
        count += version->tags.at[i] == '&' ? 1 : 0;
    if (count == 0)
        return;
    write_literal(head, "x-amz-tagging-count: ");
    write_u64(head, count);
    write_literal(head, "\r\n");
}

static void write_lock(struct writer *head, const struct version *version)
{
    char room[S3_TIME_LEN];
    if (version->lock != VERSION_UNLOCKED) {
        h1_write_field(head, SLICE("x-amz-object-lock-mode"),
                       version->lock == VERSION_GOVERNANCE ? SLICE("GOVERNANCE")
                                                           : SLICE("COMPLIANCE"));
        h1_write_field(head, SLICE("x-amz-object-lock-retain-until-date"),
                       s3_time(version->retain_until_ms, room));
    }
    if (version->has_hold)
        write_literal(head, "x-amz-object-lock-legal-hold: ON\r\n");
}

static void write_validators(struct writer *head, const struct version *version)
{
    char etag[S3_ETAG_ROOM], date[HTTP_DATE_BYTES];
    h1_write_field(head, field_name(FIELD_ETAG), s3_quoted(version->etag, etag));
    http_date_write(date, version->modified_ms / 1000);
    h1_write_field(head, field_name(FIELD_LAST_MODIFIED), slice_of(date, sizeof date));
}

static struct writer *begin(struct s3_call *call, const struct version *version,
                            const struct portion *portion, const struct s3_seal *seal)
{
    struct writer *head = s3_begin(call, portion->is_range ? 206 : 200, portion->length);
    if (head == NULL)
        return NULL;
    write_validators(head, version);
    write_literal(head, "Accept-Ranges: bytes\r\n");
    write_fields(call, head, version);
    s3_write_version(call, head, version);
    if (call->version_asked.at == NULL)
        s3_write_expiration(call, head, version);
    s3_seal_write(head, seal);
    write_tag_count(head, version);
    write_lock(head, version);
    if (slice_equal_nocase(s3_field(call, SLICE("x-amz-checksum-mode")), SLICE("ENABLED")) &&
        (!portion->is_range || portion->parts > 0)) {
        struct s3_stored_sum sum;
        s3_stored_sum_read(version->checksum, &sum);
        s3_write_stored_sum(head, &sum);
    }
    if (portion->parts > 0) {
        write_literal(head, "x-amz-mp-parts-count: ");
        write_u64(head, portion->parts);
        write_literal(head, "\r\n");
    }
    if (portion->is_range) {
        write_literal(head, "Content-Range: bytes ");
        write_u64(head, portion->offset);
        write_char(head, '-');
        write_u64(head, portion->offset + portion->length - 1);
        write_char(head, '/');
        write_u64(head, version->size);
        write_literal(head, "\r\n");
    }
    return head;
}

/* Where the part of that number lies: an object that was sent in parts has a segment for each. */
static int find_part(struct s3_call *call, const struct version *version, uint64_t number,
                     struct portion *portion)
{
    struct slice rest = version->content;
    struct content_segment segment;
    bool has_parts = slice_find(version->etag, '-') >= 0;
    uint64_t offset = 0;
    portion->parts = 1;
    if (!has_parts && number == 1) {
        portion->is_range = version->size > 0;
        return 0;
    }
    portion->parts = 0;
    while (has_parts && content_take(&rest, &segment) == 1) {
        portion->parts++;
        if (portion->parts == number) {
            portion->offset = offset;
            portion->length = segment.length;
            portion->is_range = true;
        }
        offset += segment.length;
    }
    if (number == 0 || number > portion->parts)
        return s3_fault_set(&call->fault, S3_INVALID_PART_NUMBER);
    return 0;
}

static int choose_range(struct s3_call *call, const struct version *version,
                        const struct validators *validators, struct portion *portion)
{
    struct byte_range ranges[HTTP_RANGES_MAX];
    const struct request_head *request = &call->exchange->request;
    /* S3 answers ranges to HEAD too. */
    struct slice asked = request->method == METHOD_HEAD
                             ? fields_value(&request->fields, FIELD_RANGE)
                             : condition_range(request, validators, call->now_ms / 1000);
    int count = asked.len == 0 ? 0 : http_range_parse(asked, version->size, ranges);
    if (count < 0)
        return s3_fault_set(&call->fault, S3_INVALID_RANGE);
    if (count != 1)
        return 0;
    *portion = (struct portion){ranges[0].first, ranges[0].last - ranges[0].first + 1, true, 0};
    return 0;
}

static int choose_portion(struct s3_call *call, const struct version *version,
                          const struct validators *validators, struct portion *portion)
{
    uint64_t number = 0;
    bool has_number = s3_has_param(call, SLICE("partNumber"));
    *portion = (struct portion){0, version->size, false, 0};
    if (!has_number)
        return choose_range(call, version, validators, portion);
    if (fields_find(&call->exchange->request.fields, FIELD_RANGE) != NULL)
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "Cannot specify both Range header and partNumber query parameter");
    int rc = s3_param_number(call, SLICE("partNumber"), 10000, &number);
    if (rc == 0 && number == 0)
        rc = s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                          "Part number must be an integer between 1 and 10000, inclusive");
    return rc < 0 ? rc : find_part(call, version, number, portion);
}

/* 304 and 412 by the conditions of the request. 0: go on; 1: answered; or the fault. */
static int check_conditions(struct s3_call *call, const struct version *version,
                            const struct validators *validators)
{
    const struct request_head *request = &call->exchange->request;
    if (!condition_is_asked(request))
        return 0;
    unsigned status = condition_status(request, validators, call->now_ms / 1000);
    if (status == 412)
        return s3_fault_set(&call->fault, S3_PRECONDITION_FAILED);
    if (status != 304)
        return 0;
    struct writer *head = s3_begin(call, 304, EXCHANGE_LENGTH_UNKNOWN);
    if (head != NULL) {
        write_validators(head, version);
        (void)exchange_send(call->exchange, (struct slice){0}, false);
    }
    return 1;
}

static int send_content(struct s3_call *call, struct object *object, const struct portion *portion,
                        const struct s3_seal *seal)
{
    if (call->exchange->request.method == METHOD_HEAD) {
        (void)exchange_send(call->exchange, (struct slice){0}, false);
        return 0;
    }
    int rc =
        object_send(call->exchange, call->store, object, portion->offset, portion->length, seal);
    if (rc == -ENOMEM)
        return s3_fault_memory(&call->fault);
    return rc < 0 ? s3_fault_say(&call->fault, S3_INTERNAL_ERROR,
                                 "The object's content is damaged or cannot be read: the log of "
                                 "the service tells more")
                  : 0;
}

static int answer(struct s3_call *call, struct object *object, const struct s3_seal *seal)
{
    const struct version *version = &object->version;
    char room[S3_ETAG_ROOM];
    struct portion portion;
    const struct validators validators = {s3_quoted(version->etag, room),
                                          version->modified_ms / 1000};
    int rc = check_conditions(call, version, &validators);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = choose_portion(call, version, &validators, &portion);
    if (rc < 0)
        return rc;
    if (begin(call, version, &portion, seal) == NULL)
        return 0;
    return send_content(call, object, &portion, seal);
}

static int open_and_answer(struct s3_call *call, struct object *object)
{
    struct s3_seal seal;
    int rc = s3_seal_open(call, object->version.seal, false, &seal);
    if (rc == 0)
        rc = answer(call, object, &seal);
    s3_seal_wipe(&seal);
    return rc;
}

/* A delete marker: gone, or asked for by its own id. */
static int answer_marker(struct s3_call *call, const struct version *version, bool is_named)
{
    char room[S3_VERSION_ID_LEN];
    struct slice fields =
        arena_format(&call->arena, "x-amz-delete-marker: true\r\nx-amz-version-id: %.*s\r\n%s",
                     SLICE_ARG(s3_version_id(version, room)), is_named ? "Allow: DELETE\r\n" : "");
    call->fault_fields = fields;
    return s3_fault_set(&call->fault, is_named ? S3_METHOD_NOT_ALLOWED : S3_NO_SUCH_KEY);
}

int s3_get_object(struct s3_call *call)
{
    struct object *object = NULL;
    enum version_which which;
    uint64_t sequence;
    int rc = s3_check_overrides(call);
    if (rc == 0)
        rc = s3_wish_expect_none(call);
    if (rc == 0)
        rc = s3_version_named(call, s3_param(call, SLICE("versionId")), &which, &sequence);
    if (rc < 0)
        return rc;
    rc = store_find(call->store, call->bucket->id, call->key, which, sequence, &object);
    if (rc == -ENOENT)
        return s3_fault_set(&call->fault,
                            which == VERSION_LATEST ? S3_NO_SUCH_KEY : S3_NO_SUCH_VERSION);
    if (rc < 0)
        return s3_store_fault(call, rc);
    rc = object->version.is_marker ? answer_marker(call, &object->version, which != VERSION_LATEST)
                                   : open_and_answer(call, object);
    object_unref(object);
    return rc;
}
