/* The `forward` action: a request goes to a target of a group, its response comes back. */
#pragma once

#include "edge/route/router.h"

struct exchange;
struct view;

/* The exchange holds the view. */
void forward_run(struct exchange *exchange, const struct route *route, struct view *view);
