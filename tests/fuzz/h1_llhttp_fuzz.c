/*
 * Weir's parser beside llhttp, Node's, in its strict mode (Debian's node-llhttp). What Weir
 * accepts, llhttp must accept, ending at the same byte and meaning the same; what Weir refuses,
 * llhttp must refuse. Each exception stands in a table below with its reason, judged by RFC 9112.
 * The first byte of the input chooses between request and response.
 */
#include "fuzz.h"

#include "base/cleanup.h"
#include "base/writer.h"
#include "wire/h1/chunked.h"
#include "wire/h1/head.h"

#include <llhttp.h>

#define FIELDS_TEXT_MAX (2 * HTTP_HEAD_BYTES_MAX)

/* What llhttp makes of the same bytes. */
struct other {
    llhttp_t parser; /* first: the callbacks get it */
    bool head_complete;
    bool message_complete;
    bool keep_alive;
    bool is_chunked;
    bool needs_eof;
    uint64_t content_length;
    struct writer fields; /* "name:value\n" of each */
    struct writer body;
};

struct exception {
    const char *text; /* of Weir's refusal */
    const char *reason;
};

/* Refused by Weir, accepted by llhttp. */
static const struct exception stricter[] = {
    {"bare LF", "a recipient MAY take it for a line end (§2.2); smuggling, FACTS §1"},
    {"bare CR", "§2.2: invalid; llhttp skips one before a start line"},
    {"start line too long", "a limit"},
    {"field line too long", "a limit"},
    {"head too long", "a limit"},
    {"too many fields", "a limit"},
    {"target too long", "a limit"},
    {"too many connection options", "a limit"},
    {"chunk extension too long", "a limit"},
    {"chunk size too long", "a limit: leading zeros"},
    {"no start line", "more than one empty line before a request is more than §2.2 asks for"},
    {"no Host", "§3.2: MUST answer 400"},
    {"repeated Host", "§3.2: MUST answer 400"},
    {"bad Host", "§3.2: MUST answer 400"},
    {"bad authority in the target", "RFC 9110 §4.2: userinfo, empty hosts"},
    {"CONNECT without a port", "§3.2.3: authority-form has a port"},
    {"CONNECT with a body", "RFC 9110 §9.3.6: no content is defined"},
    {"bad target", "§3.2: llhttp takes a fragment, and forms that the method does not have"},
    {"bad version", "§2.3: in a response, more digits or none"},
    {"request line without a version", "§3: HTTP/0.9 to llhttp"},
    {"version not supported", "llhttp knows 0.9 and 2.0 too"},
    {"unknown expectation", "RFC 9110 §10.1.1: 417"},
    {"a connection option that is no token", "RFC 9110 §7.6.1"},
    {"Transfer-Encoding with HTTP/1.0", "§6.1: faulty framing"},
    {"repeated Transfer-Encoding", "llhttp joins the fields into one list"},
    {"bad Transfer-Encoding", "llhttp looks at the last coding only"},
    {"unknown transfer coding", "§6.1: 501; llhttp frames by the last coding"},
    {"bad Content-Length", "a limit: 2^63"},
    {"Content-Length beside Transfer-Encoding",
     "llhttp overlooks a Transfer-Encoding without value"},
    {"bad status line", "§4: statuses beyond 599, and short forms of it"},
    {"empty field name", "RFC 9110 §5.1: a name is a token"},
    {"folded field line", "§5.2: obs-fold; llhttp unfolds"},
    {"bad chunk extension", "§7.1.1: a blank in a quoted value; nobody sends one"},
    {"a control character", "§4: a reason has none; llhttp does not look at it"},
};

static bool is_excepted(const char *text)
{
    for (size_t i = 0; i < COUNT_OF(stricter); i++) {
        if (strcmp(stricter[i].text, text) == 0)
            return true;
    }
    fprintf(stderr, "llhttp accepts what Weir refuses: %s\n", text);
    return false;
}

static struct other *other_of(llhttp_t *parser)
{
    return (struct other *)parser;
}

static int on_name(llhttp_t *parser, const char *at, size_t len)
{
    write_bytes(&other_of(parser)->fields, at, len);
    return 0;
}

static int on_name_complete(llhttp_t *parser)
{
    write_char(&other_of(parser)->fields, ':');
    return 0;
}

static int on_value_complete(llhttp_t *parser)
{
    struct writer *fields = &other_of(parser)->fields;
    while (fields->at > fields->start && (fields->at[-1] == ' ' || fields->at[-1] == '\t'))
        fields->at--;
    write_char(fields, '\n');
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct other *other = other_of(parser);
    other->head_complete = true;
    other->keep_alive = llhttp_should_keep_alive(parser);
    other->needs_eof = llhttp_message_needs_eof(parser);
    other->content_length = parser->content_length;
    other->is_chunked = parser->flags & F_CHUNKED;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    write_bytes(&other_of(parser)->body, at, len);
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    other_of(parser)->message_complete = true;
    return HPE_PAUSED;
}

static void other_init(struct other *other, llhttp_type_t type, struct slice body_room)
{
    static llhttp_settings_t settings;
    static char fields[FIELDS_TEXT_MAX];
    llhttp_settings_init(&settings);
    settings.on_header_field = settings.on_header_value = on_name;
    settings.on_header_field_complete = on_name_complete;
    settings.on_header_value_complete = on_value_complete;
    settings.on_headers_complete = on_headers_complete;
    settings.on_body = on_body;
    settings.on_message_complete = on_message_complete;
    *other = (struct other){.head_complete = false};
    llhttp_init(&other->parser, type, &settings);
    writer_init(&other->fields, fields, sizeof fields);
    writer_init(&other->body, (char *)(uintptr_t)body_room.at, body_room.len);
}

/* False when llhttp refuses. A pause is its way to say that a message, or HTTP, ends here. */
static bool feed(struct other *other, struct slice bytes)
{
    if (bytes.len == 0)
        return true;
    llhttp_errno_t error = llhttp_execute(&other->parser, bytes.at, bytes.len);
    return error == HPE_OK || error == HPE_PAUSED || error == HPE_PAUSED_UPGRADE;
}

/* Weir refused these bytes, or wants more. */
static void check_not_accepted(struct other *other, struct slice bytes, const char *refusal)
{
    (void)feed(other, bytes);
    CHECK(!other->head_complete || (refusal != NULL && is_excepted(refusal)));
}

/* §5.1 lets tabs stand around a value as well as blanks; llhttp knows blanks only, here. */
static bool has_tab_at_framing(const struct fields *fields)
{
    for (unsigned i = 0; i < fields->count; i++) {
        enum field_id id = fields->at[i].id;
        if (id != FIELD_CONTENT_LENGTH && id != FIELD_TRANSFER_ENCODING && id != FIELD_CONNECTION)
            continue;
        for (const char *at = fields->at[i].name.at; *at != '\r'; at++) {
            if (*at == '\t')
                return true;
        }
    }
    return false;
}

/* What llhttp refuses and Weir accepts. */
static bool is_looser(const struct other *other, const struct request_head *request)
{
    if (request == NULL)
        return false;
    switch (llhttp_get_errno(&other->parser)) {
    case HPE_INVALID_METHOD:
    case HPE_INVALID_CONSTANT:
        /* llhttp has a list of methods, some of them for other protocols; any token is one. */
        return request->method == METHOD_OTHER;
    case HPE_INVALID_URL: {
        /*
         * Bytes beyond ASCII, which the normaliser escapes before anything looks at a path; and
         * schemes with digits or "+-.", which RFC 3986 §3.1 allows.
         */
        bool is_ascii = true, is_plain_scheme = true;
        for (size_t i = 0; i < request->target.len; i++)
            is_ascii &= (uint8_t)request->target.at[i] < 0x80;
        for (size_t i = 0; i < request->scheme.len; i++)
            is_plain_scheme &= ascii_lower(request->scheme.at[i]) >= 'a';
        return !is_ascii || !is_plain_scheme;
    }
    default:
        return false;
    }
}

/* True when llhttp has read the same head; false at a known exception. */
static bool feed_head(struct other *other, struct slice head, const struct request_head *request)
{
    bool accepted = feed(other, slice_first(head, head.len - 1));
    CHECK(!other->head_complete);
    if (accepted && feed(other, slice_from(head, head.len - 1))) {
        CHECK(other->head_complete);
        return true;
    }
    if (!is_looser(other, request)) {
        fprintf(stderr, "llhttp: %s\n", llhttp_get_error_reason(&other->parser));
        abort();
    }
    return false;
}

static void check_fields(const struct other *other, const struct fields *fields)
{
    static char memory[FIELDS_TEXT_MAX];
    struct writer writer;
    writer_init(&writer, memory, sizeof memory);
    for (unsigned i = 0; i < fields->count; i++) {
        write_slice(&writer, fields->at[i].name);
        write_char(&writer, ':');
        write_slice(&writer, fields->at[i].value);
        write_char(&writer, '\n');
    }
    CHECK(slice_equal(writer_slice(&writer), writer_slice(&other->fields)));
}

/*
 * Reads a chunked body with its trailers. Returns its length, 0, or -1 when refused. *ret_left_out
 * tells of trailers that Weir reads and drops.
 */
static ptrdiff_t read_chunked(struct slice bytes, struct writer *body, bool *ret_left_out,
                              struct h1_refusal *ret_refusal)
{
    struct h1_chunked chunked = {0};
    struct slice rest = bytes, data;
    enum h1_chunked_event event;
    while ((event = h1_chunked_next(&chunked, &rest, &data, ret_refusal)) == H1_CHUNKED_DATA)
        write_slice(body, data);
    if (event != H1_CHUNKED_TRAILERS)
        return event == H1_CHUNKED_REFUSED ? -1 : 0;

    struct h1_scan scan = {0};
    struct field at[HTTP_FIELDS_MAX];
    struct fields trailers = {at, 0, COUNT_OF(at)};
    int len = h1_scan_trailers(&scan, rest, ret_refusal);
    if (len == 0)
        return 0;
    if (len < 0 || h1_parse_trailers(slice_first(rest, (size_t)len), &trailers, ret_refusal) < 0)
        return -1;
    *ret_left_out = trailers.count + 1 < scan.lines;
    return rest.at + len - bytes.at;
}

/* What llhttp says of a chunk extension whose form it does not like. */
static bool is_of_extension(const struct other *other, struct slice bytes)
{
    const char *reason = llhttp_get_error_reason(&other->parser);
    return strstr(reason, "chunk extension") != NULL ||
           (strstr(reason, "chunk size") != NULL && slice_find(bytes, ';') >= 0);
}

static void compare_chunked(struct other *other, struct slice bytes)
{
    SCOPED_FREE char *memory = memory_alloc(bytes.len + 1);
    CHECK(memory != NULL);
    struct writer body;
    struct h1_refusal refusal = {0};
    writer_init(&body, memory, bytes.len);
    bool left_out;
    ptrdiff_t len = read_chunked(bytes, &body, &left_out, &refusal);
    if (len <= 0) {
        (void)feed(other, bytes);
        CHECK(!other->message_complete || (len < 0 && is_excepted(refusal.text)));
        return;
    }
    if (!feed(other, slice_first(bytes, (size_t)len - 1))) {
        /*
         * Weir skips an extension in whatever form, without blanks and controls (§7.1.1), and drops
         * trailers that frame (RFC 9110 §6.5.1); to llhttp they are fields of the head.
         */
        CHECK(left_out || is_of_extension(other, bytes));
        return;
    }
    CHECK(!other->message_complete);
    CHECK(feed(other, slice_of(bytes.at + len - 1, 1)));
    CHECK(other->message_complete);
    CHECK(slice_equal(writer_slice(&body), writer_slice(&other->body)));
}

static void compare_framing(struct other *other, const struct framing *framing, struct slice rest)
{
    CHECK(other->is_chunked == (framing->kind == BODY_CHUNKED));
    if (framing->kind == BODY_LENGTH)
        CHECK(other->content_length == framing->content_length);
    if (framing->kind == BODY_CHUNKED)
        compare_chunked(other, rest);
}

static void compare_request(struct slice bytes, struct other *other)
{
    struct field at[HTTP_FIELDS_MAX];
    struct request_head head = {.fields = {at, 0, HTTP_FIELDS_MAX}};
    struct h1_scan scan = {0};
    struct h1_refusal refusal = {0};
    int len = h1_scan(&scan, bytes, &refusal);
    struct slice text = slice_first(bytes, len > 0 ? (size_t)len : 0);
    if (len <= 0 || h1_parse_request(text, &head, &refusal) < 0) {
        check_not_accepted(other, len > 0 ? text : bytes, refusal.text);
        return;
    }
    if (has_tab_at_framing(&head.fields) || !feed_head(other, text, &head))
        return;
    check_fields(other, &head.fields);
    CHECK(slice_equal(head.method_name,
                      slice_of_cstr(llhttp_method_name((llhttp_method_t)other->parser.method))));
    CHECK(!head.keep_alive || other->keep_alive);
    compare_framing(other, &head.framing, slice_from(bytes, (size_t)len));
}

static void compare_response(struct slice bytes, struct other *other)
{
    struct field at[HTTP_FIELDS_MAX];
    struct response_head head = {.fields = {at, 0, HTTP_FIELDS_MAX}};
    struct h1_scan scan = {0};
    struct h1_refusal refusal = {0};
    int len = h1_scan(&scan, bytes, &refusal);
    struct slice text = slice_first(bytes, len > 0 ? (size_t)len : 0);
    if (len <= 0 || h1_parse_response(text, METHOD_GET, &head, &refusal) < 0) {
        check_not_accepted(other, len > 0 ? text : bytes, refusal.text);
        return;
    }
    if (has_tab_at_framing(&head.fields) || !feed_head(other, text, NULL))
        return;
    check_fields(other, &head.fields);
    CHECK(head.status == other->parser.status_code);
    if (head.status < 200 || head.status == 204 || head.status == 304)
        return;
    CHECK(!head.keep_alive || other->keep_alive);
    CHECK((head.framing.kind == BODY_UNTIL_CLOSE) == other->needs_eof);
    compare_framing(other, &head.framing, slice_from(bytes, (size_t)len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    bool is_request = data[0] & 1;
    SCOPED_FREE char *body = memory_alloc(len);
    CHECK(body != NULL);
    struct other other;
    other_init(&other, is_request ? HTTP_REQUEST : HTTP_RESPONSE, slice_of(body, len));
    if (is_request)
        compare_request(slice_of(data + 1, len - 1), &other);
    else
        compare_response(slice_of(data + 1, len - 1), &other);
    return 0;
}
