/*
 * Bodies of the coding "aws-chunked". The first byte says which of the three forms it is, the
 * second how many bytes the decoder gets at a time. Holds: the content, its trailers and the end do
 * not depend on how the bytes are cut; content that is encoded and signed here is decoded to
 * itself.
 */
#include "fuzz.h"

#include "base/memory.h"
#include "base/writer.h"
#include "wire/s3/chunks.h"

#define TIMESTAMP "20130524T000000Z"
#define SCOPE     "20130524/us-east-1/s3/aws4_request"
#define EMPTY     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define TRAILER   "x-amz-checksum-crc32c:sOO8/Q=="

static const unsigned char key[S3_SIGNING_KEY_BYTES] = "thirty-two bytes of a signing k";

struct decoded {
    char *content; /* owned; as long as the input at most */
    size_t len;
    int rc;
    enum s3_code code;
    struct s3_chunks chunks;
};

static struct s3_signature head(enum s3_payload payload)
{
    return (struct s3_signature){.payload_kind = payload,
                                 .timestamp = SLICE(TIMESTAMP),
                                 .scope = SLICE(SCOPE),
                                 .signature = SLICE(EMPTY)};
}

/* Gives `step` bytes a time. Into memory of the caller: the trailers point into it. */
static void decode(struct slice bytes, enum s3_payload payload, size_t step,
                   struct decoded *decoded)
{
    struct s3_signature signature = head(payload);
    struct s3_fault fault = {0};
    decoded->content = memory_alloc(bytes.len + 1);
    decoded->len = 0;
    decoded->rc = 0;
    CHECK(decoded->content != NULL);
    s3_chunks_init(&decoded->chunks, &signature,
                   payload == S3_PAYLOAD_UNSIGNED_TRAILER ? NULL : key);
    while (bytes.len > 0 && decoded->rc == 0) {
        struct slice part = slice_first(bytes, step), data;
        bytes = slice_from(bytes, part.len);
        while ((decoded->rc = s3_chunks_next(&decoded->chunks, &part, &fault, &data)) == 1) {
            memcpy(decoded->content + decoded->len, data.at, data.len);
            decoded->len += data.len;
        }
        CHECK(decoded->rc < 0 || part.len == 0);
    }
    if (decoded->rc == 0)
        decoded->rc = s3_chunks_end(&decoded->chunks, &fault);
    CHECK((decoded->rc < 0) == (fault.code != S3_NO_FAULT));
    decoded->code = fault.code;
    s3_chunks_finish(&decoded->chunks);
}

static void check_same(const struct decoded *one, const struct decoded *other)
{
    CHECK(one->rc == other->rc && one->code == other->code);
    if (one->rc < 0)
        return; /* how much of the content came before the fault is of no use to anyone */
    CHECK(slice_equal(slice_of(one->content, one->len), slice_of(other->content, other->len)));
    CHECK(one->chunks.trailers_count == other->chunks.trailers_count);
    for (unsigned i = 0; i < one->chunks.trailers_count; i++) {
        CHECK(slice_equal(one->chunks.trailers[i].name, other->chunks.trailers[i].name));
        CHECK(slice_equal(one->chunks.trailers[i].value, other->chunks.trailers[i].value));
    }
}

static void write_sha256(struct writer *writer, struct slice bytes)
{
    unsigned char sum[S3_SUM_BYTES_MAX];
    char hex[2 * S3_SUM_BYTES_MAX];
    CHECK(s3_sum_of(S3_CHECKSUM_SHA256, bytes, sum) == 0);
    write_slice(writer, s3_hex_write(sum, sizeof sum, hex));
}

/* The next signature of the chain. */
static void sign(struct slice bytes, bool is_trailer, char previous[S3_SIGNATURE_LEN])
{
    char room[512];
    struct writer writer;
    writer_init(&writer, room, sizeof room);
    write_slice(&writer, is_trailer ? SLICE("AWS4-HMAC-SHA256-TRAILER\n")
                                    : SLICE("AWS4-HMAC-SHA256-PAYLOAD\n"));
    write_literal(&writer, TIMESTAMP "\n" SCOPE "\n");
    write_bytes(&writer, previous, S3_SIGNATURE_LEN);
    if (!is_trailer)
        write_literal(&writer, "\n" EMPTY);
    write_char(&writer, '\n');
    write_sha256(&writer, bytes);
    CHECK(!writer.overflown);
    s3_sign_text(key, writer_slice(&writer), previous);
}

static void write_chunk(struct writer *writer, struct slice bytes, enum s3_payload payload,
                        char previous[S3_SIGNATURE_LEN])
{
    write_hex(writer, bytes.len, 8);
    if (payload != S3_PAYLOAD_UNSIGNED_TRAILER) {
        sign(bytes, false, previous);
        write_literal(writer, ";chunk-signature=");
        write_bytes(writer, previous, S3_SIGNATURE_LEN);
    }
    write_literal(writer, "\r\n");
    write_slice(writer, bytes);
    if (bytes.len > 0)
        write_literal(writer, "\r\n");
}

/* Of chunks of `step` bytes. */
static struct slice encode(struct slice content, enum s3_payload payload, size_t step, void *room,
                           size_t room_len)
{
    char previous[S3_SIGNATURE_LEN + 1] = EMPTY;
    struct writer writer;
    writer_init(&writer, room, room_len);
    for (; content.len > 0; content = slice_from(content, slice_first(content, step).len))
        write_chunk(&writer, slice_first(content, step), payload, previous);
    write_chunk(&writer, content, payload, previous);
    if (payload != S3_PAYLOAD_CHUNKS)
        write_literal(&writer, TRAILER "\r\n");
    if (payload == S3_PAYLOAD_CHUNKS_TRAILER) {
        sign(SLICE(TRAILER "\n"), true, previous);
        write_literal(&writer, "x-amz-trailer-signature:");
        write_bytes(&writer, previous, S3_SIGNATURE_LEN);
        write_literal(&writer, "\r\n");
    }
    write_literal(&writer, "\r\n");
    CHECK(!writer.overflown);
    return writer_slice(&writer);
}

static void check_encoded(struct slice content, enum s3_payload payload, size_t step)
{
    size_t room_len = content.len + 512 + (content.len / step + 2) * 128;
    char *room = memory_alloc(room_len);
    struct decoded decoded;
    CHECK(room != NULL);
    decode(encode(content, payload, step, room, room_len), payload, step + 1, &decoded);
    CHECK(decoded.rc == 0 && slice_equal(slice_of(decoded.content, decoded.len), content));
    CHECK(decoded.chunks.trailers_count == (payload != S3_PAYLOAD_CHUNKS));
    memory_free(decoded.content);
    memory_free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct decoded once, stepwise; /* with the room for lines in them, large for a stack */
    if (len < 2)
        return 0;
    struct slice bytes = slice_of(data + 2, len - 2);
    enum s3_payload payload = S3_PAYLOAD_CHUNKS + data[0] % 3U;
    size_t step = 1 + data[1] % 64U;
    decode(bytes, payload, SIZE_MAX, &once);
    decode(bytes, payload, step, &stepwise);
    check_same(&once, &stepwise);
    memory_free(once.content);
    memory_free(stepwise.content);
    check_encoded(bytes, payload, step);
    return 0;
}
