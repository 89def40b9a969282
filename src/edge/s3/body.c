/* Decoding is wire/s3/chunks.h; this joins it with the exchange and holds the sums. */
#include "edge/s3/body.h"
#include "edge/s3/log_request.h"

#include "base/cleanup.h"

#include <errno.h>

static int parse_length(struct slice text, uint64_t *ret_value)
{
    *ret_value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_digit(text.at[i]) || *ret_value > (UINT64_C(1) << 50))
            return -EBADMSG;
        *ret_value = *ret_value * 10 + (unsigned)(text.at[i] - '0');
    }
    return text.len == 0 ? -EBADMSG : 0;
}

static int read_length(struct s3_body *body)
{
    struct s3_call *call = body->call;
    const struct framing *framing = &call->exchange->request.framing;
    struct slice decoded = s3_field(call, SLICE("x-amz-decoded-content-length"));
    body->length =
        framing->kind == BODY_CHUNKED ? EXCHANGE_LENGTH_UNKNOWN : framing->content_length;
    if (!s3_payload_is_chunked(call->signature.payload_kind))
        return 0;
    if (decoded.at == NULL)
        return s3_fault_set(&call->fault, S3_MISSING_CONTENT_LENGTH);
    if (parse_length(decoded, &body->length) < 0)
        return s3_fault_say(&call->fault, S3_INVALID_ARGUMENT,
                            "x-amz-decoded-content-length is no number");
    return 0;
}

static int begin_chunks(struct s3_body *body)
{
    struct s3_call *call = body->call;
    if (!s3_payload_is_chunked(call->signature.payload_kind))
        return 0;
    body->chunks = arena_alloc(&call->arena, sizeof *body->chunks);
    if (body->chunks == NULL)
        return s3_fault_memory(&call->fault);
    bool is_signed = call->signature.payload_kind != S3_PAYLOAD_UNSIGNED_TRAILER;
    s3_chunks_init(body->chunks, &call->signature, is_signed ? call->signing_key : NULL);
    return 0;
}

/* x-amz-checksum-KIND in the head. More than one is an error. */
static int find_checksum(struct s3_body *body)
{
    struct s3_call *call = body->call;
    const struct fields *fields = &call->exchange->request.fields;
    const struct slice prefix = SLICE("x-amz-checksum-");
    for (unsigned i = 0; i < fields->count; i++) {
        struct slice name = fields->at[i].name;
        if (!slice_equal_nocase(slice_first(name, prefix.len), prefix))
            continue;
        struct slice word = slice_from(name, prefix.len);
        unsigned kind = s3_checksum_find(word);
        if (kind == S3_CHECKSUM_KINDS)
            continue; /* -algorithm, -type, -mode */
        if (body->check_kind != S3_CHECKSUM_KINDS)
            return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                                "Expecting a single x-amz-checksum- header. Multiple checksum "
                                "Types are not allowed.");
        body->check_kind = kind;
        body->expected = fields->at[i].value;
    }
    return 0;
}

/* x-amz-trailer: x-amz-checksum-KIND */
static int find_trailer(struct s3_body *body)
{
    struct s3_call *call = body->call;
    const struct slice prefix = SLICE("x-amz-checksum-");
    struct slice trailer = s3_field(call, SLICE("x-amz-trailer"));
    if (trailer.at == NULL)
        return 0;
    unsigned kind = slice_equal_nocase(slice_first(trailer, prefix.len), prefix)
                        ? s3_checksum_find(slice_from(trailer, prefix.len))
                        : S3_CHECKSUM_KINDS;
    if (kind == S3_CHECKSUM_KINDS)
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "The value specified in the x-amz-trailer header is not supported");
    if (body->check_kind != S3_CHECKSUM_KINDS)
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "Expecting a single x-amz-checksum- header");
    body->check_kind = kind;
    body->is_trailed = true;
    return 0;
}

static int check_expected(struct s3_body *body)
{
    struct s3_call *call = body->call;
    char room[S3_SUM_BASE64_MAX];
    struct slice algorithm = s3_field(call, SLICE("x-amz-sdk-checksum-algorithm"));
    if (algorithm.at != NULL && s3_checksum_find(algorithm) == S3_CHECKSUM_KINDS)
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "Checksum algorithm provided is unsupported. Please try again with "
                            "any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
    if (algorithm.at != NULL && body->check_kind != S3_CHECKSUM_KINDS &&
        s3_checksum_find(algorithm) != body->check_kind)
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "Value for x-amz-sdk-checksum-algorithm header is invalid.");
    if (body->expected.at == NULL)
        return 0;
    if (body->expected.len > sizeof room ||
        s3_base64_read(body->expected, room) != (ptrdiff_t)s3_sum_bytes(body->check_kind))
        return s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                            "Value for x-amz-checksum-%s header is invalid.",
                            s3_checksum_word(body->check_kind));
    return 0;
}

static bool has_another(const struct fields *fields, const struct field *found)
{
    for (const struct field *at = found + 1; at < fields->at + fields->count; at++) {
        if (slice_equal_nocase(at->name, found->name))
            return true;
    }
    return false;
}

static int read_content_md5(struct s3_body *body)
{
    char room[S3_SUM_BASE64_MAX];
    const struct fields *fields = &body->call->exchange->request.fields;
    const struct field *found = fields_find_name(fields, SLICE("content-md5"));
    if (found == NULL)
        return 0;
    body->content_md5 = found->value;
    /* Two of them may contradict each other. */
    if (has_another(fields, found) || body->content_md5.len > sizeof room ||
        s3_base64_read(body->content_md5, room) != (ptrdiff_t)s3_sum_bytes(S3_CHECKSUM_MD5))
        return s3_fault_say(&body->call->fault, S3_INVALID_DIGEST,
                            "The Content-MD5 you specified was invalid.");
    body->wants_md5 = true;
    return 0;
}

static int begin_sums(struct s3_body *body)
{
    struct s3_call *call = body->call;
    int rc = 0;
    if (body->wants_md5)
        rc = s3_sum_begin(&body->md5, S3_CHECKSUM_MD5);
    body->has_sha256 =
        call->signature.form != S3_SIGNED_NOT && call->signature.payload_kind == S3_PAYLOAD_HASHED;
    if (rc == 0 && body->has_sha256)
        rc = s3_sum_begin(&body->sha256, S3_CHECKSUM_SHA256);
    body->has_check = body->check_kind != S3_CHECKSUM_KINDS;
    if (rc == 0 && body->has_check)
        rc = s3_sum_begin(&body->check, body->check_kind);
    return rc < 0 ? s3_fault_memory(&call->fault) : 0;
}

int s3_body_init(struct s3_body *body, struct s3_call *call, bool wants_md5, unsigned default_kind)
{
    *body = (struct s3_body){.call = call, .check_kind = S3_CHECKSUM_KINDS, .wants_md5 = wants_md5};
    int rc = read_length(body);
    if (rc == 0 && !call->sums_are_of_object)
        rc = find_checksum(body);
    if (rc == 0)
        rc = find_trailer(body);
    if (rc == 0)
        rc = check_expected(body);
    if (rc == 0)
        rc = read_content_md5(body);
    if (body->check_kind == S3_CHECKSUM_KINDS)
        body->check_kind = default_kind;
    if (rc == 0)
        rc = begin_sums(body);
    return rc < 0 ? rc : begin_chunks(body);
}

void s3_body_finish(struct s3_body *body)
{
    if (body->incoming != NULL)
        incoming_unwatch(body->incoming);
    body->incoming = NULL;
    s3_sum_finish(&body->md5);
    s3_sum_finish(&body->sha256);
    s3_sum_finish(&body->check);
    if (body->chunks != NULL)
        s3_chunks_finish(body->chunks);
    body->chunks = NULL;
}

static int read_fault(struct s3_body *body, int rc)
{
    struct s3_fault *fault = &body->call->fault;
    switch (rc) {
    case -EFBIG:
        return s3_fault_set(fault, S3_ENTITY_TOO_LARGE);
    case -ETIMEDOUT:
        return s3_fault_set(fault, S3_REQUEST_TIMEOUT);
    default:
        return s3_fault_set(fault, S3_INCOMPLETE_BODY);
    }
}

/* What came is taken as it is, or decoded. 1, 0: more is to be received, or the fault. */
static int decode(struct s3_body *body, struct slice *ret_data)
{
    if (body->chunks != NULL)
        return s3_chunks_next(body->chunks, &body->rest, &body->call->fault, ret_data);
    *ret_data = body->rest;
    body->rest = (struct slice){0};
    return ret_data->len > 0 ? 1 : 0;
}

static int compare_sum(struct s3_body *body, struct s3_sum *sum, struct slice expected,
                       enum s3_code code, unsigned char *ret_sum)
{
    unsigned char theirs[S3_SUM_BYTES_MAX];
    char room[S3_SUM_BASE64_MAX];
    size_t len = s3_sum_end(sum, ret_sum);
    if (expected.at == NULL)
        return 0;
    ptrdiff_t their_len = expected.len > sizeof room ? -1 : s3_base64_read(expected, room);
    if (their_len != (ptrdiff_t)len)
        return s3_fault_set(&body->call->fault, code);
    memcpy(theirs, room, len);
    if (memcmp(theirs, ret_sum, len) == 0)
        return 0;
    if (sum->kind == S3_CHECKSUM_MD5)
        return s3_fault_say(&body->call->fault, code,
                            "The Content-MD5 you specified did not match what we received.");
    return s3_fault_say(&body->call->fault, code,
                        "The %s you specified did not match the calculated checksum.",
                        s3_checksum_word(sum->kind));
}

static int trailer_value(struct s3_body *body, struct slice *ret_value)
{
    const struct slice prefix = SLICE("x-amz-checksum-");
    for (unsigned i = 0; i < body->chunks->trailers_count; i++) {
        const struct s3_trailer *trailer = &body->chunks->trailers[i];
        if (slice_starts_with(trailer->name, prefix) &&
            s3_checksum_find(slice_from(trailer->name, prefix.len)) == body->check_kind) {
            *ret_value = trailer->value;
            return 0;
        }
    }
    return s3_fault_set(&body->call->fault, S3_MALFORMED_TRAILER);
}

static int check_hash(struct s3_body *body)
{
    unsigned char sum[S3_SUM_BYTES_MAX];
    char hex[2 * S3_SUM_BYTES_MAX];
    struct slice ours = s3_hex_write(sum, s3_sum_end(&body->sha256, sum), hex);
    return slice_equal_nocase(ours, body->call->signature.payload)
               ? 0
               : s3_fault_set(&body->call->fault, S3_XAMZ_CONTENT_SHA256_MISMATCH);
}

static int end_body(struct s3_body *body)
{
    struct s3_call *call = body->call;
    int rc = 0;
    if (body->has_ended)
        return 0;
    body->has_ended = true;
    if (body->incoming != NULL)
        incoming_unwatch(body->incoming);
    body->incoming = NULL;
    if (body->chunks != NULL)
        rc = s3_chunks_end(body->chunks, &call->fault);
    if (rc == 0 && body->length != EXCHANGE_LENGTH_UNKNOWN && body->come != body->length)
        rc = s3_fault_set(&call->fault, S3_INCOMPLETE_BODY);
    if (rc == 0 && body->has_sha256)
        rc = check_hash(body);
    if (rc == 0 && body->is_trailed)
        rc = body->chunks == NULL
                 ? s3_fault_say(&call->fault, S3_INVALID_REQUEST,
                                "x-amz-trailer needs a body that is sent as aws-chunked")
                 : trailer_value(body, &body->expected);
    if (rc == 0 && body->wants_md5)
        rc = compare_sum(body, &body->md5, body->content_md5, S3_BAD_DIGEST, body->md5_sum);
    if (rc == 0 && body->has_check)
        rc = compare_sum(body, &body->check, body->expected, S3_BAD_DIGEST, body->check_sum);
    return rc;
}

static void add_to_sums(void *arg, struct slice data)
{
    struct s3_body *body = arg;
    if (body->wants_md5)
        s3_sum_add(&body->md5, data);
    if (body->has_sha256)
        s3_sum_add(&body->sha256, data);
    if (body->has_check)
        s3_sum_add(&body->check, data);
}

/* MD5 alone takes longer than all else that a byte meets on its way to the disk. */
void s3_body_goes_to(struct s3_body *body, struct incoming *incoming)
{
    if (body->length == EXCHANGE_LENGTH_UNKNOWN || body->length <= CONTENT_SMALL_BYTES_MAX)
        return;
    body->incoming = incoming;
    incoming_watch(incoming, add_to_sums, body);
}

/* Into the memory that it goes to, where nothing has to be decoded. */
static int receive(struct s3_body *body)
{
    size_t len = 0;
    char *room =
        body->incoming == NULL || body->chunks != NULL ? NULL : incoming_room(body->incoming, &len);
    return exchange_receive_body(body->call->exchange, room, len, &body->rest);
}

static int next_part(struct s3_body *body, bool may_wait, struct slice *ret_data)
{
    struct exchange *exchange = body->call->exchange;
    for (;;) {
        int rc = decode(body, ret_data);
        if (rc < 0)
            return rc;
        if (rc == 1 && body->length != EXCHANGE_LENGTH_UNKNOWN &&
            ret_data->len > body->length - body->come)
            return s3_fault_set(&body->call->fault, S3_INCOMPLETE_BODY);
        if (rc == 1) {
            body->come += ret_data->len;
            if (body->incoming == NULL)
                add_to_sums(body, *ret_data);
            return 1;
        }
        rc = may_wait ? receive(body) : exchange_try_body(exchange, &body->rest);
        if (rc == -EAGAIN)
            return rc;
        if (rc < 0)
            return read_fault(body, rc);
        if (rc == 0) {
            s3_log_note_received(body->call);
            return end_body(body);
        }
    }
}

int s3_body_next(struct s3_body *body, struct slice *ret_data)
{
    return next_part(body, true, ret_data);
}

int s3_body_try(struct s3_body *body, struct slice *ret_data)
{
    return next_part(body, false, ret_data);
}

int s3_body_read(struct s3_call *call, size_t max, struct buffer *ret_bytes)
{
    struct s3_body body;
    struct slice data;
    int rc = s3_body_init(&body, call, false, S3_CHECKSUM_KINDS);
    if (rc == 0 && body.length != EXCHANGE_LENGTH_UNKNOWN && body.length > max)
        rc = s3_fault_set(&call->fault, S3_MAX_MESSAGE_LENGTH_EXCEEDED);
    s3_step_out(call, true);
    while (rc == 0 && (rc = s3_body_next(&body, &data)) == 1) {
        rc = data.len > max - ret_bytes->len
                 ? s3_fault_set(&call->fault, S3_MAX_MESSAGE_LENGTH_EXCEEDED)
                 : buffer_append(ret_bytes, data);
        if (rc == -ENOMEM)
            (void)s3_fault_memory(&call->fault);
    }
    s3_body_finish(&body);
    return rc < 0 ? rc : s3_step_in(call);
}
