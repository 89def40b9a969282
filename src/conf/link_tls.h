/*
 * The part of linking about TLS: what each site shows at its listeners, and the certificates that
 * Weir has to get for that.
 */
#pragma once

#include "base/map.h"
#include "conf/read.h"

struct managed_link;

struct tls_linking {
    struct reading *reading;
    struct snapshot *snapshot;
    struct map known;                  /* id → struct conf_managed */
    struct managed_link *first, *last; /* in the file's order, of the scratch arena */
    bool has_default_listeners;
};

/* The snapshot's `acme` is set. */
void link_tls_init(struct tls_linking *linking, struct reading *reading, struct snapshot *snapshot);
void link_tls_finish(struct tls_linking *linking);

/* Once the site has its domains, listeners and rules. */
void link_tls_site(struct tls_linking *linking, const struct draft_site *from,
                   struct conf_site *site);

/* A listener with protocol tcp, or of a forward proxy. */
void link_tls_listener(struct tls_linking *linking, struct conf_listener *listener);

/* When all sites and listeners are linked. */
void link_tls_managed(struct tls_linking *linking);

/* Has TLS been said to be off? */
static inline bool tls_is_said_off(const struct conf_tls *tls)
{
    return tls->place.line > 0 && tls->source == CONF_TLS_OFF;
}
