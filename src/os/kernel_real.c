/* Linux: epoll, an eventfd to be woken by, and the socket calls. One per loop. */
#include "os/kernel.h"

#include "base/cleanup.h"
#include "os/random.h"
#include "os/sanitizer.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The tag of the eventfd; io slots never reach it. */
#define INTERRUPT_TAG UINT64_MAX

struct kernel_real {
    struct kernel kernel;
    int epoll_fd;
    int event_fd;
};

/*
 * The calls of each request. Where a program has threads libc's own are points of cancellation, and
 * mark that around each of them; a loop's thread is never cancelled. Sanitizers want to see libc's.
 */
#if defined(WEIR_ASAN) || defined(WEIR_TSAN)
#define epoll_wait_plainly              epoll_wait
#define receive_plainly(fd, bytes, len) recv((fd), (bytes), (len), 0)
#define send_plainly(fd, bytes, len)    send((fd), (bytes), (len), MSG_NOSIGNAL)
#else
static int epoll_wait_plainly(int epoll_fd, struct epoll_event *events, int max, int timeout_ms)
{
    return (int)syscall(SYS_epoll_pwait, epoll_fd, events, max, timeout_ms, NULL, (size_t)0);
}

static ssize_t receive_plainly(int fd, void *bytes, size_t len)
{
    return syscall(SYS_recvfrom, fd, bytes, len, 0, NULL, NULL);
}

static ssize_t send_plainly(int fd, const void *bytes, size_t len)
{
    return syscall(SYS_sendto, fd, bytes, len, MSG_NOSIGNAL, NULL, (socklen_t)0);
}
#endif

static struct kernel_real *real(struct kernel *kernel)
{
    return (struct kernel_real *)kernel;
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t real_now_us(struct kernel *kernel)
{
    (void)kernel;
    return clock_us(CLOCK_MONOTONIC);
}

static int64_t real_wall_us(struct kernel *kernel)
{
    (void)kernel;
    return clock_us(CLOCK_REALTIME);
}

static void real_random(struct kernel *kernel, void *ret_bytes, size_t len)
{
    (void)kernel;
    random_system_bytes(ret_bytes, len);
}

/* Rounded up, so that a timer is due when the wait ends. */
static int wait_ms(int64_t deadline_us)
{
    if (deadline_us == INT64_MAX)
        return -1;
    if (deadline_us == 0)
        return 0;
    int64_t left_us = deadline_us - clock_us(CLOCK_MONOTONIC);
    if (left_us <= 0)
        return 0;
    int64_t left_ms = (left_us + 999) / 1000;
    return left_ms > 3600000 ? 3600000 : (int)left_ms;
}

static unsigned what_happened(uint32_t events)
{
    unsigned what = 0;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        what |= KERNEL_READABLE;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        what |= KERNEL_WRITABLE;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        what |= KERNEL_PEER_DONE;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0)
        what |= KERNEL_FAILED;
    return what;
}

static int real_wait(struct kernel *kernel, struct kernel_event *events, int max,
                     int64_t deadline_us)
{
    struct kernel_real *self = real(kernel);
    UNINITIALISED struct epoll_event got[256];
    int room = max < (int)COUNT_OF(got) ? max : (int)COUNT_OF(got);
    int count = epoll_wait_plainly(self->epoll_fd, got, room, wait_ms(deadline_us));
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    int stored = 0;
    for (int i = 0; i < count; i++) {
        if (got[i].data.u64 == INTERRUPT_TAG) {
            uint64_t times;
            (void)!read(self->event_fd, &times, sizeof times);
            continue;
        }
        events[stored++] = (struct kernel_event){got[i].data.u64, what_happened(got[i].events)};
    }
    return stored;
}

static void real_interrupt(struct kernel *kernel)
{
    uint64_t once = 1;
    int saved_errno = errno;
    (void)!write(real(kernel)->event_fd, &once, sizeof once);
    errno = saved_errno;
}

static int real_watch(struct kernel *kernel, int fd, uint64_t tag, bool is_listener)
{
    struct epoll_event event = {
        .events = is_listener ? (uint32_t)(EPOLLIN | EPOLLEXCLUSIVE)
                              : (uint32_t)(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET),
        .data.u64 = tag,
    };
    return epoll_ctl(real(kernel)->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void real_unwatch(struct kernel *kernel, int fd)
{
    (void)epoll_ctl(real(kernel)->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static void set_option(int fd, int level, int option)
{
    int on = 1;
    (void)setsockopt(fd, level, option, &on, sizeof on);
}

static bool is_tcp(const struct address *address)
{
    return address->any.sa_family != AF_UNIX;
}

static bool is_loopback(const struct address *address)
{
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    return ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/*
 * For listeners, whose connections inherit it. Nothing is congested within one machine: there the
 * simplest algorithm spares the pacing and modelling of one made for wide networks (5 % of a
 * proxied request under BBR). For connections to targets it made no difference.
 */
static void tune_tcp(int fd, const struct address *address)
{
    static const char simplest[] = "reno";
    set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    if (is_loopback(address))
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, simplest, sizeof simplest - 1);
}

/* A dead socket file of an earlier run is removed; one that somebody listens on is not. */
static int make_room_for_path(const struct address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int rc = connect(fd, &address->any, address->len) == 0 ? -EADDRINUSE : -errno;
    (void)close(fd);
    if (rc == -ECONNREFUSED)
        return unlink(address->path.sun_path) < 0 && errno != ENOENT ? -errno : 0;
    return rc == -ENOENT ? 0 : rc == -EACCES ? rc : -EADDRINUSE;
}

static int real_listen(struct kernel *kernel, const struct address *address, int backlog,
                       bool beside)
{
    (void)kernel;
    int rc = is_tcp(address) ? 0 : make_room_for_path(address);
    if (rc < 0)
        return rc;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR);
    if (beside && is_tcp(address))
        set_option(fd, SOL_SOCKET, SO_REUSEPORT);
    if (is_tcp(address))
        tune_tcp(fd, address); /* accepted sockets inherit it */
    if (bind(fd, &address->any, address->len) < 0 || listen(fd, backlog) < 0) {
        rc = -errno;
        (void)close(fd);
        return rc;
    }
    return fd;
}

/* Drops segments with SYN and without ACK (RFC 9293 §3.1); the program sees them from their TCP
 * header on. */
/*
 * A listener that is bound to a device hears only what comes by it, and no device has this number.
 * Handshakes that have begun are found by their own addresses.
 */
static void real_put_off(struct kernel *kernel, int fd)
{
    const int nowhere = INT_MAX;
    struct sockaddr_storage own = {0};
    socklen_t len = sizeof own;
    (void)kernel;
    if (getsockname(fd, (struct sockaddr *)&own, &len) == 0 && own.ss_family != AF_UNIX)
        (void)setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof nowhere);
}

static void real_end_listening(struct kernel *kernel, int fd)
{
    (void)kernel;
    (void)shutdown(fd, SHUT_RD);
}

static int real_accept(struct kernel *kernel, int fd, struct address *ret_peer)
{
    (void)kernel;
    struct address peer = {0};
    socklen_t len = sizeof peer - offsetof(struct address, any);
    int accepted = accept4(fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0)
        return -errno;
    peer.len = len;
    *ret_peer = peer;
    return accepted;
}

static int real_connect(struct kernel *kernel, const struct address *address)
{
    (void)kernel;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (is_tcp(address))
        set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    if (connect(fd, &address->any, address->len) < 0 && errno != EINPROGRESS) {
        int rc = -errno;
        (void)close(fd);
        return rc;
    }
    return fd;
}

static int real_error(struct kernel *kernel, int fd)
{
    (void)kernel;
    int code = 0;
    socklen_t len = sizeof code;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
        return -errno;
    return -code;
}

static ssize_t real_receive(struct kernel *kernel, int fd, void *bytes, size_t len)
{
    (void)kernel;
    ssize_t got;
    do {
        got = receive_plainly(fd, bytes, len);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static ssize_t real_send(struct kernel *kernel, int fd, const struct iovec *parts, int parts_count)
{
    (void)kernel;
    ssize_t put;
    do {
        if (parts_count == 1) {
            put = send_plainly(fd, parts->iov_base, parts->iov_len);
        } else {
            struct msghdr message = {0};
            message.msg_iov = (struct iovec *)(uintptr_t)parts;
            message.msg_iovlen = (size_t)parts_count;
            put = sendmsg(fd, &message, MSG_NOSIGNAL);
        }
    } while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : put;
}

static ssize_t real_send_file(struct kernel *kernel, int fd, int file, int64_t *offset, size_t len)
{
    (void)kernel;
    off_t at = *offset;
    ssize_t put;
    do {
        put = sendfile(fd, file, &at, len);
    } while (put < 0 && errno == EINTR);
    if (put < 0)
        return -errno;
    *offset = at;
    return put;
}

static void real_shutdown_write(struct kernel *kernel, int fd)
{
    (void)kernel;
    (void)shutdown(fd, SHUT_WR);
}

static void real_close(struct kernel *kernel, int fd)
{
    (void)kernel;
    (void)close(fd);
}

static void real_reset_on_close(struct kernel *kernel, int fd)
{
    (void)kernel;
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static int real_local_address(struct kernel *kernel, int fd, struct address *ret_address)
{
    (void)kernel;
    struct address address = {0};
    socklen_t len = sizeof address - offsetof(struct address, any);
    if (getsockname(fd, &address.any, &len) < 0)
        return -errno;
    address.len = len;
    *ret_address = address;
    return 0;
}

static int real_peer_address(struct kernel *kernel, int fd, struct address *ret_address)
{
    (void)kernel;
    struct address address = {0};
    socklen_t len = sizeof address - offsetof(struct address, any);
    if (getpeername(fd, &address.any, &len) < 0)
        return -errno;
    address.len = len;
    *ret_address = address;
    return 0;
}

static bool has_same_host(const struct address *a, const struct address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    return a->any.sa_family == AF_INET
               ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
               : memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
}

/* The kernel goes to an address of its own from that very address. Nothing is sent. Where nothing
 * can be asked it counts as own: this is for who must not be led back here. */
static bool real_is_own_address(struct kernel *kernel, const struct address *address)
{
    struct address own = {0};
    if (!is_tcp(address))
        return true;
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true;
    bool is_own = connect(fd, &address->any, address->len) == 0 &&
                  real_local_address(kernel, fd, &own) == 0 && has_same_host(&own, address);
    (void)close(fd);
    return is_own;
}

static const struct kernel_ops real_ops = {
    .now_us = real_now_us,
    .wall_us = real_wall_us,
    .random = real_random,
    .wait = real_wait,
    .interrupt = real_interrupt,
    .watch = real_watch,
    .unwatch = real_unwatch,
    .listen = real_listen,
    .put_off = real_put_off,
    .end_listening = real_end_listening,
    .accept = real_accept,
    .connect = real_connect,
    .error = real_error,
    .receive = real_receive,
    .send = real_send,
    .send_file = real_send_file,
    .shutdown_write = real_shutdown_write,
    .close = real_close,
    .reset_on_close = real_reset_on_close,
    .local_address = real_local_address,
    .peer_address = real_peer_address,
    .is_own_address = real_is_own_address,
};

int kernel_real_create(struct kernel **ret_kernel)
{
    struct kernel_real *self = NEW(struct kernel_real);
    if (self == NULL)
        return -ENOMEM;
    self->kernel.ops = &real_ops;
    self->event_fd = -1;
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll_fd >= 0)
        self->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = INTERRUPT_TAG};
    if (self->event_fd < 0 ||
        epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, self->event_fd, &event) < 0) {
        int rc = -errno;
        kernel_real_destroy(&self->kernel);
        return rc;
    }
    *ret_kernel = &self->kernel;
    return 0;
}

void kernel_real_destroy(struct kernel *kernel)
{
    if (kernel == NULL)
        return;
    struct kernel_real *self = real(kernel);
    if (self->event_fd >= 0)
        (void)close(self->event_fd);
    if (self->epoll_fd >= 0)
        (void)close(self->epoll_fd);
    memory_free(self);
}
