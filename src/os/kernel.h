/*
 * What the loop asks of a kernel: a clock, sockets, and which of them became ready. Two stand
 * behind it: kernel_real_create (Linux, epoll) and os/sim.h. Descriptors are small integers of the
 * kernel's own. Calls never block but for `wait`; failures are negative errno codes.
 */
#pragma once

#include "os/address.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

enum {
    KERNEL_READABLE = 1, /* data, a connection, an end, or an error to be read */
    KERNEL_WRITABLE = 2,
    KERNEL_PEER_DONE = 4, /* the other side has ended its half, or all */
    KERNEL_FAILED = 8,    /* reset, or both halves ended; the three above come with it */
};

struct kernel_event {
    uint64_t tag;
    unsigned what;
};

struct kernel;

struct kernel_ops {
    int64_t (*now_us)(struct kernel *kernel);  /* monotonic */
    int64_t (*wall_us)(struct kernel *kernel); /* since 1970 */
    /* Secure bytes; in a simulated world those of its seed. */
    void (*random)(struct kernel *kernel, void *ret_bytes, size_t len);

    /*
     * Waits for events until `deadline_us` (INT64_MAX: for ever; past: only looks). Returns how
     * many were stored, 0 also when interrupted.
     */
    int (*wait)(struct kernel *kernel, struct kernel_event *events, int max, int64_t deadline_us);

    /* Ends a `wait` that runs or comes next; from any thread or signal handler. */
    void (*interrupt)(struct kernel *kernel);

    /* Edge-triggered for connections; level-triggered and exclusive for listeners. */
    int (*watch)(struct kernel *kernel, int fd, uint64_t tag, bool is_listener);
    void (*unwatch)(struct kernel *kernel, int fd);

    /* `beside`: where a listener of this program has the port and descriptor_share_port is on. */
    int (*listen)(struct kernel *kernel, const struct address *address, int backlog, bool beside);
    /* Who begins to connect is no longer heard here: another listener of that port is, if there is
     * one. Connections that are nearly made still come. */
    void (*put_off)(struct kernel *kernel, int fd);
    /* Nobody can connect from now on, whoever else holds the descriptor. */
    void (*end_listening)(struct kernel *kernel, int fd);
    int (*accept)(struct kernel *kernel, int fd, struct address *ret_peer);
    /* A descriptor whose connection is under way or made: wait until writable, then ask `error`. */
    int (*connect)(struct kernel *kernel, const struct address *address);
    int (*error)(struct kernel *kernel, int fd); /* 0 or the pending error, taken */

    ssize_t (*receive)(struct kernel *kernel, int fd, void *bytes, size_t len);
    ssize_t (*send)(struct kernel *kernel, int fd, const struct iovec *parts, int parts_count);
    /* Part of an open file of the real system, as sendfile. */
    ssize_t (*send_file)(struct kernel *kernel, int fd, int file, int64_t *offset, size_t len);
    void (*shutdown_write)(struct kernel *kernel, int fd);
    /* Ends its watch too, unless somebody else has the same one open. */
    void (*close)(struct kernel *kernel, int fd);
    /* Makes `close` send a reset. */
    void (*reset_on_close)(struct kernel *kernel, int fd);
    int (*local_address)(struct kernel *kernel, int fd, struct address *ret_address);
    /* Is it one of this machine's? */
    bool (*is_own_address)(struct kernel *kernel, const struct address *address);
    int (*peer_address)(struct kernel *kernel, int fd, struct address *ret_address);
};

/* The first member of each kernel. */
struct kernel {
    const struct kernel_ops *ops;
    bool is_simulated;
};

int kernel_real_create(struct kernel **ret_kernel);
void kernel_real_destroy(struct kernel *kernel);
