/*
 * What strangers answer to questions of Weir's own: a URL in it is taken apart, the whole is read
 * as an answer, and as base64url. Holds: a URL's parts lie in it; a body is no longer than what was
 * received; what is decoded is the same when it is encoded again.
 */
#include "fuzz.h"

#include "base/memory.h"
#include "http/answer.h"
#include "http/fetch.h"
#include "wire/acme/jose.h"

static bool lies_in(struct slice part, struct slice whole)
{
    return part.at >= whole.at && part.at + part.len <= whole.at + whole.len;
}

static void check_url(struct slice text)
{
    struct fetch_url url;
    if (fetch_parse_url(text, &url) < 0)
        return;
    CHECK(lies_in(url.authority, text) && lies_in(url.host, url.authority));
    CHECK(url.host.len > 0 && url.host.len < FETCH_HOST_BYTES_MAX && url.port > 0);
    CHECK(url.target.len > 0 && url.target.at[0] == '/');
    for (size_t i = 0; i < url.target.len; i++)
        CHECK(url.target.at[i] > ' ' && url.target.at[i] <= '~');
}

static void check_answer(struct slice text)
{
    static struct field fields[HTTP_FIELDS_MAX];
    struct response_head head = {.fields = {.at = fields, .max = HTTP_FIELDS_MAX}};
    struct buffer body;
    buffer_init(&body, text.len);
    if (answer_parse(text, &head, &body) == 0)
        CHECK(head.status >= 200 && body.len <= text.len);
    buffer_finish(&body);
}

static void check_base64(struct slice text)
{
    struct buffer again;
    char *room = memory_alloc(text.len + 1);
    CHECK(room != NULL);
    ptrdiff_t len = jose_decode(text, room);
    buffer_init(&again, 2 * text.len + 8);
    if (len >= 0) {
        CHECK(jose_encode(slice_of(room, (size_t)len), &again) == 0);
        CHECK(slice_equal(buffer_slice(&again), text));
    }
    buffer_finish(&again);
    memory_free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice text = slice_of(data, len);
    check_url(text);
    check_answer(text);
    check_base64(text);
    return 0;
}
