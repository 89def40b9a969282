/* Request heads: the request line with its four forms of target, and what the fields mean for it.
 */
#include "wire/h1/parse.h"

#include "wire/http/chars.h"
#include "wire/http/uri.h"

#include <errno.h>

/* Splits at '?'; the query's start stays NULL when there is none. */
static void split_query(struct slice target, struct request_head *head)
{
    ptrdiff_t mark = slice_find(target, '?');
    head->path = mark < 0 ? target : slice_first(target, (size_t)mark);
    head->query = mark < 0 ? (struct slice){NULL, 0} : slice_from(target, (size_t)mark + 1);
}

static bool is_scheme(struct slice s)
{
    if (s.len == 0 || ascii_is_digit(s.at[0]))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = ascii_lower(s.at[i]);
        if (!(c >= 'a' && c <= 'z') && !ascii_is_digit(c) && c != '+' && c != '-' && c != '.')
            return false;
    }
    return true;
}

/* "scheme://authority/path?query" (RFC 9112 §3.2.2). The authority's syntax is checked later. */
static int parse_absolute(struct request_head *head, struct h1_refusal *ret_refusal)
{
    ptrdiff_t mark = slice_search(head->target, SLICE("://"));
    if (mark < 0 || !is_scheme(slice_first(head->target, (size_t)mark)))
        return h1_refuse(ret_refusal, 400, "bad target");
    head->form = TARGET_ABSOLUTE;
    head->scheme = slice_first(head->target, (size_t)mark);

    struct slice rest = slice_from(head->target, (size_t)mark + 3);
    size_t len = 0;
    while (len < rest.len && rest.at[len] != '/' && rest.at[len] != '?')
        len++;
    head->authority = slice_first(rest, len);
    split_query(slice_from(rest, len), head);
    if (head->path.len == 0) {
        bool is_asterisk = head->method == METHOD_OPTIONS && head->query.at == NULL;
        head->path = is_asterisk ? SLICE("*") : SLICE("/");
        if (is_asterisk)
            head->form = TARGET_ASTERISK;
    }
    return 0;
}

static int parse_target(struct request_head *head, struct h1_refusal *ret_refusal)
{
    struct slice target = head->target;
    if (target.len == 0 || !chars_are(target, CHAR_TARGET))
        return h1_refuse(ret_refusal, 400, "bad target");
    if (target.len > HTTP_URI_BYTES_MAX)
        return h1_refuse(ret_refusal, 414, "target too long");
    head->scheme = head->authority = (struct slice){NULL, 0};
    if (head->method == METHOD_CONNECT) {
        head->form = TARGET_AUTHORITY;
        head->authority = target;
        head->path = head->query = (struct slice){NULL, 0};
        return 0;
    }
    if (target.at[0] == '/') {
        head->form = TARGET_ORIGIN;
        split_query(target, head);
        return 0;
    }
    if (slice_equal(target, SLICE("*")) && head->method == METHOD_OPTIONS) {
        head->form = TARGET_ASTERISK;
        head->path = target;
        head->query = (struct slice){NULL, 0};
        return 0;
    }
    return parse_absolute(head, ret_refusal);
}

static int parse_request_line(struct slice line, struct request_head *head,
                              struct h1_refusal *ret_refusal)
{
    ptrdiff_t blank = slice_find(line, ' ');
    struct slice method = slice_first(line, blank < 0 ? line.len : (size_t)blank);
    if (!http_is_token(method))
        return h1_refuse(ret_refusal, 400, "bad method");
    if (blank < 0)
        return h1_refuse(ret_refusal, 400, "request line without a target");
    if (method.len > HTTP_METHOD_BYTES_MAX)
        return h1_refuse(ret_refusal, 501, "method too long");

    struct slice rest = slice_from(line, (size_t)blank + 1);
    blank = slice_find(rest, ' ');
    if (blank < 0)
        return h1_refuse(ret_refusal, 400, "request line without a version");
    int result =
        h1_parse_version(slice_from(rest, (size_t)blank + 1), &head->version_minor, ret_refusal);
    if (result < 0)
        return result;
    head->version_major = 1;
    head->method = http_method_of(method);
    head->method_name = method;
    head->target = slice_first(rest, (size_t)blank);
    return parse_target(head, ret_refusal);
}

/* Host and the target's authority (RFC 9112 §3.2, §3.3): both must be valid, the target's counts.
 */
static int settle_authority(const struct h1_facts *facts, struct request_head *head,
                            struct h1_refusal *ret_refusal)
{
    struct slice host;
    unsigned port;
    if (facts->hosts > 1)
        return h1_refuse(ret_refusal, 400, "repeated Host");
    if (facts->hosts == 0 && head->version_minor > 0)
        return h1_refuse(ret_refusal, 400, "no Host");
    if (facts->hosts == 1 && uri_parse_authority(facts->host->value, &host, &port) < 0)
        return h1_refuse(ret_refusal, 400, "bad Host");
    if (head->form == TARGET_ORIGIN || head->scheme.len + head->authority.len == 0) {
        if (facts->hosts == 1)
            head->authority = facts->host->value;
        return 0;
    }
    if (uri_parse_authority(head->authority, &host, &port) < 0)
        return h1_refuse(ret_refusal, 400, "bad authority in the target");
    if (head->form == TARGET_AUTHORITY && port == 0)
        return h1_refuse(ret_refusal, 400, "CONNECT without a port");
    return 0;
}

static int settle_expectation(const struct h1_facts *facts, struct request_head *head,
                              struct h1_refusal *ret_refusal)
{
    if (facts->expects_unknown)
        return h1_refuse(ret_refusal, 417, "unknown expectation");
    head->expects_continue =
        facts->expects_continue && head->version_minor > 0 && head->framing.kind != BODY_NONE;
    return 0;
}

int h1_parse_request(struct slice head, struct request_head *ret_head,
                     struct h1_refusal *ret_refusal)
{
    struct h1_lines lines;
    h1_lines_init(&lines, head);
    struct slice line = h1_lines_next(&lines);
    if (line.len == 0)
        line = h1_lines_next(&lines); /* the one empty line that h1_scan lets pass */
    struct h1_facts facts = {0};
    int result = parse_request_line(line, ret_head, ret_refusal);
    if (result < 0)
        return result;
    result = h1_parse_fields(&lines, &ret_head->fields, &facts, ret_refusal);
    if (result < 0)
        return result;
    result = h1_parse_framing(&facts, ret_head->version_minor, &ret_head->framing, ret_refusal);
    if (result < 0)
        return result;
    if (ret_head->method == METHOD_CONNECT && ret_head->framing.kind != BODY_NONE)
        return h1_refuse(ret_refusal, 400, "CONNECT with a body");
    result = settle_authority(&facts, ret_head, ret_refusal);
    if (result < 0)
        return result;
    ret_head->keep_alive = h1_is_persistent(&facts, ret_head->version_minor);
    ret_head->wants_upgrade =
        facts.has_upgrade && facts.names_upgrade && ret_head->version_minor > 0;
    return settle_expectation(&facts, ret_head, ret_refusal);
}
