/*
 * What /proc tells: of processes, of who listens where, of the ports that the system hands out.
 * Blocking, but memory only. What vanishes while one looks is not an error, it is just not there.
 */
#pragma once

#include "base/slice.h"

#include <sys/types.h>

#define PROC_NAME_BYTES 65

struct proc_info {
    pid_t pid;
    pid_t parent;
    pid_t group;
    pid_t session;
    uint64_t start_ticks; /* after boot: with the pid it names one process for ever */
    char state;           /* 'Z' once it has ended but was not reaped */
    char name[PROC_NAME_BYTES];
};

/* Returns 0, or -ESRCH. */
int proc_read(pid_t pid, struct proc_info *ret_info);

/* Calls visit for each process until it returns other than 0; returns that, or 0, or -errno. */
int proc_each(int (*visit)(void *arg, const struct proc_info *info), void *arg);

/* Is `pid` the ancestor itself or below it? */
bool proc_is_below(pid_t pid, pid_t ancestor);

/* Inodes of TCP sockets that listen on that port, on whichever address. Returns how many. */
#define PROC_LISTENERS_MAX 32
unsigned proc_listeners(uint16_t port, uint64_t ret_inodes[static PROC_LISTENERS_MAX]);

/* A process that has one of these sockets open; 0, or -ESRCH when none that we may look into. */
int proc_find_holder(const uint64_t *inodes, unsigned inodes_count, struct proc_info *ret_info);

/* Does a process at or below `ancestor` listen on that port? */
bool proc_listens_below(pid_t ancestor, uint16_t port);

/* The ports that the system hands out for outgoing connections, both ends included. */
void proc_ephemeral_ports(uint16_t *ret_first, uint16_t *ret_last);
