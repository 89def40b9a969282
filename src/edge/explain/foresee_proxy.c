/* Asked by the admin API, for `weir explain --proxy`. */
#include "edge/explain/foresee_proxy.h"

#include "base/cleanup.h"
#include "edge/edge_worker.h"
#include "edge/proxy/rules.h"
#include "edge/state.h"
#include "http/exchange.h"
#include "http/origin.h"
#include "wire/http/uri.h"

#include <errno.h>

#define LOOKUP_MS 4000

static const struct proxy *find_proxy(const struct view *view, struct slice name)
{
    const struct snapshot *snapshot = view->plane->snapshot;
    for (unsigned i = 0; i < snapshot->proxies_count; i++) {
        if (slice_equal(snapshot->proxies[i].name, name))
            return &view->plane->proxies[i];
    }
    return NULL;
}

/* The URL's parts into the passage. What is wrong, or NULL. */
static const char *read_url(struct foreseen_passage *foreseen, struct exchange *exchange)
{
    struct passage *passage = &foreseen->passage;
    bool is_secure = slice_starts_with(foreseen->url, SLICE("https://"));
    bool is_tunnel = slice_equal(passage->method_name, SLICE("CONNECT"));
    if (!is_secure && !slice_starts_with(foreseen->url, SLICE("http://")))
        return "url is no address of the form http://host:port/path";
    struct slice rest = slice_from(foreseen->url, is_secure ? 8 : 7), host;
    size_t len = 0;
    while (len < rest.len && rest.at[len] != '/' && rest.at[len] != '?')
        len++;
    struct slice authority = slice_first(rest, len), target = slice_from(rest, len), path;
    char *lower = arena_alloc(&exchange->arena, authority.len + 1);
    char *normal = arena_alloc(&exchange->arena, 3 * target.len + 4);
    unsigned port;
    if (lower == NULL || normal == NULL)
        return "there is no memory to answer";
    if (len == 0 || uri_split_authority(authority, lower, &host, &port) < 0 ||
        passage_set_host(passage, host,
                         (uint16_t)(port > 0    ? port
                                    : is_secure ? 443
                                                : 80)) != PASSAGE_OPEN)
        return "the URL's host is neither a name nor an address";
    if (is_tunnel)
        return NULL;
    if (is_secure)
        return "what goes to https is a tunnel for a proxy: leave the method out, or say CONNECT";
    if (!slice_cut(&target, '?', &path) || path.len == 0)
        path = SLICE("/");
    return uri_normalise_path(path, normal, &passage->path) < 0
               ? "the URL's path is malformed or leaves the root"
               : NULL;
}

static void add_address(struct foreseen_passage *foreseen, const struct address *address)
{
    struct foreseen_address *one = &foreseen->addresses[foreseen->addresses_count++];
    one->address = *address;
    foreseen->passage.private_why = NULL;
    one->result = passage_judge(&foreseen->passage, address, &one->rule);
    one->private_why = foreseen->passage.private_why;
}

/* As of passage_find: what one address at least allows, or else what is said of the first. */
static void judge(struct foreseen_passage *foreseen)
{
    foreseen->result = foreseen->addresses[0].result;
    foreseen->passage.rule = foreseen->addresses[0].rule;
    for (unsigned i = 0; i < foreseen->addresses_count; i++) {
        if (foreseen->addresses[i].result != PASSAGE_OPEN)
            continue;
        foreseen->result = PASSAGE_OPEN;
        foreseen->passage.rule = foreseen->addresses[i].rule;
        return;
    }
}

static void look_up(struct foreseen_passage *foreseen)
{
    struct passage *passage = &foreseen->passage;
    struct resolver *resolver = edge_worker_resolver(edge_worker_current());
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    foreseen->is_looked_up = true;
    int rc = resolver == NULL ? -ENOMEM
                              : resolver_lookup(resolver, passage->host, passage->port, addresses,
                                                RESOLVER_ADDRESSES_MAX, loop_deadline(LOOKUP_MS));
    if (rc <= 0) {
        foreseen->result = passage_result_of_lookup(rc);
        return;
    }
    for (int i = 0; i < rc; i++)
        add_address(foreseen, &addresses[i]);
    judge(foreseen);
}

static void decide(struct foreseen_passage *foreseen)
{
    struct passage *passage = &foreseen->passage;
    if (passage->parsed.kind != HOST_NAME) {
        add_address(foreseen, &passage->address);
        judge(foreseen);
    } else if (passage_ask_rules(passage, NULL, &passage->rule) == PROXY_DENIED) {
        foreseen->result = PASSAGE_DENIED;
    } else {
        look_up(foreseen);
    }
}

const char *foresee_passage(struct foreseen_passage *foreseen, struct exchange *exchange)
{
    struct passage *passage = &foreseen->passage;
    struct view *view = edge_worker_current()->view;
    bool is_secure = slice_starts_with(foreseen->url, SLICE("https:"));
    passage->snapshot = view->plane->snapshot;
    passage->proxy = find_proxy(view, foreseen->proxy);
    if (passage->proxy == NULL)
        return "there is no forward proxy of that name";
    if (foreseen->method.len == 0)
        foreseen->method = is_secure ? SLICE("CONNECT") : SLICE("GET");
    if (!http_is_token(foreseen->method))
        return "method is no HTTP method, as GET";
    passage->method_name = foreseen->method;
    passage->method = http_method_of(foreseen->method);
    passage->user = foreseen->user;
    if (foreseen->from.len == 0)
        foreseen->from = SLICE("127.0.0.1");
    if (origin_address(foreseen->from, 0, &passage->source) < 0)
        return "from is no address";
    const char *wrong = read_url(foreseen, exchange);
    if (wrong != NULL)
        return wrong;
    foreseen->view = view_ref(view);
    foreseen->lacks_password = passage->proxy->passwords != NULL && foreseen->user.len == 0;
    decide(foreseen);
    return NULL;
}

void foresee_passage_finish(struct foreseen_passage *foreseen)
{
    view_unref(foreseen->view);
}

static void write_rule(struct json_writer *json, const struct conf_proxy_rule *rule)
{
    if (rule == NULL)
        return;
    json_open_object(json, "rule");
    json_put_u64(json, "number", rule->number);
    json_put_u64(json, "line", rule->place.line);
    json_put_bool(json, "allows", rule->allows);
    json_close_object(json);
}

static void write_address(struct json_writer *json, const struct foreseen_address *one)
{
    char text[ADDRESS_TEXT_BYTES];
    json_open_object(json, NULL);
    json_put_text(json, "address", slice_of(text, address_format(&one->address, text)));
    json_put_bool(json, "allowed", one->result == PASSAGE_OPEN);
    if (one->private_why != NULL)
        json_put_text(json, "why", slice_of_cstr(one->private_why));
    else if (one->result != PASSAGE_OPEN)
        json_put_text(json, "why", slice_of_cstr(passage_end_of(one->result)->why));
    write_rule(json, one->rule);
    json_close_object(json);
}

static void write_answer(struct json_writer *json, const struct foreseen_passage *foreseen)
{
    const struct passage_end *end = passage_end_of(foreseen->result);
    json_open_object(json, "answer");
    json_put_u64(json, "status", foreseen->lacks_password ? 407 : end->status);
    if (foreseen->lacks_password)
        json_put_text(json, "why", SLICE("a name and a password are asked for"));
    else if (end->why != NULL)
        json_put_text(json, "why", slice_of_cstr(end->why));
    json_close_object(json);
}

void foresee_passage_write(struct json_writer *json, const struct foreseen_passage *foreseen)
{
    const struct passage *passage = &foreseen->passage;
    const struct conf_forward_proxy *conf = passage->proxy->conf;
    json_open_object(json, NULL);
    json_put_text(json, "method", foreseen->method);
    json_put_text(json, "url", foreseen->url);
    json_put_text(json, "file", passage->snapshot->file);
    json_open_object(json, "proxy");
    json_put_text(json, "name", conf->name);
    json_put_u64(json, "line", conf->place.line);
    json_close_object(json);
    if (foreseen->user.len > 0)
        json_put_text(json, "user", foreseen->user);
    json_put_text(json, "client", foreseen->from);
    json_put_text(json, "host", passage->host);
    json_put_u64(json, "port", passage->port);
    if (passage->path.at != NULL)
        json_put_text(json, "path", passage->path);
    write_rule(json, passage->rule);
    json_put_u64(json, "rules_total", conf->rules_count);
    json_put_bool(json, "looked_up", foreseen->is_looked_up);
    json_open_list(json, "addresses");
    for (unsigned i = 0; i < foreseen->addresses_count; i++)
        write_address(json, &foreseen->addresses[i]);
    json_close_list(json);
    if (conf->parent.enabled)
        json_put_text(json, "parent", conf->parent.host);
    if (foreseen->result != PASSAGE_OPEN || foreseen->lacks_password)
        write_answer(json, foreseen);
    json_close_object(json);
}
