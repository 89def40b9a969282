/* sendmsg and recvmsg with SCM_RIGHTS, tried first, then waited for by the loop's io. */
#include "os/passing.h"

#include "os/unix_path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 16

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * PASSING_FDS_MAX)];
};

static int make_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
}

static int bind_and_listen(int fd, const struct address *address)
{
    mode_t own_mask = umask(0177);
    (void)unlink(address->path.sun_path);
    int rc = bind(fd, &address->any, address->len) < 0 ? -errno : 0;
    (void)umask(own_mask);
    return rc == 0 && listen(fd, BACKLOG) < 0 ? -errno : rc;
}

int passing_listen(const char *path)
{
    struct unix_path at;
    int rc = unix_path_open(&at, path);
    if (rc < 0)
        return rc;
    int fd = make_socket();
    rc = fd < 0 ? fd : bind_and_listen(fd, &at.address);
    unix_path_close(&at);
    if (rc < 0 && fd >= 0)
        (void)close(fd);
    return rc < 0 ? rc : fd;
}

int passing_connect(struct io *io, const char *path)
{
    struct unix_path at;
    int rc = unix_path_open(&at, path);
    if (rc < 0)
        return rc;
    int fd = make_socket();
    rc = fd < 0 ? fd : connect(fd, &at.address.any, at.address.len) < 0 ? -errno : 0;
    unix_path_close(&at);
    if (rc == 0)
        rc = io_open(io, fd);
    if (rc < 0 && fd >= 0)
        (void)close(fd);
    return rc;
}

static void put_descriptors(struct msghdr *message, union control *control, const int *fds,
                            unsigned count)
{
    if (count == 0)
        return;
    memset(control, 0, sizeof *control);
    message->msg_control = control->bytes;
    message->msg_controllen = CMSG_SPACE(sizeof(int) * count);
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
}

int passing_send(struct io *io, struct slice text, const int *fds, unsigned fds_count,
                 int64_t deadline_ms)
{
    union control control;
    struct iovec part = {(void *)(uintptr_t)text.at, text.len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (text.len > PASSING_BYTES_MAX || fds_count > PASSING_FDS_MAX)
        return -EMSGSIZE;
    put_descriptors(&message, &control, fds, fds_count);
    for (;;) {
        if (!io_is_open(io))
            return -EPIPE;
        if (sendmsg(io->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return 0;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return -errno;
        io->ready &= (uint8_t)~IO_WRITABLE;
        int rc = io_wait(io, IO_WRITABLE, deadline_ms);
        if (rc < 0)
            return rc;
    }
}

static void take_descriptors(struct msghdr *header, struct passing *message)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at != NULL; at = CMSG_NXTHDR(header, at)) {
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(&message->fds[message->fds_count], CMSG_DATA(at), count * sizeof(int));
        message->fds_count += (unsigned)count;
    }
}

/* 1, 0, -EAGAIN or another error. */
static int receive(struct io *io, struct passing *message)
{
    union control control;
    struct iovec part = {message->bytes, sizeof message->bytes};
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(io->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    take_descriptors(&header, message);
    message->len = (size_t)got;
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
        return got > 0;
    passing_finish(message);
    return -EMSGSIZE;
}

int passing_receive(struct io *io, int64_t deadline_ms, struct passing *ret_message)
{
    ret_message->fds_count = 0;
    for (;;) {
        if (!io_is_open(io))
            return -ECONNABORTED;
        int rc = receive(io, ret_message);
        if (rc != -EAGAIN)
            return rc;
        io->ready &= (uint8_t)~IO_READABLE;
        rc = io_wait(io, IO_READABLE, deadline_ms);
        if (rc < 0)
            return rc;
    }
}

int passing_take(struct passing *message, unsigned index)
{
    if (index >= message->fds_count)
        return -1;
    int fd = message->fds[index];
    message->fds[index] = -1;
    return fd;
}

void passing_finish(struct passing *message)
{
    for (unsigned i = 0; i < message->fds_count; i++) {
        if (message->fds[i] >= 0)
            (void)close(message->fds[i]);
    }
    message->fds_count = 0;
}
