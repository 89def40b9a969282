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
};

/* On the worker's own thread: begins to accept. 0, or an error: nothing was begun. */
int worker_listener_start(struct edge_worker *worker, struct view *view, unsigned index);

/* Before another view is adopted that wants TLS there. 0 or -ENOMEM. */
int worker_listener_prepare(struct worker_listener *self, const struct view *view, unsigned index);

/* Another view wants the same listener, which is prepared for it. */
void worker_listener_adopt(struct worker_listener *self, struct view *view, unsigned index);

/* No more connections. */
void worker_listener_stop(struct worker_listener *self);

/* The same, and its sessions end when they have answered; it goes with the last of them. */
void worker_listener_retire(struct worker_listener *self);

/* Once it has no sessions. */
void worker_listener_destroy(struct worker_listener *self);
