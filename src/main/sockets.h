/* The listening sockets of a configuration, by address, as the supervisor keeps them open. */
#pragma once

#include "conf/snapshot.h"

#define SOCKETS_MAX          190
#define SOCKET_ADDRESS_BYTES 120

struct sockets {
    unsigned count;
    struct socket_entry {
        int fd; /* owned */
        char address[SOCKET_ADDRESS_BYTES];
        uint64_t inode, device; /* of a Unix socket's file; 0: none */
    } at[SOCKETS_MAX];
};

/*
 * One for each listener of the snapshot: those that `have` (may be NULL) holds already are borrowed
 * from there, the others opened. `file` is for messages. 0, or an error that is told in *ret_error,
 * and logged with who holds the port; nothing was opened then.
 */
int sockets_open(const struct snapshot *snapshot, const struct sockets *have, const char *file,
                 struct sockets *ret_sockets, struct error *ret_error);

/* Adds one; false when there are too many, or the address is too long. */
bool sockets_add(struct sockets *sockets, struct slice address, int fd);

/* Closes those that `kept` (may be NULL) does not hold, removes their files, and forgets all. */
void sockets_close(struct sockets *sockets, const struct sockets *kept);

/* Closes and forgets all, for others still listen there. */
void sockets_let_go(struct sockets *sockets);

/* The index of an address; -1: there is none. */
int sockets_find(const struct sockets *sockets, struct slice address);
