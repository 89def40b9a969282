/*
 * What the users of forward proxies have under way, and how fast: an account for each user of each
 * proxy that has limits, shared by all workers and found again by its names after a reload. It goes
 * with the last connection that holds it.
 */
#pragma once

#include "base/slice.h"
#include "conf/proxy.h"

struct usage;
struct usage_table;

/* 0 or -ENOMEM. */
int usage_table_create(struct usage_table **ret_table);
void usage_table_destroy(struct usage_table *table); /* nobody is in it any more; NULL is fine */

/*
 * One more request or tunnel of this user, or of this address where nobody is asked who he is. From
 * any worker. NULL: he has as many as he may (*ret_is_limited), or there is no memory. What the
 * newest caller's limits are holds for all of the account.
 */
struct usage *usage_enter(struct usage_table *table, const struct conf_forward_proxy *proxy,
                          struct slice user, bool *ret_is_limited);

/* It has ended. NULL is fine. */
void usage_leave(struct usage *usage);

/*
 * So many bytes were moved, whichever way. Returns for how many µs this connection is to move none;
 * 0: it may go on. At once a quarter of a second's worth may pass.
 */
int64_t usage_spend(struct usage *usage, uint64_t bytes, int64_t now_us);

/* Is there a limit at all? Where there is none nobody need count. */
bool usage_has_bandwidth(const struct usage *usage);

/* Accounts that are held now. */
unsigned usage_table_count(struct usage_table *table);
