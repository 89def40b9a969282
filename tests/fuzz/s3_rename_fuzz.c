/*
 * Documents of another endpoint. Holds: in pieces of the first byte's length they become what they
 * become in one; nothing is left of a name that is to go; renamed to itself a document stays as it
 * is, but for what is left out of errors.
 */
#include "fuzz.h"

#include "base/cleanup.h"
#include "wire/s3/rename.h"

#define BYTES_MAX ((size_t)1 << 20)

static void feed(struct s3_rename *rename, struct slice text, size_t step, struct buffer *out)
{
    do {
        struct slice part = slice_first(text, step < text.len ? step : text.len);
        text = slice_from(text, part.len);
        CHECK(s3_rename_feed(rename, part, text.len == 0, out) == 0);
    } while (text.len > 0);
}

static void check_pieces(struct slice text, size_t step)
{
    SCOPED(buffer_finish) struct buffer whole;
    SCOPED(buffer_finish) struct buffer pieces;
    struct s3_rename one = {.from = SLICE("far"), .to = SLICE("near"), .location = SLICE("here")};
    struct s3_rename other = one;
    buffer_init(&whole, BYTES_MAX);
    buffer_init(&pieces, BYTES_MAX);
    feed(&one, text, text.len + 1, &whole);
    feed(&other, text, step, &pieces);
    CHECK(slice_equal(buffer_slice(&whole), buffer_slice(&pieces)));
    CHECK(slice_search(buffer_slice(&whole), SLICE("<Name>far<")) < 0);
    CHECK(slice_search(buffer_slice(&whole), SLICE("<Bucket>far<")) < 0);
}

static void check_itself(struct slice text)
{
    SCOPED(buffer_finish) struct buffer out;
    struct s3_rename rename = {.from = SLICE("far"), .to = SLICE("far")};
    buffer_init(&out, BYTES_MAX);
    feed(&rename, text, text.len + 1, &out);
    CHECK(out.len <= text.len);
    if (slice_search(text, SLICE("<AWS")) < 0 && slice_search(text, SLICE("<S")) < 0 &&
        slice_search(text, SLICE("<Canonical")) < 0)
        CHECK(slice_equal(buffer_slice(&out), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0 || len > BYTES_MAX / 8)
        return 0;
    struct slice text = slice_of(data + 1, len - 1);
    check_pieces(text, (size_t)data[0] + 1);
    check_itself(text);
    return 0;
}
