/* The index of domains, and the walk over a site's rules. */
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

static int add_domain(struct router *router, struct slice domain, struct router_site *site)
{
    if (slice_equal(domain, SLICE("*"))) {
        router->any = site;
        return 0;
    }
    if (slice_starts_with(domain, SLICE("*.")))
        return map_set(&router->wildcards, slice_from(domain, 2), site);
    return map_set(&router->exact, domain, site);
}

static int add_site(struct router *router, const struct snapshot *snapshot, struct map *groups,
                    const struct conf_site *conf)
{
    struct router_site *site = &router->sites[router->sites_count++];
    site->site = conf;
    site->routes = memory_alloc_array(conf->rules_count + 1, sizeof *site->routes);
    if (site->routes == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < conf->rules_count; i++) {
        const struct conf_rule *rule = &conf->rules[i];
        struct route *route = &site->routes[site->routes_count++];
        *route = (struct route){.site = conf, .rule = rule};
        if (rule->action == CONF_ACTION_FORWARD)
            route->group = group_index(snapshot, groups, rule->forward.group);
    }
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < conf->domains_count; i++)
        rc = add_domain(router, conf->domains[i], site);
    return rc;
}

int router_init(struct router *router, const struct snapshot *snapshot, struct hash_key key)
{
    *router = (struct router){0};
    map_init(&router->exact, key);
    map_init(&router->wildcards, key);
    struct map groups;
    map_init(&groups, key);
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < snapshot->groups_count; i++)
        rc = map_set(&groups, snapshot->groups[i].name, &snapshot->groups[i]);
    router->sites = memory_alloc_array(snapshot->sites_count + 1, sizeof *router->sites);
    if (router->sites == NULL)
        rc = -ENOMEM;
    for (unsigned i = 0; rc == 0 && i < snapshot->sites_count; i++)
        rc = add_site(router, snapshot, &groups, &snapshot->sites[i]);
    map_finish(&groups);
    if (rc < 0)
        router_finish(router);
    return rc;
}

void router_finish(struct router *router)
{
    for (unsigned i = 0; router->sites != NULL && i < router->sites_count; i++)
        memory_free(router->sites[i].routes);
    memory_free(router->sites);
    map_finish(&router->exact);
    map_finish(&router->wildcards);
    *router = (struct router){0};
}

static struct router_site *find_site(const struct router *router, struct slice host)
{
    struct router_site *site = host.len == 0 ? NULL : map_get(&router->exact, host);
    struct slice parent = host;
    while (site == NULL && router->wildcards.used > 0) {
        ptrdiff_t dot = slice_find(parent, '.');
        if (dot < 0)
            break;
        parent = slice_from(parent, (size_t)dot + 1);
        if (parent.len == 0)
            break;
        site = map_get(&router->wildcards, parent);
    }
    return site != NULL ? site : router->any;
}

static bool answers_on(const struct conf_site *site, struct slice listener)
{
    for (unsigned i = 0; i < site->listeners_count; i++) {
        if (slice_equal(site->listeners[i]->name, listener))
            return true;
    }
    return false;
}

const struct route *router_find(const struct router *router, const struct exchange *exchange,
                                const struct conf_site **ret_site)
{
    *ret_site = NULL;
    const struct router_site *site = find_site(router, exchange->host);
    if (site != NULL && !answers_on(site->site, exchange->server->name))
        site = router->any;
    if (site == NULL || !answers_on(site->site, exchange->server->name))
        return NULL;
    *ret_site = site->site;
    for (unsigned i = 0; i < site->routes_count; i++) {
        if (match_holds(&site->routes[i].rule->match, exchange))
            return &site->routes[i];
    }
    return NULL;
}
