/* Calls on bare descriptors. */
#include "os/descriptor.h"

#include <sys/socket.h>
#include <unistd.h>

void descriptor_close(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

void descriptor_share_port(int fd, bool shares)
{
    int on = shares;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
}
