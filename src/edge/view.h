/*
 * A plane as one worker has it: with a balancer of its own for each target group. Counted by that
 * worker alone: a request holds the view that it met from its handler to its log function, so that
 * nothing it uses goes away under it when another plane takes over.
 */
#pragma once

#include "edge/forward/balance.h"
#include "edge/plane.h"

struct edge_worker;

/* Shared by the views of one worker: the connections of its pools outlive a snapshot. */
struct shared_balancer {
    unsigned references;
    struct plane *plane; /* counted: the balancer's settings are of its snapshot */
    struct balancer balancer;
};

struct view {
    unsigned references;
    struct plane *plane;                /* counted */
    struct shared_balancer **balancers; /* counted; by the plane's groups */
    struct identities *identities;      /* counted; the plane's, or later ones */
    struct s3_keys *s3_keys; /* the same; NULL: none. A key of it is borrowed until its fiber waits:
                                others may take their place meanwhile */
};

/*
 * On the worker's own thread. Groups that `previous` (may be NULL) has as well keep their
 * balancers, which stay set up for `previous` until view_configure. 0 or -ENOMEM.
 */
int view_create(struct plane *plane, const struct view *previous, struct view **ret_view);

/* Handshakes show these from now on, with targets too. */
void view_set_identities(struct view *view, struct identities *identities);

/* Requests by S3 are held against these from now on. NULL: none. */
void view_set_s3_keys(struct view *view, struct s3_keys *keys);

/* From now on the view's plane says what its balancers do. */
void view_configure(struct view *view);

static inline struct view *view_ref(struct view *view)
{
    view->references++;
    return view;
}

void view_unref(struct view *view); /* NULL is fine */
