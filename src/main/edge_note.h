/*
 * The note that a supervisor leaves of its edge, STATE/edge.note, so that the next one can adopt
 * it: process and start time, a digest of the configuration it was started with, and each listener
 * with its descriptor over there.
 */
#pragma once

#include "conf/snapshot.h"
#include "os/process.h"

#define NOTE_LISTENERS_MAX 190

struct edge_note {
    pid_t pid;
    uint64_t start_ticks;
    uint64_t digest;
    unsigned listeners_count;
    struct note_listener {
        char address[120];
        int fd; /* in the edge; in this process after edge_note_take */
    } listeners[NOTE_LISTENERS_MAX];
};

/* Writes it, or removes it when `note` is NULL. 0 or -errno. */
int edge_note_write(const char *path, const struct edge_note *note);

/* 0 and the edge held in *ret_edge when it still runs; -ENOENT or -ESRCH when not; -EBADMSG. */
int edge_note_read(const char *path, struct edge_note *ret_note, struct process *ret_edge);

/* Do note and snapshot name the same listeners, in whatever order? */
bool edge_note_listens_as(const struct edge_note *note, const struct snapshot *snapshot);
