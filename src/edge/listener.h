/*
 * Where requests come in, at run time: a listening socket that all workers share, and that is found
 * again by its address when another snapshot takes over.
 */
#pragma once

#include "conf/snapshot.h"
#include "edge/latency.h"

#include <stdatomic.h>

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
