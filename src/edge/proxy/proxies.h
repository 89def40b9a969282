/*
 * The forward proxies of a plane: rules as an index, passwords, what may be dialled. Immutable but
 * for what was remembered of passwords. What must survive a reload is in usage.h.
 */
#pragma once

#include "base/hash.h"
#include "conf/snapshot.h"
#include "edge/series.h"
#include "os/special_use.h"

struct passwords;
struct proxy_rules;
struct usage_table;

struct proxy {
    const struct conf_forward_proxy *conf; /* borrowed from the snapshot, which outlives it */
    struct proxy_rules *rules;             /* owned */
    struct passwords *passwords;           /* owned; NULL: nobody is asked for one */
    struct network_guard guard;
    struct slice series_name; /* owned; "proxy:" and its name, which no site can have */
    series_slot *series;      /* owned; by the number of a rule, 0 for what none decided */
};

/* One for each of the snapshot's. 0 or -ENOMEM. */
int proxies_create(const struct snapshot *snapshot, struct hash_key key,
                   struct proxy **ret_proxies);
void proxies_destroy(const struct snapshot *snapshot, struct proxy *proxies); /* NULL is fine */

/* Is it the address of a forward proxy of this snapshot? Whoever dials it asks himself. */
bool proxies_listen_at(const struct snapshot *snapshot, const struct address *address);
