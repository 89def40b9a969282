#include "wire/s3/query.h"

#include "wire/http/chars.h"
#include "wire/http/uri.h"

#include <errno.h>

ptrdiff_t s3_unescape(struct slice text, bool has_plus, char *out)
{
    if (!has_plus || slice_find(text, '+') < 0)
        return uri_decode(text, out);
    for (size_t i = 0; i < text.len; i++)
        out[i] = text.at[i] == '+' ? ' ' : text.at[i];
    return uri_decode(slice_of(out, text.len), out);
}

void s3_escape(struct writer *writer, struct slice text, bool keeps_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t written = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (char_is(c, CHAR_UNRESERVED) || (c == '/' && keeps_slash))
            continue;
        char escape[3] = {'%', digits[(unsigned char)c >> 4], digits[(unsigned char)c & 15]};
        write_bytes(writer, text.at + written, i - written);
        write_bytes(writer, escape, sizeof escape);
        written = i + 1;
    }
    write_slice(writer, slice_from(text, written));
}

static int decode(struct slice raw, struct arena *arena, struct s3_fault *fault,
                  struct slice *ret_text)
{
    if (memchr(raw.at, '%', raw.len) == NULL && memchr(raw.at, '+', raw.len) == NULL) {
        *ret_text = raw;
        return 0;
    }
    char *room = arena_alloc(arena, raw.len);
    if (room == NULL)
        return s3_fault_memory(fault);
    ptrdiff_t len = s3_unescape(raw, true, room);
    if (len < 0)
        return s3_fault_set(fault, S3_INVALID_URI);
    *ret_text = slice_of(room, (size_t)len);
    return 0;
}

static int read_param(struct slice part, struct arena *arena, struct s3_fault *fault,
                      struct s3_param *ret_param)
{
    ptrdiff_t equals = slice_find(part, '=');
    struct slice name = equals < 0 ? part : slice_first(part, (size_t)equals);
    struct slice value = slice_from(part, equals < 0 ? part.len : (size_t)equals + 1);
    int rc = decode(name, arena, fault, &ret_param->name);
    return rc < 0 ? rc : decode(value, arena, fault, &ret_param->value);
}

int s3_query_parse(struct slice raw, struct arena *arena, struct s3_fault *fault,
                   struct s3_query *ret_query)
{
    struct slice left = raw, part;
    unsigned max = 0;
    while (slice_cut(&left, '&', &part))
        max++;
    *ret_query = (struct s3_query){NULL, 0};
    if (raw.len == 0)
        return 0;
    if (max > S3_PARAMS_MAX)
        return s3_fault_say(fault, S3_INVALID_URI, "The query has more than %d parameters",
                            S3_PARAMS_MAX);
    struct s3_param *params = arena_alloc_array(arena, max, sizeof *params);
    if (params == NULL)
        return s3_fault_memory(fault);
    while (slice_cut(&raw, '&', &part)) {
        if (part.len == 0)
            continue;
        int rc = read_param(part, arena, fault, &params[ret_query->count]);
        if (rc < 0)
            return rc;
        ret_query->count++;
    }
    ret_query->at = params;
    return 0;
}

struct slice s3_query_value(const struct s3_query *query, struct slice name)
{
    for (unsigned i = 0; i < query->count; i++) {
        if (slice_equal(query->at[i].name, name))
            return query->at[i].value;
    }
    return (struct slice){NULL, 0};
}
