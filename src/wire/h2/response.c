/* Fields as lines, then lines as heads. What nghttp2 found malformed never comes here. */
#include "wire/h2/response.h"

#include "base/cleanup.h"
#include "wire/h1/head.h"

#include <errno.h>

void h2_response_init(struct h2_response *response, void *memory, size_t len)
{
    *response = (struct h2_response){.bytes = 0};
    writer_init(&response->text, memory, len);
}

void h2_response_extend(struct h2_response *response, void *memory, size_t len)
{
    struct slice text = writer_slice(&response->text);
    writer_init(&response->text, memory, len);
    write_slice(&response->text, text);
}

static int refuse(struct h2_response *response, const char *why)
{
    response->why = why;
    return -EBADMSG;
}

static bool has_room(const struct h2_response *response, size_t len)
{
    return len <= (size_t)(response->text.end - response->text.at);
}

/* Without room in memory that cannot grow. */
static int lack_room(struct h2_response *response)
{
    size_t len = (size_t)(response->text.end - response->text.start);
    return len < H2_RESPONSE_BYTES_MAX
               ? -ENOSPC
               : refuse(response, "the target's response head is too large");
}

static int add_status(struct h2_response *response, struct slice value)
{
    static const char before[] = "HTTP/1.1 ", after[] = " \r\n";
    if (!has_room(response, strlen(before) + value.len + strlen(after)))
        return lack_room(response);
    write_literal(&response->text, "HTTP/1.1 ");
    write_slice(&response->text, value);
    write_literal(&response->text, " \r\n");
    response->has_final = value.len == 3 && value.at[0] != '1';
    return 0;
}

int h2_response_add(struct h2_response *response, struct slice name, struct slice value)
{
    size_t bytes = response->bytes + name.len + value.len;
    unsigned fields = response->fields + 1;
    if (bytes > (size_t)H2_RESPONSE_EXCESS * HTTP_HEAD_BYTES_MAX ||
        fields > H2_RESPONSE_EXCESS * HTTP_FIELDS_MAX)
        return -E2BIG;
    int rc = 0;
    if (response->why != NULL)
        rc = -EBADMSG;
    else if (bytes > HTTP_HEAD_BYTES_MAX || fields > HTTP_FIELDS_MAX + 1)
        rc = refuse(response, "the target's response head is too large");
    else if (name.len > 0 && name.at[0] == ':')
        rc = add_status(response, value);
    else if (!http_is_token(name) || !http_is_field_value(value))
        rc = refuse(response, "the target sent a malformed field");
    else if (!has_room(response, name.len + value.len + 4))
        rc = lack_room(response);
    if (rc == -ENOSPC)
        return rc;
    response->bytes = (uint32_t)bytes;
    response->fields = (uint16_t)fields;
    if (rc < 0 || name.at[0] == ':')
        return rc;
    write_slice(&response->text, name);
    write_literal(&response->text, ": ");
    write_slice(&response->text, value);
    write_literal(&response->text, "\r\n");
    return 0;
}

static uint32_t text_len(const struct h2_response *response)
{
    return (uint32_t)writer_slice(&response->text).len;
}

int h2_response_seal(struct h2_response *response)
{
    if (!has_room(response, 2)) {
        int rc = lack_room(response);
        if (rc == -ENOSPC)
            return rc;
    }
    if (response->why != NULL)
        return -EBADMSG;
    write_literal(&response->text, "\r\n");
    response->bytes = 0;
    response->fields = 0;
    if (response->trailers_at == 0)
        response->complete = text_len(response);
    /* What comes behind a final head are trailers. */
    if (response->has_final && response->trailers_at == 0)
        response->trailers_at = response->complete;
    return 0;
}

/* The end of a body is told by its stream's, with or without a length. */
static void settle_framing(bool has_ended, struct response_head *head)
{
    head->keep_alive = true;
    if (head->framing.kind == BODY_UNTIL_CLOSE)
        head->framing.kind = has_ended ? BODY_NONE : BODY_CHUNKED;
}

int h2_response_next(struct h2_response *response, enum http_method method, bool has_ended,
                     struct response_head *ret_head, const char **ret_why)
{
    struct slice heads = slice_first(writer_slice(&response->text), response->complete);
    struct slice rest = slice_from(heads, response->read);
    struct h1_scan scan = {0};
    struct h1_refusal refusal = {0};
    if (rest.len == 0)
        return 0;
    int len = h1_scan(&scan, rest, &refusal);
    int rc = len < 0 ? len : 0;
    if (len > 0)
        rc = h1_parse_response(slice_first(rest, (size_t)len), method, ret_head, &refusal);
    if (rc < 0 || len == 0) {
        *ret_why = len == 0 ? "the target's response head is malformed" : refusal.text;
        return -EBADMSG;
    }
    response->read += (uint32_t)len;
    settle_framing(has_ended, ret_head);
    return 1;
}

void h2_response_trailers(const struct h2_response *response, struct fields *ret_fields)
{
    struct slice section = {0};
    struct h1_refusal refusal;
    struct h1_scan scan = {0};
    if (response->trailers_at > 0)
        section = slice_from(writer_slice(&response->text), response->trailers_at);
    ret_fields->count = 0;
    if (section.len == 0 || h1_scan_trailers(&scan, section, &refusal) <= 0 ||
        h1_parse_trailers(section, ret_fields, &refusal) < 0)
        ret_fields->count = 0;
}
