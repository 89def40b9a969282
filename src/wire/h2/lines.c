/* From lines of HTTP/1 to name-value pairs of HTTP/2. */
#include "wire/h2/lines.h"

#include <assert.h>
#include <errno.h>

#define NO_COPY (NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE)

static void lower(char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        at[i] = ascii_lower(at[i]);
}

/* Sec-WebSocket-Accept answers a key that the client never sent. */
static bool is_dropped(struct slice name)
{
    switch (field_id_of(name)) {
    case FIELD_CONNECTION:
    case FIELD_KEEP_ALIVE:
    case FIELD_PROXY_CONNECTION:
    case FIELD_TE:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_UPGRADE:
        return true;
    case FIELD_OTHER:
        return slice_equal(name, SLICE("sec-websocket-accept"));
    default:
        return false;
    }
}

/* What differs with each response would only push the rest out of the client's table. */
static uint8_t flags_of(struct slice name)
{
    return slice_equal(name, SLICE("x-request-id")) ? NO_COPY | NGHTTP2_NV_FLAG_NO_INDEX : NO_COPY;
}

static nghttp2_nv pair(struct slice name, struct slice value, uint8_t flags)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.at, (uint8_t *)(uintptr_t)value.at, name.len,
                        value.len, flags};
}

int h2_lines_of_response(struct slice head, nghttp2_nv *ret_lines, int max)
{
    enum { STATUS_AT = 9, STATUS_LEN = 3 }; /* behind "HTTP/1.1 " */
    char *at = (char *)(uintptr_t)head.at, *end = at + head.len;
    assert(head.len > STATUS_AT + STATUS_LEN);
    struct slice status = slice_of(at + STATUS_AT, STATUS_LEN);
    if (slice_equal(status, SLICE("101")))
        status = SLICE("200");
    ret_lines[0] = pair(SLICE(":status"), status, NO_COPY);
    int count = 1;
    at += slice_find(head, '\n') + 1;
    while (at < end && *at != '\r') {
        char *line_end = memchr(at, '\r', (size_t)(end - at));
        assert(line_end != NULL);
        char *colon = memchr(at, ':', (size_t)(line_end - at));
        assert(colon != NULL);
        struct slice name = slice_of(at, (size_t)(colon - at));
        struct slice value = slice_trim(slice_of(colon + 1, (size_t)(line_end - colon - 1)));
        lower(at, name.len);
        at = line_end + 2;
        if (is_dropped(name))
            continue;
        if (count == max)
            return -E2BIG;
        ret_lines[count++] = pair(name, value, flags_of(name));
    }
    return count;
}

int h2_lines_of_fields(const struct fields *fields, nghttp2_nv ret_lines[static H2_LINES_MAX])
{
    int count = 0;
    for (unsigned i = 0; i < fields->count && count < H2_LINES_MAX; i++) {
        const struct field *field = &fields->at[i];
        if (!is_dropped(field->name))
            ret_lines[count++] = pair(field->name, field->value, NGHTTP2_NV_FLAG_NONE);
    }
    return count;
}
