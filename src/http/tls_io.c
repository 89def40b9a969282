/*
 * OpenSSL encrypts into a pooled block, and the block leaves in one write at the end of each call,
 * so a record is never asked for twice: OpenSSL itself never sees a descriptor that is not ready.
 */
#include "http/tls_io.h"

#include "base/cleanup.h"
#include "http/worker.h"

#include <errno.h>
#include <string.h>

/* Of plaintext, so that four records with all around them fit a large block. */
#define PART_BYTES   16320
#define PARTS_A_CALL 4

/* More than this waits only for one who does not read: then no further part is encrypted. */
#define BLOCK_BYTES ((size_t)BLOCK_LARGE_BYTES)

struct tls_io {
    struct io_layer layer;             /* the first member */
    struct tls_connection *connection; /* owned */
    char *block;                       /* owned: ciphertext that has not left; NULL: none */
    uint32_t start, end;
    uint32_t received_at, received_len;
    bool is_done;        /* the handshake is */
    bool has_failed;     /* TLS has: nothing more may be said or heard by it */
    bool is_lost;        /* the descriptor takes nothing any more */
    bool wants_shutdown; /* of the descriptor, once the block has left */
    char received[];     /* before there was TLS */
};

static struct tls_io *layer_of(const struct io *io)
{
    return (struct tls_io *)io->layer;
}

/* What OpenSSL calls; `arg` is the io. */

static ssize_t receive(void *arg, void *bytes, size_t len)
{
    struct io *io = arg;
    struct tls_io *self = layer_of(io);
    size_t left = self->received_len - self->received_at;
    if (left == 0)
        return io_read_below(io, bytes, len);
    size_t part = left < len ? left : len;
    memcpy(bytes, self->received + self->received_at, part);
    self->received_at += (uint32_t)part;
    return (ssize_t)part;
}

static int send_later(void *arg, const void *bytes, size_t len)
{
    struct tls_io *self = layer_of(arg);
    if (self->is_lost)
        return 0;
    if (self->block == NULL) {
        self->block = block_take(BLOCK_LARGE);
        self->start = self->end = 0;
    }
    if (self->block == NULL)
        return -ENOMEM;
    if (self->start > 0 && len > BLOCK_BYTES - self->end) {
        memmove(self->block, self->block + self->start, self->end - self->start);
        self->end -= self->start;
        self->start = 0;
    }
    if (len > BLOCK_BYTES - self->end)
        return -ENOBUFS;
    memcpy(self->block + self->end, bytes, len);
    self->end += (uint32_t)len;
    return 0;
}

static const struct tls_transport transport = {receive, send_later};

static void give_block(struct tls_io *self)
{
    block_give(self->block, BLOCK_LARGE);
    self->block = NULL;
    self->start = self->end = 0;
}

/* Nothing can be sent any more; what was received can still be read. */
static void lose(struct tls_io *self)
{
    self->is_lost = true;
    give_block(self);
}

/* 0 once nothing waits, -EAGAIN, or the error. */
static int flush(struct io *io)
{
    struct tls_io *self = layer_of(io);
    while (self->start < self->end) {
        struct iovec part = {self->block + self->start, self->end - self->start};
        ssize_t put = io_write_below(io, &part, 1);
        if (put < 0) {
            if (put != -EAGAIN)
                lose(self);
            return (int)put;
        }
        self->start += (uint32_t)put;
    }
    give_block(self);
    if (self->wants_shutdown) {
        self->wants_shutdown = false;
        io_shutdown_write_below(io);
    }
    return 0;
}

static bool has_unread(const struct tls_io *self)
{
    return self->received_at < self->received_len || tls_connection_has_pending(self->connection);
}

/* The descriptor's readiness is not all: OpenSSL may hold more, or only a part of a record. */
static void tell_readable(struct io *io, bool is_readable)
{
    if (is_readable)
        io->ready |= IO_READABLE;
    else
        io->ready &= (uint8_t)~IO_READABLE;
}

/* The layer's functions. */

static ssize_t layer_read(struct io *io, void *bytes, size_t len)
{
    struct tls_io *self = layer_of(io);
    if ((io->ready & IO_READABLE) == 0)
        return -EAGAIN;
    if (self->has_failed)
        return -ECONNRESET;
    tls_connection_set_arg(self->connection, io);
    ssize_t got = tls_connection_read(self->connection, bytes, len);
    if (got > 0 && has_unread(self))
        tell_readable(io, true);
    if (got == -EAGAIN)
        tell_readable(io, false);
    else if (got < 0)
        self->has_failed = true;
    /* An answer of the protocol's own, or the alert that tells what was wrong. */
    (void)flush(io);
    return got;
}

/* Up to one record's bytes in one piece: where they lie, or else put together in `room`. */
static struct slice join(const struct iovec *parts, int parts_count, size_t skip, char *room)
{
    size_t len = 0;
    for (int i = 0; i < parts_count && len < PART_BYTES; i++) {
        if (skip >= parts[i].iov_len) {
            skip -= parts[i].iov_len;
            continue;
        }
        const char *at = (const char *)parts[i].iov_base + skip;
        size_t left = parts[i].iov_len - skip, want = PART_BYTES - len;
        skip = 0;
        if (len == 0 && (left >= want || i + 1 == parts_count))
            return slice_of(at, left < want ? left : want);
        memcpy(room + len, at, left < want ? left : want);
        len += left < want ? left : want;
    }
    return slice_of(room, len);
}

static ssize_t encrypt(struct tls_io *self, const struct iovec *parts, int parts_count)
{
    size_t put = 0;
    char *room = parts_count > 1 ? block_take(BLOCK_LARGE) : NULL;
    int rc = parts_count > 1 && room == NULL ? -ENOMEM : 0;
    for (int i = 0; rc == 0 && i < PARTS_A_CALL; i++) {
        struct slice part = join(parts, parts_count, put, room);
        if (part.len == 0)
            break;
        rc = tls_connection_write(self->connection, part.at, part.len);
        put += rc == 0 ? part.len : 0;
    }
    block_give(room, BLOCK_LARGE);
    if (rc < 0)
        self->has_failed = true;
    return rc < 0 ? rc : (ssize_t)put;
}

static ssize_t layer_write(struct io *io, const struct iovec *parts, int parts_count)
{
    struct tls_io *self = layer_of(io);
    int rc = self->has_failed || self->is_lost ? -EPIPE : flush(io);
    if (rc < 0)
        return rc;
    tls_connection_set_arg(self->connection, io);
    ssize_t put = encrypt(self, parts, parts_count);
    rc = flush(io);
    if (put > 0 && rc < 0 && rc != -EAGAIN)
        return rc;
    return put;
}

static void say_farewell(struct io *io)
{
    struct tls_io *self = layer_of(io);
    if (!self->is_done || self->has_failed || self->is_lost)
        return;
    tls_connection_set_arg(self->connection, io);
    tls_connection_close_notify(self->connection);
}

static void layer_shutdown_write(struct io *io)
{
    struct tls_io *self = layer_of(io);
    say_farewell(io);
    self->wants_shutdown = true;
    (void)flush(io); /* what is left goes by on_writable, or never */
}

static void layer_on_writable(struct io *io)
{
    (void)flush(io); /* an error is seen by whoever reads or writes next */
}

static void layer_finish(struct io *io, bool is_reset)
{
    struct tls_io *self = layer_of(io);
    if (!is_reset) {
        say_farewell(io);
        (void)flush(io);
    }
    tls_connection_destroy(self->connection);
    block_give(self->block, BLOCK_LARGE);
    memory_free(self);
}

static const struct io_layer_ops ops = {
    .read = layer_read,
    .write = layer_write,
    .shutdown_write = layer_shutdown_write,
    .on_writable = layer_on_writable,
    .finish = layer_finish,
};

/* Beginning. */

static struct tls_io *create(struct slice received)
{
    struct tls_io *self = memory_alloc(sizeof *self + received.len);
    if (self == NULL)
        return NULL;
    self->layer.ops = &ops;
    self->received_len = (uint32_t)received.len;
    if (received.len > 0)
        memcpy(self->received, received.at, received.len);
    return self;
}

static int put_on(struct io *io, struct tls_io *self, int rc)
{
    if (rc < 0) {
        memory_free(self);
        return rc;
    }
    io->layer = &self->layer;
    if (self->received_len > 0)
        tell_readable(io, true);
    return 0;
}

int tls_io_accept(struct io *io, struct tls_listener *listener, struct slice received)
{
    struct tls_io *self = create(received);
    if (self == NULL)
        return -ENOMEM;
    return put_on(io, self, tls_connection_accept(listener, &transport, io, &self->connection));
}

int tls_io_connect(struct io *io, struct tls_client *client, struct slice host)
{
    struct tls_io *self = create((struct slice){0});
    if (self == NULL)
        return -ENOMEM;
    return put_on(io, self,
                  tls_connection_connect(client, host, &transport, io, &self->connection));
}

int tls_io_handshake(struct io *io, const char **ret_why)
{
    struct tls_io *self = layer_of(io);
    if (!io_is_open(io))
        return -ECONNABORTED;
    tls_connection_set_arg(self->connection, io);
    int rc = tls_connection_handshake(self->connection, ret_why);
    self->is_done = rc == 1;
    self->has_failed = rc < 0 && rc != -EAGAIN;
    int flushed = flush(io);
    if (rc == 1 && has_unread(self))
        tell_readable(io, true);
    return flushed < 0 && flushed != -EAGAIN && !self->has_failed ? flushed : rc;
}

int tls_io_handshake_wait(struct io *io, int64_t deadline_ms, const char **ret_why)
{
    for (;;) {
        int rc = tls_io_handshake(io, ret_why);
        if (rc != -EAGAIN)
            return rc == 1 ? 0 : rc;
        rc = io_wait(io, IO_READABLE, deadline_ms);
        if (rc < 0)
            return rc;
    }
}

void tls_io_strip(struct io *io)
{
    if (io->layer == NULL)
        return;
    layer_finish(io, true);
    io->layer = NULL;
}

bool tls_io_is_quiet(struct io *io)
{
    struct tls_io *self = layer_of(io);
    if (self == NULL || (io->ready & IO_READABLE) == 0)
        return (io->ready & IO_READABLE) == 0;
    tls_connection_set_arg(self->connection, io);
    bool is_quiet = tls_connection_peek(self->connection) == -EAGAIN;
    tell_readable(io, !is_quiet);
    return is_quiet;
}

const struct tls_connection *tls_io_connection(const struct io *io)
{
    return io->layer == NULL ? NULL : layer_of(io)->connection;
}
