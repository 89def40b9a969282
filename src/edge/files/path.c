/* Pure decisions on paths: called once for each name that is not in the cache. */
#include "edge/files/path.h"

#include "edge/files/types.h"
#include "wire/http/uri.h"

#include <errno.h>

static bool is_hidden(struct slice segment, bool is_first)
{
    return segment.len > 0 && segment.at[0] == '.' &&
           !(is_first && slice_equal(segment, SLICE(".well-known")));
}

/* Decodes one segment to `to`. Returns its length, or -ENOENT. */
static ssize_t map_segment(struct slice raw, bool is_first, char *to)
{
    ptrdiff_t len = uri_decode(raw, to);
    if (len < 0)
        return -ENOENT;
    struct slice segment = slice_of(to, (size_t)len);
    if (slice_find(segment, '/') >= 0 || slice_find(segment, '\0') >= 0 ||
        is_hidden(segment, is_first))
        return -ENOENT;
    return len;
}

ssize_t files_path_map(struct slice path, struct slice index, char *out)
{
    if (path.len == 0 || path.at[0] != '/')
        return -ENOENT;
    struct slice rest = slice_from(path, 1), segment;
    char *to = out;
    while (slice_cut(&rest, '/', &segment)) {
        ssize_t len = map_segment(segment, to == out, to);
        if (len < 0)
            return len;
        to += len;
        if (rest.at != NULL)
            *to++ = '/';
    }
    if (path.at[path.len - 1] == '/') {
        memcpy(to, index.at, index.len);
        to += index.len;
    }
    *to = '\0';
    return to - out;
}

static bool is_navigation(const struct request_head *request)
{
    const struct field *mode = fields_find(&request->fields, FIELD_SEC_FETCH_MODE);
    if (mode != NULL)
        return slice_equal(mode->value, SLICE("navigate"));
    return http_list_has(fields_value(&request->fields, FIELD_ACCEPT), SLICE("text/html"));
}

bool files_wants_fallback(const struct request_head *request, struct slice path)
{
    return is_navigation(request) && !content_type_is_known(path);
}
