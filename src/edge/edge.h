/* The data plane as a process: made from a snapshot, it serves until it is told to stop. */
#pragma once

#include "base/error.h"
#include "conf/snapshot.h"

/* A listening descriptor that the supervisor opened. Owned by edge_run from then on. */
struct edge_socket {
    struct slice address; /* as conf_address.text */
    int fd;
};

struct bundle;

struct edge_options {
    struct snapshot *snapshot; /* borrowed; edge_run takes its own reference */
    struct bundle
        *bundle; /* of certificates and keys; empty once edge_run has used it; NULL: none */
    const struct edge_socket *sockets; /* may be empty: what is missing is opened here */
    unsigned sockets_count;
    const char *store_folder; /* of the object store; NULL: none is wanted. Borrowed */
    int admin_fd;             /* listening Unix socket; -1: none */
    int log_fd;               /* where the access log goes, owned; -1: its file is opened here */
    struct slice maintenance; /* borrowed; which sites are closed, as maintenance_save writes it */
    int overseer_fd;          /* listening socket for the supervisor (overseer.h); -1: none */
    /* Called once on a fiber, when all listeners are served; may be NULL. Returns false when nobody
     * will know of this process: it then drains and ends. */
    bool (*ready)(void *arg);
    void *ready_arg;
};

/*
 * Runs until SIGTERM or SIGINT: then it drains for at most the snapshot's drain_ms; a second signal
 * ends at once. Returns 0 after an orderly end, or the error of starting up, told in *ret_error.
 */
int edge_run(const struct edge_options *options, struct error *ret_error);
