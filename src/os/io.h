/*
 * A descriptor on the loop. Readiness is tried first and remembered: reading and writing return
 * -EAGAIN only when the kernel said so since the last event. At most one fiber waits for each
 * direction; when none waits, `on_ready` is called on the loop's own stack.
 *
 * An io is embedded in its owner and belongs to one loop. io_close before its memory goes; events
 * that are under way for a closed io are dropped.
 */
#pragma once

#include "os/address.h"
#include "os/loop.h"

#include <sys/types.h>
#include <sys/uio.h>

enum {
    IO_READABLE = 1,
    IO_WRITABLE = 2,
    IO_PEER_DONE = 4, /* the other side has ended its half at least */
    IO_FAILED = 8,    /* reset, or both halves ended */
};

struct io;

/*
 * What stands between the descriptor's bytes and those that are read and written: TLS. It sees to
 * it that `ready` tells the truth about what it holds: IO_READABLE while it can still be read from,
 * no IO_WRITABLE while bytes wait in it for the descriptor.
 */
struct io_layer_ops {
    /* As io_read and io_write; only when open. */
    ssize_t (*read)(struct io *io, void *bytes, size_t len);
    ssize_t (*write)(struct io *io, const struct iovec *parts, int parts_count);
    void (*shutdown_write)(struct io *io);
    /* The descriptor has become writable: what waits in the layer goes first. */
    void (*on_writable)(struct io *io);
    /* Ends and frees it; the descriptor is still open. `is_reset`: without a farewell. */
    void (*finish)(struct io *io, bool is_reset);
};

/* The first member of each. */
struct io_layer {
    const struct io_layer_ops *ops;
};

struct io {
    int fd; /* owned; -1 when closed */
    uint32_t slot;
    uint8_t ready;
    struct fiber *reading; /* borrowed while it waits */
    struct fiber *writing;
    void (*on_ready)(struct io *io); /* may be NULL */
    struct io_layer *layer;          /* owned; NULL: the bytes are the descriptor's */
};

void io_init(struct io *io, void (*on_ready)(struct io *io));

/* Takes over a connected, non-blocking descriptor. On failure the descriptor is still the caller's.
 */
int io_open(struct io *io, int fd);

/* Wakes whoever waits (with -ECONNABORTED from its wait), then closes. Harmless when closed. Where
 * another descriptor of the same file is open, io_release comes first: closing one of them does not
 * end the watch. */
void io_close(struct io *io);

/* The same but for closing: the descriptor is the caller's again and is returned. -1 when closed.
 */
int io_release(struct io *io);

/* Closes a descriptor that never became an io. */
void io_discard(int fd);

/* Moves an open io to other memory; nobody may wait for it. `from` is closed afterwards. */
void io_move(struct io *to, struct io *from, void (*on_ready)(struct io *io));

/* As io_close, so that the other side sees a reset. */
void io_reset(struct io *io);

static inline bool io_is_open(const struct io *io)
{
    return io->fd >= 0;
}

/*
 * Begins to connect; wait for IO_WRITABLE, then io_connected tells how it went. Returns 0 or the
 * error (no io_close needed then).
 */
int io_connect(struct io *io, const struct address *address);
int io_connected(struct io *io);

/* Connects and waits. 0, -ETIMEDOUT, -ECANCELED, or what connect says; closed on failure. */
int io_connect_wait(struct io *io, const struct address *address, int64_t deadline_ms);

/* Never wait. Bytes moved, 0 at the end (reading), -EAGAIN, or a negative errno. A file can be sent
 * only where there is no layer. */
ssize_t io_read(struct io *io, void *bytes, size_t len);
ssize_t io_write(struct io *io, const struct iovec *parts, int parts_count);
ssize_t io_send_file(struct io *io, int file, int64_t *offset, size_t len);

/* For layers: the same with the descriptor itself. */
ssize_t io_read_below(struct io *io, void *bytes, size_t len);
ssize_t io_write_below(struct io *io, const struct iovec *parts, int parts_count);
void io_shutdown_write_below(struct io *io);

/*
 * Wait until one of `what` is ready. Returns the ready ones of `what` (> 0), -ETIMEDOUT,
 * -ECANCELED, or -ECONNABORTED when closed meanwhile. IO_PEER_DONE alone waits for the other side
 * to leave.
 */
int io_wait(struct io *io, unsigned what, int64_t deadline_ms);

/* The same for two; returns 1 when one of them is ready. Either `what` may be 0. */
int io_wait_either(struct io *a, unsigned a_what, struct io *b, unsigned b_what,
                   int64_t deadline_ms);

/* Reads at least one byte: bytes read, 0 at the end, or an error. */
ssize_t io_read_wait(struct io *io, void *bytes, size_t len, int64_t deadline_ms);

/* Writes all; `timeout_ms` is the longest time without progress. The parts are changed. 0 or error.
 */
int io_write_all(struct io *io, struct iovec *parts, int parts_count, int64_t timeout_ms);

/* No more will be written. */
void io_shutdown_write(struct io *io);

/* The other side's address, and our own. 0 or an error. */
int io_peer(const struct io *io, struct address *ret_address);
int io_local(const struct io *io, struct address *ret_address);

/* A listening socket on this loop. `on_accept` owns the descriptor it is given. */
struct acceptor {
    struct io io;
    int listening_fd; /* borrowed */
    void (*on_accept)(struct acceptor *acceptor, int fd, const struct address *peer);
    unsigned burst;     /* as many as came the last time */
    struct timer pause; /* armed while descriptors or memory are used up */
};

/* Watches a listening descriptor (borrowed: it is shared between loops and never closed here). */
int acceptor_start(struct acceptor *acceptor, int listening_fd,
                   void (*on_accept)(struct acceptor *, int fd, const struct address *peer));
void acceptor_stop(struct acceptor *acceptor);

/*
 * For the address's end: nobody begins to connect to it from now on, which another listener of that
 * port then hears; whoever had begun still comes. Also where other processes hold the descriptor.
 */
void acceptor_put_off(struct acceptor *acceptor);

/* After acceptor_stop: whoever waits in the queue is accepted once more, then nobody can connect.
 */
void acceptor_end(struct acceptor *acceptor);
