/* Calls on bare descriptors. */
#include "os/descriptor.h"

#include <unistd.h>

void descriptor_close(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}
