/*
 * What a rule makes of a request's path before its action sees it: `strip_prefix`, then `rewrite`.
 * Routing, the log and what explains a request keep the path that came.
 */
#pragma once

#include <stdbool.h>

struct conf_rule;
struct exchange;

/*
 * Sets action_path, action_query and action_prefix of the exchange. A path without the prefix, and
 * the "*" of OPTIONS, stay as they are. False when the request was answered: the new address would
 * be too long or no path (414, 400), or memory is used up (503).
 */
bool rewrite_apply(struct exchange *exchange, const struct conf_rule *rule);
