/*
 * A snapshot at work: its routes, its target groups and its listeners, for all workers. Immutable
 * but for the state of groups and listeners, which are found again by name and address when the
 * next plane takes over. Counted: it goes with the last request that met it.
 */
#pragma once

#include "conf/s3_keys.h"
#include "edge/edge.h"
#include "edge/forward/target.h"
#include "edge/listener.h"
#include "edge/policy/gate.h"
#include "edge/proxy/proxies.h"
#include "edge/route/router.h"
#include "edge/tls/identities.h"

struct plane {
    atomic_uint references;
    struct snapshot *snapshot; /* counted */
    struct router router;
    struct gate *gates;         /* owned; by the number of a rule's gate */
    struct proxy *proxies;      /* owned; one for each of the snapshot's */
    struct group_setup *groups; /* owned; one for each of the snapshot's, each counted */
    unsigned groups_count;
    struct listener **listeners; /* owned; one for each of the snapshot's, each counted */
    unsigned listeners_count;
    struct identities *identities; /* counted; worker 0's to change, when there are others */
    struct s3_keys *s3_keys;       /* the same; NULL: none */
};

struct plane_parts {
    struct snapshot *snapshot;         /* the plane takes a reference of its own */
    const struct plane *previous;      /* may be NULL */
    const struct bundle *bundle;       /* of certificates and keys; NULL: none */
    const struct edge_socket *sockets; /* owned by plane_create from then on */
    unsigned sockets_count;
    unsigned workers_count;
    struct hash_key hash_key;
};

/*
 * Listeners take the descriptor that was handed over for their address, else that of `previous`,
 * else open one. Nothing that `previous` uses is changed before plane_take_over. 0 or an error that
 * is told; the descriptors that were handed over are closed then.
 */
int plane_create(const struct plane_parts *parts, struct plane **ret_plane,
                 struct error *ret_error);

/* Those of the bundle. What cannot be used, which was told by whoever checked it, is logged and
 * left out. 0 or -ENOMEM. */
int plane_read_s3_keys(const struct bundle *bundle, struct s3_keys **ret_keys);

/* On worker 0: other certificates and keys. The plane's reference to those before is the caller's
 * from then on. */
void plane_set_identities(struct plane *plane, struct identities *identities);

/* The groups that it shares with an earlier plane follow this one's settings from now on. */
void plane_take_over(struct plane *plane, int64_t now_ms);

struct plane *plane_ref(struct plane *plane);
void plane_unref(struct plane *plane); /* NULL is fine */
