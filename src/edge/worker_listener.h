/*
 * A listener as one worker serves it: its acceptor, and the server that its sessions belong to. It
 * goes on from view to view.
 */
#pragma once

#include "edge/listener.h"
#include "http/session.h"
#include "os/io.h"

struct edge_worker;
struct view;

/* Its sessions point to `server`. */
struct worker_listener {
    struct server server; /* the first member */
    struct list link;     /* in the worker's listeners */
    struct acceptor acceptor;
    struct listener *listener; /* counted */
    struct view *view;         /* counted; what its next request meets */
    unsigned index;            /* in that view's snapshot */
    struct tls_listener *tls;  /* counted; what handshakes begin with; NULL: it never had TLS */
    bool is_accepting;
    bool is_retired; /* only who was on the way to it is still accepted */
};

/* On the worker's own thread: begins to accept. 0, or an error: nothing was begun. */
int worker_listener_start(struct edge_worker *worker, struct view *view, unsigned index);

/* Before another view is adopted that wants TLS there. 0 or -ENOMEM. */
int worker_listener_prepare(struct worker_listener *self, const struct view *view, unsigned index);

/* Another view wants the same listener, which is prepared for it. */
void worker_listener_adopt(struct worker_listener *self, struct view *view, unsigned index);

/* No more connections. */
void worker_listener_stop(struct worker_listener *self);

/*
 * The end of an address, in two steps between which WORKER_LISTENER_FAREWELL_MS pass: its sessions
 * end when they have answered and nobody begins to connect to it any more, but who had begun is
 * still accepted; then no more connections, and it goes with the last of its sessions.
 */
void worker_listener_retire(struct worker_listener *self);
void worker_listener_end(struct worker_listener *self);

/* Long enough for the last step of a handshake from afar, of which the kernel tells nothing. */
#define WORKER_LISTENER_FAREWELL_MS 200

/* Once it has no sessions. */
void worker_listener_destroy(struct worker_listener *self);
