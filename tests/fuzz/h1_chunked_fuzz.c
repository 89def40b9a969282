/*
 * Chunked bodies. The first byte says how many bytes the decoder gets at a time. Holds: the body is
 * the same as with all bytes at once; encoded anew in one chunk it is decoded to itself.
 */
#include "fuzz.h"

#include "base/memory.h"
#include "wire/h1/chunked.h"

struct decoded {
    char *body; /* owned; as long as the input at most */
    size_t len;
    size_t taken;
    enum h1_chunked_event event;
    unsigned status;
};

/* Gives `step` bytes a time; what the decoder leaves is given again. */
static struct decoded decode(struct slice bytes, size_t step)
{
    struct decoded decoded = {.body = memory_alloc(bytes.len + 1), .event = H1_CHUNKED_MORE};
    struct h1_chunked chunked = {0};
    struct h1_refusal refusal = {0};
    CHECK(decoded.body != NULL);
    while (decoded.taken < bytes.len && decoded.event == H1_CHUNKED_MORE) {
        struct slice part = slice_first(slice_from(bytes, decoded.taken), step), data;
        size_t given = part.len;
        do {
            decoded.event = h1_chunked_next(&chunked, &part, &data, &refusal);
            if (decoded.event == H1_CHUNKED_DATA) {
                CHECK(data.len > 0 && decoded.len + data.len <= bytes.len);
                memcpy(decoded.body + decoded.len, data.at, data.len);
                decoded.len += data.len;
            }
        } while (decoded.event == H1_CHUNKED_DATA);
        CHECK(decoded.event != H1_CHUNKED_MORE || part.len == 0);
        decoded.taken += given - part.len;
    }
    decoded.status = refusal.status;
    CHECK((decoded.event == H1_CHUNKED_REFUSED) == (decoded.status == 400));
    return decoded;
}

static void check_encoded_anew(const struct decoded *decoded)
{
    char head[H1_CHUNK_HEAD_BYTES];
    size_t head_len = h1_chunk_head(head, decoded->len), len = head_len + decoded->len;
    char *text = memory_alloc(len + 5);
    CHECK(text != NULL && head_len <= sizeof head);
    memcpy(text, head, head_len);
    memcpy(text + head_len, decoded->body, decoded->len);
    memcpy(text + len, "\r\n0\r\n", 5);
    struct decoded again = decode(slice_of(text, len + 5), SIZE_MAX);
    CHECK(again.event == H1_CHUNKED_TRAILERS && again.taken == len + 5);
    CHECK(slice_equal(slice_of(again.body, again.len), slice_of(decoded->body, decoded->len)));
    memory_free(again.body);
    memory_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    struct slice bytes = slice_of(data + 1, len - 1);
    struct decoded once = decode(bytes, SIZE_MAX), stepwise = decode(bytes, 1 + data[0] % 32U);
    CHECK(once.event == stepwise.event && once.taken == stepwise.taken);
    CHECK(slice_equal(slice_of(once.body, once.len), slice_of(stepwise.body, stepwise.len)));
    if (once.len > 0)
        check_encoded_anew(&once);
    memory_free(once.body);
    memory_free(stepwise.body);
    return 0;
}
