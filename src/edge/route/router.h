/*
 * Which site and rule a request meets. Built once from a snapshot and then only read, by all
 * workers. Each listener has the domains of its own sites, as server blocks of nginx do: a site
 * elsewhere takes no host away. Hosts are found by hash: the exact name, then wildcards from the
 * longest, then "*". A site's first rule that matches is found by an index, which costs about the
 * same for ten rules as for ten thousand; of few rules each is tried.
 */
#pragma once

#include "base/map.h"
#include "conf/snapshot.h"
#include "edge/route/index.h"
#include "edge/series.h"

struct exchange;

/* A rule with what its action needs at run time. */
struct route {
    const struct conf_site *site;
    const struct conf_rule *rule;
    series_slot series; /* filled by the first request */
    /* Of a forward, indexes into the snapshot's groups: */
    unsigned group;   /* the only one */
    unsigned mirror;  /* that of copies, from 1; 0: none */
    unsigned *groups; /* owned; by its shares, where there are several; else NULL */
};

struct router_site {
    const struct conf_site *site;
    struct route *routes; /* part of the router's; in the file's order */
    unsigned routes_count;
    uint32_t root;      /* in the index; 0: the rules are tried one after another */
    series_slot series; /* of requests that no rule matched */
};

/* Who answers to which host at one listener. */
struct router_domains {
    struct map exact;     /* domain to router_site */
    struct map wildcards; /* "x.y" of "*.x.y" */
    size_t wildcard_max;  /* the longest of these: a longer name is not looked up */
    struct router_site *any;
};

struct router {
    struct router_domains *listeners; /* owned; in the snapshot's order */
    unsigned listeners_count;
    struct router_site *sites; /* owned */
    unsigned sites_count;
    struct route *routes; /* owned; of all sites */
    struct route_index index;
};

/* A site with more rules than this is indexed: below it, trying each is faster. */
#define ROUTER_RULES_TRIED 8

/* The snapshot outlives the router. 0 or -ENOMEM. */
int router_init(struct router *router, const struct snapshot *snapshot, struct hash_key key);
void router_finish(struct router *router);

/*
 * The first rule of the host's site at the listener (an index) that matches, or NULL. *ret_site
 * (may become NULL) is the site that was found, even when none of its rules matched.
 */
struct route *router_find(const struct router *router, size_t listener,
                          const struct exchange *exchange, const struct conf_site **ret_site);

/* The site that a host meets at a listener, or NULL. */
struct router_site *router_find_site(const struct router *router, size_t listener,
                                     struct slice host);
