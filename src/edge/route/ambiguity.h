/*
 * Paths that servers read in different ways, "/admin%2Fx" or "/admin;a/x": where another rule
 * stands for what the target may read, the request would pass that rule. Each request that is
 * forwarded is held against it; most paths hold nothing of the kind, which two looks through them
 * tell.
 */
#pragma once

#include "edge/route/router.h"

#define AMBIGUITY_REASON                                                                           \
    "the path can be read in two ways, and another rule is for the other (ambiguous_paths)"

/*
 * Would one of the other readings of the request's path meet another rule of its site than `rule`,
 * or none? 1 or 0, or -ENOMEM. The exchange is as before afterwards.
 */
int ambiguity_find(const struct router *router, size_t listener, struct exchange *exchange,
                   const struct conf_rule *rule);
