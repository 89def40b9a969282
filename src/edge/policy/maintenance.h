/*
 * Sites that are closed for a while: run-time state that the admin API sets, kept by the site's
 * name over reloads, and by the supervisor for the next edge (edge/overseer.h). While no site is
 * closed it costs one load.
 */
#pragma once

#include "base/map.h"
#include "os/lock.h"
#include "os/network.h"

#include <stdatomic.h>

#define MAINTENANCE_MESSAGE_MAX  1024
#define MAINTENANCE_NETWORKS_MAX 64
#define MAINTENANCE_SITES_MAX    100000

struct closed_site;
struct exchange;
struct json_writer;

struct maintenance {
    atomic_uint count; /* of sites */
    struct lock lock;
    struct map sites; /* name → struct closed_site, owned */
};

void maintenance_init(struct maintenance *maintenance, struct hash_key key);
void maintenance_finish(struct maintenance *maintenance);

/* Closes a site, or changes how it is closed. `message` may be empty. 0, -ENOMEM, or -ENOSPC. */
int maintenance_set(struct maintenance *maintenance, struct slice site, struct slice message,
                    const struct network *allowed, unsigned allowed_count);

/* Opens it again. False when it was not closed. */
bool maintenance_clear(struct maintenance *maintenance, struct slice site);

static inline bool maintenance_is_on(struct maintenance *maintenance)
{
    return atomic_load_explicit(&maintenance->count, memory_order_relaxed) > 0;
}

/* True when the request may go on: its site is open, or its client is allowed in. Else it has been
 * answered with 503. */
bool maintenance_admit(struct maintenance *maintenance, struct slice site,
                       struct exchange *exchange);

/* All of it as JSON, for maintenance_load. 0, -ENOMEM, or -EMSGSIZE beyond 16 MiB. The text is the
 * caller's to free. */
#define MAINTENANCE_BYTES_MAX ((size_t)16 << 20)
int maintenance_save(struct maintenance *maintenance, char **ret_text, size_t *ret_len);

/* In place of what there is; an empty text is none. 0, -EBADMSG or -ENOMEM: part of it is missing
 * then. */
int maintenance_load(struct maintenance *maintenance, struct slice text);

/* The member "maintenance" of a site that is closed: its message; nothing for others. */
void maintenance_write(struct maintenance *maintenance, struct slice site,
                       struct json_writer *json);
