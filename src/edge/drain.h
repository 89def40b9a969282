/*
 * Ending: in time, at once, or after another edge has taken over. All on worker 0's loop.
 */
#pragma once

struct edge;

/* No more connections; open requests have the snapshot's drain_ms to finish. Idle connections are
 * closed. The loops end by themselves. */
void edge_drain(struct edge *edge);

/* Ends the patience of a drain now. */
void edge_cut_off(struct edge *edge);

/*
 * No more connections, on a fiber; returns when none is accepted any more. What is open ends in its
 * own time, without a deadline: a client that sends one more request on an idle connection gets its
 * answer, with Connection: close. The loops end by themselves with the last of it.
 */
void edge_retire(struct edge *edge);
