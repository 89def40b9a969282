/*
 * Remembered readiness over the kernel's edge-triggered events. A short read or write means that
 * the kernel's buffer was emptied or filled, so the next event will come; asking again would only
 * cost.
 */
#include "os/io.h"

#include "base/cleanup.h"
#include "os/loop_internal.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>

#define ACCEPTS_A_TURN  16
#define ACCEPTS_AT_END  4096
#define ACCEPT_PAUSE_MS 100

static const struct kernel_ops *ops(void)
{
    return loop_self->kernel->ops;
}

static int grow_slots(struct loop *loop)
{
    uint32_t count = loop->slots_count == 0 ? 64 : loop->slots_count * 2;
    struct io_slot *slots = memory_resize(loop->slots, count * sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    for (uint32_t i = loop->slots_count; i < count; i++)
        slots[i] = (struct io_slot){.next_free = i + 1 < count ? i + 2 : 0};
    loop->slots_free = loop->slots_count + 1;
    loop->slots = slots;
    loop->slots_count = count;
    return 0;
}

static int take_slot(struct loop *loop, struct io *io)
{
    if (loop->slots_free == 0) {
        int rc = grow_slots(loop);
        if (rc < 0)
            return rc;
    }
    io->slot = loop->slots_free - 1;
    struct io_slot *slot = &loop->slots[io->slot];
    loop->slots_free = slot->next_free;
    slot->io = io;
    return 0;
}

static void give_slot_back(struct loop *loop, uint32_t index)
{
    struct io_slot *slot = &loop->slots[index];
    slot->io = NULL;
    slot->generation++;
    slot->next_free = loop->slots_free;
    loop->slots_free = index + 1;
}

void io_init(struct io *io, void (*on_ready)(struct io *io))
{
    *io = (struct io){.fd = -1, .on_ready = on_ready};
}

static int watch(struct io *io, int fd, bool is_listener)
{
    struct loop *loop = loop_self;
    int rc = take_slot(loop, io);
    if (rc < 0)
        return rc;
    uint64_t tag = (uint64_t)io->slot << 32 | loop->slots[io->slot].generation;
    rc = ops()->watch(loop->kernel, fd, tag, is_listener);
    if (rc < 0) {
        give_slot_back(loop, io->slot);
        return rc;
    }
    io->fd = fd;
    io->ready = 0;
    return 0;
}

int io_open(struct io *io, int fd)
{
    int rc = watch(io, fd, false);
    if (rc == 0)
        io->ready = IO_WRITABLE;
    return rc;
}

static void wake_waiters(struct io *io)
{
    if (io->reading != NULL)
        fiber_wake(io->reading);
    if (io->writing != NULL)
        fiber_wake(io->writing);
}

static void finish_layer(struct io *io, bool is_reset)
{
    if (LIKELY(io->layer == NULL))
        return;
    io->layer->ops->finish(io, is_reset);
    io->layer = NULL;
}

/* Events that are still on their way find another generation. */
static int forget(struct io *io)
{
    int fd = io->fd;
    give_slot_back(loop_self, io->slot);
    io->fd = -1;
    io->ready = 0;
    wake_waiters(io);
    return fd;
}

static int stop_watching(struct io *io)
{
    ops()->unwatch(loop_self->kernel, io->fd);
    return forget(io);
}

void io_close(struct io *io)
{
    if (io->fd < 0)
        return;
    finish_layer(io, false);
    ops()->close(loop_self->kernel, forget(io));
}

void io_discard(int fd)
{
    ops()->close(loop_self->kernel, fd);
}

void io_move(struct io *to, struct io *from, void (*on_ready)(struct io *io))
{
    assert(from->fd >= 0 && from->reading == NULL && from->writing == NULL);
    *to = *from;
    to->on_ready = on_ready;
    loop_self->slots[to->slot].io = to;
    from->fd = -1;
    from->layer = NULL;
}

int io_release(struct io *io)
{
    assert(io->layer == NULL);
    return io->fd < 0 ? -1 : stop_watching(io);
}

void io_reset(struct io *io)
{
    if (io->fd < 0)
        return;
    finish_layer(io, true);
    ops()->reset_on_close(loop_self->kernel, io->fd);
    io_close(io);
}

/* With what stands behind it in its owner. */
void io_prefetch(const struct loop *loop, uint64_t tag)
{
    prefetch(loop->slots[tag >> 32].io, 2 * sizeof(struct io));
}

void io_dispatch(struct loop *loop, uint64_t tag, unsigned what)
{
    struct io_slot *slot = &loop->slots[tag >> 32];
    if (slot->io == NULL || slot->generation != (uint32_t)tag)
        return;
    struct io *io = slot->io;
    io->ready |= (uint8_t)what;
    if (UNLIKELY(io->layer != NULL) && (what & IO_WRITABLE) != 0) {
        io->layer->ops->on_writable(io);
        what &=
            io->ready | ~(unsigned)IO_WRITABLE; /* it may have filled the kernel's buffer again */
    }
    bool was_awaited = false;
    if (io->reading != NULL && (what & (IO_READABLE | IO_PEER_DONE)) != 0) {
        fiber_wake(io->reading);
        was_awaited = true;
    }
    if (io->writing != NULL && (what & IO_WRITABLE) != 0) {
        fiber_wake(io->writing);
        was_awaited = true;
    }
    if (!was_awaited && io->on_ready != NULL)
        io->on_ready(io);
}

int io_connect(struct io *io, const struct address *address)
{
    int fd = ops()->connect(loop_self->kernel, address);
    if (fd < 0)
        return fd;
    int rc = watch(io, fd, false);
    if (rc < 0)
        ops()->close(loop_self->kernel, fd);
    return rc;
}

int io_connected(struct io *io)
{
    if (io->fd < 0)
        return -ECONNABORTED;
    /* What is writable and has not failed is connected. */
    return LIKELY((io->ready & (IO_WRITABLE | IO_FAILED)) == IO_WRITABLE)
               ? 0
               : ops()->error(loop_self->kernel, io->fd);
}

int io_connect_wait(struct io *io, const struct address *address, int64_t deadline_ms)
{
    int rc = io_connect(io, address);
    if (rc < 0)
        return rc;
    rc = io_wait(io, IO_WRITABLE, deadline_ms);
    if (rc > 0)
        rc = io_connected(io);
    if (rc < 0)
        io_close(io);
    return rc;
}

/* After an end or an error there will be no further event: readiness stays. */
static bool is_drained(const struct io *io, ssize_t moved, size_t asked)
{
    return moved == -EAGAIN || (moved > 0 && (size_t)moved < asked && !(io->ready & IO_PEER_DONE));
}

ssize_t io_read_below(struct io *io, void *bytes, size_t len)
{
    if ((io->ready & IO_READABLE) == 0)
        return -EAGAIN;
    ssize_t got = ops()->receive(loop_self->kernel, io->fd, bytes, len);
    if (is_drained(io, got, len))
        io->ready &= (uint8_t)~IO_READABLE;
    return got;
}

ssize_t io_read(struct io *io, void *bytes, size_t len)
{
    if (io->fd < 0)
        return -ECONNABORTED;
    if (UNLIKELY(io->layer != NULL))
        return io->layer->ops->read(io, bytes, len);
    return io_read_below(io, bytes, len);
}

ssize_t io_write_below(struct io *io, const struct iovec *parts, int parts_count)
{
    if ((io->ready & IO_WRITABLE) == 0)
        return -EAGAIN;
    ssize_t put = ops()->send(loop_self->kernel, io->fd, parts, parts_count);
    if (put == -EAGAIN)
        io->ready &= (uint8_t)~IO_WRITABLE;
    return put;
}

ssize_t io_write(struct io *io, const struct iovec *parts, int parts_count)
{
    if (io->fd < 0)
        return -ECONNABORTED;
    if (UNLIKELY(io->layer != NULL))
        return io->layer->ops->write(io, parts, parts_count);
    return io_write_below(io, parts, parts_count);
}

ssize_t io_send_file(struct io *io, int file, int64_t *offset, size_t len)
{
    if (io->fd < 0)
        return -ECONNABORTED;
    assert(io->layer == NULL);
    if ((io->ready & IO_WRITABLE) == 0)
        return -EAGAIN;
    ssize_t put = ops()->send_file(loop_self->kernel, io->fd, file, offset, len);
    if (put == -EAGAIN)
        io->ready &= (uint8_t)~IO_WRITABLE;
    return put;
}

static void await(struct io *io, unsigned what, struct fiber *fiber)
{
    if ((what & (IO_READABLE | IO_PEER_DONE)) != 0) {
        assert(fiber == NULL || io->reading == NULL);
        io->reading = fiber;
    }
    if ((what & IO_WRITABLE) != 0) {
        assert(fiber == NULL || io->writing == NULL);
        io->writing = fiber;
    }
}

static bool is_gone(const struct io *io, unsigned what)
{
    return what != 0 && io->fd < 0;
}

int io_wait_either(struct io *a, unsigned a_what, struct io *b, unsigned b_what,
                   int64_t deadline_ms)
{
    for (;;) {
        if (is_gone(a, a_what) || is_gone(b, b_what))
            return -ECONNABORTED;
        if ((a->ready & a_what) != 0 || (b->ready & b_what) != 0)
            return 1;
        struct fiber *self = fiber_current();
        await(a, a_what, self);
        await(b, b_what, self);
        int rc = fiber_wait(deadline_ms);
        await(a, a_what, NULL);
        await(b, b_what, NULL);
        bool is_ready = (a->ready & a_what) != 0 || (b->ready & b_what) != 0;
        if (rc < 0 && !is_ready)
            return rc;
    }
}

int io_wait(struct io *io, unsigned what, int64_t deadline_ms)
{
    int rc = io_wait_either(io, what, io, 0, deadline_ms);
    return rc < 0 ? rc : (int)(io->ready & what);
}

ssize_t io_read_wait(struct io *io, void *bytes, size_t len, int64_t deadline_ms)
{
    for (;;) {
        ssize_t got = io_read(io, bytes, len);
        if (got != -EAGAIN)
            return got;
        int rc = io_wait(io, IO_READABLE, deadline_ms);
        if (rc < 0)
            return rc;
    }
}

static void skip_parts(struct iovec **parts, int *parts_count, size_t bytes)
{
    while (*parts_count > 0 && bytes >= (*parts)->iov_len) {
        bytes -= (*parts)->iov_len;
        (*parts)++;
        (*parts_count)--;
    }
    if (*parts_count > 0) {
        (*parts)->iov_base = (char *)(*parts)->iov_base + bytes;
        (*parts)->iov_len -= bytes;
    }
}

int io_write_all(struct io *io, struct iovec *parts, int parts_count, int64_t timeout_ms)
{
    skip_parts(&parts, &parts_count, 0);
    while (parts_count > 0) {
        ssize_t put = io_write(io, parts, parts_count < IOV_MAX ? parts_count : IOV_MAX);
        if (put == -EAGAIN) {
            int rc = io_wait(io, IO_WRITABLE, loop_deadline(timeout_ms));
            if (rc < 0)
                return rc;
            continue;
        }
        if (put < 0)
            return (int)put;
        skip_parts(&parts, &parts_count, (size_t)put);
    }
    return 0;
}

void io_shutdown_write_below(struct io *io)
{
    ops()->shutdown_write(loop_self->kernel, io->fd);
}

void io_shutdown_write(struct io *io)
{
    if (io->fd < 0)
        return;
    if (UNLIKELY(io->layer != NULL))
        io->layer->ops->shutdown_write(io);
    else
        io_shutdown_write_below(io);
}

int io_peer(const struct io *io, struct address *ret_address)
{
    return io->fd < 0 ? -ENOTCONN : ops()->peer_address(loop_self->kernel, io->fd, ret_address);
}

int io_local(const struct io *io, struct address *ret_address)
{
    return io->fd < 0 ? -ENOTCONN : ops()->local_address(loop_self->kernel, io->fd, ret_address);
}

static bool is_shortage(int code)
{
    return code == -EMFILE || code == -ENFILE || code == -ENOMEM || code == -ENOBUFS;
}

static void accept_some(struct io *io)
{
    struct acceptor *acceptor = CONTAINER_OF(io, struct acceptor, io);
    for (unsigned i = 0; i < acceptor->burst && io->fd >= 0; i++) {
        struct address peer;
        int fd = ops()->accept(loop_self->kernel, io->fd, &peer);
        if (fd >= 0) {
            acceptor->on_accept(acceptor, fd, &peer);
        } else if (is_shortage(fd)) {
            (void)stop_watching(io);
            timer_arm(&acceptor->pause, loop_deadline(ACCEPT_PAUSE_MS));
        } else if (fd == -EAGAIN) {
            acceptor->burst = i > 1 ? i : 1;
            return;
        }
    }
    /* There may be more, and then it is told again: what was not asked for was not asked in vain.
     */
    if (acceptor->burst < ACCEPTS_A_TURN)
        acceptor->burst *= 2;
}

static void end_pause(struct timer *timer)
{
    struct acceptor *acceptor = CONTAINER_OF(timer, struct acceptor, pause);
    if (watch(&acceptor->io, acceptor->listening_fd, true) < 0)
        timer_arm(timer, loop_deadline(ACCEPT_PAUSE_MS));
}

int acceptor_start(struct acceptor *acceptor, int listening_fd,
                   void (*on_accept)(struct acceptor *, int fd, const struct address *peer))
{
    io_init(&acceptor->io, accept_some);
    timer_init(&acceptor->pause, end_pause);
    acceptor->listening_fd = listening_fd;
    acceptor->on_accept = on_accept;
    acceptor->burst = 1;
    return watch(&acceptor->io, listening_fd, true);
}

void acceptor_stop(struct acceptor *acceptor)
{
    timer_cancel(&acceptor->pause);
    if (acceptor->io.fd >= 0)
        (void)stop_watching(&acceptor->io);
}

void acceptor_put_off(struct acceptor *acceptor)
{
    ops()->put_off(loop_self->kernel, acceptor->listening_fd);
}

void acceptor_end(struct acceptor *acceptor)
{
    struct kernel *kernel = loop_self->kernel;
    struct address peer;
    int fd = 0;
    for (unsigned i = 0; i < ACCEPTS_AT_END && fd >= 0; i++) {
        fd = ops()->accept(kernel, acceptor->listening_fd, &peer);
        if (fd >= 0)
            acceptor->on_accept(acceptor, fd, &peer);
    }
    ops()->end_listening(kernel, acceptor->listening_fd);
}
