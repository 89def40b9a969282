/*
 * Cross references. All names of a kind go into a map first, so that ten thousand sites are read
 * in linear time. Called by snapshot.c when the whole tree has been read.
 */
#include "conf/link.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "base/writer.h"
#include "conf/link_bucket.h"
#include "conf/link_name.h"
#include "conf/link_proxy.h"
#include "conf/link_remote.h"
#include "conf/value.h"
#include "os/file.h"

#include <limits.h>

/* How long a listener waits for clients that say nothing. */
#define HEAD_MS      10000
#define HTTP_IDLE_MS 60000
#define TCP_IDLE_MS  600000

/* What a rule can forward to. */
struct destination {
    struct conf_group *group; /* in the draft */
    bool is_used;
};

/* Who answers to a domain. */
struct claim {
    const struct draft_site *site;
    const struct named *domain;
    struct claim *next;
};

struct linking {
    struct reading *reading; /* borrowed */
    struct draft *draft;     /* borrowed */
    struct snapshot *snapshot;
    struct map destinations; /* name → struct destination */
    struct map listeners;    /* name → struct conf_listener */
    struct map domains;      /* domain → struct claim */
    struct map buckets;      /* name → struct conf_bucket */
    struct tls_linking tls;
    struct map roots; /* a served folder → struct slice, where the configuration lies in it */
    struct conf_listener **http_listeners; /* where sites answer unless they say otherwise */
    unsigned http_listeners_count;
};

static void set(struct linking *linking, struct map *map, struct slice key, void *value)
{
    if (map_set(map, key, value) < 0)
        linking->reading->out_of_memory = true;
}

static bool is_out_of_memory(const struct linking *linking)
{
    return linking->reading->out_of_memory;
}

/* Two groups of one site must not take each other's cookies away. */
static void name_cookie(struct reading *reading, struct conf_group *group)
{
    if (!group->sticky.enabled || group->sticky.cookie.len > 0)
        return;
    group->sticky.cookie = arena_format(reading->arena, "weir-%.*s", SLICE_ARG(group->name));
    reading->out_of_memory |= group->sticky.cookie.at == NULL;
}

/* Services and target groups are one set of names. */
static void add_destination(struct linking *linking, struct conf_group *group)
{
    struct reading *reading = linking->reading;
    name_cookie(reading, group);
    const struct destination *other = map_get(&linking->destinations, group->name);
    if (other != NULL) {
        reading_error(reading, group->place,
                      "\"%.*s\" is also a target group, line %u: services and target groups "
                      "share their names",
                      SLICE_ARG(group->name), other->group->place.line);
        return;
    }
    struct destination *destination =
        reading_alloc(reading, reading->scratch, 1, sizeof *destination);
    if (destination == NULL)
        return;
    destination->group = group;
    set(linking, &linking->destinations, group->name, destination);
}

static void add_destinations(struct linking *linking)
{
    struct draft *draft = linking->draft;
    for (unsigned i = 0; i < draft->groups_count; i++) {
        if (draft->groups[i].name.len > 0)
            add_destination(linking, &draft->groups[i]);
    }
    for (unsigned i = 0; i < draft->services_count; i++) {
        struct draft_service *service = &draft->services[i];
        service->group.place = service->place;
        service->group.name = service->name;
        service->group.is_service = true;
        if (service->name.len > 0)
            add_destination(linking, &service->group);
    }
}

/* Listeners. */

/* Is there a name that a certificate can be for, or a site that wants one anyway? */
static bool wants_https(const struct draft *draft)
{
    for (unsigned i = 0; i < draft->sites_count; i++) {
        const struct draft_site *site = &draft->sites[i];
        if (tls_is_said_off(&site->tls))
            continue;
        if (site->tls.source != CONF_TLS_OFF)
            return true;
        for (unsigned k = 0; k < site->domains_count; k++) {
            if (site->domains[k].name.len > 0 && !slice_equal(site->domains[k].name, SLICE("*")))
                return true;
        }
    }
    return false;
}

static bool make_default_listeners(struct linking *linking)
{
    struct draft *draft = linking->draft;
    draft->listeners =
        reading_alloc(linking->reading, linking->reading->arena, 2, sizeof *draft->listeners);
    if (draft->listeners == NULL)
        return false;
    draft->listeners[0] = (struct conf_listener){
        .name = SLICE("http"), .address = {CONF_ADDRESS_IP, SLICE(":80"), SLICE(""), 80}};
    draft->listeners[1] =
        (struct conf_listener){.name = SLICE("https"),
                               .address = {CONF_ADDRESS_IP, SLICE(":443"), SLICE(""), 443},
                               .tls = {.source = CONF_TLS_AUTO, .has_source = true}};
    draft->listeners_count = wants_https(draft) ? 2 : 1;
    linking->tls.has_default_listeners = true;
    draft->listeners[0].timeouts.head_ms = HEAD_MS;
    draft->listeners[1].timeouts.head_ms = HEAD_MS;
    return true;
}

/* The same address twice would fail when it is opened, without a line to look at. */
static void check_addresses(struct linking *linking)
{
    struct map addresses;
    map_init(&addresses, (struct hash_key){1, 2});
    for (unsigned i = 0; i < linking->snapshot->listeners_count; i++) {
        struct conf_listener *listener = &linking->draft->listeners[i];
        if (listener->address.text.at == NULL)
            continue;
        const struct conf_listener *other = map_get(&addresses, listener->address.text);
        if (other != NULL)
            reading_error(linking->reading, listener->place,
                          "\"%.*s\" has the address of \"%.*s\" in line %u: %s",
                          SLICE_ARG(listener->name), SLICE_ARG(other->name), other->place.line,
                          listener->protocol == CONF_PROTOCOL_PROXY
                              ? "a forward proxy has one of its own"
                              : "a site may have several domains at one listener");
        else
            set(linking, &addresses, listener->address.text, listener);
    }
    map_finish(&addresses);
}

/* Connections are passed on to a group that expects nothing else. Its number comes later. */
static void link_tcp_group(struct linking *linking, const struct named *forward)
{
    struct destination *destination = map_get(&linking->destinations, forward->name);
    if (forward->name.len == 0)
        return;
    if (destination == NULL) {
        link_refuse_name(linking->reading, forward, "service or target group",
                         &linking->destinations);
        return;
    }
    destination->is_used = true;
    if (destination->group->protocol != CONF_PROTOCOL_TCP)
        reading_error(linking->reading, forward->place,
                      "\"%.*s\" speaks http, and a listener with protocol tcp passes on anything: "
                      "give it protocol: tcp, or let a site forward to it",
                      SLICE_ARG(forward->name));
}

static void link_tcp(struct linking *linking, struct conf_listener *listener)
{
    link_tcp_group(linking, &listener->forward);
    for (unsigned i = 0; i < listener->sni_count; i++)
        link_tcp_group(linking, &listener->sni[i].forward);
    link_tls_listener(&linking->tls, listener);
}

/* Sites point to listeners, so they must not move any more. */
static bool make_room_for_proxies(struct linking *linking)
{
    struct draft *draft = linking->draft;
    struct reading *reading = linking->reading;
    if (draft->proxies_count == 0)
        return true;
    struct conf_listener *all = reading_alloc(
        reading, reading->arena, draft->listeners_count + draft->proxies_count, sizeof *all);
    if (all == NULL)
        return false;
    if (draft->listeners_count > 0)
        memcpy(all, draft->listeners, draft->listeners_count * sizeof *all);
    draft->listeners = all;
    return true;
}

static void link_listeners(struct linking *linking)
{
    struct draft *draft = linking->draft;
    struct reading *reading = linking->reading;
    if (!draft->has_listeners && !make_default_listeners(linking))
        return;
    if (!make_room_for_proxies(linking))
        return;
    linking->http_listeners = reading_alloc(reading, reading->arena, draft->listeners_count,
                                            sizeof(struct conf_listener *));
    if (linking->http_listeners == NULL)
        return;
    for (unsigned i = 0; i < draft->listeners_count; i++) {
        struct conf_listener *listener = &draft->listeners[i];
        if (listener->timeouts.idle_ms == 0)
            listener->timeouts.idle_ms =
                listener->protocol == CONF_PROTOCOL_TCP ? TCP_IDLE_MS : HTTP_IDLE_MS;
        if (listener->protocol == CONF_PROTOCOL_TCP)
            link_tcp(linking, listener);
        else
            linking->http_listeners[linking->http_listeners_count++] = listener;
        if (listener->name.len > 0)
            set(linking, &linking->listeners, listener->name, listener);
    }
}

/* Forward proxies listen too, behind all others; no site is there. */
static void link_forward_proxies(struct linking *linking)
{
    struct draft *draft = linking->draft;
    struct reading *reading = linking->reading;
    unsigned own = draft->listeners_count;
    struct conf_listener *behind = draft->listeners + own;
    linking->snapshot->listeners = draft->listeners;
    linking->snapshot->listeners_count = own;
    if (draft->proxies_count > 0 && draft->listeners != NULL && !reading->out_of_memory) {
        link_proxies(&linking->tls, draft, behind);
        linking->snapshot->listeners_count += draft->proxies_count;
    }
    check_addresses(linking);
    for (unsigned i = own; i < linking->snapshot->listeners_count; i++) {
        const struct conf_listener *other = map_get(&linking->listeners, draft->listeners[i].name);
        if (other != NULL)
            reading_error(reading, draft->listeners[i].place,
                          "\"%.*s\" is also a listener, line %u: forward proxies and listeners "
                          "share their names",
                          SLICE_ARG(other->name), other->place.line);
    }
}

/* Sites. */

static bool has_listener(const struct conf_site *site, const struct conf_listener *listener)
{
    for (unsigned i = 0; i < site->listeners_count; i++) {
        if (site->listeners[i] == listener)
            return true;
    }
    return false;
}

static void link_own_listeners(struct linking *linking, const struct draft_site *from,
                               struct conf_site *site)
{
    struct reading *reading = linking->reading;
    site->listeners = reading_alloc(reading, reading->arena, from->listeners_count,
                                    sizeof(struct conf_listener *));
    for (unsigned i = 0; i < from->listeners_count && site->listeners != NULL; i++) {
        const struct named *named = &from->listeners[i];
        struct conf_listener *listener = map_get(&linking->listeners, named->name);
        if (listener != NULL && has_listener(site, listener))
            reading_error(reading, named->place, "the listener \"%.*s\" is given twice",
                          SLICE_ARG(named->name));
        else if (listener != NULL && listener->protocol == CONF_PROTOCOL_TCP)
            reading_error(
                reading, named->place,
                "the listener \"%.*s\" has protocol tcp: it passes connections on, and no "
                "site answers there",
                SLICE_ARG(named->name));
        else if (listener != NULL && tls_is_said_off(&from->tls) &&
                 listener->tls.source != CONF_TLS_OFF)
            reading_error(reading, named->place,
                          "the listener \"%.*s\" has \"tls\", and the site says \"tls: off\"",
                          SLICE_ARG(named->name));
        else if (listener != NULL)
            site->listeners[site->listeners_count++] = listener;
        else if (named->name.len > 0)
            link_refuse_name(linking->reading, named, "listener", &linking->listeners);
    }
}

/* A site that says `tls: off` answers at plain listeners alone. */
static void leave_out_tls(struct linking *linking, struct conf_site *site)
{
    struct reading *reading = linking->reading;
    unsigned count = site->listeners_count;
    struct conf_listener **all = site->listeners;
    site->listeners = reading_alloc(reading, reading->arena, count, sizeof(struct conf_listener *));
    site->listeners_count = 0;
    for (unsigned i = 0; i < count && site->listeners != NULL; i++) {
        if (all[i]->tls.source == CONF_TLS_OFF)
            site->listeners[site->listeners_count++] = all[i];
    }
}

static void link_site_listeners(struct linking *linking, const struct draft_site *from,
                                struct conf_site *site)
{
    if (from->listeners != NULL) {
        link_own_listeners(linking, from, site);
        return;
    }
    site->listeners = linking->http_listeners;
    site->listeners_count = linking->http_listeners_count;
    if (tls_is_said_off(&from->tls))
        leave_out_tls(linking, site);
    if (linking->http_listeners_count == 0 && linking->draft->listeners_count > 0)
        reading_error(
            linking->reading, site->place,
            "nowhere to answer: all listeners have protocol tcp, which passes connections "
            "on");
    else if (site->listeners_count == 0 && tls_is_said_off(&from->tls) &&
             linking->http_listeners_count > 0)
        reading_error(linking->reading, from->tls.place,
                      "nowhere to answer: all listeners have \"tls\", and the site says \"off\"");
    else if (site->listeners_count == 0 && linking->draft->listeners != NULL)
        reading_error(linking->reading, site->place,
                      "nowhere to answer: \"listeners\" is empty, or leave it out for :80");
}

static bool share_a_listener(const struct draft_site *a, const struct draft_site *b)
{
    if (a->listeners == NULL || b->listeners == NULL)
        return true;
    for (unsigned i = 0; i < a->listeners_count; i++) {
        for (unsigned j = 0; j < b->listeners_count; j++) {
            if (slice_equal(a->listeners[i].name, b->listeners[j].name))
                return true;
        }
    }
    return false;
}

static void refuse_claim(struct linking *linking, const struct draft_site *site,
                         const struct named *domain, const struct claim *claim)
{
    if (claim->site == site)
        reading_error(linking->reading, domain->place, "the domain \"%.*s\" is given twice",
                      SLICE_ARG(domain->name));
    else
        reading_error(linking->reading, domain->place,
                      "the domain \"%.*s\" is that of the site \"%.*s\" already, line %u",
                      SLICE_ARG(domain->name), SLICE_ARG(claim->site->name),
                      claim->domain->place.line);
}

static void claim_domain(struct linking *linking, const struct draft_site *site,
                         const struct named *domain)
{
    struct reading *reading = linking->reading;
    struct claim *first = map_get(&linking->domains, domain->name);
    for (const struct claim *claim = first; claim != NULL; claim = claim->next) {
        if (!share_a_listener(claim->site, site))
            continue;
        refuse_claim(linking, site, domain, claim);
        return;
    }
    struct claim *claim = reading_alloc(reading, reading->scratch, 1, sizeof *claim);
    if (claim == NULL)
        return;
    *claim = (struct claim){site, domain, first};
    set(linking, &linking->domains, domain->name, claim);
}

static void link_domains(struct linking *linking, const struct draft_site *from,
                         struct conf_site *site)
{
    struct reading *reading = linking->reading;
    site->domains =
        reading_alloc(reading, reading->arena, from->domains_count, sizeof *site->domains);
    for (unsigned i = 0; i < from->domains_count && site->domains != NULL; i++) {
        if (from->domains[i].name.len == 0)
            continue;
        claim_domain(linking, from, &from->domains[i]);
        site->domains[site->domains_count++] = from->domains[i].name;
    }
}

/* The Host of health requests: what the site's clients would send. */
static struct slice health_host(struct reading *reading, const struct draft_site *site)
{
    for (unsigned i = 0; i < site->domains_count; i++) {
        struct slice domain = site->domains[i].name;
        if (slice_equal(domain, SLICE("*")) || domain.len == 0)
            continue;
        if (!slice_starts_with(domain, SLICE("*.")))
            return domain;
        struct slice host =
            arena_format(reading->arena, "health.%.*s", SLICE_ARG(slice_from(domain, 2)));
        reading->out_of_memory |= host.at == NULL;
        return host;
    }
    return (struct slice){NULL, 0};
}

/* The group of that name, which speaks HTTP and is used now; or NULL. */
static struct conf_group *use_group(struct linking *linking, const struct named *named)
{
    struct destination *destination = map_get(&linking->destinations, named->name);
    if (named->name.len == 0)
        return NULL;
    if (destination == NULL) {
        link_refuse_name(linking->reading, named, "service or target group",
                         &linking->destinations);
        return NULL;
    }
    struct conf_group *group = destination->group;
    if (group->protocol == CONF_PROTOCOL_TCP)
        reading_error(linking->reading, named->place, "\"%.*s\" speaks tcp, and rules forward HTTP",
                      SLICE_ARG(group->name));
    destination->is_used = true;
    return group;
}

/* The same; its health requests name the site that forwards to it. */
static struct conf_group *link_group(struct linking *linking, const struct draft_site *site,
                                     const struct named *named)
{
    struct conf_group *group = use_group(linking, named);
    if (group != NULL && group->health.host.len == 0)
        group->health.host = health_host(linking->reading, site);
    return group;
}

static void link_mirror(struct linking *linking, const struct draft_site *site,
                        const struct draft_rule *from, struct conf_rule *rule)
{
    if (from->mirror.to.name.len == 0)
        return;
    const struct conf_group *group = link_group(linking, site, &from->mirror.to);
    if (group != NULL)
        rule->mirror = (struct conf_mirror){true, group->name, from->mirror.sample};
}

static void link_forward(struct linking *linking, const struct draft_site *site,
                         const struct draft_rule *from, struct conf_rule *rule)
{
    struct conf_forward *forward = &rule->forward;
    *forward = (struct conf_forward){.sticky = from->sticky};
    if (forward->sticky.cookie.len == 0)
        forward->sticky.cookie = SLICE("weir-split");
    forward->shares = reading_alloc(linking->reading, linking->reading->arena, from->shares_count,
                                    sizeof *forward->shares);
    for (unsigned i = 0; i < from->shares_count && forward->shares != NULL; i++) {
        const struct conf_group *group = link_group(linking, site, &from->shares[i].group);
        if (group == NULL)
            continue;
        forward->shares[forward->shares_count++] =
            (struct conf_share){group->name, from->shares[i].weight};
        forward->weights_sum += from->shares[i].weight;
    }
}

/* The configuration's path below that root; empty when it lies elsewhere. */
static struct slice configuration_below(struct linking *linking, struct slice root)
{
    const struct snapshot *snapshot = linking->snapshot;
    struct slice name = snapshot->file, rest;
    char real[PATH_MAX];
    int len = file_real_path(root.at, real, sizeof real);
    if (len < 0 || !slice_starts_with(snapshot->folder, slice_of(real, (size_t)len)))
        return SLICE("");
    rest = slice_from(snapshot->folder, (size_t)len);
    if (rest.len > 0 && rest.at[0] != '/' && len > 1)
        return SLICE(""); /* "/srv/app" is not below "/srv/a" */
    if (rest.len > 0 && rest.at[0] == '/')
        rest = slice_from(rest, 1);
    for (ptrdiff_t slash; (slash = slice_find(name, '/')) >= 0;)
        name = slice_from(name, (size_t)slash + 1);
    struct slice path = arena_format(linking->reading->arena, "%.*s%s%.*s", SLICE_ARG(rest),
                                     rest.len > 0 ? "/" : "", SLICE_ARG(name));
    linking->reading->out_of_memory |= path.at == NULL;
    return path;
}

/* Where the configuration lies below the root, nobody is shown it: it may hold what is secret. Each
 * root is looked at once, however many rules name it. */
static void hide_configuration(struct linking *linking, struct conf_files *files)
{
    struct reading *reading = linking->reading;
    if (files->root.at == NULL)
        return;
    struct slice *hidden = map_get(&linking->roots, files->root);
    if (hidden == NULL) {
        hidden = reading_alloc(reading, reading->scratch, 1, sizeof *hidden);
        if (hidden == NULL)
            return;
        *hidden = configuration_below(linking, files->root);
        set(linking, &linking->roots, files->root, hidden);
    }
    files->hidden = *hidden;
}

static void identify_files(struct linking *linking, struct conf_files *files)
{
    const struct slice parts[] = {files->root, files->index, files->hidden};
    size_t room = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        room += parts[i].len + 1;
    char *text = reading_alloc(linking->reading, linking->reading->arena, room, 1);
    if (text == NULL)
        return;
    struct writer writer;
    writer_init(&writer, text, room);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        write_slice(&writer, parts[i]);
        write_char(&writer, '\0');
    }
    files->identity = writer_slice(&writer);
    files->identity_hash = hash_bytes((struct hash_key){1, 2}, files->identity);
}

static bool has_edits(const struct conf_header_edits *edits)
{
    return edits->remove_count + edits->set_count + edits->add_count > 0;
}

static void link_policies(struct linking *linking, const struct draft_site *site,
                          const struct draft_rule *from, struct conf_rule *rule)
{
    if (from->auth.auth.enabled) {
        const struct conf_group *group = use_group(linking, &from->auth.forward);
        rule->auth = from->auth.auth;
        if (group != NULL && group->proxy_protocol != PROXY_NONE)
            reading_error(linking->reading, from->auth.forward.place,
                          "\"%.*s\" wants the PROXY protocol, which an auth service is not sent",
                          SLICE_ARG(group->name));
        if (group != NULL)
            rule->auth.group = group->name;
    }
    if (!rule->cors.enabled)
        rule->cors = site->cors;
    /* With `false` it was given, and is not the site's. An object is what was stored. */
    if (rule->compress.encodings_count == 0 && !rule->compress.enabled &&
        rule->action != CONF_ACTION_S3)
        rule->compress = site->compress;
    rule->has_filters = has_edits(&rule->request_headers) || has_edits(&rule->response_headers) ||
                        rule->cors.enabled || rule->compress.enabled;
    if (!from->has_body_max && rule->action != CONF_ACTION_S3)
        rule->body_max = site->has_body_max ? site->body_max : linking->draft->body_max;
    bool has_policies = rule->rate_limit.enabled || rule->concurrency.enabled ||
                        rule->basic_auth.enabled || rule->auth.enabled ||
                        rule->body_max != UINT64_MAX;
    rule->gate = has_policies ? ++linking->snapshot->gates_count : 0;
}

static void link_filters(const struct draft_site *from, struct conf_site *site)
{
    site->request_headers = from->request_headers;
    site->response_headers = from->response_headers;
    site->cors = from->cors;
    site->errors = from->errors;
    site->has_filters = has_edits(&site->request_headers) || has_edits(&site->response_headers) ||
                        site->cors.enabled || site->errors.pages_count > 0;
    for (unsigned i = 0; i < site->rules_count; i++)
        site->rules[i].has_filters |= site->has_filters;
}

static void link_rule(struct linking *linking, const struct draft_site *site,
                      const struct draft_rule *from, struct conf_rule *rule)
{
    *rule = from->rule;
    rule->action = from->action;
    switch (from->action) {
    case CONF_ACTION_FORWARD:
        link_forward(linking, site, from, rule);
        link_mirror(linking, site, from, rule);
        break;
    case CONF_ACTION_FILES:
        rule->files = from->files;
        hide_configuration(linking, &rule->files);
        identify_files(linking, &rule->files);
        break;
    case CONF_ACTION_REDIRECT:
        rule->redirect = from->redirect;
        break;
    case CONF_ACTION_RESPOND:
        rule->respond = from->respond;
        break;
    case CONF_ACTION_BUCKET:
        link_bucket_site(linking->reading, linking->snapshot, &linking->buckets, from, rule);
        break;
    case CONF_ACTION_S3:
        link_s3(linking->reading, site, from, rule);
        if (!linking->snapshot->has_s3)
            linking->snapshot->store.region = rule->s3.region;
        linking->snapshot->has_s3 = true;
        break;
    }
    link_policies(linking, site, from, rule);
}

static void add_buckets(struct linking *linking)
{
    link_buckets(linking->reading, linking->draft, linking->snapshot, &linking->buckets);
}

static void link_site(struct linking *linking, const struct draft_site *from,
                      struct conf_site *site)
{
    struct reading *reading = linking->reading;
    site->place = from->place;
    site->name = from->name;
    link_domains(linking, from, site);
    link_site_listeners(linking, from, site);
    site->rules = reading_alloc(reading, reading->arena, from->rules_count, sizeof *site->rules);
    if (site->rules == NULL)
        return;
    site->rules_count = from->rules_count;
    for (unsigned i = 0; i < from->rules_count; i++) {
        link_rule(linking, from, &from->rules[i], &site->rules[i]);
        site->rules[i].number = i + 1;
    }
    link_filters(from, site);
    link_tls_site(&linking->tls, from, site);
    site->passes_ambiguous_paths = from->ambiguous_paths != 0;
}

static void link_sites(struct linking *linking)
{
    struct draft *draft = linking->draft;
    struct reading *reading = linking->reading;
    struct conf_site *sites =
        reading_alloc(reading, reading->arena, draft->sites_count, sizeof *sites);
    for (unsigned i = 0; i < draft->sites_count && !is_out_of_memory(linking); i++)
        link_site(linking, &draft->sites[i], &sites[i]);
    linking->snapshot->sites = sites;
    linking->snapshot->sites_count = draft->sites_count;
    link_tls_managed(&linking->tls);
}

/* Groups and services: after the sites, which tell what is used. */

/* The address is a target's name in the status and the metrics. */
static void check_targets(struct linking *linking, const struct conf_group *group)
{
    struct map addresses;
    map_init(&addresses, (struct hash_key){1, 2});
    for (unsigned i = 0; i < group->targets_count; i++) {
        struct conf_target *target = &group->targets[i];
        if (target->address.text.at == NULL)
            continue;
        link_refuse_private(linking->reading, group, target);
        const struct conf_target *other = map_get(&addresses, target->address.text);
        if (other != NULL)
            reading_error(linking->reading, target->place,
                          "the target \"%.*s\" is given twice, first in line %u: a \"weight\" "
                          "gives it more requests",
                          SLICE_ARG(target->address.text), other->place.line);
        else
            set(linking, &addresses, target->address.text, target);
    }
    map_finish(&addresses);
}

static void link_groups(struct linking *linking)
{
    struct draft *draft = linking->draft;
    struct reading *reading = linking->reading;
    struct snapshot *snapshot = linking->snapshot;
    snapshot->groups =
        reading_alloc(reading, reading->arena,
                      draft->groups_count + draft->services_count + snapshot->remotes_count,
                      sizeof *snapshot->groups);
    if (snapshot->groups == NULL)
        return;
    for (unsigned i = 0; i < draft->groups_count; i++) {
        check_targets(linking, &draft->groups[i]);
        snapshot->groups[snapshot->groups_count++] = draft->groups[i];
    }
}

static void link_services(struct linking *linking)
{
    struct draft *draft = linking->draft;
    struct reading *reading = linking->reading;
    struct snapshot *snapshot = linking->snapshot;
    snapshot->services =
        reading_alloc(reading, reading->arena, draft->services_count, sizeof *snapshot->services);
    if (snapshot->services == NULL)
        return;
    for (unsigned i = 0; i < draft->services_count; i++) {
        const struct draft_service *from = &draft->services[i];
        const struct destination *destination = map_get(&linking->destinations, from->name);
        struct conf_service *service = &snapshot->services[snapshot->services_count++];
        *service = from->service;
        service->place = from->place;
        service->name = from->name;
        service->tasks_min = from->tasks.min;
        service->tasks_max = from->tasks.max;
        if (destination == NULL || !destination->is_used)
            continue;
        service->group = &snapshot->groups[snapshot->groups_count++];
        *service->group = from->group;
    }
}

/* The other endpoint of a bucket is a group that no rule can name. */
static void link_remotes(struct linking *linking)
{
    struct snapshot *snapshot = linking->snapshot;
    for (unsigned i = 0; i < snapshot->buckets_count && snapshot->remotes_count > 0; i++) {
        struct conf_bucket *bucket = &snapshot->buckets[i];
        if (!conf_bucket_is_remote(bucket))
            continue;
        bucket->backend.s3.group = snapshot->groups_count;
        link_remote_group(linking->reading, bucket, &snapshot->groups[snapshot->groups_count++]);
    }
}

static unsigned number_of(const struct snapshot *snapshot, const struct map *groups,
                          struct slice name)
{
    const struct conf_group *group = name.len == 0 ? NULL : map_get(groups, name);
    return group == NULL ? CONF_NO_GROUP : (unsigned)(group - snapshot->groups);
}

/* Once all groups that are used stand in their places. */
static void number_groups(struct linking *linking)
{
    const struct snapshot *snapshot = linking->snapshot;
    struct map groups;
    map_init(&groups, (struct hash_key){1, 2});
    for (unsigned i = 0; i < snapshot->groups_count; i++) {
        if (snapshot->groups[i].name.len > 0)
            set(linking, &groups, snapshot->groups[i].name, &snapshot->groups[i]);
    }
    for (unsigned i = 0; i < snapshot->listeners_count; i++) {
        struct conf_listener *listener = &snapshot->listeners[i];
        listener->group = number_of(snapshot, &groups, listener->forward.name);
        for (unsigned k = 0; k < listener->sni_count; k++)
            listener->sni[k].group = number_of(snapshot, &groups, listener->sni[k].forward.name);
    }
    map_finish(&groups);
}

void link_snapshot(struct reading *reading, struct draft *draft, struct snapshot *snapshot)
{
    struct linking linking = {.reading = reading, .draft = draft, .snapshot = snapshot};
    void (*const steps[])(struct linking *) = {add_destinations,     add_buckets,  link_listeners,
                                               link_forward_proxies, link_sites,   link_groups,
                                               link_services,        link_remotes, number_groups};
    snapshot->app = draft->app;
    snapshot->workers = draft->workers;
    snapshot->user = draft->user.name;
    snapshot->user_place = draft->user.place;
    snapshot->access_log = draft->access_log;
    snapshot->tracing = draft->tracing;
    snapshot->email = draft->email;
    snapshot->acme = draft->acme;
    link_tls_init(&linking.tls, reading, snapshot);
    map_init(&linking.destinations, (struct hash_key){1, 2});
    map_init(&linking.listeners, (struct hash_key){1, 2});
    map_init(&linking.domains, (struct hash_key){1, 2});
    map_init(&linking.buckets, (struct hash_key){1, 2});
    map_init(&linking.roots, (struct hash_key){1, 2});
    for (size_t i = 0; i < COUNT_OF(steps) && !reading->out_of_memory; i++)
        steps[i](&linking);
    map_finish(&linking.destinations);
    map_finish(&linking.listeners);
    map_finish(&linking.domains);
    map_finish(&linking.buckets);
    map_finish(&linking.roots);
    link_tls_finish(&linking.tls);
}
