/*
 * Another snapshot takes over while workers serve: a reload within the process. All is made ready
 * first, what can fail with it; then each worker takes the new plane between two requests. Requests
 * under way end on the plane that they met; connections, pools, health and counters go on.
 */
#pragma once

#include "edge/edge.h"

struct edge;

/* The result of edge_apply when the change needs a new process. */
#define EDGE_NEEDS_RENEWAL (-EXDEV)

/*
 * On a fiber of worker 0. `text` is the accepted text of the snapshot's file, `bundle` (may be
 * NULL) what it needs of certificates and keys; sockets are owned from then on. 0;
 * EDGE_NEEDS_RENEWAL, -EBUSY while another one is under way, or another error: it is told, and
 * nothing has changed.
 */
int edge_apply(struct edge *edge, struct slice text, const struct bundle *bundle,
               const struct edge_socket *sockets, unsigned sockets_count, struct error *ret_error);

/* Only the certificates and keys are others: handshakes that begin from then on show them, and
 * requests by S3 are held against them. 0, -EBUSY, or another error, told: nothing has changed. */
int edge_renew_credentials(struct edge *edge, const struct bundle *bundle, struct error *ret_error);

/* On a fiber of worker 0 that is not cancelled: returns once no change is under way. */
void edge_await_applied(struct edge *edge);
