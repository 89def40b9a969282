/* A line at a time, data as it comes. */
#include "wire/s3/chunks.h"

#include "base/cleanup.h"
#include "wire/http/chars.h"

#include <errno.h>
#include <openssl/crypto.h>

enum { IN_SIZE, IN_DATA, BEHIND_DATA, IN_TRAILERS, AT_END };

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

void s3_chunks_init(struct s3_chunks *chunks, const struct s3_signature *signature,
                    const unsigned char *key)
{
    memset(chunks, 0, offsetof(struct s3_chunks, line));
    memset(&chunks->line_start, 0, sizeof *chunks - offsetof(struct s3_chunks, line_start));
    chunks->payload = signature->payload_kind;
    chunks->timestamp = signature->timestamp;
    chunks->scope = signature->scope;
    if (key != NULL) {
        memcpy(chunks->key, key, sizeof chunks->key);
        memcpy(chunks->previous, signature->signature.at, sizeof chunks->previous);
    }
}

void s3_chunks_finish(struct s3_chunks *chunks)
{
    s3_sum_finish(&chunks->sum);
    OPENSSL_cleanse(chunks->key, sizeof chunks->key);
}

static bool is_signed(const struct s3_chunks *chunks)
{
    return chunks->payload == S3_PAYLOAD_CHUNKS || chunks->payload == S3_PAYLOAD_CHUNKS_TRAILER;
}

static bool has_trailers(const struct s3_chunks *chunks)
{
    return chunks->payload != S3_PAYLOAD_CHUNKS;
}

static int incomplete(struct s3_fault *fault, const char *what)
{
    return s3_fault_say(fault, S3_INCOMPLETE_BODY, "The aws-chunked body is malformed: %s", what);
}

/* The signature over a text's last line, in the chain. */
static int check(struct s3_chunks *chunks, struct slice algorithm, struct slice hashes,
                 struct slice claimed, struct s3_fault *fault)
{
    char room[512], signature[S3_SIGNATURE_LEN];
    struct writer writer;
    writer_init(&writer, room, sizeof room);
    write_slice(&writer, algorithm);
    write_char(&writer, '\n');
    write_slice(&writer, chunks->timestamp);
    write_char(&writer, '\n');
    write_slice(&writer, chunks->scope);
    write_char(&writer, '\n');
    write_bytes(&writer, chunks->previous, sizeof chunks->previous);
    write_char(&writer, '\n');
    write_slice(&writer, hashes);
    if (writer.overflown)
        return s3_fault_set(fault, S3_SIGNATURE_DOES_NOT_MATCH);
    if (s3_sign_text(chunks->key, writer_slice(&writer), signature) < 0)
        return s3_fault_memory(fault);
    if (!s3_signature_is(claimed, signature))
        return s3_fault_set(fault, S3_SIGNATURE_DOES_NOT_MATCH);
    memcpy(chunks->previous, signature, sizeof signature);
    return 0;
}

static int check_chunk(struct s3_chunks *chunks, struct s3_fault *fault)
{
    unsigned char sum[S3_SUM_BYTES_MAX];
    char room[sizeof EMPTY_SHA256 + 2 * S3_SUM_BYTES_MAX] = EMPTY_SHA256 "\n";
    if (!is_signed(chunks))
        return 0;
    (void)s3_sum_end(&chunks->sum, sum);
    s3_sum_finish(&chunks->sum);
    (void)s3_hex_write(sum, S3_SUM_BYTES_MAX, room + sizeof EMPTY_SHA256);
    return check(chunks, SLICE("AWS4-HMAC-SHA256-PAYLOAD"), slice_of(room, sizeof room),
                 slice_of(chunks->claimed, sizeof chunks->claimed), fault);
}

static int hex_digit(char c)
{
    char lower = ascii_lower(c);
    return ascii_is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static int read_size(struct slice text, uint64_t *ret_size)
{
    *ret_size = 0;
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_digit(text.at[i]);
        if (digit < 0 || *ret_size > S3_CHUNK_BYTES_MAX)
            return -EBADMSG;
        *ret_size = *ret_size << 4 | (unsigned)digit;
    }
    return text.len > 0 && *ret_size <= S3_CHUNK_BYTES_MAX ? 0 : -EBADMSG;
}

/* SIZE[;chunk-signature=SIGNATURE] */
static int begin_chunk(struct s3_chunks *chunks, struct slice line, struct s3_fault *fault)
{
    struct slice size, extension = {0};
    if (!slice_cut(&line, ';', &size) || read_size(slice_trim(size), &chunks->left) < 0)
        return incomplete(fault, "a chunk's size is none");
    (void)slice_cut(&line, ';', &extension);
    if (is_signed(chunks)) {
        struct slice name = SLICE("chunk-signature=");
        if (!slice_starts_with(extension, name) ||
            extension.len != name.len + sizeof chunks->claimed)
            return incomplete(fault, "a chunk has no chunk-signature");
        memcpy(chunks->claimed, extension.at + name.len, sizeof chunks->claimed);
        if (s3_sum_begin(&chunks->sum, S3_CHECKSUM_SHA256) < 0)
            return s3_fault_memory(fault);
    }
    if (chunks->left > 0) {
        chunks->state = IN_DATA;
        return 0;
    }
    chunks->state = IN_TRAILERS;
    return check_chunk(chunks, fault);
}

/* name:value, with a line feed behind each, as they were sent. */
static int check_trailers(struct s3_chunks *chunks, struct slice claimed, struct s3_fault *fault)
{
    struct s3_sum sum;
    unsigned char bytes[S3_SUM_BYTES_MAX];
    char hex[2 * S3_SUM_BYTES_MAX];
    if (s3_sum_begin(&sum, S3_CHECKSUM_SHA256) < 0)
        return s3_fault_memory(fault);
    for (unsigned i = 0; i < chunks->trailers_count; i++) {
        s3_sum_add(&sum, chunks->trailers[i].name);
        s3_sum_add(&sum, SLICE(":"));
        s3_sum_add(&sum, chunks->trailers[i].value);
        s3_sum_add(&sum, SLICE("\n"));
    }
    (void)s3_sum_end(&sum, bytes);
    s3_sum_finish(&sum);
    return check(chunks, SLICE("AWS4-HMAC-SHA256-TRAILER"), s3_hex_write(bytes, sizeof bytes, hex),
                 claimed, fault);
}

static int end_trailers(struct s3_chunks *chunks, struct s3_fault *fault)
{
    if (chunks->payload == S3_PAYLOAD_CHUNKS_TRAILER && !chunks->has_trailer_signature)
        return s3_fault_say(fault, S3_MALFORMED_TRAILER,
                            "x-amz-trailer-signature is not at the end of the trailer");
    chunks->state = AT_END;
    return 0;
}

/* One that comes twice may contradict itself. */
static bool has_trailer(const struct s3_chunks *chunks, struct slice name)
{
    for (unsigned i = 0; i < chunks->trailers_count; i++) {
        if (slice_equal(chunks->trailers[i].name, name))
            return true;
    }
    return false;
}

static int add_trailer(struct s3_chunks *chunks, struct slice line, struct s3_fault *fault)
{
    ptrdiff_t colon = slice_find(line, ':');
    if (line.len == 0)
        return end_trailers(chunks, fault);
    if (!has_trailers(chunks) || colon <= 0 || chunks->has_trailer_signature)
        return s3_fault_set(fault, S3_MALFORMED_TRAILER);
    /* The line lies in the room where it stays. */
    for (ptrdiff_t i = 0; i < colon; i++)
        chunks->line[chunks->line_start + (size_t)i] = ascii_lower(line.at[i]);
    struct s3_trailer trailer = {slice_trim(slice_first(line, (size_t)colon)),
                                 slice_trim(slice_from(line, (size_t)colon + 1))};
    if (slice_equal(trailer.name, SLICE("x-amz-trailer-signature"))) {
        chunks->has_trailer_signature = true;
        return is_signed(chunks) ? check_trailers(chunks, trailer.value, fault) : 0;
    }
    if (chunks->trailers_count == S3_TRAILERS_MAX || has_trailer(chunks, trailer.name))
        return s3_fault_set(fault, S3_MALFORMED_TRAILER);
    chunks->trailers[chunks->trailers_count++] = trailer;
    return 0;
}

static int take_line(struct s3_chunks *chunks, struct slice line, struct s3_fault *fault)
{
    int rc = 0;
    switch (chunks->state) {
    case IN_SIZE:
        rc = begin_chunk(chunks, line, fault);
        break;
    case BEHIND_DATA:
        chunks->state = IN_SIZE;
        if (line.len > 0)
            rc = incomplete(fault, "a chunk is longer than its size");
        break;
    default: {
        rc = add_trailer(chunks, line, fault);
        chunks->line_start = chunks->line_len;
        return rc;
    }
    }
    chunks->line_len = chunks->line_start = 0;
    return rc;
}

/* Up to a line feed; what stands before it, with or without a carriage return, is the line. */
static int read_line(struct s3_chunks *chunks, struct slice *in, struct s3_fault *fault)
{
    ptrdiff_t end = slice_find(*in, '\n');
    size_t len = end < 0 ? in->len : (size_t)end;
    if (len > sizeof chunks->line - chunks->line_len)
        return incomplete(fault, "a line is too long");
    memcpy(chunks->line + chunks->line_len, in->at, len);
    chunks->line_len += len;
    *in = slice_from(*in, end < 0 ? len : len + 1);
    if (end < 0)
        return 0;
    struct slice line =
        slice_of(chunks->line + chunks->line_start, chunks->line_len - chunks->line_start);
    if (slice_ends_with(line, SLICE("\r")))
        line.len--;
    return take_line(chunks, line, fault);
}

int s3_chunks_next(struct s3_chunks *chunks, struct slice *in, struct s3_fault *fault,
                   struct slice *ret_data)
{
    while (in->len > 0) {
        int rc;
        if (chunks->state == IN_DATA) {
            *ret_data = slice_first(*in, chunks->left < in->len ? (size_t)chunks->left : in->len);
            *in = slice_from(*in, ret_data->len);
            chunks->left -= ret_data->len;
            if (is_signed(chunks))
                s3_sum_add(&chunks->sum, *ret_data);
            if (chunks->left > 0)
                return 1;
            chunks->state = BEHIND_DATA;
            rc = check_chunk(chunks, fault);
            return rc < 0 ? rc : 1;
        }
        if (chunks->state == AT_END)
            return incomplete(fault, "something stands behind its end");
        rc = read_line(chunks, in, fault);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int s3_chunks_end(const struct s3_chunks *chunks, struct s3_fault *fault)
{
    return chunks->state == AT_END ? 0 : incomplete(fault, "its end is missing");
}
