/*
 * Names to addresses, one resolver a loop. Answers are kept for their time to live, within
 * RESOLVER_TTL_MS_MIN and _MAX, a denial for a few seconds. When the servers are silent or fail,
 * the last good answer serves on for up to a day; after a denial (NXDOMAIN) for a minute more.
 * Lookups of one name share one query. The cache holds RESOLVER_NAMES_MAX names, the longest unused
 * go first.
 *
 * /etc/hosts (or the file that CARES_HOSTS in the environment names) comes first and is read for
 * each query. /etc/resolv.conf is read again when it has changed. Which of the addresses may be
 * dialled is for the caller to judge, on the answer itself.
 */
#pragma once

#include "os/address.h"

#include <stdint.h>

#define RESOLVER_NAMES_MAX     1024
#define RESOLVER_ADDRESSES_MAX 16 /* kept of one answer */

#define RESOLVER_TTL_MS_MIN 1000 /* also of what /etc/hosts names */
#define RESOLVER_TTL_MS_MAX 3600000

struct resolver;

struct resolver_options {
    const char *servers; /* "127.0.0.1:53,[::1]:53"; NULL: the system's */
    int timeout_ms;      /* of the first try, doubled for each further one; 0: 2000 */
    int tries;           /* 0: 3 */
    const char *file;    /* in place of /etc/resolv.conf; borrowed until resolver_destroy */
    uint16_t port;       /* of the servers in that file; 0: 53 */
};

/* Over c-ares, for this thread's loop. `options` may be NULL. Returns 0 or a negative errno. */
int resolver_create(const struct resolver_options *options, struct resolver **ret_resolver);

/*
 * What a stub answers: the number of addresses stored (their ports are set later), or a negative
 * errno as of resolver_lookup. `ttl_ms` starts at a minute.
 */
typedef int resolver_stub(void *arg, struct slice name, struct address *ret_addresses, unsigned max,
                          int64_t *ttl_ms);

/* Without a network, for simulated loops: answers come some milliseconds later. */
int resolver_create_stub(resolver_stub *answer, void *arg, struct resolver **ret_resolver);

/* No fiber may be in a lookup any more. NULL is harmless. */
void resolver_destroy(struct resolver *resolver);

/*
 * Suspends the calling fiber until the addresses of `name` are known; numeric ones and kept answers
 * do not wait. Stores up to `max` with this port, in the order to try them, and returns how many
 * (> 0), or
 *   -ENOENT      the name does not exist, or has no address
 *   -EREMOTEIO   the servers failed or refused
 *   -ETIMEDOUT   they did not answer, or the deadline passed
 *   -EINVAL      not a host name
 *   -ENOBUFS     too many names are being looked up
 *   -ECANCELED, -ENOMEM
 */
int resolver_lookup(struct resolver *resolver, struct slice name, uint16_t port,
                    struct address *ret_addresses, unsigned max, int64_t deadline_ms);

/* All that is known of a name. */
struct resolver_answer {
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    unsigned count;
    int64_t fresh_until_ms; /* asking earlier brings the same answer */
    int error;              /* 0; or why there is no better one than this old one */
};

/*
 * As resolver_lookup, for those who watch a name: waits for the query's end even where an old
 * answer could serve, and tells how long the answer holds. Returns the count, or an error.
 */
int resolver_lookup_all(struct resolver *resolver, struct slice name, uint16_t port,
                        int64_t deadline_ms, struct resolver_answer *ret_answer);

struct resolver_stats {
    size_t names;     /* in the cache */
    uint64_t lookups; /* of names, not of numeric addresses */
    uint64_t queries;
    uint64_t failures; /* queries that ended without an answer or a denial */
    uint64_t served_old;
};

void resolver_stats_read(const struct resolver *resolver, struct resolver_stats *ret_stats);
