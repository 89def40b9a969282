/*
 * Messages between processes of this machine that can carry descriptors: a Unix socket of kind
 * SEQPACKET, so that a message arrives whole or not at all.
 */
#pragma once

#include "base/slice.h"
#include "os/io.h"

#define PASSING_BYTES_MAX 65536
#define PASSING_FDS_MAX   200

/*
 * Binds and listens at `path`, whatever stood there before. The file is its owner's alone (mode
 * 0600). Returns the descriptor, close-on-exec and non-blocking, or -errno.
 */
int passing_listen(const char *path);

/* Opens `io` (initialised) as a connection to a listener. 0; -ENOENT or -ECONNREFUSED when nobody
 * listens there; or another -errno. */
int passing_connect(struct io *io, const char *path);

/*
 * Sends a message of at most PASSING_BYTES_MAX with descriptors, which stay the caller's. Waits in
 * a fiber while the other side is slow. 0, -ETIMEDOUT, -ECANCELED, -EPIPE, or another -errno.
 */
int passing_send(struct io *io, struct slice text, const int *fds, unsigned fds_count,
                 int64_t deadline_ms);

/* What was received. */
struct passing {
    size_t len;
    unsigned fds_count;
    int fds[PASSING_FDS_MAX]; /* owned by the receiver, close-on-exec; -1: taken out */
    char bytes[PASSING_BYTES_MAX];
};

/* Waits in a fiber. 1 with a message, 0 when the other side has ended, -EMSGSIZE for one that is
 * too large (it is dropped), -ETIMEDOUT, -ECANCELED, or -errno. */
int passing_receive(struct io *io, int64_t deadline_ms, struct passing *ret_message);

/* The descriptor at `index` becomes the caller's; -1: there is none. */
int passing_take(struct passing *message, unsigned index);

/* Closes the descriptors that were not taken. */
void passing_finish(struct passing *message);
