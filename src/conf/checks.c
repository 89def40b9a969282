/* The checks that the schema's structs name; see checks.h. */
#include "conf/checks.h"

#include "base/cleanup.h"
#include "base/writer.h"
#include "conf/link_bucket.h"
#include "conf/policy_checks.h"
#include "conf/tls_checks.h"
#include "conf/value.h"
#include "wire/grpc/health.h"
#include "wire/http/uri.h"

#define REWRITE_LEN_MAX 1000

static const struct action_name {
    const char *name;
    enum conf_action_kind kind; /* unused for what is refused as "not yet" */
} action_names[] = {
    {"forward", CONF_ACTION_FORWARD},
    {"files", CONF_ACTION_FILES},
    {"redirect", CONF_ACTION_REDIRECT},
    {"respond", CONF_ACTION_RESPOND},
    {"bucket", CONF_ACTION_BUCKET},
    {"s3", CONF_ACTION_S3},
    {"registry", 0},
};

/* The value under that key; the whole node when it is the short form. */
static const struct tree_node *value_of(const struct tree_node *node, const char *key)
{
    const struct tree_node *child = node->kind == TREE_MAP ? tree_get(node, key) : NULL;
    return child != NULL ? child : node;
}

/* Is some key probably meant to be an action (or `rules`)? Then it has been noted as unknown. */
static bool has_misspelt_action(const struct tree_node *node)
{
    for (const struct tree_node *child = node->first; child != NULL; child = child->next) {
        unsigned distance = VALUE_DISTANCE_FAR;
        bool is_close = value_is_closer(child->key, SLICE("rules"), &distance);
        for (size_t i = 0; i < COUNT_OF(action_names); i++)
            is_close |= value_is_closer(child->key, slice_of_cstr(action_names[i].name), &distance);
        if (is_close)
            return true;
    }
    return false;
}

/* A rule has exactly one action. */
static void check_actions(struct reading *reading, const struct tree_node *node,
                          struct draft_rule *rule)
{
    const struct tree_node *first = NULL;
    for (size_t i = 0; i < COUNT_OF(action_names); i++) {
        const struct tree_node *child = tree_get(node, action_names[i].name);
        if (child == NULL)
            continue;
        if (first != NULL)
            reading_error(
                reading, child->key_place,
                "a rule has one action, and this one has \"%.*s\" already: make two rules",
                SLICE_ARG(first->key));
        else
            rule->action = action_names[i].kind;
        first = first != NULL ? first : child;
    }
    /* A site's own rule beside `rules` is wrong as a whole; check_site says so. */
    bool is_beside_rules = tree_get(node, "rules") != NULL;
    if (first == NULL && !is_beside_rules && !has_misspelt_action(node))
        reading_error(reading, rule->place,
                      "a rule without an action: give it forward, files, bucket, s3, redirect or "
                      "respond");
}

/* `fallback` may stand on the rule, beside a short `files: ./dist`. */
static void check_fallback(struct reading *reading, const struct tree_node *node,
                           struct draft_rule *rule)
{
    const struct tree_node *fallback = tree_get(node, "fallback");
    if (fallback == NULL)
        return;
    bool is_bucket = tree_get(node, "bucket") != NULL;
    struct slice *inner = is_bucket ? &rule->bucket.site.fallback : &rule->files.fallback;
    if (!is_bucket && tree_get(node, "files") == NULL)
        reading_error(reading, fallback->key_place,
                      "\"fallback\" belongs to \"files\" or \"bucket\", and this rule has neither");
    else if (inner->len > 0)
        reading_error(reading, fallback->key_place,
                      "\"fallback\" stands here and in \"%s\": keep one",
                      is_bucket ? "bucket" : "files");
    else
        *inner = rule->fallback;
}

static bool is_placeholder(struct slice name)
{
    return slice_equal(name, SLICE("host")) || slice_equal(name, SLICE("path")) ||
           slice_equal(name, SLICE("query"));
}

/* What is wrong with a text that may hold variables, or NULL. */
static const char *why_not_template(struct slice to)
{
    for (size_t i = 0; i < to.len; i++) {
        if (to.at[i] == ' ' || (unsigned char)to.at[i] >= 0x80)
            return "blanks and what is not ASCII are written as %XX";
    }
    for (ptrdiff_t open = slice_find(to, '{'); open >= 0; open = slice_find(to, '{')) {
        to = slice_from(to, (size_t)open + 1);
        ptrdiff_t close = slice_find(to, '}');
        if (close < 0 || !is_placeholder(slice_first(to, (size_t)close)))
            return "only {host}, {path} and {query} can stand in it";
    }
    return NULL;
}

/* What is wrong with the new address, or NULL. */
static const char *why_not_location(struct slice to)
{
    bool is_path = slice_starts_with(to, SLICE("/")) || slice_starts_with(to, SLICE("{path}"));
    if (!is_path && slice_search(to, SLICE("://")) <= 0)
        return "it begins with \"/\" or \"https://\"";
    return why_not_template(to);
}

/* The text as it might become: with a host, a path, and no query. Not longer than it was. */
static struct slice fill_in_sample(struct slice to, char *memory)
{
    struct writer writer;
    writer_init(&writer, memory, to.len);
    while (to.len > 0) {
        ptrdiff_t open = slice_find(to, '{');
        write_slice(&writer, slice_first(to, open < 0 ? to.len : (size_t)open));
        if (open < 0)
            break;
        to = slice_from(to, (size_t)open);
        if (slice_starts_with(to, SLICE("{host}")))
            write_literal(&writer, "h");
        else if (slice_starts_with(to, SLICE("{path}")))
            write_literal(&writer, "/p");
        to = slice_from(to, (size_t)slice_find(to, '}') + 1);
    }
    return writer_slice(&writer);
}

/* What is wrong with a path to rewrite to, or NULL. */
static const char *why_not_rewrite(struct slice to)
{
    char sample[REWRITE_LEN_MAX], normal[REWRITE_LEN_MAX * 3];
    struct slice rest, raw, path;
    if (!slice_starts_with(to, SLICE("/")) && !slice_starts_with(to, SLICE("{path}")))
        return "it begins with \"/\" or \"{path}\"";
    if (to.len > REWRITE_LEN_MAX)
        return "at most 1000 characters are taken";
    const char *why = why_not_template(to);
    if (why != NULL)
        return why;
    rest = fill_in_sample(to, sample);
    (void)slice_cut(&rest, '?', &raw); /* leaves the query */
    if (slice_find(raw, '#') >= 0 || uri_normalise_path(raw, normal, &path) < 0)
        return "no such path can be: is a \"%\" or \"#\" in it, or \"..\"?";
    return uri_is_query(rest) ? NULL : "a character of the query must be written as %XX";
}

/* They are for what looks at the path. */
static void check_rewrite(struct reading *reading, const struct tree_node *node,
                          struct draft_rule *rule)
{
    const struct tree_node *strip = tree_get(node, "strip_prefix");
    const struct tree_node *rewrite = tree_get(node, "rewrite");
    const struct tree_node *first = strip != NULL ? strip : rewrite;
    const char *why = rewrite == NULL ? NULL : why_not_rewrite(rule->rule.rewrite);
    if (first != NULL && tree_get(node, "respond") != NULL)
        reading_error(reading, first->key_place,
                      "\"%.*s\" changes the path, and \"respond\" does not look at it",
                      SLICE_ARG(first->key));
    else if (why != NULL && rewrite->kind == TREE_SCALAR && !rewrite->is_null)
        reading_error(reading, rewrite->place, "\"rewrite\" is no path: %s", why);
    rule->rule.has_rewrite = first != NULL;
}

static void check_shares(struct reading *reading, const struct tree_node *node,
                         const struct draft_rule *rule)
{
    const struct tree_node *sticky = tree_get(node, "sticky");
    const struct tree_node *forward = tree_get(node, "forward");
    unsigned sum = 0;
    for (unsigned i = 0; i < rule->shares_count; i++)
        sum += rule->shares[i].weight;
    if (rule->shares_count > 0 && sum == 0)
        reading_error(reading, tree_place(forward),
                      "all weights are 0: at least one group must take requests");
    const struct tree_node *mirror = tree_get(node, "mirror");
    if (mirror != NULL && forward == NULL)
        reading_error(reading, mirror->key_place,
                      "\"mirror\" belongs to \"forward\", and this rule has none");
    if (sticky != NULL && rule->shares_count < 2)
        reading_error(reading, sticky->key_place,
                      "\"sticky\" on a rule is for a \"forward\" to several groups; one client's "
                      "target is a matter of the group: put it there");
}

static void choose_causes(struct conf_retries *retries)
{
    retries->causes = retries->on_count == 0 ? CONF_RETRY_CONNECT | CONF_RETRY_RESET : 0;
    for (unsigned i = 0; i < retries->on_count; i++)
        retries->causes |= retries->on[i];
}

void check_rule(struct reading *reading, const struct tree_node *node, void *object)
{
    struct draft_rule *rule = object;
    rule->rule.place = rule->place;
    check_actions(reading, node, rule);
    choose_causes(&rule->rule.retries);
    check_fallback(reading, node, rule);
    check_rewrite(reading, node, rule);
    check_bucket_rule(reading, node);
    check_shares(reading, node, rule);
    check_limits(reading, node, &rule->rule);
}

void check_site(struct reading *reading, const struct tree_node *node, void *object)
{
    struct draft_site *site = object;
    const struct tree_node *redirect = tree_get(node, "redirect_https");
    if (redirect != NULL)
        site->redirect_https_place = redirect->key_place;
    const struct tree_node *rules = tree_get(node, "rules");
    const struct tree_node *errors = tree_get(node, "errors");
    if (errors != NULL)
        check_errors(reading, errors, &site->errors);
    if (rules == NULL && !site->has_own) {
        if (!has_misspelt_action(node))
            reading_error(reading, site->place,
                          "a site without rules: give it \"rules\", or one action such as forward");
        return;
    }
    if (rules != NULL && site->has_own) {
        reading_error(reading, site->own.place,
                      "a rule's key on the site itself, which has \"rules\": move it into a rule");
        return;
    }
    if (site->has_own) {
        site->rules = &site->own;
        site->rules_count = 1;
    }
}

void check_redirect(struct reading *reading, const struct tree_node *node, void *object)
{
    const struct conf_redirect *redirect = object;
    unsigned status = redirect->status;
    if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)
        reading_error(reading, value_of(node, "status")->place,
                      "a redirect's status is 301, 302, 303, 307 or 308, not %u", status);
    const char *why = redirect->to.len == 0 ? NULL : why_not_location(redirect->to);
    if (why != NULL)
        reading_error(reading, value_of(node, "to")->place, "\"to\" is no address: %s", why);
}

void check_respond(struct reading *reading, const struct tree_node *node, void *object)
{
    const struct conf_respond *respond = object;
    bool is_bodyless = respond->status == 204 || respond->status == 205 || respond->status == 304;
    if (is_bodyless && respond->body.len > 0)
        reading_error(reading, value_of(node, "body")->place,
                      "a response with status %u has no body", respond->status);
}

/* Notes a key that is not for this protocol. */
static void refuse_beside(struct reading *reading, const struct tree_node *node, const char *key,
                          const char *why)
{
    const struct tree_node *child = tree_get(node, key);
    if (child != NULL)
        reading_error(reading, child->key_place, "\"%s\" %s", key, why);
}

void check_listener(struct reading *reading, const struct tree_node *node, void *object)
{
    const struct conf_listener *listener = object;
    if (listener->protocol == CONF_PROTOCOL_TCP) {
        const struct tree_node *sni = tree_get(node, "sni");
        if (tree_get(node, "forward") == NULL && sni == NULL)
            reading_error(reading, tree_get(node, "protocol")->key_place,
                          "a listener with protocol tcp needs \"forward\": the target group or "
                          "service that gets its connections");
        if (sni != NULL && listener->tls.source != CONF_TLS_OFF)
            reading_error(reading, sni->key_place,
                          "\"sni\" passes connections on undecrypted, and \"tls\" decrypts them: "
                          "keep one");
        refuse_beside(reading, node, "trusted_proxies",
                      "believes fields of requests, and tcp has none: \"proxy_protocol\" tells the "
                      "client's address");
        return;
    }
    refuse_beside(
        reading, node, "forward",
        "is for listeners with protocol tcp; requests are forwarded by the rules of sites");
    refuse_beside(
        reading, node, "sni",
        "is for listeners with protocol tcp; requests find their site by its \"domains\"");
    const struct tree_node *timeouts = tree_get(node, "timeouts");
    if (timeouts != NULL && timeouts->kind == TREE_MAP)
        refuse_beside(reading, timeouts, "connect",
                      "is for listeners with protocol tcp; that of requests stands in rules");
}

/* What asks by HTTP, or writes into requests, is not for what speaks tcp. */
static void check_tcp_group(struct reading *reading, const struct tree_node *node)
{
    const struct tree_node *health = tree_get(node, "health");
    if (health != NULL && health->kind == TREE_MAP)
        refuse_beside(reading, health, "path",
                      "is asked by HTTP, and what speaks tcp is checked by a connection");
    refuse_beside(reading, node, "forwarded", "is a field of requests, and tcp has none");
    refuse_beside(reading, node, "sticky", "is a cookie, and tcp has none");
    refuse_beside(reading, node, "ejection", "judges answers to requests, and tcp has none");
    refuse_beside(reading, node, "queue", "is for requests: connections over a limit are refused");
    refuse_beside(reading, node, "tls",
                  "is spoken to targets of requests; what speaks tcp is passed on as it is");
}

static void check_line(struct reading *reading, const struct tree_node *node,
                       const struct conf_group *group)
{
    if (group->queue.enabled && tree_get(node, "limit") == NULL)
        reading_error(reading, tree_get(node, "queue")->key_place,
                      "\"queue\" is for requests over a \"limit\", and there is none here");
}

static void check_group_tls_beside(struct reading *reading, const struct tree_node *node,
                                   const struct conf_group *group)
{
    if (group->tls.enabled && group->proxy_protocol != PROXY_NONE)
        reading_error(reading, tree_get(node, "proxy_protocol")->key_place,
                      "\"proxy_protocol\" is a header before all else, which targets with \"tls\" "
                      "are not sent: keep one");
}

/* What a protocol cannot have. */
static void check_protocol(struct reading *reading, const struct tree_node *node,
                           const struct conf_group *group)
{
    if (group->protocol == CONF_PROTOCOL_TCP)
        check_tcp_group(reading, node);
    if (group->protocol == CONF_PROTOCOL_H2)
        refuse_beside(reading, node, "proxy_protocol",
                      "tells of one client at the beginning of a connection, and one of HTTP/2 is "
                      "for many clients");
    else if (group->health.by_grpc)
        refuse_beside(reading, tree_get(node, "health"), "grpc",
                      "is for targets that speak HTTP/2: add `protocol: h2`");
}

void check_group(struct reading *reading, const struct tree_node *node, void *object)
{
    const struct conf_group *group = object;
    check_line(reading, node, group);
    check_group_tls_beside(reading, node, group);
    check_protocol(reading, node, group);
}

void check_proxy_protocol(struct reading *reading, const struct tree_node *node, void *object)
{
    struct conf_proxy_protocol *proxy = object;
    const struct tree_node *required = tree_get(node, "required");
    if (node->kind == TREE_MAP && required == NULL)
        proxy->is_required = 1;
    if (!proxy->is_required && proxy->from_count > 0)
        reading_error(reading, required->place,
                      "\"from\" says who may send the header, and \"required\" that nobody does");
}

void check_health(struct reading *reading, const struct tree_node *node, void *object)
{
    struct conf_health *health = object;
    health->enabled = true;
    health->by_grpc = tree_get(node, "grpc") != NULL;
    if (health->by_grpc)
        refuse_beside(reading, node, "path", "is asked by GET, and \"grpc\" by a call: keep one");
    if (health->grpc.len > GRPC_HEALTH_NAME_BYTES_MAX)
        reading_error(reading, tree_get(node, "grpc")->place, "the name is too long for a service");
    health->any_below_500 = tree_get(node, "path") == NULL;
}

void check_sticky(struct reading *reading, const struct tree_node *node, void *object)
{
    (void)reading;
    (void)node;
    ((struct conf_sticky *)object)->enabled = true;
}

void check_success_rate(struct reading *reading, const struct tree_node *node, void *object)
{
    (void)reading;
    (void)node;
    ((struct conf_success_rate *)object)->enabled = true;
}

void check_ejection(struct reading *reading, const struct tree_node *node, void *object)
{
    struct conf_ejection *ejection = object;
    ejection->enabled = true;
    if (tree_get(node, "success_rate") == NULL)
        ejection->success_rate.enabled = true;
    if (ejection->time_max_ms < ejection->time_ms)
        reading_error(reading, value_of(node, "time_max")->place,
                      "\"time_max\" is less than \"time\"");
}

void check_queue(struct reading *reading, const struct tree_node *node, void *object)
{
    (void)reading;
    (void)node;
    ((struct conf_queue *)object)->enabled = true;
}

void check_balance(struct reading *reading, const struct tree_node *node, void *object)
{
    static const char *const keys[] = {"by", "load_max"};
    const struct conf_balancing *balance = object;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        const struct tree_node *child = tree_get(node, keys[i]);
        if (child != NULL && balance->algorithm != CONF_BALANCE_RING_HASH)
            reading_error(reading, child->key_place, "\"%s\" is for \"algorithm: ring_hash\" only",
                          keys[i]);
    }
}

static bool is_there_before(const struct tree_node *list, const struct tree_node *node)
{
    const struct tree_node *one = list->first;
    while (one != node && !slice_equal(one->text, node->text))
        one = one->next;
    return one != node;
}

/* A key twice in one line would be no good JSON. */
void check_access_log(struct reading *reading, const struct tree_node *node, void *object)
{
    (void)object;
    const struct tree_node *fields = node->kind == TREE_MAP ? tree_get(node, "fields") : NULL;
    if (fields == NULL || fields->kind != TREE_LIST || fields->count > CONF_LOG_FIELDS_COUNT)
        return;
    for (const struct tree_node *one = fields->first; one != NULL; one = one->next) {
        if (one->kind == TREE_SCALAR && is_there_before(fields, one))
            reading_error(reading, one->place, "the field \"%.*s\" is given twice",
                          SLICE_ARG(one->text));
    }
}

void check_redact(struct reading *reading, const struct tree_node *node, void *object)
{
    (void)reading;
    struct conf_redact *redact = object;
    redact->has_query = tree_get(node, "query") != NULL;
    redact->has_headers = tree_get(node, "headers") != NULL;
}

void check_tracing(struct reading *reading, const struct tree_node *node, void *object)
{
    (void)reading;
    (void)node;
    ((struct conf_tracing *)object)->is_on = true;
}

void check_tasks(struct reading *reading, const struct tree_node *node, void *object)
{
    struct draft_tasks *tasks = object;
    if (tasks->max == 0)
        tasks->max = tasks->min > 0 ? tasks->min : 1;
    if (tasks->max < tasks->min)
        reading_error(reading, value_of(node, "max")->place,
                      "\"max\" is %u, less than \"min\", which is %u", tasks->max, tasks->min);
}

static void check_env(struct reading *reading, const struct tree_node *env)
{
    for (const struct tree_node *child = env->first; child != NULL; child = child->next) {
        if (slice_equal(child->key, SLICE("PORT")))
            reading_error(reading, child->key_place,
                          "PORT is chosen by Weir, a free one for each task: the command reads it "
                          "as $PORT");
        else if (slice_search(child->text, SLICE("${")) >= 0)
            reading_error(reading, child->place,
                          "not yet: ${name.field}, addresses of other services, comes in a later "
                          "version of Weir");
    }
}

void check_service(struct reading *reading, const struct tree_node *node, void *object)
{
    struct draft_service *service = object;
    const struct tree_node *health = tree_get(node, "health");
    const struct tree_node *env = tree_get(node, "env");
    check_line(reading, node, &service->group);
    check_group_tls_beside(reading, node, &service->group);
    if (env != NULL)
        check_env(reading, env);
    if (service->service.directory.at == NULL)
        service->service.directory = reading_keep(reading, reading->folder);
    if (service->tasks.max == 0)
        service->tasks.max = service->tasks.min;
    if (health == NULL) {
        service->group.health.enabled = true;
        service->group.health.any_below_500 = true;
    }
    check_protocol(reading, node, &service->group);
}

/* Only a site that is alone has all domains without saying so. */
static void check_domains(struct reading *reading, const struct tree_node *sites,
                          struct draft *draft)
{
    struct draft_site *site = draft->sites;
    for (const struct tree_node *child = sites->first; child != NULL; child = child->next, site++) {
        if (child->kind != TREE_MAP || tree_get(child, "domains") != NULL)
            continue;
        if (draft->sites_count > 1) {
            reading_error(reading, child->key_place,
                          "a site needs \"domains\" when there are several: the names it answers "
                          "to, or \"*\"");
            continue;
        }
        site->domains = reading_alloc(reading, reading->scratch, 1, sizeof *site->domains);
        if (site->domains == NULL)
            return;
        site->domains[0] = (struct named){child->key_place, SLICE("*")};
        site->domains_count = 1;
    }
}

void check_top(struct reading *reading, const struct tree_node *node, void *object)
{
    struct draft *draft = object;
    /* A forward proxy is where it says, and needs no other way in. */
    draft->has_listeners = tree_get(node, "listeners") != NULL ||
                           (draft->proxies_count > 0 && tree_get(node, "sites") == NULL);
    const struct tree_node *email = tree_get(node, "email");
    if (email != NULL && email->kind == TREE_SCALAR && !is_mail_address(draft->email))
        reading_error(reading, email->place, "\"email\" is an address, as in ops@example.org");
    const struct tree_node *sites = tree_get(node, "sites");
    if (draft->sites != NULL && sites != NULL)
        check_domains(reading, sites, draft);
}
