/* Fields as they are decoded, then the request that they make (RFC 9113 §8.3.1). */
#include "wire/h2/head.h"

#include "base/cleanup.h"
#include "wire/http/chars.h"
#include "wire/http/uri.h"

#include <errno.h>

void h2_head_init(struct h2_head *head, void *memory, size_t len)
{
    /* All but the lines. */
    memset(head, 0, offsetof(struct h2_head, lines));
    writer_init(&head->text, memory, len);
}

void h2_head_extend(struct h2_head *head, void *memory, size_t len)
{
    writer_init(&head->text, memory, len);
    head->resumed = memory;
    head->resumed_at = head->count;
    head->is_extended = true;
}

void h2_head_seal(struct h2_head *head)
{
    head->head_count = head->count;
}

/* The first thing that is wrong is told. */
static int note(struct h2_head *head, uint16_t status, const char *why)
{
    if (head->status == 0) {
        head->status = status;
        head->why = why;
    }
    return 0;
}

static bool has_room(const struct h2_head *head, size_t len)
{
    return len <= (size_t)(head->text.end - head->text.at);
}

static int add_pseudo(struct h2_head *head, struct slice name, struct slice value)
{
    static const struct slice names[H2_PSEUDOS] = {SLICE(":method"), SLICE(":scheme"),
                                                   SLICE(":authority"), SLICE(":path"),
                                                   SLICE(":protocol")};
    for (unsigned i = 0; i < H2_PSEUDOS; i++) {
        if (!slice_equal(name, names[i]))
            continue;
        if (!has_room(head, value.len))
            return -ENOSPC;
        head->pseudo[i] = slice_of(head->text.at, value.len);
        write_slice(&head->text, value);
        return 0;
    }
    return note(head, 400, "an unknown pseudo-header field");
}

static int add_line(struct h2_head *head, struct slice name, struct slice value)
{
    if (head->count == HTTP_FIELDS_MAX)
        return note(head, 431, "too many fields");
    if (name.len + value.len + 4 > HTTP_LINE_BYTES_MAX)
        return note(head, 431, "field line too long");
    if (!has_room(head, name.len + value.len + 4))
        return -ENOSPC;
    if (head->count == 0)
        head->start = head->text.at;
    if (name.len == 6 && memcmp(name.at, "cookie", 6) == 0 && head->cookies < 2)
        head->cookies++;
    head->lines[head->count++] = (struct h2_line){(uint16_t)name.len, (uint16_t)value.len};
    write_slice(&head->text, name);
    write_literal(&head->text, ": ");
    write_slice(&head->text, value);
    write_literal(&head->text, "\r\n");
    return 0;
}

int h2_head_add(struct h2_head *head, struct slice name, struct slice value)
{
    bool is_pseudo = name.len > 0 && name.at[0] == ':';
    size_t bytes = name.len + value.len + 4;
    if (head->bytes + bytes > HTTP_HEAD_BYTES_MAX * H2_LIST_EXCESS ||
        head->came >= HTTP_FIELDS_MAX * H2_LIST_EXCESS)
        return -E2BIG;
    int rc = 0;
    if (head->bytes + bytes > HTTP_HEAD_BYTES_MAX)
        (void)note(head, is_pseudo ? 414 : 431, is_pseudo ? "target too long" : "head too long");
    if (head->status == 0)
        rc = is_pseudo ? add_pseudo(head, name, value) : add_line(head, name, value);
    if (rc == -ENOSPC)
        return rc;
    head->bytes += (uint32_t)bytes;
    head->came++;
    return rc;
}

bool h2_head_wants_websocket(const struct h2_head *head)
{
    return slice_equal(head->pseudo[H2_PROTOCOL], SLICE("websocket"));
}

/* Lines as fields, from number `from` up to `to`. */
static void read_lines(const struct h2_head *head, unsigned from, unsigned to,
                       struct fields *fields)
{
    const char *at = head->start;
    for (unsigned i = 0; i < to; i++) {
        const struct h2_line *line = &head->lines[i];
        if (head->is_extended && i == head->resumed_at && i > 0)
            at = head->resumed;
        struct slice name = slice_of(at, line->name_len);
        struct slice value = slice_of(at + line->name_len + 2, line->value_len);
        at = value.at + value.len + 2;
        if (i >= from)
            fields->at[fields->count++] = (struct field){name, value, field_id_of(name)};
    }
}

static int refuse(struct h1_refusal *ret_refusal, unsigned status, const char *why)
{
    *ret_refusal = (struct h1_refusal){status, why};
    return -EBADMSG;
}

/* RFC 9113 §8.2.3: what was sent as several fields is one to all others. */
static int join_cookies(struct fields *fields, struct arena *arena)
{
    size_t len = 0;
    for (unsigned i = 0; i < fields->count; i++)
        len += fields->at[i].id == FIELD_COOKIE ? fields->at[i].value.len + 2 : 0;
    char *joined = arena_alloc(arena, len);
    if (joined == NULL)
        return -ENOMEM;
    struct writer writer;
    struct field *first = NULL;
    unsigned kept = 0;
    writer_init(&writer, joined, len);
    for (unsigned i = 0; i < fields->count; i++) {
        struct field *field = &fields->at[i];
        bool is_cookie = field->id == FIELD_COOKIE;
        if (is_cookie && first != NULL)
            write_literal(&writer, "; ");
        if (is_cookie)
            write_slice(&writer, field->value);
        if (is_cookie && first != NULL)
            continue;
        fields->at[kept] = *field;
        if (is_cookie)
            first = &fields->at[kept];
        kept++;
    }
    fields->count = kept;
    if (first != NULL)
        first->value = writer_slice(&writer);
    return 0;
}

static int parse_path(struct request_head *head, struct h1_refusal *ret_refusal)
{
    struct slice path = head->target;
    if (path.len == 0 || !chars_are(path, CHAR_TARGET))
        return refuse(ret_refusal, 400, "bad target");
    if (path.len > HTTP_URI_BYTES_MAX)
        return refuse(ret_refusal, 414, "target too long");
    if (path.at[0] != '/') {
        if (!slice_equal(path, SLICE("*")) || head->method != METHOD_OPTIONS)
            return refuse(ret_refusal, 400, "bad target");
        head->form = TARGET_ASTERISK;
        head->path = path;
        return 0;
    }
    ptrdiff_t mark = slice_find(path, '?');
    head->form = TARGET_ORIGIN;
    head->path = mark < 0 ? path : slice_first(path, (size_t)mark);
    head->query = mark < 0 ? (struct slice){NULL, 0} : slice_from(path, (size_t)mark + 1);
    return 0;
}

/* :authority is what Host was; where both are, they say the same (RFC 9113 §8.3.1). */
static int parse_authority(struct request_head *head, struct slice authority,
                           struct h1_refusal *ret_refusal)
{
    struct slice host;
    unsigned port, hosts = 0;
    for (unsigned i = 0; i < head->fields.count; i++) {
        if (head->fields.at[i].id != FIELD_HOST)
            continue;
        if (++hosts > 1)
            return refuse(ret_refusal, 400, "repeated Host");
        if (authority.len == 0)
            authority = head->fields.at[i].value;
        else if (!slice_equal_nocase(authority, head->fields.at[i].value))
            return refuse(ret_refusal, 400, "Host is not the authority");
    }
    if (authority.len == 0)
        return refuse(ret_refusal, 400, "no authority");
    if (uri_parse_authority(authority, &host, &port) < 0)
        return refuse(ret_refusal, 400, "bad authority");
    head->authority = authority;
    return 0;
}

static int parse_target(const struct h2_head *head, struct request_head *request,
                        struct h1_refusal *ret_refusal)
{
    struct slice scheme = head->pseudo[H2_SCHEME];
    bool is_plain_connect =
        request->method == METHOD_CONNECT && head->pseudo[H2_PROTOCOL].at == NULL;
    if (is_plain_connect) {
        request->form = TARGET_AUTHORITY;
        request->target = head->pseudo[H2_AUTHORITY];
        return parse_authority(request, request->target, ret_refusal);
    }
    if (!slice_equal_nocase(scheme, SLICE("http")) && !slice_equal_nocase(scheme, SLICE("https")))
        return refuse(ret_refusal, 400, "a scheme that is not HTTP's");
    request->scheme = scheme;
    request->target = head->pseudo[H2_PATH];
    int rc = parse_path(request, ret_refusal);
    return rc < 0 ? rc : parse_authority(request, head->pseudo[H2_AUTHORITY], ret_refusal);
}

static int parse_method(const struct h2_head *head, struct request_head *request,
                        struct h1_refusal *ret_refusal)
{
    struct slice method = head->pseudo[H2_METHOD];
    if (!http_is_token(method))
        return refuse(ret_refusal, 400, "bad method");
    if (method.len > HTTP_METHOD_BYTES_MAX)
        return refuse(ret_refusal, 501, "method too long");
    request->method = http_method_of(method);
    request->method_name = method;
    return 0;
}

static int parse_framing(struct request_head *request, bool has_ended,
                         struct h1_refusal *ret_refusal)
{
    struct framing *framing = &request->framing;
    const struct field *length = NULL;
    for (unsigned i = 0; i < request->fields.count; i++) {
        if (request->fields.at[i].id != FIELD_CONTENT_LENGTH)
            continue;
        if (length != NULL)
            return refuse(ret_refusal, 400, "repeated Content-Length");
        length = &request->fields.at[i];
    }
    framing->kind = has_ended ? BODY_NONE : BODY_CHUNKED;
    if (length == NULL)
        return 0;
    if (slice_parse_u64(length->value, &framing->content_length) < 0 ||
        framing->content_length > INT64_MAX)
        return refuse(ret_refusal, 400, "bad Content-Length");
    if (has_ended && framing->content_length > 0)
        return refuse(ret_refusal, 400, "a body that is not as long as told");
    framing->has_content_length = true;
    framing->kind = framing->content_length > 0 ? BODY_LENGTH : BODY_NONE;
    return 0;
}

static int parse_expectation(struct request_head *request, struct h1_refusal *ret_refusal)
{
    struct slice value = fields_value(&request->fields, FIELD_EXPECT);
    if (value.at == NULL)
        return 0;
    if (!slice_equal_nocase(value, SLICE("100-continue")))
        return refuse(ret_refusal, 417, "unknown expectation");
    request->expects_continue = request->framing.kind != BODY_NONE;
    return 0;
}

int h2_head_parse(const struct h2_head *head, struct arena *arena, bool has_ended,
                  struct request_head *ret_head, struct h1_refusal *ret_refusal)
{
    struct request_head *request = ret_head;
    *request = (struct request_head){.version_major = 2, .keep_alive = true};
    if (head->status != 0)
        return refuse(ret_refusal, head->status, head->why);
    unsigned max = head->head_count + H2_FIELDS_SPARE;
    struct field *fields = arena_alloc(arena, max * sizeof *fields);
    if (fields == NULL)
        return -ENOMEM;
    request->fields = (struct fields){fields, 0, max};
    read_lines(head, 0, head->head_count, &request->fields);
    if (head->cookies > 1 && join_cookies(&request->fields, arena) < 0)
        return -ENOMEM;
    int rc = parse_method(head, request, ret_refusal);
    if (rc == 0)
        rc = parse_target(head, request, ret_refusal);
    if (rc == 0)
        rc = parse_framing(request, has_ended, ret_refusal);
    if (rc == 0 && request->form == TARGET_AUTHORITY && request->framing.kind == BODY_LENGTH)
        rc = refuse(ret_refusal, 400, "CONNECT with a body");
    return rc < 0 ? rc : parse_expectation(request, ret_refusal);
}

void h2_head_trailers(const struct h2_head *head, struct fields *ret_fields)
{
    ret_fields->count = 0;
    read_lines(head, head->head_count, head->count, ret_fields);
    fields_drop_late(ret_fields);
}
