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
static bool is_dropped(struct slice name, struct slice value)
{
    switch (field_id_of(name)) {
    case FIELD_CONNECTION:
    case FIELD_KEEP_ALIVE:
    case FIELD_PROXY_CONNECTION:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_UPGRADE:
        return true;
    case FIELD_TE: /* RFC 9113 §8.2.2 */
        return !slice_equal(value, SLICE("trailers"));
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

/* The start line, and behind it the field lines. */
static struct slice take_start_line(struct slice *head)
{
    ptrdiff_t end = slice_find(*head, '\r');
    assert(end > 0);
    struct slice line = slice_first(*head, (size_t)end);
    *head = slice_from(*head, (size_t)end + 2);
    return line;
}

/* The next field line, its name in small letters; false at the empty one. */
static bool next_line(struct slice *lines, struct slice *ret_name, struct slice *ret_value)
{
    if (lines->len == 0 || lines->at[0] == '\r')
        return false;
    ptrdiff_t end = slice_find(*lines, '\r'), colon = slice_find(*lines, ':');
    assert(end > 0 && colon > 0 && colon < end);
    *ret_name = slice_first(*lines, (size_t)colon);
    *ret_value = slice_trim(slice_of(lines->at + colon + 1, (size_t)(end - colon - 1)));
    *lines = slice_from(*lines, (size_t)end + 2);
    lower((char *)(uintptr_t)ret_name->at, ret_name->len);
    return true;
}

int h2_lines_of_response(struct slice head, nghttp2_nv *ret_lines, int max)
{
    enum { STATUS_AT = 9, STATUS_LEN = 3 }; /* behind "HTTP/1.1 " */
    struct slice status = slice_from(take_start_line(&head), STATUS_AT), name, value;
    assert(status.len >= STATUS_LEN);
    status = slice_first(status, STATUS_LEN);
    if (slice_equal(status, SLICE("101")))
        status = SLICE("200");
    ret_lines[0] = pair(SLICE(":status"), status, NO_COPY);
    int count = 1;
    while (next_line(&head, &name, &value)) {
        if (is_dropped(name, value))
            continue;
        if (count == max)
            return -E2BIG;
        ret_lines[count++] = pair(name, value, flags_of(name));
    }
    return count;
}

int h2_lines_of_request(struct slice head, struct slice scheme, nghttp2_nv *ret_lines, int max)
{
    struct slice start = take_start_line(&head), name, value;
    ptrdiff_t blank = slice_find(start, ' ');
    assert(blank > 0);
    struct slice method = slice_first(start, (size_t)blank);
    struct slice target = slice_from(start, (size_t)blank + 1);
    target = slice_first(target, target.len - strlen(" HTTP/1.1"));
    ret_lines[0] = pair(SLICE(":method"), method, NO_COPY);
    ret_lines[1] = pair(SLICE(":scheme"), scheme, NO_COPY);
    ret_lines[2] = pair(SLICE(":path"), target, NO_COPY);
    int count = 3;
    while (next_line(&head, &name, &value)) {
        bool is_host = slice_equal(name, SLICE("host"));
        if (is_dropped(name, value) || (is_host && value.len == 0))
            continue;
        if (count == max)
            return -E2BIG;
        ret_lines[count++] = pair(name, value, flags_of(name));
        if (!is_host)
            continue;
        /* Pseudo-header fields come first (RFC 9113 §8.3). */
        ret_lines[count - 1] = ret_lines[3];
        ret_lines[3] = pair(SLICE(":authority"), value, NO_COPY);
    }
    return count;
}

int h2_lines_of_fields(const struct fields *fields, nghttp2_nv ret_lines[static H2_LINES_MAX])
{
    int count = 0;
    for (unsigned i = 0; i < fields->count && count < H2_LINES_MAX; i++) {
        const struct field *field = &fields->at[i];
        if (!is_dropped(field->name, field->value))
            ret_lines[count++] = pair(field->name, field->value, NGHTTP2_NV_FLAG_NONE);
    }
    return count;
}
