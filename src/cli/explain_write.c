/* Stories as lines and tables. Members that are missing are left out, so that versions may differ.
 */
#include "cli/explain_write.h"

#include "cli/status.h"
#include "cli/table.h"
#include "wire/http/date.h"
#include "wire/http/message.h"

#include <stdarg.h>
#include <stdio.h>

struct page {
    struct arena *arena;
    struct buffer *out;
    int rc;
};

static struct slice text_of(const struct json *object, const char *name)
{
    return json_get_text(object, slice_of_cstr(name));
}

static long long number_of(const struct json *object, const char *name)
{
    return (long long)json_get_integer(object, slice_of_cstr(name), 0);
}

static const struct json *part_of(const struct json *object, const char *name)
{
    return json_get(object, slice_of_cstr(name));
}

__attribute__((format(printf, 2, 3))) static struct slice form(const struct page *page,
                                                               const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return arena_copy(page->arena, slice_of_cstr(text));
}

static void put(struct page *page, struct slice text)
{
    if (page->rc == 0)
        page->rc = buffer_append(page->out, text);
}

/* "listener  http": a label of its own column, then the text; nothing for an empty one. */
static void put_fact(struct page *page, const char *label, struct slice text)
{
    if (text.len > 0)
        put(page, form(page, "%-10s%.*s\n", label, SLICE_ARG(text)));
}

/* 1.234 ms for 1234 µs, without digits that say nothing. */
static struct slice time_text(const struct page *page, long long us)
{
    if (us < 100000)
        return form(page, "%lld.%03lld ms", us / 1000, us % 1000);
    if (us < 10000000)
        return form(page, "%lld ms", us / 1000);
    return form(page, "%lld.%lld s", us / 1000000, us / 100000 % 10);
}

static struct slice status_text(const struct page *page, long long status)
{
    if (status == 0)
        return SLICE("no answer");
    return form(page, "%lld %s", status, http_status_reason((unsigned)status));
}

static void put_table(struct page *page, const struct table *table, const char *title)
{
    if (table->rows_count == 0 || page->rc < 0)
        return;
    put(page, form(page, "\n%s\n", title));
    if (page->rc == 0)
        page->rc = table_write(table, page->out);
}

static void add_row(struct page *page, struct table *table, const struct slice *cells)
{
    if (page->rc == 0)
        page->rc = table_add(table, cells);
}

static void put_group(struct page *page, const struct json *group)
{
    static const struct table_column columns[] = {
        {"TARGET", false}, {"ADDRESS", false}, {"HEALTH", false},  {"WEIGHT", true},
        {"OPEN", true},    {"PICKED", false},  {"BECAUSE", false}, {0},
    };
    struct table table;
    const struct json *targets = part_of(group, "targets");
    long long unresolved = number_of(group, "unresolved");
    table_init(&table, page->arena, columns);
    JSON_FOR_EACH(targets, target)
    {
        bool is_pickable = json_get_bool(target, SLICE("pickable"), false);
        struct slice why = text_of(target, "why"), reason = text_of(target, "reason");
        add_row(page, &table,
                (struct slice[]){
                    text_of(target, "id"),
                    text_of(target, "address"),
                    status_health(group, target),
                    form(page, "%lld", number_of(target, "weight")),
                    form(page, "%lld", number_of(target, "in_flight")),
                    is_pickable ? SLICE("may be") : SLICE("not"),
                    form(page, "%.*s%s%.*s", SLICE_ARG(why),
                         why.len > 0 && reason.len > 0 ? "; check: " : "", SLICE_ARG(reason)),
                });
    }
    put_table(page, &table,
              form(page, "targets of %.*s now", SLICE_ARG(text_of(group, "name"))).at);
    if (group != NULL && targets != NULL && targets->count == 0 && text_of(group, "name").len > 0)
        put(page, form(page, "\n%.*s has no targets now%s\n", SLICE_ARG(text_of(group, "name")),
                       json_get_bool(group, SLICE("is_service"), false)
                           ? ": none of its tasks is healthy yet"
                           : ""));
    if (unresolved > 0)
        put(page, form(page, "%lld host name%s of the group ha%s no address yet\n", unresolved,
                       unresolved > 1 ? "s" : "", unresolved > 1 ? "ve" : "s"));
}

static void put_nearest(struct page *page, const struct json *nearest)
{
    JSON_FOR_EACH(nearest, one)
    put_fact(page, one == nearest->first ? "nearest" : "",
             form(page, "%.*s, of the site %.*s", SLICE_ARG(text_of(one, "domain")),
                  SLICE_ARG(text_of(one, "site"))));
}

/* "shop.weir.yaml:12: forward" */
static struct slice rule_text(const struct page *page, const struct json *rule)
{
    if (rule == NULL)
        return SLICE("none matched");
    return form(page, "%lld, %.*s:%lld: %.*s", number_of(rule, "number"),
                SLICE_ARG(text_of(rule, "file")), number_of(rule, "line"),
                SLICE_ARG(text_of(rule, "action")));
}

static struct slice outcome_text(const struct page *page, const struct json *try)
{
    struct slice why = text_of(try, "why");
    long long status = number_of(try, "status");
    if (why.len > 0)
        return why;
    return status > 0 ? form(page, "answered %.*s", SLICE_ARG(status_text(page, status)))
                      : text_of(try, "outcome");
}

/* When in the request it began, and how long each step took from there. */
static void put_try(struct page *page, const struct json *try, unsigned number)
{
    struct slice connection = text_of(try, "connection");
    long long begun = number_of(try, "begun_us"), connected = number_of(try, "connected_us");
    long long answered = number_of(try, "answered_us"), ended = number_of(try, "ended_us");
    struct slice at = time_text(page, begun), connect = time_text(page, connected - begun);
    struct slice answer = time_text(page, answered - begun), all = time_text(page, ended - begun);
    put_fact(page, form(page, "try %u", number).at,
             form(page, "%.*s: %.*s", SLICE_ARG(text_of(try, "target")),
                  SLICE_ARG(outcome_text(page, try))));
    if (connection.len == 0)
        connection = SLICE("no");
    put_fact(page, "",
             form(page, "at %.*s: %.*s connection%s%.*s%s%.*s, over after %.*s", SLICE_ARG(at),
                  SLICE_ARG(connection), connected > 0 ? " after " : "",
                  connected > 0 ? (int)connect.len : 0, connect.at,
                  answered > 0 ? ", head of the response after " : "",
                  answered > 0 ? (int)answer.len : 0, answer.at, SLICE_ARG(all)));
}

static void put_tries(struct page *page, const struct json *story)
{
    const struct json *tries = part_of(story, "tries");
    long long total = number_of(story, "tries_total");
    unsigned number = 1;
    JSON_FOR_EACH(tries, try)
    put_try(page, try, number++);
    if (tries != NULL && total > tries->count)
        put_fact(page, "", form(page, "%lld tries in all", total));
    if (json_get_bool(story, SLICE("retry_denied"), false))
        put_fact(page, "retries", SLICE("denied: the budget was used up"));
}

static void put_advice(struct page *page, const struct json *advice)
{
    JSON_FOR_EACH(advice, sentence)
    put(page, form(page, "%s  - %.*s\n", sentence == advice->first ? "\nwhat to do\n" : "",
                   SLICE_ARG(sentence->text)));
}

static struct slice maker_text(const struct json *story)
{
    struct slice by = text_of(story, "answered_by");
    if (slice_equal(by, SLICE("target")))
        return SLICE(", by the target");
    return slice_equal(by, SLICE("weir")) ? SLICE(", by Weir itself") : SLICE("");
}

static void put_head(struct page *page, const struct json *story)
{
    struct slice status = status_text(page, number_of(story, "status"));
    struct slice ending = text_of(story, "ending");
    put(page, form(page, "%.*s http://%.*s%.*s%s\n", SLICE_ARG(text_of(story, "method")),
                   SLICE_ARG(text_of(story, "host")), SLICE_ARG(text_of(story, "path")),
                   json_get_bool(story, SLICE("path_cut"), false) ? "…" : ""));
    put_fact(page, "request", text_of(story, "id"));
    put_fact(page, "answer",
             form(page, "%.*s%.*s%s", SLICE_ARG(status), SLICE_ARG(maker_text(story)),
                  slice_equal(ending, SLICE("cut_short"))  ? "; it broke off"
                  : slice_equal(ending, SLICE("upgraded")) ? "; the connection was handed over"
                                                           : ""));
    put_fact(page, "reason", text_of(story, "reason"));
    put_fact(page, "ended",
             form(page, "%.*s, after %.*s; %lld bytes in, %lld bytes out",
                  SLICE_ARG(text_of(story, "time")),
                  SLICE_ARG(time_text(page, number_of(story, "duration_us"))),
                  number_of(story, "request_bytes"), number_of(story, "response_bytes")));
    put_fact(page, "trace", text_of(story, "trace_id"));
    put_fact(page, "client",
             form(page, "%.*s by %.*s", SLICE_ARG(text_of(story, "client")),
                  SLICE_ARG(text_of(story, "protocol"))));
}

/* Of a listener with protocol tcp: who had it, for how long, and why it did not end by itself. */
static void put_proxy(struct page *page, const struct json *story)
{
    const struct json *rule = part_of(story, "proxy_rule");
    put_fact(page, "proxy", text_of(story, "proxy"));
    put_fact(page, "rule",
             rule == NULL ? SLICE("none has decided")
                          : form(page, "%lld, line %lld", number_of(rule, "number"),
                                 number_of(rule, "line")));
}

static void put_connection(struct page *page, const struct json *story)
{
    const struct json *tries = part_of(story, "tries");
    const struct json *last = tries == NULL ? NULL : tries->first;
    struct slice listener = text_of(story, "listener");
    long long total = number_of(story, "tries_total");
    put(page, form(page, "a connection at %.*s, passed on as it was\n", SLICE_ARG(listener)));
    put_fact(page, "id", text_of(story, "id"));
    put_fact(page, "reason", text_of(story, "reason"));
    put_fact(page, "ended",
             form(page, "%.*s, after %.*s; %lld bytes from the client, %lld bytes to it",
                  SLICE_ARG(text_of(story, "time")),
                  SLICE_ARG(time_text(page, number_of(story, "duration_us"))),
                  number_of(story, "request_bytes"), number_of(story, "response_bytes")));
    put_fact(page, "client", text_of(story, "client"));
    put_fact(page, "listener", listener);
    if (text_of(story, "proxy").len > 0) {
        put_proxy(page, story);
        put_fact(page, "host", text_of(story, "host"));
    }
    put_fact(page, "group", text_of(part_of(story, "group"), "name"));
    if (last == NULL)
        put_fact(page, "target", SLICE("none could be asked"));
    else if (number_of(last, "connected_us") > 0)
        put_fact(page, "target",
                 form(page, "%.*s, connected after %.*s%s", SLICE_ARG(text_of(last, "target")),
                      SLICE_ARG(time_text(page, number_of(last, "connected_us"))),
                      total > 1 ? form(page, ", as number %lld that was tried", total).at : ""));
    else
        put_fact(page, "target",
                 form(page, "none; %lld tried, the last was %.*s", total,
                      SLICE_ARG(text_of(last, "target"))));
}

/* A text of a client must not steer the terminal. */
static int finish(struct page *page)
{
    for (size_t i = 0; i < page->out->len; i++) {
        unsigned char c = (unsigned char)page->out->at[i];
        if ((c < 0x20 && c != '\n') || c == 0x7f)
            page->out->at[i] = '?';
    }
    return page->rc;
}

int explain_write_story(const struct json *story, struct arena *arena, struct buffer *out)
{
    struct page page = {arena, out, 0};
    struct slice site = text_of(story, "site");
    if (slice_equal(text_of(story, "protocol"), SLICE("tcp"))) {
        put_connection(&page, story);
        put_group(&page, part_of(story, "group"));
        return finish(&page);
    }
    put_head(&page, story);
    put_fact(&page, "listener", text_of(story, "listener"));
    if (text_of(story, "proxy").len > 0)
        put_proxy(&page, story);
    else
        put_fact(&page, "site", site.len > 0 ? site : SLICE("none has this host"));
    put_nearest(&page, part_of(story, "nearest"));
    if (site.len > 0)
        put_fact(&page, "rule", rule_text(&page, part_of(story, "rule")));
    put_fact(&page, "group", text_of(part_of(story, "group"), "name"));
    put_tries(&page, story);
    put_group(&page, part_of(story, "group"));
    put_advice(&page, part_of(story, "advice"));
    return finish(&page);
}

static void put_rules(struct page *page, const struct json *foreseen)
{
    const struct json *rules = part_of(foreseen, "rules");
    JSON_FOR_EACH(rules, rule)
    {
        struct slice why = text_of(rule, "why");
        put_fact(page, rule == rules->first ? "rules" : "",
                 form(page, "%lld, line %lld, %.*s: %s%.*s", number_of(rule, "number"),
                      number_of(rule, "line"), SLICE_ARG(text_of(rule, "action")),
                      why.len > 0 ? "no, " : "matches", SLICE_ARG(why)));
    }
}

static void put_members(struct page *page, const char *label, const struct json *object)
{
    JSON_FOR_EACH(object, member)
    {
        if (slice_equal(member->name, SLICE("kind")))
            put_fact(page, label, member->text);
        else
            put_fact(page, "",
                     form(page, "%.*s %.*s", SLICE_ARG(member->name), SLICE_ARG(member->text)));
    }
}

static void put_policies(struct page *page, const struct json *policies)
{
    JSON_FOR_EACH(policies, policy)
    put_fact(page, policy == policies->first ? "policies" : "",
             form(page, "%.*s: %.*s", SLICE_ARG(text_of(policy, "name")),
                  SLICE_ARG(text_of(policy, "value"))));
}

/* "for a.org, until 06 Nov 1994", and what is wrong with that. */
static void put_certificate(struct page *page, const struct json *certificate)
{
    char date[HTTP_DATE_BYTES];
    if (certificate == NULL)
        return;
    if (!json_get_bool(certificate, SLICE("present"), false)) {
        put_fact(page, "tls", SLICE("no certificate yet: there is no handshake for this name"));
        return;
    }
    struct slice name = text_of(certificate, "for");
    bool covers = json_get_bool(certificate, SLICE("covers"), false);
    bool asks = json_get_bool(certificate, SLICE("asks_clients"), false);
    http_date_write(date, json_get_integer(certificate, SLICE("not_after_s"), 0));
    put_fact(page, "tls",
             form(page, "a certificate for %.*s, until %.11s%s%s",
                  SLICE_ARG(name.len > 0 ? name : SLICE("nobody")), date + 5,
                  covers ? "" : "; not for this host: clients refuse it",
                  asks ? "; clients are asked for theirs" : ""));
}

static void put_listeners(struct page *page, const struct json *listeners)
{
    JSON_FOR_EACH(listeners, listener)
    put_fact(page, listener == listeners->first ? "listeners" : "",
             form(page, "%.*s at %.*s", SLICE_ARG(text_of(listener, "name")),
                  SLICE_ARG(text_of(listener, "address"))));
}

int explain_write_foreseen(const struct json *foreseen, struct arena *arena, struct buffer *out)
{
    struct page page = {arena, out, 0};
    const struct json *listener = part_of(foreseen, "listener");
    const struct json *site = part_of(foreseen, "site"), *answer = part_of(foreseen, "answer");
    struct slice file = text_of(foreseen, "file");
    put(&page, form(&page, "%.*s %.*s\n", SLICE_ARG(text_of(foreseen, "method")),
                    SLICE_ARG(text_of(foreseen, "url"))));
    if (listener != NULL)
        put_fact(&page, "listener",
                 form(&page, "%.*s at %.*s", SLICE_ARG(text_of(listener, "name")),
                      SLICE_ARG(text_of(listener, "address"))));
    put_listeners(&page, part_of(foreseen, "listeners"));
    put_certificate(&page, part_of(foreseen, "certificate"));
    put_fact(&page, "host", text_of(foreseen, "host"));
    put_fact(&page, "path", text_of(foreseen, "path"));
    if (site != NULL)
        put_fact(&page, "site",
                 form(&page, "%.*s, %.*s:%lld", SLICE_ARG(text_of(site, "name")), SLICE_ARG(file),
                      number_of(site, "line")));
    if (json_get(site, SLICE("maintenance")) != NULL)
        put_fact(&page, "closed",
                 form(&page, "for maintenance, but for who may pass: %.*s",
                      SLICE_ARG(text_of(site, "maintenance"))));
    put_nearest(&page, part_of(foreseen, "nearest"));
    put_rules(&page, foreseen);
    put_members(&page, "action", part_of(foreseen, "action"));
    put_policies(&page, part_of(foreseen, "policies"));
    if (answer != NULL)
        put_fact(&page, "answer",
                 number_of(answer, "status") > 0
                     ? form(&page, "%.*s, by Weir itself: %.*s",
                            SLICE_ARG(status_text(&page, number_of(answer, "status"))),
                            SLICE_ARG(text_of(answer, "why")))
                     : form(&page, "none: %.*s %lld", SLICE_ARG(text_of(answer, "why")),
                            number_of(foreseen, "port")));
    put_group(&page, part_of(foreseen, "group"));
    return finish(&page);
}

static struct slice passage_rule(const struct page *page, const struct json *of)
{
    const struct json *rule = part_of(of, "rule");
    if (rule == NULL)
        return SLICE("none matches, and so it is denied");
    return form(page, "%lld, line %lld, %s", number_of(rule, "number"), number_of(rule, "line"),
                json_get_bool(rule, SLICE("allows"), false) ? "allows it" : "denies it");
}

static void put_passage_addresses(struct page *page, const struct json *addresses)
{
    const char *label = "addresses";
    JSON_FOR_EACH(addresses, one)
    {
        struct slice why = text_of(one, "why");
        bool is_allowed = json_get_bool(one, SLICE("allowed"), false);
        put_fact(page, label,
                 form(page, "%.*s: %s%.*s; rule %.*s", SLICE_ARG(text_of(one, "address")),
                      is_allowed ? "may be dialled" : "no, ", SLICE_ARG(why),
                      SLICE_ARG(passage_rule(page, one))));
        label = "";
    }
}

int explain_write_passage(const struct json *foreseen, struct arena *arena, struct buffer *out)
{
    struct page page = {arena, out, 0};
    const struct json *proxy = part_of(foreseen, "proxy"), *answer = part_of(foreseen, "answer");
    put(&page, form(&page, "%.*s %.*s\n", SLICE_ARG(text_of(foreseen, "method")),
                    SLICE_ARG(text_of(foreseen, "url"))));
    put_fact(&page, "proxy",
             form(&page, "%.*s, %.*s:%lld", SLICE_ARG(text_of(proxy, "name")),
                  SLICE_ARG(text_of(foreseen, "file")), number_of(proxy, "line")));
    put_fact(&page, "user", text_of(foreseen, "user"));
    put_fact(&page, "client", text_of(foreseen, "client"));
    put_fact(&page, "host",
             form(&page, "%.*s, port %lld", SLICE_ARG(text_of(foreseen, "host")),
                  number_of(foreseen, "port")));
    put_fact(&page, "path", text_of(foreseen, "path"));
    put_fact(&page, "rule", passage_rule(&page, foreseen));
    put_passage_addresses(&page, part_of(foreseen, "addresses"));
    put_fact(&page, "parent", text_of(foreseen, "parent"));
    if (answer == NULL)
        put_fact(&page, "answer", SLICE("the destination's"));
    else
        put_fact(&page, "answer",
                 form(&page, "%.*s, by Weir itself: %.*s",
                      SLICE_ARG(status_text(&page, number_of(answer, "status"))),
                      SLICE_ARG(text_of(answer, "why"))));
    return finish(&page);
}

int explain_write_list(const struct json *list, struct arena *arena, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"REQUEST", false},
        {"TIME", false},
        {"STATUS", true},
        {"TOOK", true},
        {"", false},
        {"REASON", false},
        {0},
    };
    struct page page = {arena, out, 0};
    struct table table;
    table_init(&table, arena, columns);
    JSON_FOR_EACH(part_of(list, "requests"), request)
    {
        add_row(&page, &table,
                (struct slice[]){
                    text_of(request, "id"),
                    text_of(request, "time"),
                    number_of(request, "status") > 0
                        ? form(&page, "%lld", number_of(request, "status"))
                        : SLICE("-"),
                    time_text(&page, number_of(request, "duration_us")),
                    text_of(request, "request"),
                    text_of(request, "reason"),
                });
    }
    if (table.rows_count == 0)
        put(&page, SLICE("no request has failed, or was slow beside the others\n"));
    else if (page.rc == 0)
        page.rc = table_write(&table, out);
    return finish(&page);
}
