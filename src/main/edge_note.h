/*
 * The note that a supervisor leaves of its edges, STATE/edge.note, so that the next one can adopt
 * them: process and start time of each, and a digest of the configuration that it serves. The first
 * is the one that accepts, the others were taken over from and still end what they had open.
 */
#pragma once

#include "os/process.h"

#define NOTE_EDGES_MAX 64

struct edge_note {
    unsigned count;
    struct noted_edge {
        pid_t pid;
        uint64_t start_ticks;
        uint64_t digest;
    } edges[NOTE_EDGES_MAX];
};

/* Replaces the note; NULL removes it. Returns 0 or -errno. */
int edge_note_write(const char *path, const struct edge_note *note);

/* 0, -ENOENT, -EBADMSG for a damaged one, or another -errno. */
int edge_note_read(const char *path, struct edge_note *ret_note);

/* Holds the process that was noted, if it still runs: 0, or -ESRCH. */
int edge_note_hold(const struct noted_edge *edge, struct process *ret_process);
