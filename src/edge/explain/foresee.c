/*
 * A head is written as a client would write it and goes through the parser of all requests; then
 * each rule is asked why it does not match, until one does.
 */
#include "edge/explain/foresee.h"

#include "base/cleanup.h"
#include "edge/explain/notes.h"
#include "edge/explain/policies.h"
#include "edge/explain/story.h"
#include "edge/route/ambiguity.h"
#include "edge/route/match.h"
#include "edge/state.h"
#include "edge/tls/door.h"
#include "edge/view.h"
#include "http/session_internal.h"
#include "wire/http/uri.h"

#define ARENA_BYTES_MAX ((size_t)1 << 18)
#define WHY_BYTES       4096

struct foresight {
    struct json_writer *json;
    const struct edge *edge;
    const struct foreseen *foreseen;
    struct slice authority; /* of the URL */
    struct slice target;    /* path and query */
    unsigned port;
    unsigned listener; /* index; the count when there is none */
    struct exchange exchange;
};

/* Splits the URL. False when it is none. */
static bool split_url(struct slice url, struct slice *ret_authority, struct slice *ret_target,
                      unsigned *ret_port)
{
    struct slice host;
    unsigned port;
    bool is_secure = slice_starts_with(url, SLICE("https://"));
    if (!is_secure && !slice_starts_with(url, SLICE("http://")))
        return false;
    url = slice_from(url, is_secure ? 8 : 7);
    size_t len = 0;
    while (len < url.len && url.at[len] != '/' && url.at[len] != '?')
        len++;
    *ret_authority = slice_first(url, len);
    *ret_target = slice_from(url, len);
    if (len == 0 || uri_parse_authority(*ret_authority, &host, &port) < 0)
        return false;
    *ret_port = port > 0 ? port : is_secure ? 443 : 80;
    return true;
}

const char *foresee_check(const struct foreseen *foreseen)
{
    struct slice authority, target;
    unsigned port;
    if (!http_is_token(foreseen->method))
        return "method is no HTTP method, as GET";
    if (!split_url(foreseen->url, &authority, &target, &port))
        return "url is no address of the form http://host:port/path";
    for (unsigned i = 0; i < foreseen->fields_count; i++) {
        ptrdiff_t colon = slice_find(foreseen->fields[i], ':');
        if (colon <= 0 || !http_is_token(slice_first(foreseen->fields[i], (size_t)colon)) ||
            !http_is_field_value(slice_from(foreseen->fields[i], (size_t)colon)))
            return "header is no field of the form \"Name: value\"";
    }
    return NULL;
}

/* The head as it would come in. */
static void write_head(struct writer *head, const struct foresight *foresight)
{
    const struct foreseen *foreseen = foresight->foreseen;
    bool has_host = false;
    write_slice(head, foreseen->method);
    write_char(head, ' ');
    if (foresight->target.len == 0 || foresight->target.at[0] != '/')
        write_char(head, '/');
    write_slice(head, foresight->target);
    write_literal(head, " HTTP/1.1\r\n");
    for (unsigned i = 0; i < foreseen->fields_count; i++) {
        struct slice name =
            slice_first(foreseen->fields[i], (size_t)slice_find(foreseen->fields[i], ':'));
        has_host |= slice_equal_nocase(name, SLICE("Host"));
        write_slice(head, foreseen->fields[i]);
        write_literal(head, "\r\n");
    }
    if (!has_host)
        h1_write_field(head, field_name(FIELD_HOST), foresight->authority);
    h1_write_end(head);
}

static unsigned find_listener(const struct snapshot *snapshot, unsigned port)
{
    unsigned i = 0;
    while (i < snapshot->listeners_count && snapshot->listeners[i].address.port != port)
        i++;
    return i;
}

static void write_listener(struct json_writer *json, const char *name,
                           const struct conf_listener *listener)
{
    json_open_object(json, name);
    json_put_text(json, "name", listener->name);
    json_put_text(json, "address", listener->address.text);
    json_put_bool(json, "tls", listener->tls.source != CONF_TLS_OFF);
    json_close_object(json);
}

/* What Weir itself would say, without a rule. */
static void write_answer(struct json_writer *json, unsigned status, const char *why)
{
    json_open_object(json, "answer");
    if (status > 0)
        json_put_u64(json, "status", status);
    json_put_text(json, "why", slice_of_cstr(why));
    json_close_object(json);
}

static void write_rule(struct foresight *foresight, const struct conf_rule *rule, bool *ret_holds)
{
    struct json_writer *json = foresight->json;
    char text[WHY_BYTES];
    struct writer why;
    writer_init(&why, text, sizeof text);
    *ret_holds = match_why(&rule->match, &foresight->exchange, &why);
    json_open_object(json, NULL);
    json_put_u64(json, "number", rule->number);
    json_put_u64(json, "line", rule->place.line);
    json_put_text(json, "action", slice_of_cstr(notes_action_name(rule->action)));
    json_put_bool(json, "matches", *ret_holds);
    if (!*ret_holds)
        json_put_text(json, "why", writer_slice(&why));
    json_close_object(json);
}

/* The rules up to the one that matches; NULL when none does. */
static const struct conf_rule *write_rules(struct foresight *foresight,
                                           const struct conf_site *site)
{
    bool holds = false;
    unsigned i = 0;
    json_open_list(foresight->json, "rules");
    for (; !holds && i < site->rules_count; i++)
        write_rule(foresight, &site->rules[i], &holds);
    json_close_list(foresight->json);
    json_put_u64(foresight->json, "rules_total", site->rules_count);
    return holds ? &site->rules[i - 1] : NULL;
}

/* The group that gets the most. */
static struct slice main_group(const struct conf_forward *forward)
{
    const struct conf_share *most = &forward->shares[0];
    for (unsigned i = 1; i < forward->shares_count; i++)
        most = forward->shares[i].weight > most->weight ? &forward->shares[i] : most;
    return most->group;
}

static void write_action(struct foresight *foresight, const struct conf_rule *rule)
{
    action_write(foresight->json, "action", rule);
    policies_write(foresight->json, "policies", rule);
    if (rule->action == CONF_ACTION_FORWARD)
        story_write_group(foresight->json, foresight->edge, main_group(&rule->forward));
}

/* What the client would be shown in the handshake, and asked for. */
static void write_tls(struct foresight *foresight)
{
    struct json_writer *json = foresight->json;
    const struct view *view = foresight->edge->workers[0].view;
    const struct shown *shown =
        identities_find(view->identities, foresight->listener, foresight->exchange.host);
    const struct tls_certificate *certificate =
        shown == NULL || shown->tls == NULL ? NULL : credential_certificate(shown->credentials[0]);
    if (view->plane->snapshot->listeners[foresight->listener].tls.source == CONF_TLS_OFF)
        return;
    json_open_object(json, "certificate");
    json_put_bool(json, "present", certificate != NULL);
    if (certificate != NULL) {
        int64_t ends_s = tls_certificate_not_after_s(certificate);
        if (tls_certificate_names_count(certificate) > 0)
            json_put_text(json, "for", tls_certificate_name(certificate, 0));
        json_put_bool(json, "covers",
                      tls_certificate_covers(certificate, foresight->exchange.host));
        json_put_u64(json, "not_after_s", ends_s < 0 ? 0 : (uint64_t)ends_s);
        json_put_bool(json, "asks_clients", shown->asks_clients);
    }
    json_close_object(json);
}

/* As edge/tls/door.h would; true: that is the answer. */
static bool write_turned_away(struct foresight *foresight, const struct conf_site *site)
{
    const struct view *view = foresight->edge->workers[0].view;
    const struct snapshot *snapshot = view->plane->snapshot;
    bool has_tls = snapshot->listeners[foresight->listener].tls.source != CONF_TLS_OFF;
    if (door_redirects(&foresight->exchange, view, site))
        write_answer(foresight->json, 308, "plain requests to this site are sent to HTTPS");
    else if (site->needs_client_certificate && !has_tls)
        write_answer(foresight->json, 403,
                     "a client certificate is asked for, which plain HTTP cannot show");
    else
        return false;
    return true;
}

static void write_route(struct foresight *foresight)
{
    struct json_writer *json = foresight->json;
    const struct plane *plane = foresight->edge->workers[0].view->plane;
    const struct router_site *site =
        router_find_site(&plane->router, foresight->listener, foresight->exchange.host);
    if (site == NULL) {
        story_write_nearest(json, plane, foresight->exchange.host);
        write_answer(json, 404, "no site has this host");
        return;
    }
    json_open_object(json, "site");
    json_put_text(json, "name", site->site->name);
    json_put_u64(json, "line", site->site->place.line);
    maintenance_write(&edge_worker_current()->edge->maintenance, site->site->name, json);
    json_close_object(json);
    if (write_turned_away(foresight, site->site))
        return;
    const struct conf_rule *rule = write_rules(foresight, site->site);
    if (rule == NULL)
        write_answer(json, 404, "no rule matched");
    else if (rule->action == CONF_ACTION_FORWARD && !site->site->passes_ambiguous_paths &&
             ambiguity_find(&plane->router, foresight->listener, &foresight->exchange, rule) != 0)
        write_answer(json, 400, AMBIGUITY_REASON);
    else
        write_action(foresight, rule);
}

static void write_listeners(struct json_writer *json, const struct snapshot *snapshot)
{
    json_open_list(json, "listeners");
    for (unsigned i = 0; i < snapshot->listeners_count; i++)
        write_listener(json, NULL, &snapshot->listeners[i]);
    json_close_list(json);
}

static void write_request(struct foresight *foresight, struct slice head)
{
    struct exchange *exchange = &foresight->exchange;
    struct json_writer *json = foresight->json;
    struct h1_scan scan = {0};
    struct h1_refusal refusal = {503, "out of memory for this request"};
    int rc = h1_scan(&scan, head, &refusal);
    if (rc > 0)
        rc = exchange_parse(exchange, slice_first(head, (size_t)rc), &refusal);
    if (rc == 0)
        rc = exchange_normalise(exchange, &refusal);
    if (rc < 0) {
        write_answer(json, refusal.status, refusal.text);
        return;
    }
    json_put_text(json, "host", exchange->host);
    json_put_text(json, "path", exchange->path);
    write_tls(foresight);
    write_route(foresight);
}

void foresee_write(struct json_writer *json, const struct edge *edge,
                   const struct foreseen *foreseen)
{
    const struct snapshot *snapshot = edge->workers[0].view->plane->snapshot;
    bool is_secure = slice_starts_with(foreseen->url, SLICE("https:"));
    struct server server = {0};
    struct foresight foresight = {.json = json, .edge = edge, .foreseen = foreseen};
    (void)split_url(foreseen->url, &foresight.authority, &foresight.target, &foresight.port);
    server.port = (uint16_t)foresight.port;
    foresight.listener = find_listener(snapshot, foresight.port);
    json_open_object(json, NULL);
    json_put_text(json, "method", foreseen->method);
    json_put_text(json, "url", foreseen->url);
    json_put_text(json, "file", snapshot->file);
    if (foresight.listener == snapshot->listeners_count) {
        json_put_u64(json, "port", foresight.port);
        write_listeners(json, snapshot);
        write_answer(json, 0, "nothing listens at this port");
        json_close_object(json);
        return;
    }
    write_listener(json, "listener", &snapshot->listeners[foresight.listener]);
    foresight.exchange = (struct exchange){
        .server = &server,
        .is_secure = is_secure,
        .client = foreseen->from.len > 0 ? foreseen->from : SLICE("127.0.0.1"),
    };
    arena_init(&foresight.exchange.arena, NULL, 0, ARENA_BYTES_MAX);
    char *block = block_take(BLOCK_LARGE);
    struct writer head;
    writer_init(&head, block, block == NULL ? 0 : BLOCK_LARGE_BYTES);
    write_head(&head, &foresight);
    if (head.overflown)
        write_answer(json, 431, "the request's head is too large");
    else
        write_request(&foresight, writer_slice(&head));
    block_give(block, BLOCK_LARGE);
    arena_finish(&foresight.exchange.arena);
    json_close_object(json);
}
