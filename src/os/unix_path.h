/*
 * Addresses of Unix sockets whose paths may be longer than an address holds (107 bytes): those are
 * reached through a descriptor of their folder.
 */
#pragma once

#include "os/address.h"

#include <sys/types.h>

struct unix_path {
    struct address address; /* for bind or connect, until unix_path_close */
    int folder_fd;          /* owned; -1: the path was short enough */
};

/* Returns 0, -ENAMETOOLONG when even the name alone is too long, or -errno of opening the folder.
 */
int unix_path_open(struct unix_path *path, const char *text);
void unix_path_close(struct unix_path *path);

/* Who listens at the other end of a connected Unix socket. Returns the process, or -errno. */
pid_t unix_path_peer(int fd);

/*
 * Binds and listens, replacing a socket file that nobody listens on any more. The file is its
 * owner's alone (mode 0600). Returns the descriptor, close-on-exec and non-blocking, -EADDRINUSE
 * when somebody listens there, or -errno.
 */
int unix_path_listen(const char *text);

/* Removes the file of a socket at which nobody listens any more. */
void unix_path_clear(const char *text);
