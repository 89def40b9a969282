/*
 * Control's word to the edge: which tasks are the targets of which group; and the edge's word back:
 * how they are. One fiber repeats both, so that an edge that was started anew learns its targets
 * again.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct control;

struct edge_link {
    char socket[PATH_MAX];
    struct fiber *fiber;
    bool is_reachable;
    bool must_tell_all; /* the edge may have forgotten */
};

/* Starts the fiber; it runs until the process ends. 0 or -errno. */
int edge_link_start(struct control *control);

/* Targets of some service changed: tell the edge soon. */
void edge_link_wake(struct control *control);

/* The edge was started anew. */
void edge_link_restarted(struct control *control);
