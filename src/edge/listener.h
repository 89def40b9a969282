/*
 * Where requests come in, at run time: a listening socket that all workers share and that is found
 * again by its address when another snapshot takes over, and each worker's own part of it.
 */
#pragma once

#include "conf/snapshot.h"
#include "edge/latency.h"
#include "http/session.h"
#include "os/io.h"

#include <stdatomic.h>

struct edge_worker;
struct view;

/* Counted: by planes, and by each worker that accepts or still has sessions of it. */
struct listener {
    atomic_uint references;
    atomic_uint accepting;     /* workers; the last one that stops closes the socket */
    int fd;                    /* owned; -1: closed */
    struct slice address;      /* owned; conf_address.text */
    struct latency *latencies; /* owned; one for each worker */
};

/* Takes over the descriptor, on failure too. 0 or -ENOMEM. */
int listener_create(const struct conf_listener *conf, int fd, unsigned workers_count,
                    struct listener **ret_listener);
struct listener *listener_ref(struct listener *listener);
void listener_unref(struct listener *listener); /* NULL is fine */

/* A listener as one worker serves it; its sessions point to `server`. */
struct worker_listener {
    struct server server; /* the first member */
    struct list link;     /* in the worker's listeners */
    struct acceptor acceptor;
    struct listener *listener; /* counted */
    struct view *view;         /* counted; what its next request meets */
    unsigned index;            /* in that view's snapshot */
    bool is_accepting;
};

/* On the worker's own thread: begins to accept. 0, or an error: nothing was begun. */
int worker_listener_start(struct edge_worker *worker, struct view *view, unsigned index);

/* Another view wants the same listener. */
void worker_listener_adopt(struct worker_listener *self, struct view *view, unsigned index);

/* No more connections. */
void worker_listener_stop(struct worker_listener *self);

/* The same, and its sessions end when they have answered; it goes with the last of them. */
void worker_listener_retire(struct worker_listener *self);

/* Once it has no sessions. */
void worker_listener_destroy(struct worker_listener *self);
