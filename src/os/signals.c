/* A signalfd on the loop. */
#include "os/signals.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_open(struct signals *signals, const int *numbers)
{
    sigset_t set;
    (void)sigemptyset(&set);
    for (; *numbers != 0; numbers++)
        (void)sigaddset(&set, *numbers);
    int rc = -pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (rc < 0)
        return rc;
    io_init(&signals->io, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    rc = io_open(&signals->io, fd);
    if (rc < 0)
        (void)close(fd);
    return rc;
}

void signals_close(struct signals *signals)
{
    io_close(&signals->io);
}

int signals_next(struct signals *signals, int64_t deadline_ms)
{
    bool by_kernel;
    return signals_next_from(signals, deadline_ms, &by_kernel);
}

int signals_next_from(struct signals *signals, int64_t deadline_ms, bool *ret_by_kernel)
{
    for (;;) {
        struct signalfd_siginfo info;
        ssize_t got = read(signals->io.fd, &info, sizeof info);
        if (got == (ssize_t)sizeof info) {
            *ret_by_kernel = info.ssi_code == SI_KERNEL;
            return (int)info.ssi_signo;
        }
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        signals->io.ready &= (uint8_t)~IO_READABLE;
        int rc = io_wait(&signals->io, IO_READABLE, deadline_ms);
        if (rc < 0)
            return rc;
    }
}
