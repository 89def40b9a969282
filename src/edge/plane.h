/* Making a plane from a snapshot, and taking it apart. */
#pragma once

#include "edge/edge.h"
#include "edge/state.h"

/*
 * Takes a reference of the snapshot and the sockets that its listeners need; those it does not need
 * are closed. 0 or an error that is told.
 */
int plane_init(struct plane *plane, const struct edge_options *options, struct hash_key key,
               struct error *ret_error);
void plane_finish(struct plane *plane);
