/*
 * A rule's mirror: copies of requests for another group, whose answers nobody sees. A copy is made
 * once the original has been answered, and goes its way on a fiber of its own; the original never
 * waits for it. What cannot be copied (an upgrade, a body over 64 KiB or not received whole, too
 * many copies under way) is left out and counted.
 */
#pragma once

#include "edge/forward/request.h"
#include "edge/forward/upload.h"
#include "edge/route/router.h"

struct edge_worker;
struct exchange;
struct view;

/* Under way at one time on one worker. */
#define MIRRORS_MAX 128

/* Is this request one of the sample? Then its body is to be kept. */
bool mirror_draws(const struct conf_mirror *conf);

/* Sends a copy, if it can. Waits for nothing. */
void mirror_send(const struct exchange *exchange, const struct route *route, struct view *view,
                 const struct kept_body *kept, const struct own_cookies *cookies);

/* Cancels all on this worker; they end in this turn or the next ones. */
void mirrors_cancel(struct edge_worker *worker);
