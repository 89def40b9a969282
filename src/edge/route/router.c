/* The index of domains, and the way from a site to its rule. */
#include "edge/route/router.h"

#include "base/cleanup.h"
#include "edge/route/match.h"
#include "http/exchange.h"
#include "http/session.h"

#include <assert.h>
#include <errno.h>

static unsigned group_index(const struct snapshot *snapshot, struct map *groups, struct slice name)
{
    const struct conf_group *group = map_get(groups, name);
    assert(group != NULL); /* the snapshot was checked */
    return (unsigned)(group - snapshot->groups);
}

static bool add_groups(struct route *route, const struct snapshot *snapshot, struct map *groups)
{
    const struct conf_forward *forward = &route->rule->forward;
    if (route->rule->mirror.enabled)
        route->mirror = group_index(snapshot, groups, route->rule->mirror.group) + 1;
    if (forward->shares_count == 1) {
        route->group = group_index(snapshot, groups, forward->shares[0].group);
        return true;
    }
    route->groups = memory_alloc_array(forward->shares_count, sizeof *route->groups);
    for (unsigned i = 0; route->groups != NULL && i < forward->shares_count; i++)
        route->groups[i] = group_index(snapshot, groups, forward->shares[i].group);
    return route->groups != NULL;
}

static int add_domain(struct router_domains *domains, struct slice domain, struct router_site *site)
{
    if (slice_equal(domain, SLICE("*"))) {
        domains->any = site;
        return 0;
    }
    if (slice_starts_with(domain, SLICE("*."))) {
        struct slice name = slice_from(domain, 2);
        if (name.len > domains->wildcard_max)
            domains->wildcard_max = name.len;
        return map_set(&domains->wildcards, name, site);
    }
    return map_set(&domains->exact, domain, site);
}

static int add_domains(struct router *router, const struct snapshot *snapshot,
                       struct router_site *site)
{
    const struct conf_site *conf = site->site;
    for (unsigned i = 0; i < conf->listeners_count; i++) {
        size_t listener = (size_t)(conf->listeners[i] - snapshot->listeners);
        for (unsigned k = 0; k < conf->domains_count; k++) {
            int rc = add_domain(&router->listeners[listener], conf->domains[k], site);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

static int add_site(struct router *router, const struct snapshot *snapshot, struct map *groups,
                    const struct conf_site *conf, struct route *routes)
{
    struct router_site *site = &router->sites[router->sites_count++];
    site->site = conf;
    site->routes = routes;
    for (unsigned i = 0; i < conf->rules_count; i++) {
        const struct conf_rule *rule = &conf->rules[i];
        struct route *route = &site->routes[site->routes_count++];
        route->site = conf;
        route->rule = rule;
        if (rule->action == CONF_ACTION_FORWARD && !add_groups(route, snapshot, groups))
            return -ENOMEM;
    }
    int rc = 0;
    if (conf->rules_count > ROUTER_RULES_TRIED)
        rc = index_add_site(&router->index, conf, &site->root);
    return rc < 0 ? rc : add_domains(router, snapshot, site);
}

static int add_sites(struct router *router, const struct snapshot *snapshot, struct map *groups)
{
    size_t routes_count = 0;
    for (unsigned i = 0; i < snapshot->sites_count; i++)
        routes_count += snapshot->sites[i].rules_count;
    router->sites = memory_alloc_array(snapshot->sites_count + 1, sizeof *router->sites);
    router->routes = memory_alloc_array(routes_count + 1, sizeof *router->routes);
    if (router->sites == NULL || router->routes == NULL)
        return -ENOMEM;
    struct route *routes = router->routes;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < snapshot->sites_count; i++) {
        rc = add_site(router, snapshot, groups, &snapshot->sites[i], routes);
        routes += snapshot->sites[i].rules_count;
    }
    return rc < 0 ? rc : index_seal(&router->index);
}

static int make_listeners(struct router *router, unsigned count, struct hash_key key)
{
    router->listeners = memory_alloc_array(count + 1, sizeof *router->listeners);
    if (router->listeners == NULL)
        return -ENOMEM;
    for (; router->listeners_count < count; router->listeners_count++) {
        map_init(&router->listeners[router->listeners_count].exact, key);
        map_init(&router->listeners[router->listeners_count].wildcards, key);
    }
    return 0;
}

int router_init(struct router *router, const struct snapshot *snapshot, struct hash_key key)
{
    *router = (struct router){0};
    index_init(&router->index, key);
    struct map groups;
    map_init(&groups, key);
    int rc = make_listeners(router, snapshot->listeners_count, key);
    for (unsigned i = 0; rc == 0 && i < snapshot->groups_count; i++)
        rc = map_set(&groups, snapshot->groups[i].name, &snapshot->groups[i]);
    if (rc == 0)
        rc = add_sites(router, snapshot, &groups);
    map_finish(&groups);
    if (rc < 0)
        router_finish(router);
    return rc;
}

static void free_site(struct router_site *site)
{
    for (unsigned i = 0; i < site->routes_count; i++) {
        memory_free(site->routes[i].groups);
        series_release(atomic_load(&site->routes[i].series));
    }
    series_release(atomic_load(&site->series));
}

void router_finish(struct router *router)
{
    for (unsigned i = 0; router->sites != NULL && i < router->sites_count; i++)
        free_site(&router->sites[i]);
    memory_free(router->sites);
    memory_free(router->routes);
    index_finish(&router->index);
    for (unsigned i = 0; i < router->listeners_count; i++) {
        map_finish(&router->listeners[i].exact);
        map_finish(&router->listeners[i].wildcards);
    }
    memory_free(router->listeners);
    *router = (struct router){0};
}

static struct router_site *find_site(const struct router_domains *domains, struct slice host)
{
    struct router_site *site = host.len == 0 ? NULL : map_get(&domains->exact, host);
    struct slice parent = host;
    while (site == NULL && domains->wildcards.used > 0) {
        ptrdiff_t dot = slice_find(parent, '.');
        if (dot < 0)
            break;
        parent = slice_from(parent, (size_t)dot + 1);
        if (parent.len == 0)
            break;
        /* A host of thousands of labels must not cost as many hashes of its whole length. */
        if (parent.len <= domains->wildcard_max)
            site = map_get(&domains->wildcards, parent);
    }
    return site != NULL ? site : domains->any;
}

static uint32_t try_all(const struct router_site *site, struct match_subject *subject)
{
    uint32_t i = 0;
    while (i < site->routes_count && !match_holds(&site->routes[i].rule->match, subject))
        i++;
    return i;
}

struct route *router_find(const struct router *router, size_t listener,
                          const struct exchange *exchange, const struct conf_site **ret_site)
{
    const struct router_site *site = find_site(&router->listeners[listener], exchange->host);
    *ret_site = site == NULL ? NULL : site->site;
    if (site == NULL)
        return NULL;
    UNINITIALISED struct match_subject subject;
    match_subject_init(&subject, exchange);
    uint32_t found = site->root != 0 ? index_find(&router->index, site->root, site->site, &subject)
                                     : try_all(site, &subject);
    return found < site->routes_count ? &site->routes[found] : NULL;
}

struct router_site *router_find_site(const struct router *router, size_t listener,
                                     struct slice host)
{
    return find_site(&router->listeners[listener], host);
}
