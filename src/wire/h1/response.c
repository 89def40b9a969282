/* Response heads: the status line, and what status and method say beside the fields. */
#include "wire/h1/parse.h"

#include <errno.h>

/* "HTTP/1.1 200 OK"; the blank behind the status may be missing when the reason is (many do so). */
static int parse_status_line(struct slice line, struct response_head *head,
                             struct h1_refusal *ret_refusal)
{
    int result = h1_parse_version(slice_first(line, 8), &head->version_minor, ret_refusal);
    if (result < 0)
        return result;
    struct slice rest = slice_from(line, 8);
    uint64_t status;
    if (rest.len < 4 || rest.at[0] != ' ' || (rest.len > 4 && rest.at[4] != ' ') ||
        slice_parse_u64(slice_of(rest.at + 1, 3), &status) < 0 || status < 100 || status > 599)
        return h1_refuse(ret_refusal, 400, "bad status line");
    head->status = (unsigned)status;
    head->reason = slice_from(rest, 5);
    return 0;
}

/* Responses that end with their head whatever their fields say (RFC 9112 §6.3, points 1 and 2). */
static bool has_no_body(unsigned status, enum http_method method)
{
    return method == METHOD_HEAD || status < 200 || status == 204 || status == 304 ||
           (method == METHOD_CONNECT && status < 300);
}

static void settle_framing(enum http_method method, const struct h1_facts *facts,
                           struct response_head *head)
{
    struct framing *framing = &head->framing;
    head->keep_alive = h1_is_persistent(facts, head->version_minor);
    if (has_no_body(head->status, method)) {
        bool is_tunnel =
            head->status == 101 || (method == METHOD_CONNECT && head->status / 100 == 2);
        /* 1xx and 204 that promise a body all the same: what follows them cannot be trusted. */
        bool is_confused =
            (head->status < 200 || head->status == 204) && framing->kind != BODY_NONE;
        if (is_tunnel || is_confused)
            head->keep_alive = false;
        framing->kind = BODY_NONE;
        return;
    }
    if (framing->kind == BODY_NONE && !framing->has_content_length) {
        framing->kind = BODY_UNTIL_CLOSE;
        head->keep_alive = false;
    }
}

int h1_parse_response(struct slice head, enum http_method method, struct response_head *ret_head,
                      struct h1_refusal *ret_refusal)
{
    struct h1_lines lines;
    h1_lines_init(&lines, head);
    struct h1_facts facts = {0};
    int result = parse_status_line(h1_lines_next(&lines), ret_head, ret_refusal);
    if (result < 0)
        return result;
    result = h1_parse_fields(&lines, &ret_head->fields, &facts, ret_refusal);
    if (result < 0)
        return result;
    result = h1_parse_framing(&facts, ret_head->version_minor, &ret_head->framing, ret_refusal);
    if (result < 0)
        return result;
    ret_head->has_upgrade = facts.has_upgrade && facts.names_upgrade;
    settle_framing(method, &facts, ret_head);
    return 0;
}
