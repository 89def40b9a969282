/* Patterns and the parts of a rule's match. Called for each rule until one holds. */
#include "edge/route/match.h"

#include "edge/route/query.h"
#include "http/exchange.h"

/* '*' stands for any run of bytes. Linear but for the last star, which may be moved on. */
static bool wildcard_matches(struct slice pattern, struct slice text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.len && pattern.at[p] == text.at[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

bool pattern_matches(const struct conf_pattern *pattern, struct slice text)
{
    switch (pattern->kind) {
    case CONF_PATTERN_EXACT:
        return slice_equal(pattern->text, text);
    case CONF_PATTERN_PREFIX:
        return slice_starts_with(text, pattern->text) ||
               (text.len + 1 == pattern->text.len && slice_starts_with(pattern->text, text));
    case CONF_PATTERN_WILDCARD:
        return wildcard_matches(pattern->text, text);
    }
    return false;
}

static bool path_holds(const struct conf_match *match, struct slice path)
{
    for (unsigned i = 0; i < match->paths_count; i++) {
        if (pattern_matches(&match->paths[i], path))
            return true;
    }
    return match->paths_count == 0;
}

static bool method_holds(const struct conf_match *match, const struct request_head *request)
{
    for (unsigned i = 0; i < match->methods_count; i++) {
        if (slice_equal(match->methods[i], request->method_name) ||
            (request->method == METHOD_HEAD && slice_equal(match->methods[i], SLICE("GET"))))
            return true;
    }
    return match->methods_count == 0;
}

static bool field_holds(const struct conf_field_match *wanted, const struct fields *fields)
{
    for (unsigned i = 0; i < fields->count; i++) {
        if (slice_equal_nocase(fields->at[i].name, wanted->name) &&
            pattern_matches(&wanted->value, fields->at[i].value))
            return true;
    }
    return false;
}

bool host_matches(struct slice pattern, struct slice host)
{
    if (!slice_starts_with(pattern, SLICE("*.")))
        return slice_equal(pattern, host);
    struct slice below = slice_from(pattern, 1);
    return host.len > below.len && slice_ends_with(host, below);
}

static bool host_holds(const struct conf_match *match, struct slice host)
{
    for (unsigned i = 0; i < match->hosts_count; i++) {
        if (host_matches(match->hosts[i], host))
            return true;
    }
    return match->hosts_count == 0;
}

/* The session keeps an address as text only. What is none there is a Unix socket's. */
static const struct address *client_of(struct match_subject *subject)
{
    if (!subject->has_client) {
        if (address_from_ip(subject->exchange->client, 0, &subject->client) < 0)
            (void)address_from_path(SLICE(""), &subject->client);
        subject->has_client = true;
    }
    return &subject->client;
}

static bool source_holds(const struct conf_match *match, struct match_subject *subject)
{
    return match->sources_count == 0 ||
           networks_contain(match->sources, match->sources_count, client_of(subject));
}

static bool subject_holds(const struct conf_match *match, const struct exchange *exchange)
{
    struct slice subject = exchange->notes.client_subject;
    for (unsigned i = 0; i < match->client_subjects_count; i++) {
        if (subject.len > 0 && pattern_matches(&match->client_subjects[i], subject))
            return true;
    }
    return match->client_subjects_count == 0;
}

bool match_holds_but_path(const struct conf_match *match, struct match_subject *subject)
{
    const struct exchange *exchange = subject->exchange;
    if (!method_holds(match, &exchange->request) || !host_holds(match, exchange->host))
        return false;
    for (unsigned i = 0; i < match->fields_count; i++) {
        if (!field_holds(&match->fields[i], &exchange->request.fields))
            return false;
    }
    for (unsigned i = 0; i < match->query_count; i++) {
        if (!query_holds(exchange->query, &match->query[i]))
            return false;
    }
    return source_holds(match, subject) && subject_holds(match, exchange);
}

bool match_holds(const struct conf_match *match, struct match_subject *subject)
{
    return path_holds(match, subject->exchange->path) && match_holds_but_path(match, subject);
}

static void write_quoted(struct writer *why, struct slice text)
{
    write_char(why, '"');
    write_slice(why, text);
    write_char(why, '"');
}

/* As it stands in the file. */
static void write_pattern(struct writer *why, const struct conf_pattern *pattern)
{
    write_char(why, '"');
    write_slice(why, pattern->text);
    write_slice(why, pattern->kind == CONF_PATTERN_PREFIX ? SLICE("*\"") : SLICE("\""));
}

static void write_separator(struct writer *why, unsigned number)
{
    write_slice(why, number > 0 ? SLICE(", ") : SLICE(" "));
}

static void why_not_path(const struct conf_match *match, struct slice path, struct writer *why)
{
    write_literal(why, "the path ");
    write_quoted(why, path);
    write_slice(why, match->paths_count > 1 ? SLICE(" is none of") : SLICE(" is not"));
    for (unsigned i = 0; i < match->paths_count; i++) {
        write_separator(why, i);
        write_pattern(why, &match->paths[i]);
    }
}

static void why_not_method(const struct conf_match *match, const struct request_head *request,
                           struct writer *why)
{
    write_literal(why, "the method ");
    write_slice(why, request->method_name);
    write_slice(why, match->methods_count > 1 ? SLICE(" is none of") : SLICE(" is not"));
    for (unsigned i = 0; i < match->methods_count; i++) {
        write_separator(why, i);
        write_slice(why, match->methods[i]);
    }
}

static void why_not_field(const struct conf_field_match *wanted, const struct fields *fields,
                          struct writer *why)
{
    const struct field *found = fields_find_name(fields, wanted->name);
    write_literal(why, "the header field ");
    write_slice(why, wanted->name);
    if (found == NULL) {
        write_literal(why, " is missing; it should be ");
    } else {
        write_literal(why, " is ");
        write_quoted(why, found->value);
        write_literal(why, ", not ");
    }
    write_pattern(why, &wanted->value);
}

static void why_not_host(const struct conf_match *match, struct slice host, struct writer *why)
{
    write_literal(why, "the host ");
    write_quoted(why, host);
    write_slice(why, match->hosts_count > 1 ? SLICE(" is none of") : SLICE(" is not"));
    for (unsigned i = 0; i < match->hosts_count; i++) {
        write_separator(why, i);
        write_quoted(why, match->hosts[i]);
    }
}

static void why_not_query(const struct conf_query_match *wanted, struct writer *why)
{
    write_literal(why, "no query parameter ");
    write_slice(why, wanted->name);
    write_literal(why, " is ");
    write_pattern(why, &wanted->value);
}

static void why_not_source(const struct exchange *exchange, struct writer *why)
{
    write_literal(why, "the client's address ");
    write_slice(why, exchange->client);
    write_literal(why, " is in none of its source_ip");
}

static void why_not_subject(const struct conf_match *match, struct slice subject,
                            struct writer *why)
{
    if (subject.len == 0) {
        write_literal(why, "the client has shown no certificate");
        return;
    }
    write_literal(why, "the subject of the client's certificate, ");
    write_quoted(why, subject);
    write_slice(why, match->client_subjects_count > 1 ? SLICE(", is none of") : SLICE(", is not"));
    for (unsigned i = 0; i < match->client_subjects_count; i++) {
        write_separator(why, i);
        write_pattern(why, &match->client_subjects[i]);
    }
}

/* The first field or query parameter that does not hold, if any. */
static bool why_not_each(const struct conf_match *match, const struct exchange *exchange,
                         struct writer *why)
{
    for (unsigned i = 0; i < match->fields_count; i++) {
        if (!field_holds(&match->fields[i], &exchange->request.fields)) {
            why_not_field(&match->fields[i], &exchange->request.fields, why);
            return true;
        }
    }
    for (unsigned i = 0; i < match->query_count; i++) {
        if (!query_holds(exchange->query, &match->query[i])) {
            why_not_query(&match->query[i], why);
            return true;
        }
    }
    return false;
}

bool match_why(const struct conf_match *match, const struct exchange *exchange, struct writer *why)
{
    struct match_subject subject;
    match_subject_init(&subject, exchange);
    if (match_holds(match, &subject))
        return true;
    if (!path_holds(match, exchange->path))
        why_not_path(match, exchange->path, why);
    else if (!method_holds(match, &exchange->request))
        why_not_method(match, &exchange->request, why);
    else if (!host_holds(match, exchange->host))
        why_not_host(match, exchange->host, why);
    else if (why_not_each(match, exchange, why))
        ; /* it has been told */
    else if (!source_holds(match, &subject))
        why_not_source(exchange, why);
    else
        why_not_subject(match, exchange->notes.client_subject, why);
    return false;
}
