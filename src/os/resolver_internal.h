/* What resolver.c and its two sources of answers share. */
#pragma once

#include "base/map.h"
#include "os/loop.h"
#include "os/resolver.h"

/* What is known of one name. */
struct resolver_entry {
    struct list link; /* in the resolver's `entries`, the last used one first */
    struct resolver *resolver;
    struct list waiting; /* struct waiter of resolver.c */
    bool is_asking;      /* a query is under way: the source holds this entry */
    unsigned pins;       /* fibers that will look at it again */
    int error;           /* the last query's */
    int64_t fresh_until_ms;
    int64_t keep_until_ms; /* how long `addresses` serve when no better ones come */
    struct address *addresses;
    unsigned addresses_count;
    struct timer moment; /* the stub's */
    size_t name_len;
    char name[]; /* lower case, ends in NUL; the map's key */
};

/* Where answers come from. */
struct resolver_source_ops {
    /* Begins a query. At its end, maybe before this returns, resolver_answered is called once. */
    void (*ask)(struct resolver *resolver, struct resolver_entry *entry);
    /* Ends all queries (with resolver_answered) and frees the source. */
    void (*destroy)(struct resolver *resolver);
};

struct resolver {
    const struct resolver_source_ops *source_ops;
    void *source; /* owned */
    struct map names;
    struct list entries;
    struct resolver_stats stats;
};

/* Takes the result of a query: 0 with addresses, or an error as of resolver_lookup. */
void resolver_answered(struct resolver_entry *entry, int rc, const struct address *addresses,
                       unsigned count, int64_t ttl_ms);

/* Makes a resolver over this source and owns it then; on failure it is still the caller's. */
int resolver_create_over(const struct resolver_source_ops *source_ops, void *source,
                         struct resolver **ret_resolver);
