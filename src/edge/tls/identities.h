/*
 * What is shown to whom in handshakes: for each listener of a snapshot its sites' identities, by
 * the name that the client asks for, found by hash as the router finds sites. Immutable and
 * counted. What a configuration or a new certificate leaves as it is, is taken over from the set
 * before: contexts of OpenSSL are dear.
 */
#pragma once

#include "base/map.h"
#include "conf/bundle.h"
#include "conf/snapshot.h"
#include "wire/tls/connection.h"
#include "wire/tls/context.h"

#include <stdatomic.h>

/* A certificate with its key, as files or the bundle gave it. Counted. */
struct credential;

/* What handshakes for some names of a site go on with. Counted. */
struct shown {
    atomic_uint references;
    uint64_t digest[2];
    struct slice name; /* of the site and whom it lets in: of two that differ, one may be the
                          stricter (identities_admit) */
    bool asks_clients;
    struct tls_identity *tls;                             /* counted; NULL: no certificate yet */
    struct credential *credentials[TLS_CERTIFICATES_MAX]; /* counted */
    unsigned credentials_count;
};

/* For status and metrics: a certificate that is wanted. */
struct listed_certificate {
    struct slice name; /* its file, or the id of one that Weir gets */
    enum conf_tls_source source;
    const struct tls_certificate *certificate; /* borrowed; NULL: there is none yet */
};

/* "file", "acme" or "internal": where it comes from. */
struct slice certificate_source(const struct listed_certificate *listed);

/* The names of one listener. */
struct identity_names {
    struct map exact;     /* domain to struct shown */
    struct map wildcards; /* "x.y" of "*.x.y" */
    size_t wildcard_max;
    struct shown *any;      /* of "*", borrowed; NULL: none */
    struct shown *first;    /* of the first site that has one: for whoever is unknown */
    struct map routes;      /* of a tcp listener: name to struct conf_sni_route */
    struct map wild_routes; /* "x.y" of "*.x.y" */
};

/* How a target group is spoken to. */
struct spoken {
    uint64_t digest[2];
    struct tls_client *client; /* counted; NULL: plain, or nothing of use is known */
};

struct identities {
    atomic_uint references;
    struct snapshot *snapshot;         /* counted: names are slices of it */
    struct identity_names *listeners;  /* owned; by the snapshot's */
    struct map shown;                  /* digest to struct shown, each counted */
    struct map credentials;            /* digest to struct credential, each counted */
    struct listed_certificate *listed; /* owned */
    unsigned listed_count;
    struct spoken *clients; /* owned; by the snapshot's groups */
};

/*
 * May take a second for ten thousand names: for offload threads. The bundle (may be NULL: an empty
 * one) was checked; what is of no use all the same is logged and left out. `previous` may be NULL.
 * 0 or -ENOMEM.
 */
int identities_create(struct snapshot *snapshot, const struct bundle *bundle,
                      const struct identities *previous, struct identities **ret_identities);
struct identities *identities_ref(struct identities *identities);
void identities_unref(struct identities *identities); /* NULL is fine */

/* For a client at the listener (an index) that asks for `name`; empty: for none. Borrowed; NULL:
 * there is nothing that could be shown. */
const struct shown *identities_find(const struct identities *identities, unsigned listener,
                                    struct slice name);

/* Who gets a connection to that name which is passed on undecrypted; NULL: nobody in particular. */
const struct conf_sni_route *identities_route(const struct identities *identities,
                                              unsigned listener, struct slice name);

/*
 * May a request for this host be answered on that connection (NULL: a plain one)? Not when its
 * handshake was for another site, and one of the two asks clients for certificates: whoever was let
 * in there need not be let in here (CVE-2025-23419).
 */
bool identities_admit(const struct identities *identities, unsigned listener, struct slice host,
                      const struct tls_connection *connection);

const struct tls_certificate *credential_certificate(const struct credential *credential);
