/* A Unix stream socketpair: unlike a pipe it is read by the loop's socket calls. */
#include "os/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int pair_open(struct io *io, int *ret_passed)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    int rc = fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : io_open(io, ends[0]);
    if (rc < 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return rc;
    }
    *ret_passed = ends[1];
    return 0;
}

void pair_close_passed(int passed)
{
    (void)close(passed);
}
