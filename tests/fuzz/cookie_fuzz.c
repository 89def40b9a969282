/*
 * The Cookie field. Holds: names are tokens and values hold no separator; what is found is one of
 * the pairs; what is written without a name no longer has it, and loses nothing else.
 */
#include "fuzz.h"

#include "base/memory.h"
#include "wire/http/cookie.h"
#include "wire/http/message.h"

static unsigned count_others(struct slice cookies, struct slice left_out)
{
    unsigned count = 0;
    struct slice piece, name, value;
    while (cookie_next(&cookies, &piece, &name, &value)) {
        CHECK(piece.len > 0 && slice_find(piece, ';') < 0);
        CHECK(name.len == 0 || http_is_token(name));
        CHECK(name.len == 0 || name.len + 1 + value.len == piece.len);
        CHECK(slice_find(value, ';') < 0 && slice_find(value, ' ') < 0);
        count += !(name.len > 0 && slice_equal(name, left_out));
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice cookies = slice_of(data, len), name = SLICE("weir"), value;
    unsigned others = count_others(cookies, name);
    char *out = memory_alloc(2 * len + 1);
    CHECK(out != NULL);
    struct writer writer;
    writer_init(&writer, out, 2 * len);
    bool is_any = cookie_write_others(&writer, cookies, &name, 1);
    CHECK(!writer.overflown && is_any == (others > 0));
    struct slice written = writer_slice(&writer);
    CHECK(!cookie_find(written, name, &value));
    CHECK(count_others(written, name) == others);
    memory_free(out);
    return 0;
}
