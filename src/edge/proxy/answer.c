/* One text for all; a page where a browser wants one. */
#include "edge/proxy/answer.h"

#include "base/cleanup.h"
#include "http/exchange.h"

#define TEXT_BYTES_MAX 1024
#define PAGE_BYTES_MAX 2048

/* "rule 3 (line 12) denies it", "no rule allows it". */
static void write_rule(struct writer *text, const struct passage *passage)
{
    if (passage->rule == NULL) {
        write_literal(text, "no rule allows it");
        return;
    }
    write_literal(text, "rule ");
    write_u64(text, passage->rule->number);
    write_literal(text, " (line ");
    write_u64(text, passage->rule->place.line);
    write_literal(text, ") denies it");
}

static void write_why(struct writer *text, const struct passage *passage,
                      enum passage_result result)
{
    if (result == PASSAGE_DENIED) {
        write_rule(text, passage);
    } else if (result == PASSAGE_PRIVATE) {
        write_literal(text, "it is not on the public Internet: ");
        write_slice(text, slice_of_cstr(passage->private_why));
        write_literal(text, ", and deny_private is on");
    } else {
        write_slice(text, slice_of_cstr(passage_end_of(result)->why));
    }
}

/* What was asked for stands in the page too: without what means something in HTML. */
static void write_plain(struct writer *text, struct slice from)
{
    for (size_t i = 0; i < from.len; i++) {
        bool is_plain = from.at[i] != '<' && from.at[i] != '>' && from.at[i] != '&' &&
                        from.at[i] != '"' && from.at[i] != '\'';
        write_char(text, is_plain ? from.at[i] : '?');
    }
}

static void write_text(struct writer *text, const struct exchange *exchange,
                       const struct passage *passage, enum passage_result result)
{
    write_literal(text, "The forward proxy \"");
    write_slice(text, passage->proxy->conf->name);
    write_literal(text, "\" does not go to ");
    write_plain(text,
                slice_first(passage->host, passage->host.len < 255 ? passage->host.len : 255));
    write_char(text, ':');
    write_u64(text, passage->port);
    write_literal(text, ": ");
    write_why(text, passage, result);
    write_literal(text, ".\nrequest ");
    write_hex(text, exchange->id, 16);
    write_char(text, '\n');
}

static bool wants_page(const struct exchange *exchange)
{
    struct slice accept = fields_value(&exchange->request.fields, FIELD_ACCEPT);
    return http_list_has(accept, SLICE("text/html"));
}

static void write_page(struct writer *page, unsigned status, struct slice text)
{
    write_literal(page, "<!doctype html>\n<meta charset=\"utf-8\">\n<title>");
    write_u64(page, status);
    write_char(page, ' ');
    write_slice(page, slice_of_cstr(http_status_reason(status)));
    write_literal(page, "</title>\n<h1>");
    write_slice(page, slice_of_cstr(http_status_reason(status)));
    write_literal(page, "</h1>\n<p>");
    write_slice(page, text);
    write_literal(page, "</p>\n");
}

/* A client of CONNECT shows its user no body, but perhaps this. The words have no quotes. */
static void write_proxy_status(struct writer *head, const struct passage *passage,
                               enum passage_result result)
{
    write_literal(head, "Proxy-Status: weir; error=");
    write_slice(head, slice_of_cstr(passage_end_of(result)->proxy_status));
    write_literal(head, "; details=\"");
    write_why(head, passage, result);
    write_literal(head, "\"\r\n");
}

static void respond(struct exchange *exchange, const struct passage *passage,
                    enum passage_result result, struct slice text)
{
    char room[PAGE_BYTES_MAX];
    struct slice body = text;
    unsigned status = passage_end_of(result)->status;
    bool is_page = wants_page(exchange);
    if (is_page) {
        struct writer page;
        writer_init(&page, room, sizeof room);
        write_page(&page, status, text);
        body = writer_slice(&page);
    }
    struct writer *head = exchange_begin(exchange, status, (struct slice){0}, body.len);
    if (head == NULL)
        return;
    exchange_write_own_fields(head);
    write_proxy_status(head, passage, result);
    write_literal(head, "Cache-Control: no-store\r\n");
    h1_write_field(head, field_name(FIELD_CONTENT_TYPE),
                   is_page ? SLICE("text/html; charset=utf-8")
                           : SLICE("text/plain; charset=utf-8"));
    (void)exchange_send(exchange, body, false);
}

void answer_end(struct exchange *exchange, const struct passage *passage,
                enum passage_result result)
{
    const struct passage_end *end = passage_end_of(result);
    char room[TEXT_BYTES_MAX];
    struct writer text;
    exchange->notes.reason = end->why;
    passage_count(result);
    if (result == PASSAGE_CLIENT_LEFT) {
        exchange->status = end->status;
        exchange_break(exchange);
        return;
    }
    writer_init(&text, room, sizeof room);
    write_text(&text, exchange, passage, result);
    respond(exchange, passage, result, writer_slice(&text));
}

void answer_ask_password(struct exchange *exchange, const struct proxy *proxy, const char *reason)
{
    struct slice realm = proxy->conf->users.realm;
    struct slice field =
        arena_format(&exchange->arena,
                     "Proxy-Authenticate: Basic realm=\"%.*s\", charset=\"UTF-8\"\r\n"
                     "Proxy-Status: weir; error=http_request_denied\r\n",
                     SLICE_ARG(realm.len > 0 ? realm : proxy->conf->name));
    if (field.at == NULL)
        exchange_respond_error(exchange, 503, "out of memory for this request");
    else
        exchange_refuse(exchange, 407, reason, field);
}
