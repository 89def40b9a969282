/* What was decided, and what would be. The stories themselves are edge/explain's. */
#include "base/json.h"
#include "edge/admin/reply.h"
#include "edge/admin/routes.h"
#include "edge/explain/foresee.h"
#include "edge/explain/foresee_proxy.h"
#include "edge/explain/lookup.h"
#include "edge/explain/story.h"
#include "edge/state.h"
#include "http/exchange.h"
#include "wire/http/uri.h"

#include "base/cleanup.h"

#include <errno.h>

#define ID_DIGITS 16

/* Exactly as it is shown. */
static bool parse_id(struct slice text, uint64_t *ret_id)
{
    uint64_t id = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = ascii_lower(text.at[i]);
        bool is_letter = c >= 'a' && c <= 'f';
        if (!is_letter && !ascii_is_digit(c))
            return false;
        id = id << 4 | (uint64_t)(is_letter ? c - 'a' + 10 : c - '0');
    }
    *ret_id = id;
    return text.len == ID_DIGITS;
}

static void render_story(struct writer *writer, const void *arg)
{
    struct json_writer json;
    json_writer_init(&json, writer);
    story_write(&json, edge_worker_current()->edge, arg);
    write_char(writer, '\n');
}

void request_get(struct exchange *exchange, struct slice name)
{
    uint64_t id;
    if (!parse_id(name, &id)) {
        reply_error(exchange, 400, (struct slice){0},
                    "a request's id is the 16 hexadecimal digits of its X-Request-Id");
        return;
    }
    char *record = arena_alloc(&exchange->arena, DECISION_BYTES_MAX);
    int rc = record == NULL ? -ENOMEM : lookup_request(edge_worker_current()->edge, id, record);
    if (rc == 0)
        reply_document(exchange, REPLY_JSON, render_story, record);
    else if (rc == -ENOENT)
        reply_error(exchange, 404, (struct slice){0},
                    "no worker remembers this request: it is not of this edge, or too long ago; "
                    "the access log may still have it");
    else if (rc == -ETIMEDOUT)
        reply_error(exchange, 503, (struct slice){0},
                    "a worker is too busy to answer, and the others do not remember this request");
    else
        reply_error(exchange, 503, (struct slice){0}, "out of memory for this request");
}

struct failed {
    const struct lookup_line *lines;
    unsigned count;
};

static void render_failed(struct writer *writer, const void *arg)
{
    const struct failed *failed = arg;
    struct json_writer json;
    json_writer_init(&json, writer);
    json_open_object(&json, NULL);
    json_open_list(&json, "requests");
    for (unsigned i = 0; i < failed->count; i++) {
        const struct lookup_line *line = &failed->lines[i];
        json_open_object(&json, NULL);
        story_write_id(&json, "id", line->id);
        story_write_time(&json, "time", line->wall_us);
        json_put_u64(&json, "status", line->status);
        json_put_u64(&json, "duration_us", line->duration_us);
        json_put_text(&json, "request", slice_of_cstr(line->text));
        if (line->reason[0] != '\0')
            json_put_text(&json, "reason", slice_of_cstr(line->reason));
        json_close_object(&json);
    }
    json_close_list(&json);
    json_close_object(&json);
    write_char(writer, '\n');
}

void requests_get(struct exchange *exchange, struct slice name)
{
    (void)name;
    struct lookup_line *lines = arena_alloc(&exchange->arena, LOOKUP_LINES_MAX * sizeof *lines);
    int rc = lines == NULL ? -ENOMEM : lookup_failed(edge_worker_current()->edge, lines);
    struct failed failed = {lines, rc < 0 ? 0 : (unsigned)rc};
    if (rc < 0)
        reply_error(exchange, 503, (struct slice){0}, "out of memory for this request");
    else
        reply_document(exchange, REPLY_JSON, render_failed, &failed);
}

/* "a=b" of a query, decoded into the arena. 0, -EBADMSG or -ENOMEM. */
static int decode(struct exchange *exchange, struct slice raw, struct slice *ret_text)
{
    char *memory = arena_alloc(&exchange->arena, raw.len + 1);
    if (memory == NULL)
        return -ENOMEM;
    ptrdiff_t len = uri_decode(raw, memory);
    if (len < 0)
        return -EBADMSG;
    *ret_text = slice_of(memory, (size_t)len);
    return 0;
}

static const char *take_parameter(struct foreseen *foreseen, struct slice name, struct slice value)
{
    if (slice_equal(name, SLICE("method")))
        foreseen->method = value;
    else if (slice_equal(name, SLICE("url")))
        foreseen->url = value;
    else if (slice_equal(name, SLICE("from")))
        foreseen->from = value;
    else if (!slice_equal(name, SLICE("header")))
        return "the parameters are method, url, header and from";
    else if (foreseen->fields_count == FORESEEN_FIELDS_MAX)
        return "there are more than 32 header fields";
    else
        foreseen->fields[foreseen->fields_count++] = value;
    return NULL;
}

/* What is wrong, or NULL. */
static const char *read_query(struct exchange *exchange, struct foreseen *foreseen)
{
    struct slice rest = exchange->query, part, name, value;
    const char *wrong = NULL;
    while (wrong == NULL && slice_cut(&rest, '&', &part)) {
        (void)slice_cut(&part, '=', &name);
        if (decode(exchange, part.at == NULL ? SLICE("") : part, &value) < 0)
            return "the query is malformed";
        wrong = take_parameter(foreseen, name, value);
    }
    return wrong != NULL ? wrong : foresee_check(foreseen);
}

static void render_passage(struct writer *writer, const void *arg)
{
    struct json_writer json;
    json_writer_init(&json, writer);
    foresee_passage_write(&json, arg);
    write_char(writer, '\n');
}

/* Of a forward proxy: the parameters are others. */
static const char *take_of_proxy(struct foreseen_passage *foreseen, struct slice name,
                                 struct slice value)
{
    if (slice_equal(name, SLICE("proxy")))
        foreseen->proxy = value;
    else if (slice_equal(name, SLICE("user")))
        foreseen->user = value;
    else if (slice_equal(name, SLICE("method")))
        foreseen->method = value;
    else if (slice_equal(name, SLICE("url")))
        foreseen->url = value;
    else if (slice_equal(name, SLICE("from")))
        foreseen->from = value;
    else
        return "the parameters for a forward proxy are proxy, user, method, url and from";
    return NULL;
}

static void explain_proxy(struct exchange *exchange)
{
    struct foreseen_passage foreseen = {0};
    struct slice rest = exchange->query, part, name, value;
    const char *wrong = NULL;
    while (wrong == NULL && slice_cut(&rest, '&', &part)) {
        (void)slice_cut(&part, '=', &name);
        wrong = decode(exchange, part.at == NULL ? SLICE("") : part, &value) < 0
                    ? "the query is malformed"
                    : take_of_proxy(&foreseen, name, value);
    }
    if (wrong == NULL)
        wrong = foresee_passage(&foreseen, exchange);
    if (wrong != NULL) {
        reply_error(exchange, 400, (struct slice){0}, "%s", wrong);
        return;
    }
    reply_document(exchange, REPLY_JSON, render_passage, &foreseen);
    foresee_passage_finish(&foreseen);
}

static void render_foreseen(struct writer *writer, const void *arg)
{
    struct json_writer json;
    json_writer_init(&json, writer);
    foresee_write(&json, edge_worker_current()->edge, arg);
    write_char(writer, '\n');
}

void explain_get(struct exchange *exchange, struct slice name)
{
    (void)name;
    if (slice_starts_with(exchange->query, SLICE("proxy="))) {
        explain_proxy(exchange);
        return;
    }
    struct foreseen foreseen = {.method = SLICE("GET")};
    const char *wrong = read_query(exchange, &foreseen);
    if (wrong != NULL)
        reply_error(exchange, 400, (struct slice){0}, "%s", wrong);
    else
        reply_document(exchange, REPLY_JSON, render_foreseen, &foreseen);
}
