/* Descriptors that are not on a loop. */
#pragma once

#include <stdbool.h>

/* Closes it; a negative one is left alone. */
void descriptor_close(int fd);

/* A listener lets another one of this user be opened with the same port (kernel_ops.listen). */
void descriptor_share_port(int fd, bool shares);
