/* Appending with O_APPEND: each write lands behind what others wrote meanwhile. */
#include "os/append.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

int append_open(const char *path, unsigned mode)
{
    /* O_NONBLOCK: a FIFO must not hold up the start. Regular files do not care. */
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);
    return fd < 0 ? -errno : fd;
}

ssize_t append_write(int fd, struct slice bytes, int timeout_ms)
{
    struct stat info;
    if (fstat(fd, &info) < 0)
        return -errno;
    if (!S_ISREG(info.st_mode)) {
        /* What is polled writable takes PIPE_BUF bytes without blocking; standard output may be a
         * blocking one that others share, so that its mode is not ours to change. */
        struct pollfd wanted = {.fd = fd, .events = POLLOUT};
        int ready = poll(&wanted, 1, timeout_ms);
        if (ready <= 0)
            return ready == 0 || errno == EINTR ? -ETIMEDOUT : -errno;
        bytes = slice_first(bytes, PIPE_BUF);
    }
    ssize_t put = write(fd, bytes.at, bytes.len);
    if (put < 0)
        return errno == EAGAIN || errno == EINTR ? -ETIMEDOUT : -errno;
    return put;
}

void append_close(int fd)
{
    if (fd > STDERR_FILENO)
        (void)close(fd);
}
