/*
 * A question to a target group before the action: may this request go on? As nginx's auth_request
 * and Traefik's ForwardAuth ask it.
 */
#pragma once

#include "conf/policy.h"

#include <stdbool.h>

struct balancer;
struct exchange;

/*
 * True with a 2xx; the fields that `conf` names are then in the request in place of the client's.
 * Else the request has been answered: 401, 403 and 3xx are the answer itself, 502 is for what is
 * none, 503 for a group that does not answer. May wait.
 */
bool auth_request_admit(struct exchange *exchange, const struct conf_auth *conf,
                        struct balancer *balancer);
