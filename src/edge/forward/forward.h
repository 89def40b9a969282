/* The `forward` action: a request goes to a target of a group, its response comes back. */
#pragma once

#include "edge/route/router.h"

struct balancer;
struct exchange;

void forward_run(struct exchange *exchange, const struct conf_rule *rule,
                 struct balancer *balancer);
